"""The FastAPI application: the API's paths, and the pages on top when they are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema
from starlette.types import ASGIApp

from . import answers, live_socket
from .guard import Guard, Policy
from .problems import Problem
from .routes import (
    bench,
    clinic,
    consents,
    core,
    exports,
    filing,
    imports,
    keeping,
    outcomes,
    pen,
    persons,
    photographs,
    protocols,
    records,
    reports,
    safekeeping,
    service,
    skin,
    stations,
    stock,
    treatment,
)
from .service import ConsoleService

TITLE = "derma-pen console"
PARTS = (
    *(core, pen, persons, treatment, clinic, records, service),
    *(reports, photographs, consents, outcomes, exports, imports, stations, skin, protocols, safekeeping),
    *(stock, keeping, filing),
)
SCHEMA = "#/components/schemas/{model}"
"""Where an OpenAPI document keeps a model."""
Pages = Callable[[FastAPI, ConsoleService], None]
"""Puts pages on the application."""


class Api(FastAPI):
    """The API, which tells of itself also what every path may answer when something is wrong."""

    def openapi(self) -> dict[str, Any]:
        """Its description."""
        told = super().openapi()
        _, problem = models_json_schema([(Problem, "serialization")], ref_template=SCHEMA)
        told["components"]["schemas"] |= problem["$defs"]
        return told


def build(console: ConsoleService, pages: Pages | None = None) -> FastAPI:
    """The application, without the guard in front of it."""
    app = Api(
        title=TITLE,
        description="One pen, its treatment and its record. STOP needs no login.",
        version="1",
        openapi_url="/api/openapi.json",
        # the interactive pages load scripts from elsewhere; the description itself is served
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = console
    answers.install(app)
    for part in PARTS:
        app.include_router(part.router)
    if console.bench is not None:
        app.include_router(bench.router)
    app.include_router(live_socket.router)
    if pages is not None:
        pages(app, console)
    return app


def guarded(app: FastAPI, policy: Callable[[], Policy], key: str) -> ASGIApp:
    """The application behind the guard; nothing is served without it."""
    console: ConsoleService = app.state.service
    return Guard(app, policy, console.sessions, key)
