"""The whole record in files for others: chosen here, made beside the console, fetched as one file."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from nicegui import ui

from ...api.exporting import ExportAsked, ExportState, ExportView
from ...api.people import Permission
from ...api.service import ConsoleService
from ...exports.export import Form as FileForm
from ..fields import Form
from ..parts import Kept, Part
from ..texts import Catalogue
from ..visit import Visit
from ..widgets import Tone, button, card, facts, link_button, note, row, tag
from .imports import import_cards
from .private import private_page

KB, MB = 1_000, 1_000_000
LOOK_S = 2.0
"""How often the page looks how far an export is. (J)"""


def register(console: ConsoleService, text: Catalogue) -> None:
    """Put the page on the server."""
    private_page(console, text, "/export", "export.title", _draw)


async def _draw(visit: Visit, _asked: Mapping[str, str]) -> None:
    text, desk = visit.text, visit.service.office.exports
    with row():
        link_button(text("records.all"), "/records", "quiet slim")
    tag("h1", text("export.title"))
    tag("p", text("export.lead"), "lead")

    @Part
    async def shown() -> None:
        _state(visit, await asyncio.to_thread(desk.view))

    kept = Kept(lambda: desk.stage)
    with tag("div", None, "half"):
        with card():
            _choose(visit)
        with tag("div", None, "stack"):
            await shown()
    kept.true(shown.refresh)
    if visit.may(Permission.TREAT):
        await import_cards(visit)

    async def written() -> None:
        """A process writes it: what it has written so far is looked at, now and then."""
        if (await asyncio.to_thread(desk.view)).state is ExportState.MAKING:
            shown.refresh()

    ui.timer(LOOK_S, written)


def _choose(visit: Visit) -> None:
    text, desk = visit.text, visit.service.office.exports
    form = Form()

    def body(name: FileForm) -> None:
        tag("strong", text(f"export.{name}"))
        tag("span", text(f"export.{name}_more"), "muted small")

    options = [(str(name), lambda name=name: body(name)) for name in FileForm]
    form.cards("form", text("export.form"), options, str(FileForm.FHIR))
    form.tick("deidentified", text("export.deidentified"), hint=text("export.deidentified_more"))

    async def begin() -> None:
        asked = ExportAsked(form=FileForm(form["form"]), deidentified=form["deidentified"] == "yes")
        await visit.submit(form, Permission.RECORDS, lambda who: desk.begin(asked, who), control=False)

    button(text("export.go"), begin, "first")


def _state(visit: Visit, view: ExportView) -> None:
    text = visit.text
    with card(text("export.newest")):
        if view.state is ExportState.NONE or view.form is None:
            tag("p", text("export.none"), "muted")
            return
        names = text("export.without" if view.deidentified else "export.with")
        facts(
            [
                (text("export.form"), text(f"export.{view.form}")),
                (text("export.names"), names),
                (text("records.who"), view.by or text("frame.unknown")),
            ]
        )
        if view.state is ExportState.MAKING:
            so_far = text("export.so_far", files=view.files, size=_size(view.bytes))
            note(so_far, Tone.INFO, text("export.making"))
        elif view.state is ExportState.FAILED:
            note(view.sentence, Tone.DANGER, text("export.failed"), alert=True)
        else:
            note(text("export.size", files=view.files, size=_size(view.bytes)), Tone.OK, text("export.ready"))
            tag("p", f"SHA-256 {view.sha256}", "mono wrap said")
            person = visit.person
            if person is not None and person.name == view.by:
                link_button(text("export.fetch"), "/api/exports/file", "first", "paper")
            else:
                tag("p", text("export.other", name=view.by), "muted")


def _size(size: int) -> str:
    return f"{size / MB:.1f} MB" if size >= MB else f"{size / KB:.0f} kB"
