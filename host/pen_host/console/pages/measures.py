"""A patient's measures: their course over the treatments, a table of them, and a form for a new one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import date

from nicegui import ui

from ...api.people import Permission, Person, signer
from ...api.routes.outcomes import measured_of
from ...api.service import ConsoleService
from ...errors import PenError
from ...records.measures import value
from ...records.models import Outcome, Rating
from ...records.models import Visit as Treated
from ...reports.measures import series
from .. import measure_fields, plots
from ..fields import Form
from ..shell import render
from ..texts import Catalogue
from ..visit import Visit
from ..widgets import Tone, button, card, cells, note, row, table, tag
from .patient import patient_head
from .private import private_page

FIRST_KIND = "hair_count"


def register(console: ConsoleService, text: Catalogue) -> None:
    """Put the page on the server."""
    private_page(console, text, "/patients/{patient_id}/measures", "measures.title", _draw)


async def _draw(visit: Visit, asked: Mapping[str, str]) -> None:
    who = await patient_head(visit, asked["patient_id"], "measures.title")
    if who is None:
        return
    clinic = visit.service.visiting.clinic

    @ui.refreshable
    async def known() -> None:
        try:
            outcomes = await asyncio.to_thread(clinic.outcomes.of, who.patient_id)
            treated = await asyncio.to_thread(clinic.visits.of, who.patient_id)
        except PenError as error:
            note(error.sentence, Tone.DANGER, alert=True)
            return
        _trends(visit.text, outcomes, treated)
        _table(visit.text, outcomes)

    with tag("div", None, "stack", data_private=""):
        await known()
        if visit.may(Permission.TREAT):
            with card(visit.text("measures.add")):
                _New(visit, who.patient_id, known.refresh).draw()


def _trends(text: Catalogue, outcomes: Sequence[Outcome], treated: Sequence[Treated]) -> None:
    days = tuple(one.day for one in treated if one.sessions)
    drawn = plots.trend_of(series(outcomes), days)
    with card(text("measures.trend")):
        if drawn is None:
            tag("p", text("measures.too_few"), "muted")
            return
        # our own template; what is filled in is escaped by it
        ui.html(render("trend.html", t=text, plot=drawn, width=plots.WIDTH), sanitize=False)
        tag("p", text("measures.trend_more"), "muted small")


def _table(text: Catalogue, outcomes: Sequence[Outcome]) -> None:
    with card(text("measures.all")):
        if not outcomes:
            tag("p", text("records.none"), "muted")
            return
        heads = [text(f"measures.{key}") for key in ("day", "what", "value", "by", "note")]
        with table(heads, text("measures.all")):
            for one in reversed(outcomes):
                told = value(one.measured)
                cells(
                    one.day.isoformat(),
                    told.label + (f" ({text('measures.baseline_short')})" if one.baseline else ""),
                    told.text,
                    _rater(text, one),
                    one.note or "",
                )


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
        text, kind = self._visit.text, self._kind
        form = self._form = Form()
        if kind == FIRST_KIND:
            tag("p", text("measures.area_hint"), "muted small")
        measure_fields.draw(text, form, kind)
        with tag("div", None, "fields"):
            form.text(
                "day", text("measures.day"), self._visit.service.visiting.today().isoformat(), type="date"
            )
            form.text("note", text("measures.note"), maxlength=200)
        form.tick("baseline", text("measures.baseline"))
        with row():
            button(text("measures.record"), self._record, "first")

    async def _record(self) -> None:
        text, form, kind = self._visit.text, self._form, self._kind
        form.clear()
        content, wrong = measure_fields.read(text, form, kind)
        if wrong:
            form.complain("", wrong)
            return
        try:
            day = date.fromisoformat(form["day"])
        except ValueError:
            form.fields["day"].complain(text("measures.no_day"))
            return
        clinic = self._visit.service.visiting.clinic

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
            ui.notify(text("measures.recorded"), type="positive")
            self._added()
