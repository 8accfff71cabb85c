"""Keeping the record: is it as it was written, was it saved elsewhere, and the code that opens what was saved."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial

from nicegui import ui
from nicegui.element import Element
from pydantic import ValidationError

from ...api.keeping import CodeAsked, SafeView, SaveAsked, Saved, Verified, WorkState
from ...api.people import Permission, Person
from ...api.service import ConsoleService
from ...errors import PenError
from ..fields import Form
from ..parts import Kept, Part
from ..texts import Catalogue
from ..visit import Visit
from ..widgets import Tone, button, card, cells, facts, flash, link_button, note, row, table, tag
from .private import private_page
from .safekeeping import safekeeping_card


def register(console: ConsoleService, text: Catalogue) -> None:
    """Put the page on the server."""
    private_page(console, text, "/keeping", "safe.title", _draw)


async def _draw(visit: Visit, _asked: Mapping[str, str]) -> None:
    text, desk = visit.text, visit.service.office.safe
    with row():
        link_button(text("records.all"), "/records", "quiet slim")
    tag("h1", text("safe.title"))
    tag("p", text("safe.lead"), "lead")

    async def view() -> SafeView | None:
        try:
            return await asyncio.to_thread(desk.view)
        except PenError as error:
            note(error.sentence, Tone.DANGER, alert=True)
            return None

    @Part
    async def verified() -> None:
        if told := await view():
            _verified(text, told.verified)

    @Part
    async def saved() -> None:
        if told := await view():
            _saved(text, told)

    kept = Kept(lambda: desk.stage)
    with tag("div", None, "half"):
        with card(text("safe.verify")):
            tag("p", text("safe.verify_lead"), "muted")
            button(text("safe.verify_go"), partial(_verify, visit), "first")
            with tag("div", None, "stack", aria_live="polite"):
                await verified()
        with card(text("safe.save")):
            await _save(visit)
            with tag("div", None, "stack", aria_live="polite"):
                await saved()
    if visit.may(Permission.KEEP):
        with card(text("safe.code")):
            _code(visit)
    await safekeeping_card(visit)

    def both() -> None:
        verified.refresh()
        saved.refresh()

    kept.true(both)


async def reminder(visit: Visit) -> None:
    """Says what is amiss with how the record is kept: signed by another key, or not saved for too long. Nothing otherwise.

    Nor of a simulated pen's record.
    """
    desk, text = visit.service.office.safe, visit.text
    if visit.service.training is not None:
        return
    if desk.other_key:
        note(desk.other_key, Tone.DANGER)
    try:
        overdue = await asyncio.to_thread(desk.is_overdue, datetime.now(UTC))
        last = await asyncio.to_thread(desk.last_saved_at)
    except PenError as error:
        note(error.sentence, Tone.DANGER)
        return
    if overdue:
        with _overdue(text, last):
            link_button(text("safe.title"), "/keeping", "quiet slim")


def _overdue(text: Catalogue, last: datetime | None) -> Element:
    when = f"{last:%Y-%m-%d}" if last else text("safe.never")
    return note(text("safe.overdue_more"), Tone.WARN, text("safe.overdue", when=when))


async def _verify(visit: Visit) -> None:
    try:
        await visit.ask(Permission.RECORDS, visit.service.office.safe.verify, control=False)
    except PenError as error:
        flash(error.sentence, Tone.DANGER)


def _verified(text: Catalogue, told: Verified) -> None:
    if told.state is WorkState.NONE:
        tag("p", text("safe.not_verified"), "muted")
    elif told.state is WorkState.WORKING:
        note(text("safe.may_take"), Tone.INFO, text("safe.verifying"))
    elif told.state is WorkState.FAILED:
        note(told.sentence, Tone.DANGER, text("safe.could_not"), alert=True)
    elif told.intact:
        when = f"{told.at:%Y-%m-%d %H:%M} UTC, {told.by}" if told.at else ""
        note(told.sentence, Tone.OK, when)
    else:
        with note(told.sentence, Tone.DANGER, text("safe.damaged"), alert=True), tag("ul"):
            for damage in told.damages:
                tag("li", damage, "said wrap")
    for sentence in told.not_checked:
        note(sentence, Tone.WARN, text("safe.not_checked"))


async def _save(visit: Visit) -> None:
    text, service = visit.text, visit.service
    tag("p", text("safe.save_lead"), "muted")
    if not visit.may(Permission.KEEP):
        tag("p", text("safe.who_may"), "muted")
        return
    form = Form("save")
    known = service.office.house.rules.backup_folder
    form.text("folder", text("safe.folder"), known, text("safe.folder_hint"), maxlength=200)

    async def save() -> None:
        form.clear()
        try:
            asked = SaveAsked(folder=form["folder"])
        except ValidationError:
            form.fields["folder"].complain(text("safe.give_folder"))
            return
        await visit.submit(
            form, Permission.KEEP, lambda who: service.office.safe.save(asked, who), control=False
        )

    button(text("safe.save_go"), save, "first")


def _saved(text: Catalogue, told: SafeView) -> None:
    _making(text, told.saved)
    if told.overdue and told.saved.state is not WorkState.WORKING:
        _overdue(text, told.last_saved_at)
    elif told.last_saved_at:
        facts([(text("safe.last"), f"{told.last_saved_at:%Y-%m-%d %H:%M} UTC")])
    if told.kept:
        heads = [text(f"safe.{key}") for key in ("backup", "made_at", "entries")]
        with table(heads, text("safe.kept")):
            for one in told.kept:
                cells(
                    partial(tag, "span", one.name, "mono wrap said"),
                    f"{one.made_at:%Y-%m-%d %H:%M}",
                    str(one.entries),
                )
    tag("p", text("safe.restore"), "muted small")


def _making(text: Catalogue, told: Saved) -> None:
    if told.state is WorkState.WORKING:
        note(text("safe.may_take"), Tone.INFO, text("safe.saving"))
    elif told.state is WorkState.FAILED:
        note(told.sentence, Tone.DANGER, text("safe.not_saved"), alert=True)
    elif told.state is WorkState.DONE:
        note(told.sentence, Tone.OK, text("safe.saved"))
        if told.damaged:
            note(", ".join(told.damaged), Tone.WARN, text("safe.pictures_damaged"))


def _code(visit: Visit) -> None:
    text, service = visit.text, visit.service
    tag("p", text("safe.code_lead"), "muted")
    form = Form("code")
    form.text("pin", text("close.pin"), type="password", inputmode="numeric", maxlength=12)
    shown: list[str] = []

    async def show() -> None:
        form.clear()
        try:
            asked = CodeAsked(pin=form["pin"])
        except ValidationError:
            form.fields["pin"].complain(text("stock.give_pin"))
            return

        def fetch(who: Person) -> None:
            service.check_pin(who.name, asked.pin)
            shown[:] = [service.office.safe.code()]
            service.note("the recovery code of the backups was shown", who, "")

        if await visit.submit(form, Permission.KEEP, fetch, control=False):
            told.refresh()

    button(text("safe.code_go"), show)

    @ui.refreshable
    def told() -> None:
        for code in shown:
            tag("p", code, "mono wrap said big", data_private="")

    with tag("div", None, "", aria_live="polite"):
        told()
