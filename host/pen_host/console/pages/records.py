"""Records: sessions, one session with its course and events, and who got a cartridge lot."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from nicegui import ui
from starlette.requests import Request

from ...api.people import Permission
from ...api.routes import records
from ...api.service import ConsoleService
from ...errors import PenError
from ...records.models import TimelineItem
from .. import plots
from ..fields import Form
from ..shell import render, shell
from ..steps.common import zone_name
from ..texts import Catalogue
from ..visit import Visit, visit_of
from ..widgets import Tone, card, cells, enter_button, facts, link_button, note, row, sign, stack, table, tag
from .today import session_table

PATIENTS_MAX = 12


def register(console: ConsoleService, text: Catalogue) -> None:
    """Put the pages on the server."""

    @ui.page("/records", title=text("frame.title", page=text("records.page")))
    async def all_records(request: Request) -> None:
        visit = visit_of(console, text, request)
        with shell(visit, "records"):
            tag("h1", text("records.title"))
            if not visit.may(Permission.RECORDS):
                _closed(visit)
                return
            await _sessions(visit)

    @ui.page("/records/{session_id}", title=text("frame.title", page=text("records.session")))
    async def one_record(request: Request, session_id: str) -> None:
        visit = visit_of(console, text, request)
        with shell(visit, "records"):
            if not visit.may(Permission.RECORDS):
                tag("h1", text("records.title"))
                _closed(visit)
                return
            await _session(visit, session_id)

    @ui.page("/patients/{patient_id}", title=text("frame.title", page=text("records.patient")))
    async def one_patient(request: Request, patient_id: str) -> None:
        visit = visit_of(console, text, request)
        with shell(visit, "records"):
            if not visit.may(Permission.RECORDS):
                tag("h1", text("records.title"))
                _closed(visit)
                return
            await _patient(visit, patient_id)


def _closed(visit: Visit) -> None:
    note(visit.text("records.sign_in"), Tone.INFO)
    with row():
        link_button(visit.text("login.enter"), "/login", "first big")


async def _sessions(visit: Visit) -> None:
    text = visit.text
    found = list(reversed(await asyncio.to_thread(records.sessions, visit.service, visit.session)))

    def find_people() -> None:
        people.refresh()

    def find_lot() -> None:
        by_lot.refresh()

    with tag("div", None, "half"):
        with card(text("records.patients")):
            find = Form()
            find.text("words", text("patient.search"), hint=text("patient.search_hint"), maxlength=80)
            enter_button(text("records.find"), find_people, "first")
        with card(text("records.by_lot")):
            lot = Form()
            lot.text("lot", text("records.lot"), hint=text("records.lot_hint"), maxlength=40)
            enter_button(text("records.find"), find_lot, "first")

    @ui.refreshable
    async def by_lot() -> None:
        if lot["lot"]:
            await _lot(visit, lot["lot"])

    @ui.refreshable
    async def people() -> None:
        await _patients(visit, find["words"])

    await by_lot()
    await people()
    with card(text("records.sessions")):
        if found:
            session_table(text, found)
        else:
            tag("p", text("today.recent_none"), "muted")


async def _patients(visit: Visit, words: str) -> None:
    text = visit.text
    with card(text("patient.known")):
        try:
            found = await asyncio.to_thread(visit.service.visiting.clinic.patients.find, words, PATIENTS_MAX)
        except PenError as error:
            note(error.sentence, Tone.DANGER, alert=True)
            return
        if not found:
            tag("p", text("patient.nobody"), "muted")
            return
        heads = (text("records.patient"), text("patient.birth_date"), text("records.reference"))
        with table(heads, text("patient.known")):
            for one in found:
                born = one.demographics.birth_date.isoformat() if one.demographics else text("frame.unknown")
                cells(
                    partial(tag, "a", one.label, "link said", href=f"/patients/{one.patient_id}"),
                    born,
                    one.patient_id,
                )


async def _patient(visit: Visit, patient_id: str) -> None:
    """Everything that happened to a patient, newest first."""
    text, clinic = visit.text, visit.service.visiting.clinic
    with row():
        link_button(text("records.back"), "/records", "quiet slim")
    try:
        who = await asyncio.to_thread(clinic.patients.get, patient_id)
        items = await asyncio.to_thread(clinic.timeline, patient_id)
    except PenError as error:
        tag("h1", text("records.patient"))
        note(error.sentence, Tone.DANGER)
        return
    tag("h1", who.label, "said")
    with card():
        known = who.demographics
        pairs = [(text("records.reference"), who.patient_id)]
        if known is not None:
            pairs += [
                (text("patient.birth_date"), known.birth_date.isoformat()),
                (text("patient.file_number"), known.file_number or text("frame.none")),
                (text("patient.phone"), known.phone or text("frame.none")),
            ]
        facts(pairs)
    with card(text("records.patient_timeline")):
        if not items:
            tag("p", text("records.none"), "muted")
        with tag("ol", None, "timeline"):
            for item in items:
                _item(text, item)


def _item(text: Catalogue, item: TimelineItem) -> None:
    with tag("li", None, "moment"):
        tag("span", item.at.astimezone().strftime("%Y-%m-%d %H:%M"), "muted small said")
        with tag("div", None, "body"):
            with row():
                sign(text.other(f"timeline.{item.kind}", item.kind.replace("_", " ")), Tone.ACCENT)
                tag("strong", item.title, "said")
            tag("span", text("records.by", name=item.by.name), "muted small")
            for session in item.details.get("sessions", ()):
                key = session["session_id"]
                tag("a", text("records.session_link", key=key), "link", href=f"/records/{key}")


async def _lot(visit: Visit, lot: str) -> None:
    text = visit.text
    try:
        found = await asyncio.to_thread(visit.service.visiting.clinic.lot, lot)
    except PenError as error:
        note(error.sentence, Tone.DANGER, alert=True)
        return
    with card(text("records.cartridges", lot=lot)):
        if not found:
            tag("p", text("records.none"), "muted")
            return
        heads = [text(f"records.{key}") for key in ("patient", "day", "who", "serial", "reach")]
        with table(heads, text("records.cartridges", lot=lot)):
            for one in found:
                cells(
                    partial(
                        tag,
                        "a",
                        one.patient_name or one.patient_id,
                        "link said",
                        href=f"/patients/{one.patient_id}",
                    ),
                    one.day.isoformat(),
                    one.operator.name,
                    one.cartridge,
                    one.phone or one.email or text("frame.unknown"),
                )


async def _session(visit: Visit, session_id: str) -> None:
    text = visit.text
    with row():
        link_button(text("records.back"), "/records", "quiet slim")
    try:
        told = await asyncio.to_thread(records.one_session, visit.service, visit.session, session_id)
    except PenError as error:
        tag("h1", text("records.session"))
        note(error.sentence, Tone.DANGER)
        return
    tag("h1", str(told["plan"]), "said")
    with tag("div", None, "half"):
        with card(text("records.facts")):
            _facts(text, told)
        with card(text("records.by_zone")):
            _zones(text, told)
    with card(text("records.plot")):
        drawn = plots.plot_of(told["samples"]["columns"], told["samples"]["rows"], text)
        if drawn is None:
            tag("p", text("records.no_samples"), "muted")
        else:
            # our own template; what is filled in is escaped by it
            ui.html(
                render(
                    "plot.html", t=text, plot=drawn, width=plots.WIDTH, left=plots.LEFT, tall=plots.LANE - 24
                ),
                sanitize=False,
            )
    with card(text("records.timeline")):
        _timeline(text, told["entries"])


def _facts(text: Catalogue, told: dict[str, Any]) -> None:
    with row():
        if told["state"] != "closed":
            sign(text("records.open"), Tone.WARN)
        else:
            sign(text("records.closed"), Tone.OK)
        if not told["sure"]:
            sign(text("records.unsure"), Tone.WARN)
    facts(
        [
            (text("today.when"), str(told["opened"]).replace("T", " ").removesuffix("+00:00") + " UTC"),
            (text("records.session"), str(told["session_id"])),
            (text("today.operator"), str(told["operator"])),
            (text("today.pen"), str(told["pen"])),
            (text("records.strokes"), str(told["strokes"])),
            (text("records.runs"), str(told["runs"])),
        ]
    )


def _zones(text: Catalogue, told: dict[str, Any]) -> None:
    heads = [text(f"close.{key}") for key in ("zone", "strokes", "contact")]
    with table(heads, text("records.by_zone")):
        for zone, count in told["zones"].items():
            cells(zone_name(text, zone), str(count["strokes"]), str(count["contact"]))


def _timeline(text: Catalogue, entries: list[dict[str, Any]]) -> None:
    heads = [text(f"records.{key}") for key in ("time", "what", "who", "details")]
    with stack(), table(heads, text("records.timeline")):
        for one in entries:
            cells(
                str(one["utc"])[11:19],
                text.other(f"kinds.{one['kind']}", str(one["kind"]).replace("_", " ")),
                str(one["actor"] or text("frame.none")),
                partial(tag, "span", str(one["says"]), "mono wrap said"),
            )
