"""Several stations: how this one stands with the clinic's server, and what two of them said differently."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from functools import partial

from ...api.models import ReplicationView
from ...api.people import Permission, signer
from ...api.routes import stations
from ...api.routes.stations import ConflictView, Keep
from ...api.service import ConsoleService
from ...errors import PenError
from ..fields import Form
from ..parts import Kept, Part
from ..texts import Catalogue
from ..visit import Visit
from ..widgets import Tone, button, card, facts, flash, link_button, note, row, sign, tag
from .private import private_page


def register(console: ConsoleService, text: Catalogue) -> None:
    """Put the page on the server."""
    private_page(console, text, "/stations", "stations.title", _draw)


async def _draw(visit: Visit, _asked: Mapping[str, str]) -> None:
    text = visit.text
    with row():
        link_button(text("records.all"), "/records", "quiet slim")
    tag("h1", text("stations.title"))
    tag("p", text("stations.lead"), "lead")
    await server_card(visit, always=True)
    with tag("div", None, "stack", data_private=""):
        await _conflicts(visit)


async def server_card(visit: Visit, *, always: bool) -> None:
    """How this station stands with the clinic's server.

    Args:
        visit: The page.
        always: Also where there is none.
    """
    desk = visit.service.replication

    @Part
    async def shown() -> None:
        try:
            view = await asyncio.to_thread(desk.view)
        except PenError as error:
            with card(visit.text("stations.server")):
                note(error.sentence, Tone.DANGER)
            return
        if view.joined or always:
            with card(visit.text("stations.server")):
                _standing(visit, view, whole=always)

    kept = Kept(lambda: desk.moved)
    await shown()
    kept.true(shown.refresh)


def _standing(visit: Visit, view: ReplicationView, *, whole: bool) -> None:
    text = visit.text
    if not view.joined:
        tag("p", text("stations.alone"), "muted")
        return
    with row():
        _sign(text, view)
        if whole:
            button(text("stations.now"), partial(_now, visit), "quiet slim")
        else:
            link_button(text("stations.more"), "/stations", "quiet slim")
    if view.sentence:
        note(view.sentence, Tone.WARN)
    if view.put_aside or view.held:
        note(text("stations.differ_more"), Tone.WARN, text("stations.differ"))
    facts(
        [
            (text("stations.sent"), _when(text, view.replicated_at)),
            (text("stations.heard"), _when(text, view.heard_at)),
            (text("stations.waiting"), str(view.waiting)),
            (text("stations.pictures_out"), str(view.pictures_out)),
            (text("stations.pictures_in"), str(view.pictures_in)),
            *([(text("stations.station"), view.station or text("frame.unknown"))] if whole else []),
        ]
    )
    if whole:
        for sentence in dict.fromkeys((*view.put_aside, *view.held)):
            note(sentence, Tone.WARN)


def _sign(text: Catalogue, view: ReplicationView) -> None:
    if view.working:
        sign(text("stations.working"), Tone.ACCENT, "clock")
    elif view.reachable is None:
        sign(text("stations.not_yet"), Tone.PLAIN, "clock")
    elif view.reachable:
        sign(text("stations.reachable"), Tone.OK)
    else:
        sign(text("stations.gone"), Tone.WARN)


def _when(text: Catalogue, stamp: str | None) -> str:
    return stamp.replace("T", " ").replace("+00:00", " UTC") if stamp else text("stations.never")


async def _now(visit: Visit) -> None:
    try:
        await asyncio.to_thread(visit.service.replication.now)
    except PenError as error:
        flash(error.sentence, Tone.DANGER)


async def _conflicts(visit: Visit) -> None:
    text, desk = visit.text, visit.service.replication

    @Part
    async def shown() -> None:
        try:
            view = await asyncio.to_thread(desk.view)
            if not view.joined:
                return
            found = await asyncio.to_thread(stations.conflicts, visit.service, visit.session)
        except PenError as error:
            note(error.sentence, Tone.WARN)
            return
        with card(text("stations.conflicts")):
            tag("p", text("stations.conflicts_lead" if found else "stations.no_conflicts"), "muted")
        for number, one in enumerate(found):
            with card():
                _conflict(visit, number, one, shown.refresh)

    await shown()


def _conflict(visit: Visit, number: int, one: ConflictView, settled: Callable[[], object]) -> None:
    """What was put aside, and what somebody decides about it."""
    text = visit.text
    tag("h3", f"{one.table} {one.row}", "said")
    note(one.why, Tone.WARN)
    facts([(text("stations.aside"), one.station), (text("stations.stands"), one.other or text("frame.none"))])
    tag("p", _readable(one.content), "mono wrap said")
    if not visit.may(Permission.TREAT):
        return
    form = Form(f"c{number}")
    with tag("div", None, "fields"):
        words = {str(keep): text(f"stations.keep_{keep}") for keep in Keep}
        form.choice("keep", text("stations.keep"), words, str(Keep.STANDING))
        form.text("reason", text("stations.reason"), maxlength=200)

    async def settle() -> None:
        form.clear()
        if not form["reason"]:
            form.fields["reason"].complain(text("stations.say_why"))
            return
        place = (one.table, one.row)
        if await visit.submit(
            form,
            Permission.TREAT,
            lambda who: visit.service.replication.settle(
                place, Keep(form["keep"]), form["reason"], signer(who), one.digest
            ),
            control=False,
        ):
            settled()

    button(text("stations.settle"), settle)


def _readable(content: str) -> str:
    """A row's columns that say something, for people."""
    try:
        row_ = json.loads(content)
    except ValueError:
        return content
    if not isinstance(row_, dict):
        return content
    return ", ".join(f"{name} {value}" for name, value in row_.items() if value not in (None, "", []))
