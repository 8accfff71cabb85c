"""Step 2: every question, yes or no. There is no way to answer many at once: each is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from nicegui.element import Element
from pydantic import ValidationError

from ...api.flow_models import QuestionView, Screen, TreatmentView
from ...api.people import Permission
from ...clauses import clauses
from ...screening import Answer, Reply
from ..fields import Form
from ..visit import Visit
from ..widgets import Tone, card, enter_button, row, sign, tag

LEVELS = {
    "BLOCK": ("screening.block", Tone.DANGER),
    "OVERRIDE": ("screening.override", Tone.WARN),
    "INFORM": ("screening.inform", Tone.INFO),
}
DATED = frozenset({"since", "around"})
REASON_MAX = 200


@dataclass
class _Asked:
    """The page's state: the questions, what is shown below those answered with yes, and the count."""

    visit: Visit
    form: Form
    questions: tuple[QuestionView, ...]
    left: Element
    after: dict[str, Element] = field(default_factory=dict)

    @property
    def replies(self) -> dict[str, str]:
        """Yes or no by question, as far as answered."""
        said = {one.rule_id: self.form[one.rule_id] for one in self.questions}
        return {rule: reply for rule, reply in said.items() if reply}

    def changed(self) -> None:
        """Show what a yes means, and how many are left."""
        replies = self.replies
        for rule, part in self.after.items():
            part.set_visibility(replies.get(rule) == "yes")
        self.left._text = self.visit.text("screening.left", n=len(replies), all=len(self.questions))
        self.left.update()


async def draw(visit: Visit, _view: TreatmentView) -> None:
    """All questions, one below the other."""
    text = visit.text
    with row("apart sticky"):
        tag("h1", text("screening.title"))
        left = tag("span", "", "sign accent", role="status")
    tag("p", text("screening.lead"), "lead")
    # the date of birth answers the question of age
    questions = tuple(one for one in visit.service.treatment.questions() if one.kind != "age")
    with card():
        asked = _Asked(visit, Form(), questions, left)
        for one in questions:
            _question(asked, one)
    with row():
        enter_button(text("screening.go"), lambda: _go_on(asked), icon_name="next")
    asked.changed()


def _question(asked: _Asked, one: QuestionView) -> None:
    text = asked.visit.text
    words = text.other(f"questions.{one.rule_id}", one.question)
    with tag("div", None, "question-block"):
        group = tag("div", None, "question", aria_label=words)
        with group, tag("div", None, "ask"):
            tag("span", words, "said")
            where = "".join(text("screening.site", site=text(f"sites.{site}")) for site in one.sites)
            tag("span", where + text("screening.source", source=one.source), "muted small")
        asked.form.yes_no(one.rule_id, group, (text("frame.yes"), text("frame.no")), None, asked.changed)
        with tag("div", None, "after stack") as after:
            _meaning(asked, one)
        asked.after[one.rule_id] = after


def _meaning(asked: _Asked, one: QuestionView) -> None:
    text, form = asked.visit.text, asked.form
    key, tone = LEVELS[one.level]
    with row():
        sign(text(key), tone)
    with tag("div", None, "fields"):
        if one.kind in DATED:
            form.text(f"{one.rule_id}.last", text("screening.last"), type="date")
        if one.kind == "around":
            form.text(f"{one.rule_id}.planned", text("screening.planned"), type="date")
    if one.level == "OVERRIDE":
        name = f"reasons.{one.rule_id}"
        form.text(name, text("screening.reason"), hint=text("screening.reason_hint"), maxlength=REASON_MAX)


def _answer(form: Form, rule: str, reply: str) -> Answer:
    """What was said, with its days."""
    days = {
        name: date.fromisoformat(form[f"{rule}.{name}"])
        for name in ("last", "planned")
        if reply == "yes" and f"{rule}.{name}" in form.fields and form[f"{rule}.{name}"]
    }
    return Answer(reply=Reply(reply), **days)


async def _go_on(asked: _Asked) -> None:
    form, text, replies = asked.form, asked.visit.text, asked.replies
    form.clear()
    missing = [one.rule_id for one in asked.questions if one.rule_id not in replies]
    for rule in missing:
        form.fields[rule].complain(text("screening.not_asked"))
    if missing:
        form.say(text("screening.missing", n=len(missing)))
        return
    reasons = {
        rule: form[f"reasons.{rule}"]
        for rule, reply in replies.items()
        if reply == "yes" and f"reasons.{rule}" in form.fields and form[f"reasons.{rule}"]
    }
    try:
        answers = {rule: _answer(form, rule, reply) for rule, reply in replies.items()}
        wanted = Screen(console_id=asked.visit.asking_id, answers=answers, reasons=reasons)
    except ValidationError as error:
        form.complain("", [(name, why) for name, why in clauses(error.errors()).items()])
        return
    except ValueError as error:
        form.say(str(error))
        return
    await asked.visit.submit(
        form, Permission.TREAT, lambda _who: asked.visit.service.treatment.screen(wanted)
    )
