"""Our own bundles come back: a file is chosen, what it would bring is shown, and somebody decides."""

from __future__ import annotations

import asyncio
from typing import Any

from nicegui import ui
from nicegui.events import GenericEventArguments

from ...api.import_models import ImportState, ImportView, ItemView, TakeIn
from ...api.people import Permission
from ...exports.bundles import ItemState
from ..fields import Form
from ..parts import Kept, Part
from ..texts import Catalogue
from ..visit import Visit
from ..widgets import Tone, button, card, cells, facts, note, row, stack, table, tag

LOOK_S = 1.0
"""How often the page looks how much of a file is there. (J)"""
ACCEPT = ".json,.zip,application/json,application/zip"
MOVING = (ImportState.RECEIVING, ImportState.LOOKING, ImportState.TAKING)


async def import_cards(visit: Visit) -> None:
    """Choosing a file, and what became of it."""
    text, desk = visit.text, visit.service.office.imports
    with card(text("import.title")):
        tag("p", text("import.lead"), "muted")
        form = Form("import")
        form.file("file", text("import.file"), ACCEPT, text("import.file_hint"))
        with row(), tag("button", None, "button first", type="button", data_send_bundle=""):
            tag("span", text("import.send"))

    @Part
    async def shown() -> None:
        _state(visit, await asyncio.to_thread(desk.view))

    kept = Kept(lambda: desk.stage)
    with tag("div", None, "stack", data_private="", role="status"):
        await shown()
    kept.true(shown.refresh)

    async def coming() -> None:
        if (await asyncio.to_thread(desk.view)).state in MOVING:
            shown.refresh()

    ui.timer(LOOK_S, coming)

    def sent(event: GenericEventArguments) -> None:
        """What became of it, as the page's script was told."""
        told: dict[str, Any] = event.args
        form.clear()
        if not told.get("done"):
            errors = [(str(one["field"]), str(one["message"])) for one in told.get("errors", ())]
            form.complain(str(told.get("detail", "")), errors)

    ui.on("pen-bundle", sent)


def _state(visit: Visit, view: ImportView) -> None:
    text = visit.text
    if view.state is ImportState.NONE:
        return
    with card(text("import.newest")), stack():
        if view.state is ImportState.RECEIVING:
            note(text("import.arrived", mb=f"{view.bytes / 1e6:.1f}"), Tone.INFO, text("import.receiving"))
        elif view.state is ImportState.LOOKING:
            note(text("import.of", done=view.done, total=view.total), Tone.INFO, text("import.looking"))
        elif view.state is ImportState.TAKING:
            note(text("import.of", done=view.done, total=view.total), Tone.INFO, text("import.taking"))
        elif view.state is ImportState.FAILED:
            note(view.sentence, Tone.DANGER, text("import.failed"), alert=True)
        elif view.state is ImportState.DONE:
            note(text("import.taken", n=view.total), Tone.OK, text("import.done"))
        else:
            _decide(visit, view)


def _decide(visit: Visit, view: ImportView) -> None:
    text, desk = visit.text, visit.service.office.imports
    facts([(text(f"import.{state}"), str(getattr(view, state))) for state in ItemState])
    _items(text, view)
    form = Form("decide")

    async def take_in() -> None:
        asked = TakeIn(key=view.key or "")
        await visit.submit(form, Permission.TREAT, lambda who: desk.take_in(asked, who), control=False)

    async def drop() -> None:
        await visit.submit(form, Permission.TREAT, lambda _who: desk.drop(), control=False)

    with row():
        if view.new:
            button(text("import.take_in", n=view.new), take_in, "first")
        button(text("import.drop"), drop, "quiet")


def _items(text: Catalogue, view: ImportView) -> None:
    heads = [text(f"import.{key}") for key in ("patient", "what", "rows", "photographs", "why")]
    told = text("import.would")
    with tag("div", None, "tall", tabindex="0", role="region", aria_label=told), table(heads, told):
        for one in view.items:
            state = text(f"import.{one.state}_one")
            cells(one.patient_id or one.name, state, str(one.rows), _photographs(text, one), one.why)


def _photographs(text: Catalogue, one: ItemView) -> str:
    """How many, and how many of them without their picture."""
    if not one.without_picture:
        return str(one.photographs)
    return text("import.some_without", n=one.photographs + one.without_picture, without=one.without_picture)
