"""What is shown where there is no page, and where one failed: STOP stays in its place."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from nicegui import ui
from starlette.requests import Request

from ...api.service import ConsoleService
from ..shell import shell
from ..texts import Catalogue
from ..visit import visit_of
from ..widgets import Tone, link_button, note, row, tag


def no_page(console: ConsoleService, text: Catalogue) -> Callable[[Request], None]:
    """The page of every path that has none."""

    def shown(request: Request) -> None:
        ui.context.client.status_code = HTTPStatus.NOT_FOUND
        ui.page_title(text("frame.title", page=text("lost.page")))
        _show(console, text, request, "lost.no_page")

    return shown


def failed(console: ConsoleService, text: Catalogue) -> Callable[[Exception], None]:
    """The page in place of one whose making failed; what went wrong is in the server's log."""

    def shown(_error: Exception) -> None:
        ui.page_title(text("frame.title", page=text("lost.failed_page")))
        _show(console, text, ui.context.client.request, "lost.failed")

    return shown


def _show(console: ConsoleService, text: Catalogue, request: Request, key: str) -> None:
    with shell(visit_of(console, text, request), "lost"):
        tag("h1", text(f"{key}_page" if key == "lost.failed" else "lost.page"))
        note(text(key), Tone.WARN)
        with row():
            link_button(text("frame.today"), "/", "first")
