"""Step 2: every question, yes or no. There is no way to answer many at once: each is asked."""

from __future__ import annotations

from dataclasses import dataclass, field

from nicegui.element import Element
from pydantic import ValidationError

from ...api.flow_models import QuestionView, Screen, TreatmentView
from ...api.people import Permission
from ..texts import Catalogue
from ..visit import Visit
from ..widgets import Form, Tone, card, enter_button, row, sign, tag

LEVELS = {"BLOCK": ("screening.block", Tone.DANGER), "OVERRIDE": ("screening.override", Tone.WARN), "INFORM": ("screening.inform", Tone.INFO)}
REASON_MAX = 200


@dataclass
class _Asked:
    """The page's state: the questions, what is shown below those answered with yes, and the count."""

    visit: Visit
    form: Form
    questions: tuple[QuestionView, ...]
    after: dict[str, Element] = field(default_factory=dict)
    left: Element | None = None

    @property
    def answers(self) -> dict[str, bool]:
        found = {one.rule_id: self.form[one.rule_id] for one in self.questions}
        return {rule: said == "yes" for rule, said in found.items() if said}

    def changed(self) -> None:
        """Show what a yes means, and how many are left."""
        answers = self.answers
        for rule, part in self.after.items():
            part.set_visibility(answers.get(rule, False))
        if self.left is not None:
            self.left._text = self.visit.text("screening.left", n=len(answers), all=len(self.questions))
            self.left.update()


async def draw(visit: Visit, view: TreatmentView) -> None:
    """All questions, one below the other."""
    text = visit.text
    with row("apart sticky"):
        tag("h1", text("screening.title"))
        left = tag("span", "", "sign accent", role="status")
    tag("p", text("screening.lead"), "lead")
    with card():
        asked = _Asked(visit, Form(), visit.service.treatment.questions(), left=left)
        for one in asked.questions:
            _question(asked, one, view.answers.get(one.rule_id), view.reasons.get(one.rule_id, ""))
    enter_button(text("screening.go"), lambda: _go_on(asked), icon_name="next")
    asked.changed()


def _question(asked: _Asked, one: QuestionView, answer: bool | None, reason: str) -> None:
    text = asked.visit.text
    words = text.other(f"questions.{one.rule_id}", one.question)
    with tag("div", None, "question-block"):
        group = tag("div", None, "question", aria_label=words)
        with group, tag("div", None, "ask"):
            tag("span", words)
            tag("span", text("screening.source", source=one.source), "muted small")
        asked.form.yes_no(one.rule_id, group, (text("frame.yes"), text("frame.no")), answer, asked.changed)
        with tag("div", None, "after stack") as after:
            _meaning(asked.form, text, one, reason)
        asked.after[one.rule_id] = after


def _meaning(form: Form, text: Catalogue, one: QuestionView, reason: str) -> None:
    key, tone = LEVELS[one.level]
    with row():
        sign(text(key), tone)
    if one.level == "OVERRIDE":
        form.text(f"reasons.{one.rule_id}", text("screening.reason"), reason, text("screening.reason_hint"), maxlength=REASON_MAX)


async def _go_on(asked: _Asked) -> None:
    form, text = asked.form, asked.visit.text
    form.clear()
    answers = asked.answers
    missing = [one.rule_id for one in asked.questions if one.rule_id not in answers]
    for rule in missing:
        form.fields[rule].complain(text("screening.not_asked"))
    if missing:
        form.say(text("screening.missing", n=len(missing)))
        return
    try:
        wanted = Screen(
            console_id=asked.visit.console_id or "not-known",
            answers=answers,
            reasons={
                rule: form[f"reasons.{rule}"]
                for rule, yes in answers.items()
                if yes and f"reasons.{rule}" in form.fields and form[f"reasons.{rule}"]
            },
        )
    except ValidationError as error:
        form.say(str(error.errors()[0]["msg"]))
        return
    await asked.visit.submit(form, Permission.TREAT, lambda _who: asked.visit.service.treatment.screen(wanted))
