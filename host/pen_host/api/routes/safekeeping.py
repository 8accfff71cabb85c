"""How the record is protected where it lies; changing that is refused while a console has it open."""

from __future__ import annotations

from fastapi import APIRouter

from ..people import Permission
from ..reception import Caller
from ..safekeeping import AskChange, ProtectionView, protection, refuse
from .shared import PROBLEMS, Service, Session

router = APIRouter(prefix="/api/record/at-rest", tags=["record"], responses=PROBLEMS)


@router.get("")
def at_rest(service: Service, session: Session) -> ProtectionView:
    """Whether it is encrypted, where the key is, what is not under it, and the command that changes it. No key, no code."""
    person = service.need(Caller(session), Permission.PEOPLE)
    return protection(service.office.record, person)


@router.post("")
def change(service: Service, session: Session, asked: AskChange) -> ProtectionView:
    """Always refused, with the command to run instead: this console has the record open."""
    person = service.need(Caller(session), Permission.PEOPLE)
    raise refuse(service.office.record, asked.change, person)
