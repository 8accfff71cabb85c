"""Records: sessions, one session with its course and events, and who got a cartridge lot."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any
from urllib.parse import quote

from nicegui import ui

from ...api.routes import records
from ...api.service import ConsoleService
from ...errors import PenError
from .. import plots
from ..fields import Form
from ..papers import paper
from ..parts import Part
from ..shell import render
from ..steps.common import zone_name
from ..texts import Catalogue
from ..visit import Visit
from ..widgets import Tone, card, cells, enter_button, facts, link_button, note, row, sign, stack, table, tag
from .private import private_page
from .today import session_table

PATIENTS_MAX = 12


def register(console: ConsoleService, text: Catalogue) -> None:
    """Put the pages on the server."""
    private_page(console, text, "/records", "records.page", _records)
    private_page(console, text, "/records/{session_id}", "records.session", _session)


async def _records(visit: Visit, _asked: Mapping[str, str]) -> None:
    text = visit.text
    tag("h1", text("records.title"))
    with row():
        link_button(text("cohort.title"), "/cohort", "quiet slim")
        link_button(text("stock.title"), "/cartridges", "quiet slim")
        link_button(text("presets.title"), "/presets", "quiet slim")
        link_button(text("export.title"), "/export", "quiet slim")
        link_button(text("stations.title"), "/stations", "quiet slim")
        link_button(text("safe.title"), "/keeping", "quiet slim")
        paper(text, "spec", "/api/reports/spec")
    await _sessions(visit)


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

    @Part
    async def by_lot() -> None:
        if lot["lot"]:
            await _lot(visit, lot["lot"])

    @Part
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
        with row():
            paper(text, "lot", f"/api/reports/lot?lot={quote(lot)}")
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


async def _session(visit: Visit, asked: Mapping[str, str]) -> None:
    text = visit.text
    with row():
        link_button(text("records.back"), "/records", "quiet slim")
    try:
        told = await asyncio.to_thread(records.one_session, visit.service, visit.session, asked["session_id"])
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
