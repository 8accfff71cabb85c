"""The bench of a simulated pen: trigger, stop button, cartridge, skin, supply, faults."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.requests import Request

from ...api.models import BenchAction, BenchView
from ...api.service import ConsoleService
from ...errors import PenError
from ..parts import Kept, Part, page
from ..shell import shell
from ..texts import Catalogue
from ..visit import Visit, visit_of
from ..widgets import Tone, button, card, flash, note, row, sign, tag

HANDS = (
    ("trigger", ("press_trigger", "release_trigger")),
    ("skin", ("touch_skin", "lift")),
    ("estop", ("open_estop", "close_estop", "remove_estop", "plug_estop")),
    ("cartridge", ("insert_new_cartridge", "take_cartridge", "latch", "unlatch")),
    ("power", ("connect_charger", "disconnect_charger", "unplug_usb", "plug_usb")),
    ("fluid", ("wet", "dry")),
)


def register(console: ConsoleService, text: Catalogue) -> None:
    """Put the page on the server."""

    @page("/bench", text("frame.title", page=text("bench.page")))
    async def bench(request: Request) -> None:
        visit = visit_of(console, text, request)
        with shell(visit, "bench"):
            tag("h1", text("bench.title"))
            tag("p", text("bench.lead"), "lead")
            await _bench(visit)


async def _bench(visit: Visit) -> None:
    text, desk = visit.text, visit.service.bench
    assert desk is not None, "the page is there with a bench only"

    async def do(what: str, name: str | None = None) -> None:
        try:
            await asyncio.to_thread(desk.do, BenchAction(do=what, name=name))
        except PenError as error:
            flash(error.sentence, Tone.DANGER)
        state.refresh()

    @Part
    async def state() -> None:
        try:
            _as_it_is(text, await asyncio.to_thread(desk.view))
        except PenError as error:
            note(error.sentence, Tone.WARN)

    kept = Kept(lambda: visit.service.state(None).version)
    with tag("div", None, "half"):
        with card(text("bench.hands")):
            for group, actions in HANDS:
                with tag("div", None, "hand", role="group", aria_label=text(f"bench.{group}")):
                    tag("h3", text(f"bench.{group}"))
                    with row():
                        for action in actions:
                            button(text(f"bench.do.{action}"), partial(do, action), "quiet slim")
        with card(text("bench.is")):
            await state()
    with card(text("bench.faults")):
        await _faults(visit, do)
    kept.true(state.refresh)


def _as_it_is(text: Catalogue, view: BenchView) -> None:
    pairs = [
        ("trigger", text("script.live.held" if view.trigger else "script.live.released")),
        ("skin", text("script.live.on_skin" if view.in_skin else "script.live.off_skin")),
        (
            "estop",
            text(
                "bench.missing"
                if not view.estop_present
                else "bench.closed"
                if view.estop_closed
                else "bench.open"
            ),
        ),
        ("cartridge", view.cartridge or text("frame.none")),
        (
            "marked",
            text("frame.unknown")
            if view.cartridge_marked is None
            else text("frame.yes" if view.cartridge_marked else "frame.no"),
        ),
        ("latch", text("bench.latch_closed" if view.latch else "bench.latch_open")),
        ("charger", text("frame.yes" if view.charger else "frame.no")),
        ("fluid", text("bench.is_wet" if view.wet else "bench.is_dry")),
        ("cable", text("bench.cable_in" if view.plugged else "bench.cable_out")),
        ("strokes", str(view.strokes)),
    ]
    with tag("dl", None, "facts"):
        for key, told in pairs:
            tag("dt", text(f"bench.{key}"))
            tag("dd", told, "said")
    for name in view.faults:
        sign(name.replace("_", " "), Tone.WARN)


async def _faults(visit: Visit, do: Callable[..., Awaitable[None]]) -> None:
    text, desk = visit.text, visit.service.bench
    assert desk is not None, "the page is there with a bench only"
    try:
        view = await asyncio.to_thread(desk.view)
    except PenError as error:
        note(error.sentence, Tone.WARN)
        return
    with tag("div", None, "faults"):
        for one in view.all_faults:
            with tag("div", None, "fault"):
                with tag("div"):
                    tag("strong", one.name.replace("_", " "), "said")
                    tag("p", one.does, "small muted said")
                with row():
                    inject = button(text("bench.inject"), partial(do, "inject", one.name), "quiet slim")
                    inject.props.update(
                        {"aria-label": text("bench.inject_this", name=one.name.replace("_", " "))}
                    )
                    cure = button(text("bench.cure"), partial(do, "clear", one.name), "quiet slim")
                    cure.props.update(
                        {"aria-label": text("bench.cure_this", name=one.name.replace("_", " "))}
                    )
