"""Today: the pen's health, the open treatment, the newest sessions, what everybody should know."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from nicegui import ui
from starlette.requests import Request

from ...api.models import Link, PenView
from ...api.people import Permission
from ...api.routes import records
from ...api.service import ConsoleService
from ...errors import PenError
from ..parts import Kept, page
from ..shell import shell
from ..texts import Catalogue
from ..visit import Visit, visit_of
from ..widgets import Tone, card, cells, facts, link_button, note, row, sign, table, tag
from .keeping import reminder
from .stations import server_card

RECENT = 8
NOTICE_TONES = {"info": Tone.INFO, "warning": Tone.WARN, "danger": Tone.DANGER}


def register(console: ConsoleService, text: Catalogue) -> None:
    """Put the page on the server."""

    @page("/", text("frame.title", page=text("frame.today")))
    async def today(request: Request) -> None:
        visit = visit_of(console, text, request)
        with shell(visit, "today"):
            tag("h1", text("today.title"))
            with tag("div", None, "half"):
                _live_part(visit, _treatment, lambda: console.treatment.view().step)
                _live_part(visit, _pen, lambda: _pen_key(console))
            _live_part(visit, _notices, lambda: console.state(None).notices)
            if visit.may(Permission.RECORDS):
                await reminder(visit)
                await server_card(visit, always=False)
                await _escalated(visit)
                await _due(visit)
                await _recent(visit)


def _live_part(visit: Visit, draw: Any, key: Any) -> None:
    kept, part = Kept(key), ui.refreshable(draw)
    part(visit)
    kept.true(part.refresh)


def _pen_key(console: ConsoleService) -> object:
    pen = console.state(None).pen
    return pen.model_copy(update={"strokes_total": None, "armed_left_s": None})


def _pen(visit: Visit) -> None:
    text, pen = visit.text, visit.service.state(None).pen
    with card():
        with row("apart"):
            tag("h2", text("today.pen"))
            if pen.link is not Link.CONNECTED:
                sign(text(f"script.link.{pen.link}"), Tone.WARN, "unknown")
            elif _troubles(pen):
                sign(text("today.unhealthy"), Tone.WARN)
            else:
                sign(text("today.healthy"), Tone.OK)
        if pen.link is not Link.CONNECTED:
            tag("p", pen.complaint or text(f"script.link.{pen.link}_more"), "said")
            return
        for one in _troubles(pen):
            note(f"{one.means} {one.now}", Tone.DANGER if one.first_cause else Tone.WARN, one.title)
        volts = (
            text("today.volts", n=f"{pen.supply_mv / 1000:.1f}") if pen.supply_mv else text("frame.unknown")
        )
        cap = f"{pen.depth_cap_um / 1000:.2f} mm" if pen.depth_cap_um else text("frame.unknown")
        facts(
            [
                (text("today.serial"), pen.serial or text("frame.unknown")),
                (text("today.firmware"), pen.firmware or text("frame.unknown")),
                (text("today.port"), pen.url or text("frame.unknown")),
                (text("today.supply"), volts),
                (text("today.cap"), cap),
            ]
        )


def _troubles(pen: PenView) -> list[Any]:
    return [one for one in pen.interlocks if not one.cured_by_steps]


def _treatment(visit: Visit) -> None:
    text, view = visit.text, visit.service.treatment.view()
    with card():
        tag("h2", text("today.open"))
        if view.step is None:
            tag("p", text("today.open_none"), "muted")
            link_button(text("today.begin"), "/treat", "first big", "next")
            return
        if view.patient is not None:
            tag("p", text("today.open_patient", name=view.patient.label), "lead")
        facts(
            [
                (text("today.plan"), view.plan.title if view.plan else text("frame.none")),
                (text("today.operator"), view.operator or text("frame.unknown")),
                (text("today.open_step", step=""), text(f"steps.{view.step}")),
            ]
        )
        with row():
            link_button(
                text("today.go_on"), "/live" if view.step == "treat" else "/treat", "first big", "next"
            )


def _notices(visit: Visit) -> None:
    notices = visit.service.state(None).notices
    if not notices:
        return
    with card(visit.text("today.notices")):
        for one in notices[:5]:
            note(one.text, NOTICE_TONES[one.level], one.utc.replace("T", " ").removesuffix("+00:00"))


async def _escalated(visit: Visit) -> None:
    """Reactions that a clinician must look at; nothing is shown while there are none."""
    text, clinic = visit.text, visit.service.visiting.clinic
    try:
        found = await asyncio.to_thread(clinic.reactions.escalated)
    except PenError as error:
        note(error.sentence, Tone.DANGER)
        return
    if not found:
        return
    with card(text("today.look")):
        for one in found[:RECENT]:
            with note(one.escalated or "", Tone.DANGER, text(f"aftercare.kind_{one.kind}")):
                href = f"/patients/{one.patient_id}/aftercare"
                tag("a", text("today.look_at", day=one.onset.isoformat()), "link", href=href)


async def _due(visit: Visit) -> None:
    text = visit.text
    with card(text("today.due")):
        try:
            found = await asyncio.to_thread(visit.service.visiting.clinic.due)
        except PenError as error:
            note(error.sentence, Tone.DANGER)
            return
        if not found:
            tag("p", text("today.due_none"), "muted")
            return
        heads = (text("steps.patient"), text("today.last"), text("today.next"))
        with table(heads, text("today.due")):
            for one in found:
                cells(
                    partial(tag, "a", one.patient_name, "link said", href=f"/patients/{one.patient_id}"),
                    one.last_day.isoformat(),
                    text("today.due_on", day=one.next_day.isoformat()),
                )


async def _recent(visit: Visit) -> None:
    text = visit.text
    with card(text("today.recent")):
        try:
            found = await asyncio.to_thread(records.sessions, visit.service, visit.session)
        except PenError as error:
            note(error.sentence, Tone.DANGER)
            return
        if not found:
            tag("p", text("today.recent_none"), "muted")
            return
        session_table(text, list(reversed(found))[:RECENT])


def session_table(text: Catalogue, lines: list[dict[str, Any]]) -> None:
    """Sessions in short, newest first."""
    heads = [text(f"today.{key}") for key in ("when", "plan", "operator", "strokes", "state", "show")]
    with table(heads, text("records.sessions")):
        for one in lines:
            shown = text("records.show", when=one["opened"])
            cells(
                str(one["opened"]).replace("T", " ").removesuffix("+00:00"),
                str(one["plan"]),
                str(one["operator"]),
                str(one["strokes"]),
                partial(_closed, text, one),
                partial(
                    tag,
                    "a",
                    text("today.show"),
                    "link",
                    href=f"/records/{one['session_id']}",
                    aria_label=shown,
                ),
            )


def _closed(text: Catalogue, one: dict[str, Any]) -> None:
    if one["state"] == "closed" and one["sure"]:
        sign(text("records.closed"), Tone.OK)
    elif one["state"] == "closed":
        sign(text("records.unsure"), Tone.WARN)
    else:
        sign(text("records.open"), Tone.WARN)
