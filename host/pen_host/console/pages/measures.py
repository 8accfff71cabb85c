"""A patient's measures: their course over the treatments, a table of them, and a form for a new one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from nicegui import ui

from ...api.people import Permission, Person, signer
from ...api.service import ConsoleService
from ...errors import PenError
from ...records.measures import value
from ...records.models import Outcome, Rating
from ...records.models import Visit as Treated
from ...records.outcomes import measured_of
from ...reports.measures import series
from .. import measure_fields, plots
from ..fields import Form
from ..parts import Part
from ..shell import render
from ..texts import Catalogue
from ..visit import Visit
from ..widgets import Tone, button, card, cells, flash, note, row, table, tag
from .patient import patient_head
from .private import private_page

FIRST_KIND = "hair_count"
TO_FORM = (
    "const at = document.getElementById('the-form'); at.scrollIntoView(); at.querySelector('input')?.focus();"
)
"""Eyes and keyboard go to the form that was opened."""


def register(console: ConsoleService, text: Catalogue) -> None:
    """Put the page on the server."""
    private_page(console, text, "/patients/{patient_id}/measures", "measures.title", _draw)


async def _draw(visit: Visit, asked: Mapping[str, str]) -> None:
    who = await patient_head(visit, asked["patient_id"], "measures.title")
    if who is None:
        return
    clinic = visit.service.visiting.clinic

    text = visit.text
    beginning = _Begun()

    @Part
    async def known() -> None:
        try:
            outcomes = await asyncio.to_thread(clinic.outcomes.history, who.patient_id)
            treated = await asyncio.to_thread(clinic.visits.of, who.patient_id)
        except PenError as error:
            note(error.sentence, Tone.DANGER, alert=True)
            return
        gone = {one.amends for one in outcomes}
        _trends(text, [one for one in outcomes if one.outcome_id not in gone], treated)
        _table(text, outcomes, correct if visit.may(Permission.TREAT) else None)

    @ui.refreshable
    def form() -> None:
        if not visit.may(Permission.TREAT):
            return
        old = beginning.old
        with card(text("measures.add" if old is None else "measures.correct_title")):
            (_New(visit, who.patient_id, changed) if old is None else _Correction(visit, old, changed)).draw()

    def correct(old: Outcome) -> None:
        beginning.old = old
        form.refresh()
        ui.run_javascript(TO_FORM)

    def changed() -> None:
        beginning.old = None
        form.refresh()
        known.refresh()

    with tag("div", None, "stack", data_private=""):
        await known()
        with tag("div", None, "stack", id="the-form"):
            form()


@dataclass
class _Begun:
    """Which measure is being corrected; a new one is entered while there is none."""

    old: Outcome | None = None


def _trends(text: Catalogue, outcomes: Sequence[Outcome], treated: Sequence[Treated]) -> None:
    days = tuple(one.day for one in treated if one.sessions)
    drawn = plots.trend_of(series(outcomes), days)
    with card(text("measures.trend")):
        if drawn is None:
            tag("p", text("measures.too_few"), "muted")
            return
        # our own template; what is filled in is escaped by it
        ui.html(render("trend.html", t=text, plot=drawn, width=plots.TREND_WIDTH), sanitize=False)
        tag("p", text("measures.trend_more"), "muted small")


def _table(text: Catalogue, outcomes: Sequence[Outcome], correct: Callable[[Outcome], None] | None) -> None:
    """Newest first; below each what it replaced, struck out."""
    following = {one.amends: one for one in outcomes if one.amends is not None}
    with card(text("measures.all")):
        if not outcomes:
            tag("p", text("records.none"), "muted")
            return
        keys = ("day", "what", "value", "by", "note", *(("change",) if correct else ()))
        heads = [text(f"measures.{key}") for key in keys]
        with tag("div", None, "dated"), table(heads, text("measures.all")):
            for one in reversed(outcomes):
                newer = following.get(one.outcome_id)
                if newer is None:
                    _stands(text, one, correct)
                else:
                    _struck(text, one, newer, spare=correct is not None)


def _stands(text: Catalogue, one: Outcome, correct: Callable[[Outcome], None] | None) -> None:
    told = value(one.measured)
    label = told.label + (f" ({text('measures.baseline_short')})" if one.baseline else "")
    texts = (one.day.isoformat(), label, told.text, _rater(text, one), one.note or "")
    if correct is None:
        cells(*texts)
        return
    name = text("measures.correct")

    def change() -> None:
        made = button(name, partial(correct, one), "quiet slim")
        made.props.update({"aria-label": f"{name}: {label}, {one.day.isoformat()}"})

    cells(*texts, change)


def _struck(text: Catalogue, one: Outcome, newer: Outcome, *, spare: bool) -> None:
    """A value that was wrong: to be read, and told apart without its line."""
    told = value(one.measured)
    by = text(
        "measures.replaced", name=newer.by.name, at=f"{newer.at:%Y-%m-%d %H:%M} UTC", why=newer.note or ""
    )
    day, label, number = (
        partial(tag, "s", said, "said") for said in (one.day.isoformat(), told.label, told.text)
    )
    cells(day, label, number, _rater(text, one), by, *([""] if spare else []))


def _rater(text: Catalogue, one: Outcome) -> str:
    if not isinstance(one.measured, Rating):
        return text("measures.patient")
    return (
        text("measures.blinded_by", name=one.measured.rater) if one.measured.blinded else one.measured.rater
    )


class _New:
    """The form for a new measure."""

    def __init__(self, visit: Visit, patient_id: str, added: Callable[[], object]) -> None:
        self._visit = visit
        self._patient_id = patient_id
        self._added = added
        self._kind = FIRST_KIND
        self._form = Form.unmade()

    def draw(self) -> None:
        """Which measure, then its fields."""
        text = self._visit.text
        kinds = Form("kind")
        names = {kind: text(f"measures.kind_{kind}") for kind in measure_fields.KINDS}
        field = kinds.choice("kind", text("measures.what"), names, self._kind)
        part = ui.refreshable(self._fields)

        def other() -> None:
            self._kind = kinds["kind"]
            part.refresh()

        field.control.on("change", other, args=[])
        part()

    def _fields(self) -> None:
        text = self._visit.text
        form = self._form = Form()
        _measure(text, form, self._kind)
        with tag("div", None, "fields"):
            form.text(
                "day", text("measures.day"), self._visit.service.visiting.today().isoformat(), type="date"
            )
            form.text("note", text("measures.note"), maxlength=200)
        form.tick("baseline", text("measures.baseline"))
        with row():
            button(text("measures.record"), self._record, "first")

    async def _record(self) -> None:
        form, clinic = self._form, self._visit.service.visiting.clinic
        read = _read(self._visit.text, form, self._kind)
        if read is None:
            return
        content, day = read

        def record(who: Person) -> None:
            clinic.outcomes.record(
                self._patient_id,
                measured_of(content),
                day,
                signer(who),
                baseline=form["baseline"] == "yes",
                note=form["note"] or None,
            )

        if await self._visit.submit(form, Permission.TREAT, record, control=False):
            flash(self._visit.text("measures.recorded"))
            self._added()


class _Correction:
    """The form for what is right, beginning with what was recorded."""

    def __init__(self, visit: Visit, old: Outcome, over: Callable[[], object]) -> None:
        self._visit = visit
        self._old = old
        self._over = over
        self._form = Form.unmade()

    def draw(self) -> None:
        """Its fields, and why."""
        text, old = self._visit.text, self._old
        told = value(old.measured)
        tag(
            "p",
            text("measures.correct_lead", what=told.label, value=told.text, day=old.day.isoformat()),
            "muted",
        )
        form = self._form = Form("correct")
        _measure(text, form, old.measured.kind, old.measured.model_dump(mode="json"))
        with tag("div", None, "fields"):
            form.text("day", text("measures.day"), old.day.isoformat(), type="date")
            form.text("reason", text("measures.reason"), maxlength=200)
        with row():
            button(text("measures.correct_go"), self._amend, "first")
            button(text("measures.leave"), self._over, "quiet")

    async def _amend(self) -> None:
        text, form, old = self._visit.text, self._form, self._old
        read = _read(text, form, old.measured.kind)
        if read is None:
            return
        if not form["reason"]:
            form.fields["reason"].complain(text("measures.no_reason"))
            return
        content, day = read
        clinic = self._visit.service.visiting.clinic

        def amend(who: Person) -> None:
            clinic.outcomes.amend(old.outcome_id, measured_of(content), form["reason"], signer(who), day=day)

        if await self._visit.submit(form, Permission.TREAT, amend, control=False):
            flash(text("measures.corrected"))
            self._over()


def _measure(text: Catalogue, form: Form, kind: str, known: Mapping[str, Any] | None = None) -> None:
    if kind == FIRST_KIND:
        tag("p", text("measures.area_hint"), "muted small")
    measure_fields.draw(text, form, kind, known)


def _read(text: Catalogue, form: Form, kind: str) -> tuple[dict[str, Any], date] | None:
    """What was typed; None, with a sentence at each field that is wrong, where it cannot be taken."""
    form.clear()
    content, wrong = measure_fields.read(text, form, kind)
    if wrong:
        form.complain("", wrong)
        return None
    try:
        return content, date.fromisoformat(form["day"])
    except ValueError:
        form.fields["day"].complain(text("measures.no_day"))
        return None
