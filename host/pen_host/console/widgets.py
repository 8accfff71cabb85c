"""What the pages are put together from: plain HTML elements, so that keyboard, screen reader and touch find what they know.

Fields keep what was typed and say at the field what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from enum import StrEnum

from nicegui import html, ui
from nicegui.element import Element
from nicegui.helpers import should_await

from .presses import presses_of

ICONS = "/console/static/icons.svg"
Handler = Callable[[], object]
"""What a press does; a coroutine is awaited."""


class Tone(StrEnum):
    """How a sign or note looks; its icon and its words say the same."""

    PLAIN = "plain"
    OK = "ok"
    INFO = "info"
    WARN = "warn"
    DANGER = "danger"
    ACCENT = "accent"


_ICON_OF = {Tone.OK: "ok", Tone.INFO: "info", Tone.WARN: "warn", Tone.DANGER: "danger", Tone.ACCENT: "info"}


def icon(name: str) -> Element:
    """A sign without words; what it says must stand beside it."""
    drawing = ui.element("svg").props("aria-hidden=true")
    with drawing:
        ui.element("use").props.update(href=f"{ICONS}#{name}")
    return drawing


def tag(name: str, text: str | None = None, classes: str = "", /, **attributes: object) -> Element:
    """Any HTML element with text in it; text is text, whatever stands in it.

    Args:
        name: Its tag.
        text: What it says.
        classes: Its classes.
        attributes: Its attributes; an underscore becomes a dash.
    """
    made: Element = getattr(html, f"{name}_" if name == "input" else name)(text)
    if classes:
        made.classes(classes)
    made.props.update({key.strip("_").replace("_", "-"): value for key, value in attributes.items()})
    return made


def card(title: str | None = None, classes: str = "") -> Element:
    """A sheet of the page, entered with `with`."""
    made = tag("section", None, f"card {classes}".strip())
    if title:
        with made:
            tag("h2", title)
    return made


def row(classes: str = "") -> Element:
    """Side by side."""
    return tag("div", None, f"row {classes}".strip())


def stack(classes: str = "") -> Element:
    """One below the other."""
    return tag("div", None, f"stack {classes}".strip())


def sign(text: str, tone: Tone = Tone.PLAIN, icon_name: str | None = None) -> Element:
    """A short word with its icon."""
    made = tag("span", None, f"sign {tone}")
    with made:
        name = icon_name or _ICON_OF.get(tone)
        if name:
            icon(name)
        tag("span", text)
    return made


def note(text: str, tone: Tone = Tone.INFO, title: str | None = None, *, alert: bool = False) -> Element:
    """A sentence that must be read; what is returned takes more."""
    made = tag("div", None, f"note {tone}")
    if alert:
        made.props("role=alert")
    with made:
        icon(_ICON_OF.get(tone, "info"))
        body = tag("div", None, "body")
    with body:
        if title:
            tag("strong", title)
        tag("span", text)
    return body


def flash(text: str, tone: Tone = Tone.OK) -> None:
    """A sentence that is there for some seconds, at the top: STOP and what the pen does stand at the bottom."""
    ui.notify(text, type="negative" if tone is Tone.DANGER else "positive", position="top")


def button(text: str, do: Handler, classes: str = "", icon_name: str | None = None) -> Element:
    """A button that does something here: once for a press, and not again for one that nobody meant. See `presses`."""
    made = tag("button", None, f"button {classes}".strip(), type="button")
    with made:
        if icon_name:
            icon(icon_name)
        tag("span", text)

    async def work() -> None:
        made.props.update({"aria-busy": "true"})
        try:
            # of the whole page: the part with the button in it may be drawn anew before the handler's last sentence is said
            with made.client:
                result = do()
                if should_await(result):
                    await result
        finally:
            if not made.is_deleted:
                made.props.update({"aria-busy": "false"})

    async def press() -> None:
        await presses_of(made.client).press(text, work)

    made.on("click", press, args=[])
    return made


def enter_button(text: str, do: Handler, classes: str = "first big", icon_name: str | None = None) -> Element:
    """The button that Enter in a field of its page presses."""
    return button(text, do, classes, icon_name).props("data-enter")


def link_button(text: str, href: str, classes: str = "", icon_name: str | None = None) -> Element:
    """A way to another page that looks like a button."""
    made = tag("a", None, f"button {classes}".strip(), href=href)
    with made:
        if icon_name:
            icon(icon_name)
        tag("span", text)
    return made


def facts(pairs: Iterable[tuple[str, str]], *, raw: bool = False) -> None:
    """Names and values.

    Args:
        pairs: Them.
        raw: The names are the program's own, the same in every language.
    """
    with tag("dl", None, "facts"):
        for name, value in pairs:
            tag("dt", name, "said" if raw else "")
            tag("dd", value)


def table(heads: Iterable[str], caption: str, *, raw: bool = False) -> AbstractContextManager[Element]:
    """A table's body, entered with `with`; rows are made with `cells`.

    Args:
        heads: Over the columns.
        caption: What it is, for readers.
        raw: The heads are the program's own, the same in every language.
    """
    with tag("div", None, "scroll"), tag("table", None, "table"):
        tag("caption", caption, "unseen")
        with tag("thead"), tag("tr"):
            for head in heads:
                tag("th", head, "said" if raw else "", scope="col")
        return tag("tbody")


def cells(*values: str | Callable[[], object]) -> None:
    """One row: texts, or what makes the content of a cell."""
    with tag("tr"):
        for value in values:
            if callable(value):
                with tag("td"):
                    value()
            else:
                tag("td", value)
