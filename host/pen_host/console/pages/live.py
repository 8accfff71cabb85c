"""Live: made once as plain HTML, painted by its script from the live stream."""

from __future__ import annotations

from nicegui import ui
from starlette.requests import Request

from ...api.service import ConsoleService
from ..parts import page
from ..shell import render, shell
from ..texts import Catalogue
from ..visit import visit_of


def register(console: ConsoleService, text: Catalogue) -> None:
    """Put the page on the server."""

    @page("/live", text("frame.title", page=text("frame.live")))
    def live(request: Request) -> None:
        with shell(visit_of(console, text, request), "live", "wide live-page"):
            # our own template, with every text escaped by it
            ui.html(render("live.html", t=text), sanitize=False)
