"""The pages, one module each, and where they are put on the server."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from nicegui import app as toolkit
from nicegui import ui

from ...api.service import ConsoleService
from ..texts import ENGLISH, Catalogue, catalogue
from . import (
    aftercare,
    bench,
    cohort,
    consents,
    exports,
    filing,
    keeping,
    live,
    login,
    lost,
    measures,
    patient,
    photographs,
    presets,
    records,
    service,
    stations,
    stock,
    today,
    treat,
)

STATIC = Path(__file__).resolve().parents[1] / "static"

ABOUT_A_PATIENT = (patient, filing, consents, photographs, measures, aftercare)
ABOUT_THE_RECORD = (cohort, exports, stations, presets, stock, keeping)
RECONNECT_S = 60.0
"""A page whose connection comes back within this goes on with what was typed in it; later it is loaded anew. (J)"""


def mount(app: FastAPI, console: ConsoleService, text: Catalogue | None = None) -> None:
    """Register every page.

    Args:
        app: The console's server; its guard stands before everything that is mounted.
        console: The service the pages speak to.
        text: Texts to show; English when None.
    """
    words = text or catalogue(ENGLISH)
    app.mount("/console/static", StaticFiles(directory=STATIC), name="console-static")
    for module in (today, login, treat, live, records, service, *ABOUT_A_PATIENT, *ABOUT_THE_RECORD):
        module.register(console, words)
    if console.bench is not None:
        bench.register(console, words)
    # the toolkit's bar over each request has no name for readers; what is under way is said in words
    toolkit.config.quasar_config["loadingBar"] = {"skipHijack": True}
    toolkit.on_page_exception(lost.failed(console, words))
    ui.run_with(
        app,
        root=lost.no_page(console, words),
        title=words("frame.brand"),
        language="en-US",
        dark=None,
        # the pages have their own style sheets; the toolkit's utility classes are compiled in the browser, slowly
        tailwind=False,
        # nothing leaves this machine: packing costs the server more than it saves the browser
        gzip_middleware_factory=None,
        show_welcome_message=False,
        reconnect_timeout=RECONNECT_S,
        favicon=STATIC / "favicon.svg",
    )
