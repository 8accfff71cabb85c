"""After the treatment: until when skin counts as open, what was applied to it, and its reactions day by day."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from ...api.people import Permission, Person, signer
from ...api.service import ConsoleService
from ...api.skin import OpenSkin
from ...errors import PenError
from ...findings import Finding
from ...records import made
from ...records.models import (
    DiaryEntry,
    NewReaction,
    Reaction,
    ReactionKind,
    Severity,
    Substance,
    TopicalUse,
)
from ...records.models import (
    Visit as Treated,
)
from ..applied import substances, warning
from ..fields import Form
from ..papers import visit_papers
from ..parts import Part
from ..texts import Catalogue
from ..visit import Visit
from ..widgets import Tone, button, card, cells, note, row, sign, table, tag
from .patient import patient_head
from .private import private_page

GONE = "gone"
"""A day on which a reaction was there no more."""


def register(console: ConsoleService, text: Catalogue) -> None:
    """Put the page on the server."""
    private_page(console, text, "/patients/{patient_id}/aftercare", "aftercare.title", _draw)


async def _draw(visit: Visit, asked: Mapping[str, str]) -> None:
    who = await patient_head(visit, asked["patient_id"], "aftercare.title")
    if who is None:
        return
    with tag("div", None, "stack", data_private=""):
        shown = _Shown(visit, who.patient_id)
        await shown.draw()


class _Shown:
    """The page of one patient."""

    def __init__(self, visit: Visit, patient_id: str) -> None:
        self._visit = visit
        self._text = visit.text
        self._patient_id = patient_id
        self._clinic = visit.service.visiting.clinic
        self._redraw: Callable[[], object] = lambda: None

    async def draw(self) -> None:
        """Skin, what was applied, reactions."""
        part = Part(self._all)
        self._redraw = part.refresh
        await part()

    async def _all(self) -> None:
        try:
            skin = await asyncio.to_thread(self._visit.service.office.skin.open, self._patient_id)
            uses = await asyncio.to_thread(self._clinic.patients.topicals, self._patient_id)
            treated = await asyncio.to_thread(self._clinic.visits.of, self._patient_id)
            reactions = await asyncio.to_thread(self._clinic.reactions.of, self._patient_id)
        except PenError as error:
            note(error.sentence, Tone.DANGER, alert=True)
            return
        treated = tuple(one for one in treated if one.sessions)
        self._skin(skin, treated)
        with tag("div", None, "half"):
            with card(self._text("aftercare.applied")):
                _uses(self._text, uses)
                if self._visit.may(Permission.TREAT):
                    self._apply()
            if treated and self._visit.may(Permission.TREAT):
                with card(self._text("aftercare.new")):
                    self._react(treated)
        for one in reactions:
            with card():
                self._reaction(one)

    def _skin(self, skin: OpenSkin | None, treated: Sequence[Treated]) -> None:
        text = self._text
        with card():
            if skin is None:
                tag("p", text("aftercare.closed"), "muted")
            else:
                until = skin.until.astimezone().strftime("%Y-%m-%d %H:%M")
                note(
                    text("aftercare.open_more", hours=skin.window_hours),
                    Tone.WARN,
                    text("aftercare.open", until=until),
                )
            if treated:
                visit_papers(text, treated[0].visit_id, treated[0].day.isoformat())

    # --- what was applied -------------------------------------------------------------------------------------------------

    def _apply(self) -> None:
        text = self._text
        tag("h3", text("aftercare.record"))
        form = Form("use")
        form.choice("substance", text("close.substance"), substances(text), str(Substance.OTHER))
        form.text("detail", text("aftercare.detail"), hint=text("close.topical_hint"), maxlength=200)
        form.text("used_at", text("aftercare.used_at"), type="datetime-local")
        told = tag("div", None, "stack", role="status")

        async def record() -> None:
            found: list[Finding] = []

            def keep(who: Person) -> None:
                use = made(TopicalUse, "what was applied", _use(form))
                found.extend(self._visit.service.office.skin.record(self._patient_id, use, signer(who)))

            if not await self._visit.submit(form, Permission.TREAT, keep, control=False):
                return
            told.clear()
            with told:
                note(text("aftercare.recorded"), Tone.OK)
                for one in found:
                    warning(text, one.rule_id, one.sentence, one.source)

        button(text("aftercare.record"), record)

    # --- reactions --------------------------------------------------------------------------------------------------------

    def _react(self, treated: Sequence[Treated]) -> None:
        text = self._text
        form = Form("reaction")
        visits = {one.visit_id: f"{one.day} · {one.plan.title}" for one in treated}
        form.choice("visit", text("aftercare.of"), visits, treated[0].visit_id)
        with tag("div", None, "fields"):
            form.choice("kind", text("aftercare.kind"), {"": text("measures.choose"), **_kinds(text)})
            form.choice("severity", text("aftercare.severity"), _severities(text), str(Severity.MILD))
            form.text("onset", text("aftercare.onset"), self._today(), type="date")
            form.text("site", text("aftercare.site"), maxlength=40)
        form.text("note", text("measures.note"), maxlength=200)

        def keep(who: Person) -> None:
            seen = made(
                NewReaction, "the reaction", _given(form, ("kind", "severity", "onset", "site", "note"))
            )
            self._clinic.reactions.record(form["visit"], seen, signer(who))

        button(text("aftercare.record_reaction"), partial(self._submit, form, keep))

    def _reaction(self, one: Reaction) -> None:
        text = self._text
        with row("apart"):
            tag("h2", text(f"aftercare.kind_{one.kind}"))
            if one.resolved:
                sign(text("aftercare.gone_on", day=one.resolved.isoformat()), Tone.OK)
            elif one.escalated:
                sign(text("aftercare.look"), Tone.DANGER)
        if one.escalated:
            with note(one.escalated, Tone.DANGER, text("aftercare.look")):
                tag("span", text("aftercare.lots", lots=", ".join(one.lots) or text("frame.none")), "small")
        elif one.reviewed_by:
            tag("p", text("aftercare.reviewed", name=one.reviewed_by.name), "muted")
        heads = [text(f"aftercare.{key}") for key in ("day", "severity", "note")]
        with table(heads, text(f"aftercare.kind_{one.kind}")):
            for day in one.diary:
                severity = text(f"aftercare.severity_{day.severity or GONE}")
                cells(day.day.isoformat(), severity, day.note or "")
        if self._visit.may(Permission.TREAT):
            self._follow(one)

    def _follow(self, one: Reaction) -> None:
        """Another day of it, and that a clinician looked."""
        text = self._text
        form = Form(f"r{one.reaction_id[:8]}")
        if not one.resolved:
            with tag("div", None, "fields"):
                form.text("day", text("aftercare.day"), self._today(), type="date")
                words = {**_severities(text), GONE: text(f"aftercare.severity_{GONE}")}
                form.choice("severity", text("aftercare.severity"), words, str(Severity.MILD))
                form.text("note", text("measures.note"), maxlength=200)

        def add(who: Person) -> None:
            given = _given(form, ("day", "note"))
            given["severity"] = None if form["severity"] == GONE else form["severity"]
            self._clinic.reactions.diary(
                one.reaction_id, made(DiaryEntry, "the diary entry", given), signer(who)
            )

        def look(who: Person) -> None:
            self._clinic.reactions.review(one.reaction_id, signer(who))

        with row():
            if not one.resolved:
                button(text("aftercare.add_day"), partial(self._submit, form, add), "quiet")
            if one.escalated:
                button(text("aftercare.looked"), partial(self._submit, form, look), "danger")

    async def _submit(self, form: Form, keep: Callable[[Person], None]) -> None:
        if await self._visit.submit(form, Permission.TREAT, keep, control=False):
            self._redraw()

    def _today(self) -> str:
        return self._visit.service.visiting.today().isoformat()


def _uses(text: Catalogue, uses: Sequence[TopicalUse]) -> None:
    if not uses:
        tag("p", text("aftercare.nothing"), "muted")
        return
    heads = [text(f"aftercare.{key}") for key in ("used_at", "what")]
    with table(heads, text("aftercare.applied")):
        for one in uses:
            what = text(f"close.substance_{one.substance}")
            cells(
                one.used_at.astimezone().strftime("%Y-%m-%d %H:%M"),
                f"{what}: {one.detail}" if one.detail else what,
            )


def _use(form: Form) -> dict[str, object]:
    """As the record takes it: the field has this computer's time, the record knows its zone."""
    given = _given(form, ("substance", "detail"))
    typed = form["used_at"]
    if typed:
        given["used_at"] = datetime.fromisoformat(typed).astimezone().isoformat()
    return given


def _given(form: Form, names: Sequence[str]) -> dict[str, object]:
    return {name: form[name] for name in names if form[name]}


def _kinds(text: Catalogue) -> dict[str, str]:
    return {str(one): text(f"aftercare.kind_{one}") for one in ReactionKind}


def _severities(text: Catalogue) -> dict[str, str]:
    return {str(one): text(f"aftercare.severity_{one}") for one in Severity}
