"""Keeping the record: verify it, save it elsewhere, the code that opens what was saved."""

from __future__ import annotations

from fastapi import APIRouter

from ..keeping import CodeAsked, CodeView, SafeView, SaveAsked
from ..people import Permission
from ..reception import Caller
from .shared import PROBLEMS, Service, Session

router = APIRouter(prefix="/api/safe", tags=["keeping"], responses=PROBLEMS)


@router.get("")
def kept(service: Service, session: Session) -> SafeView:
    """How the record is kept."""
    service.need(Caller(session), Permission.RECORDS)
    return service.office.safe.view()


@router.post("/verify")
def verify(service: Service, session: Session) -> SafeView:
    """Begin to verify chain, signatures and every row; returns at once."""
    person = service.need(Caller(session), Permission.RECORDS)
    return service.office.safe.verify(person)


@router.post("/save")
def save(service: Service, session: Session, asked: SaveAsked) -> SafeView:
    """Begin to save the record below a folder; returns at once."""
    person = service.need(Caller(session), Permission.KEEP)
    return service.office.safe.save(asked, person)


@router.post("/code")
def code(service: Service, session: Session, asked: CodeAsked) -> CodeView:
    """The recovery code, for whoever gives their PIN once more; that it was shown stands in the record."""
    person = service.need(Caller(session), Permission.KEEP)
    service.check_pin(person.name, asked.pin)
    found = CodeView(recovery_code=service.office.safe.code())
    service.note("the recovery code of the backups was shown", person, "")
    return found
