"""For engineers: identity, settings, self-test, raw frames, black box."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from ..people import Permission
from ..service import Caller
from .shared import PROBLEMS, Service, Session

router = APIRouter(prefix="/api/service", tags=["service"], responses=PROBLEMS)
ENTRIES_MAX = 400


@router.get("/pen")
def pen(service: Service, session: Session) -> dict[str, Any]:
    """Identity, settings, link counters."""
    service.need(Caller(session), Permission.SERVICE)
    docked = service.docked()
    identity = docked.pen.identity()
    return {
        "identity": {**asdict(identity), "firmware": identity.firmware_text},
        "settings": asdict(docked.pen.settings_read()),
        "counters": dict(docked.pen.snapshot().counters),
    }


@router.get("/frames")
def frames(service: Service, session: Session) -> list[dict[str, Any]]:
    """The newest entries of the black box: frames both ways and what the program did."""
    service.need(Caller(session), Permission.SERVICE)
    docked = service.docked()
    now_s = docked.clock()
    return [entry.as_dict(now_s) for entry in docked.pen.worker.blackbox.copy()[-ENTRIES_MAX:]]


@router.post("/dump")
def dump(service: Service, session: Session) -> dict[str, str]:
    """Have the black box written to its directory."""
    person = service.need(Caller(session), Permission.SERVICE)
    service.docked().pen.worker.dump(f"asked for by {person.name}")
    return {"told": "The black box is being written."}
