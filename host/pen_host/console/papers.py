"""Buttons that fetch a report as PDF; `files.js` saves it and says beside the button why there is none."""

from __future__ import annotations

from .texts import Catalogue
from .widgets import icon, row, tag


def paper(text: Catalogue, name: str, href: str, about: str = "") -> None:
    """One button.

    Args:
        text: The texts.
        name: Which report; names the file as well.
        href: Where it is fetched.
        about: What tells it from others of its kind, for readers.
    """
    said = text(f"papers.{name}")
    with tag("div", None, "paper"):
        link = tag("a", None, "button quiet slim", href=href, data_download=f"{name}.pdf")
        if about:
            link.props.update({"aria-label": f"{said}, {about}"})
        with link:
            icon("paper")
            tag("span", said)
        tag("div", "", "wrong", role="alert")


def visit_papers(text: Catalogue, visit_id: str, day: str) -> None:
    """What a visit gives to print."""
    with row():
        paper(text, "treatment", f"/api/reports/treatment/{visit_id}", day)
        paper(text, "after-care", f"/api/reports/after-care/{visit_id}", day)
