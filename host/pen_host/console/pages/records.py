"""Records: sessions, one session with its course and events, and who got a cartridge lot."""

from __future__ import annotations

from typing import Any

from nicegui import run, ui
from starlette.requests import Request

from ...api.people import Permission
from ...api.routes import records
from ...api.service import ConsoleService
from ...errors import PenError
from .. import plots
from ..shell import render, shell
from ..steps.common import zone_name
from ..texts import Catalogue
from ..visit import Visit, visit_of
from ..widgets import Form, Tone, card, cells, enter_button, facts, link_button, note, row, sign, stack, table, tag
from .today import session_table


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


def _closed(visit: Visit) -> None:
    note(visit.text("records.sign_in"), Tone.INFO)
    with row():
        link_button(visit.text("login.enter"), "/login", "first big")


async def _sessions(visit: Visit) -> None:
    text = visit.text
    found = list(reversed(await run.io_bound(records.sessions, visit.service, visit.session)))
    with tag("div", None, "half"):
        with card(text("records.sessions")):
            find = Form()
            find.text("words", text("records.search"), hint=text("records.search_hint"), maxlength=80)
            enter_button(text("records.find"), lambda: shown.refresh(), "first")
        with card(text("records.by_lot")):
            lot = Form()
            lot.text("lot", text("records.lot"), hint=text("records.lot_hint"), maxlength=40)
            enter_button(text("records.find"), lambda: by_lot.refresh(), "first")

    @ui.refreshable
    async def by_lot() -> None:
        if lot["lot"]:
            await _lot(visit, lot["lot"])

    @ui.refreshable
    def shown() -> None:
        words = find["words"].casefold()
        chosen = [one for one in found if any(words in str(value).casefold() for value in one.values())]
        with card(text("records.sessions")):
            if chosen:
                session_table(text, chosen)
            else:
                tag("p", text("records.none"), "muted")

    await by_lot()
    shown()


async def _lot(visit: Visit, lot: str) -> None:
    text = visit.text
    try:
        found = await run.io_bound(records.cartridges, visit.service, visit.session, lot)
    except PenError as error:
        note(error.sentence, Tone.DANGER, alert=True)
        return
    with card(text("records.cartridges", lot=lot)):
        if not found:
            tag("p", text("records.none"), "muted")
            return
        heads = [text(f"records.{key}") for key in ("patient", "serial", "lot", "session")]
        with table(heads, text("records.cartridges", lot=lot)):
            for one in found:
                cells(
                    str(one["subject"] or text("frame.unknown")),
                    str(one["serial"]),
                    str(one["lot"]),
                    lambda one=one: tag("a", str(one["session_id"]), "link said", href=f"/records/{one['session_id']}"),
                )


async def _session(visit: Visit, session_id: str) -> None:
    text = visit.text
    with row():
        link_button(text("records.back"), "/records", "quiet slim")
    try:
        told = await run.io_bound(records.one_session, visit.service, visit.session, session_id)
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
            ui.html(render("plot.html", t=text, plot=drawn, width=plots.WIDTH, left=plots.LEFT, tall=plots.LANE - 24), sanitize=False)
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
                lambda one=one: tag("span", str(one["says"]), "mono wrap said"),
            )
