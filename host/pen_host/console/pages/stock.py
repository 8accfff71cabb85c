"""Cartridges of the clinic: what is left, deliveries taken in by scan, one looked up, thrown away, a lot called back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from urllib.parse import quote

from nicegui import ui
from pydantic import ValidationError

from ...api.people import Permission, Person, signer
from ...api.service import ConsoleService
from ...api.stocking import CallBack, ShelfView, TakeIn
from ...errors import PenError
from ...models import NEEDLES_MAX
from ...records.models import Cartridge, CartridgeState, Recall, ShelfLot
from ..fields import Form
from ..papers import paper
from ..parts import Part
from ..texts import Catalogue
from ..visit import Visit
from ..widgets import (
    Tone,
    button,
    card,
    cells,
    enter_button,
    facts,
    flash,
    link_button,
    note,
    row,
    sign,
    table,
    tag,
)
from .private import private_page

NEEDLES_USUAL = 12
"""What most cartridges of this pen have."""
_TONES = {CartridgeState.NEW: Tone.OK, CartridgeState.BOUND: Tone.INFO, CartridgeState.RECALLED: Tone.DANGER}


def register(console: ConsoleService, text: Catalogue) -> None:
    """Put the page on the server."""
    private_page(console, text, "/cartridges", "stock.title", _draw)


async def _draw(visit: Visit, _asked: Mapping[str, str]) -> None:
    text = visit.text
    with row():
        link_button(text("records.all"), "/records", "quiet slim")
    tag("h1", text("stock.title"))
    tag("p", text("stock.lead"), "lead")
    desk = visit.service.office.stock

    @Part
    async def shelf() -> None:
        try:
            view = await asyncio.to_thread(desk.shelf)
        except PenError as error:
            note(error.sentence, Tone.DANGER, alert=True)
            return
        _shelf(text, view)
        _recalls(text, view)

    with tag("div", None, "half"):
        with card(text("stock.take_in")):
            _take_in(visit, shelf.refresh)
        with card(text("stock.one")):
            _one(visit, shelf.refresh)
    with tag("div", None, "stack"):
        await shelf()
    with card(text("stock.recall")):
        _recall(visit, shelf.refresh)


def _take_in(visit: Visit, changed: Callable[[], object]) -> None:
    """A scanner types the code and Enter; the next package can follow at once."""
    text, desk = visit.text, visit.service.office.stock
    needles = {"typed": str(NEEDLES_USUAL)}
    taken: list[str] = []
    wrong: list[str] = []

    @ui.refreshable
    def asking() -> None:
        for sentence in wrong:
            note(sentence, Tone.DANGER, alert=True)
        form = Form("in")
        with tag("div", None, "fields"):
            form.number("needles", text("stock.needles"), "", needles["typed"], text("stock.needles_hint"))
            form.text("code", text("cartridge.scan"), hint=text("stock.scan_hint"), maxlength=200)

        async def take() -> None:
            form.clear()
            try:
                asked = TakeIn(code=form["code"], needles=int(form["needles"]))
            except ValueError as error:
                form.complain("", _wrong(text, error))
                return

            def into(who: Person) -> None:
                taken.insert(0, _line(text, desk.take_in(asked, signer(who))))

            wrong.clear()
            try:
                await visit.ask(Permission.RECORDS, into, control=False)
            except PenError as error:
                wrong.append(error.sentence)
            needles["typed"] = form["needles"]
            # an empty field that is typed into, whatever became of this one: the scanner types the next at once
            asking.refresh()
            ui.run_javascript("document.getElementById('f-in-code')?.focus()")
            changed()

        enter_button(text("stock.take"), take, "first")
        with tag("ol", None, "plain", aria_live="polite"):
            for line in taken:
                tag("li", line, "said")

    asking()


def _one(visit: Visit, changed: Callable[[], object]) -> None:
    text, desk = visit.text, visit.service.office.stock
    form = Form("one")
    form.text("code", text("cartridge.scan"), hint=text("stock.one_hint"), maxlength=200)
    found: list[Cartridge] = []
    code: list[str] = []

    async def look(call: Callable[[Person], Cartridge]) -> None:
        def ask(who: Person) -> None:
            found[:] = [call(who)]

        # what is shown is what was scanned, or nothing: its button must not be taken for another package's
        found.clear()
        if not form["code"]:
            form.clear()
            form.fields["code"].complain(text("stock.give_code"))
        elif await visit.submit(form, Permission.RECORDS, ask, control=False):
            changed()
        shown.refresh()

    async def look_up() -> None:
        code.append(form["code"])
        await look(lambda _: desk.look_up(code[-1]))

    async def discard(code: str) -> None:
        await look(lambda who: desk.discard(code, signer(who)))

    enter_button(text("stock.look_up"), look_up, "first")

    @ui.refreshable
    def shown() -> None:
        for one in found:
            _standing(text, one)
            if one.discarded_at is None:
                button(text("stock.discard"), partial(discard, code[-1]))

    with tag("div", None, "stack", aria_live="polite", data_private=""):
        shown()


def _standing(text: Catalogue, one: Cartridge) -> None:
    with row():
        sign(text(f"stock.is_{one.state}"), _TONES.get(one.state, Tone.WARN))
    dates = [("bound", one.bound_at), ("used", one.used_at), ("discarded", one.discarded_at)]
    facts(
        [
            (text("records.serial"), _serial(one)),
            (text("records.lot"), one.lot),
            (text("stock.expiry"), one.expiry.isoformat()),
            (text("stock.needles"), str(one.needles or text("frame.unknown"))),
            *((text(f"stock.at_{name}"), f"{at:%Y-%m-%d %H:%M} UTC") for name, at in dates if at),
        ]
    )
    if one.patient_id:
        tag("a", text("records.to_patient"), "link", href=f"/patients/{one.patient_id}")


def _shelf(text: Catalogue, view: ShelfView) -> None:
    with card(text("stock.shelf")):
        if not view.lots:
            tag("p", text("stock.empty"), "muted")
            return
        heads = [
            text("records.lot"),
            *(text(f"stock.{key}") for key in ("expiry", "needles", "left", "state")),
        ]
        with table(heads, text("stock.shelf")):
            for one in view.lots:
                cells(
                    partial(tag, "span", one.lot, "said"),
                    one.expiry.isoformat(),
                    str(one.needles or text("frame.unknown")),
                    str(one.count),
                    partial(_may_be_used, text, one),
                )


def _may_be_used(text: Catalogue, one: ShelfLot) -> None:
    if one.recalled:
        sign(text("stock.is_recalled"), Tone.DANGER)
    elif one.expired:
        sign(text("stock.expired"), Tone.DANGER)
    else:
        sign(text("stock.is_new"), Tone.OK)


def _recalls(text: Catalogue, view: ShelfView) -> None:
    if not view.recalls:
        return
    with card(text("stock.recalls")):
        heads = [text("records.lot"), text("records.day"), text("records.who"), text("stock.reason"), ""]
        heads[-1] = text("stock.who_got_it")
        with table(heads, text("stock.recalls")):
            for one in view.recalls:
                cells(
                    partial(tag, "span", one.lot, "said"),
                    f"{one.at:%Y-%m-%d}",
                    one.by.name,
                    partial(tag, "span", one.reason, "said"),
                    partial(_paper_of, text, one),
                )


def _paper_of(text: Catalogue, one: Recall) -> None:
    paper(text, "lot", f"/api/reports/lot?lot={quote(one.lot)}")


def _recall(visit: Visit, changed: Callable[[], object]) -> None:
    text, service = visit.text, visit.service
    note(text("stock.recall_more"), Tone.WARN)
    warning: list[str] = []

    @ui.refreshable
    def asking() -> None:
        for sentence in warning:
            note(sentence, Tone.WARN, alert=True)
        form = Form("back")
        with tag("div", None, "fields"):
            form.text("lot", text("records.lot"), maxlength=20)
            form.text("reason", text("stock.reason"), hint=text("stock.reason_hint"), maxlength=200)
            form.text("pin", text("close.pin"), type="password", inputmode="numeric", maxlength=12)

        async def call_back() -> None:
            form.clear()
            try:
                asked = CallBack(lot=form["lot"], reason=form["reason"], pin=form["pin"])
            except ValidationError as error:
                form.complain("", _wrong(text, error))
                return

            def call(who: Person) -> None:
                service.check_pin(who.name, asked.pin)
                told[:] = [service.office.stock.call_back(asked, signer(who)).warning]

            told: list[str] = []
            if await visit.submit(form, Permission.RECORDS, call, control=False):
                warning[:] = [sentence for sentence in told if sentence]
                flash(text("stock.called_back", lot=asked.lot))
                asking.refresh()
                changed()

        button(text("stock.recall_go"), call_back)

    asking()


def _serial(one: Cartridge) -> str:
    return one.label.serial if one.label else one.chip_serial or ""


def _line(text: Catalogue, one: Cartridge) -> str:
    return text("stock.taken", serial=_serial(one), lot=one.lot, expiry=one.expiry.isoformat())


def _wrong(text: Catalogue, error: ValueError) -> list[tuple[str, str]]:
    """What is missing, at its field and in words."""
    if not isinstance(error, ValidationError):
        return [("needles", text("stock.give_needles", most=NEEDLES_MAX))]
    return [
        (str(one["loc"][0]), text(f"stock.give_{one['loc'][0]}", most=NEEDLES_MAX)) for one in error.errors()
    ]
