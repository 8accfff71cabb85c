"""Pages about the record: for whoever is signed in in a role that may see it, and a way to sign in for everybody else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from starlette.requests import Request

from ...api.people import Permission
from ...api.service import ConsoleService
from ..parts import page
from ..shell import shell
from ..texts import Catalogue
from ..visit import Visit, visit_of
from ..widgets import Tone, link_button, note, row, tag

Draw = Callable[[Visit, Mapping[str, str]], Awaitable[None]]
"""Draws a page; told what stands in its address."""


def private_page(console: ConsoleService, text: Catalogue, path: str, title: str, draw: Draw) -> None:
    """Put a page on the server.

    Args:
        console: The service behind it.
        text: The texts.
        path: Its address.
        title: Key of its title in the catalogue.
        draw: Draws it, for who may see it.
    """

    @page(path, text("frame.title", page=text(title)))
    async def shown(request: Request) -> None:
        visit = visit_of(console, text, request)
        with shell(visit, "records"):
            if visit.may(Permission.RECORDS):
                console.office.expect_papers()
                await draw(visit, {**request.path_params, **request.query_params})
                return
            tag("h1", text("records.title"))
            note(text("records.sign_in"), Tone.INFO)
            with row():
                link_button(text("login.enter"), "/login", "first big")
