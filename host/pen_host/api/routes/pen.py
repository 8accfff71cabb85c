"""The pen's own words, for programs of this computer's user."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request

from ..people import Permission
from ..problems import Code, ProblemError
from ..reception import Caller
from ..service import ConsoleService
from .shared import PROBLEMS, Service

router = APIRouter(prefix="/api/pen", tags=["pen"], responses=PROBLEMS)


@router.get("")
def pen(service: Service, request: Request) -> dict[str, Any]:
    """Identity, settings, link counters."""
    _may_look(service, request)
    docked = service.docked()
    return {
        "identity": asdict(docked.pen.identity()),
        "settings": asdict(docked.pen.settings_read()),
        "counters": dict(docked.pen.snapshot().counters),
    }


@router.get("/status")
def status(service: Service, request: Request) -> dict[str, Any]:
    """What the pen said last; numbers as on the wire."""
    _may_look(service, request)
    found = service.docked().pen.snapshot().status
    if found is None:
        raise ProblemError(
            Code.NO_PEN, HTTPStatus.SERVICE_UNAVAILABLE, "The pen has not said how it is yet. Ask again."
        )
    return {**asdict(found), "state": int(found.state), "flags": int(found.flags)}


def _may_look(service: ConsoleService, request: Request) -> None:
    """A program with the key, or an engineer."""
    if not request.scope.get("console_keyed"):
        service.need(Caller(request.scope["console_session"]), Permission.SERVICE)
