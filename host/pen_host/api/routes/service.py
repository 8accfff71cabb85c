"""For engineers: identity, settings, self-test, raw frames, black box, log."""

from __future__ import annotations

from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter

from ...history import log_lines
from ...session import Operator
from ..models import Role
from ..people import Permission
from ..problems import Code, ProblemError
from ..reception import Caller
from ..selftest import run_self_test
from .shared import PROBLEMS, Service, Session

router = APIRouter(prefix="/api/service", tags=["service"], responses=PROBLEMS)
ENTRIES_MAX = 400
LOG_MAX = 200


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


@router.post("/self-test")
def self_test(service: Service, session: Session) -> dict[str, Any]:
    """Have the pen test itself. Takes seconds; the needle stays still.

    Raises:
        ProblemError: A treatment is open, the pen is being tested already, or there is none.
    """
    person = service.need(Caller(session), Permission.SERVICE)
    if service.treatment.view().step is not None:
        raise ProblemError(
            Code.REFUSED,
            HTTPStatus.CONFLICT,
            "A treatment is open, so the pen was not tested. Close the treatment, or give it up, and test then.",
        )
    found = run_self_test(service.ready(), service.journal, Operator(person.name, Role.ENGINEER))
    service.note("self-test", person, found.told)
    return asdict(found)


@router.get("/log")
def log(service: Service, session: Session) -> list[dict[str, Any]]:
    """What consoles, program and pen noted beside the treatments, newest first; nothing about a patient is in it."""
    service.need(Caller(session), Permission.SERVICE)
    with service.journal.reader() as reader:
        return log_lines(reader, service.journal.head.seq, LOG_MAX)
