"""The frame around every page: head, navigation, STOP bar. Plain HTML and scripts, there before and without the page itself."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import DictLoader, Environment
from nicegui import ui
from nicegui.element import Element

from ..api.people import Permission
from .texts import Catalogue
from .visit import Visit
from .widgets import tag


@dataclass(frozen=True, slots=True)
class PageLink:
    """One entry of the navigation."""

    key: str
    path: str
    needs: tuple[Permission, ...] = ()
    """Any of these; nothing for everybody."""
    simulated_only: bool = False


PAGES = (
    PageLink("today", "/"),
    PageLink("treat", "/treat"),
    PageLink("live", "/live"),
    PageLink("records", "/records", (Permission.RECORDS,)),
    PageLink("service", "/service", (Permission.SERVICE, Permission.PEOPLE)),
    PageLink("bench", "/bench", simulated_only=True),
)


@cache
def _templates() -> Environment:
    folder = files("pen_host.console") / "templates"
    found = {
        item.name: item.read_text(encoding="utf-8")
        for item in folder.iterdir()
        if item.name.endswith(".html")
    }
    return Environment(loader=DictLoader(found), autoescape=True)


def render(template: str, **values: object) -> str:
    """A template of this package; what is filled in is escaped."""
    return _templates().get_template(template).render(**values)


def shell(visit: Visit, key: str, classes: str = "") -> Element:
    """Head and STOP bar, and the sheet that the page is put on; enter what is returned."""
    text, simulated = visit.text, visit.service.bench is not None
    links = [
        {"path": page.path, "name": text(f"frame.{page.key}"), "current": page.key == key}
        for page in PAGES
        if (simulated or not page.simulated_only) and (not page.needs or any(map(visit.may, page.needs)))
    ]
    ui.add_head_html(render("head.html"))
    person = visit.person
    ui.add_body_html(
        render(
            "frame.html",
            t=text,
            pages=links,
            person=person.name if person else None,
            simulated=simulated,
            script_texts=_script_texts(text),
        )
    )
    visit.listen()
    # what is pressed before the server knows which tab it is would be refused: frame.js opens the page then
    return tag("div", None, f"page {classes}".strip(), inert="")


def show_top() -> None:
    """Another step is shown: from its top."""
    ui.run_javascript("window.penFrame.top()")


def _script_texts(text: Catalogue) -> dict[str, str]:
    zones = {f"zones.{zone}": said for zone, said in text.section("zones").items()}
    return {**text.section("script"), **zones}
