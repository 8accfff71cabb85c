"""The inventory of cartridges: what is left, taking in, looking up, throwing away, calling back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from ...records.models import Cartridge
from ..people import Permission, signer
from ..reception import Caller
from ..stocking import CallBack, CalledBack, Code, Scanned, ShelfView, TakeIn
from .shared import PROBLEMS, Service, Session

router = APIRouter(prefix="/api/stock", tags=["cartridges"], responses=PROBLEMS)


@router.get("")
def shelf(service: Service, session: Session) -> ShelfView:
    """What is left unopened, by lot, and every recall."""
    service.need(Caller(session), Permission.RECORDS)
    return service.office.stock.shelf()


@router.post("")
def take_in(service: Service, session: Session, asked: TakeIn) -> Cartridge:
    """A package came in."""
    person = service.need(Caller(session), Permission.RECORDS)
    return service.office.stock.take_in(asked, signer(person))


@router.get("/cartridge")
def look_up(service: Service, session: Session, code: Annotated[Code, Query()]) -> Cartridge:
    """Where one stands: new, bound to whom, used, thrown away, called back."""
    service.need(Caller(session), Permission.RECORDS)
    return service.office.stock.look_up(code)


@router.post("/discard")
def discard(service: Service, session: Session, asked: Scanned) -> Cartridge:
    """One went into the sharps container."""
    person = service.need(Caller(session), Permission.RECORDS)
    return service.office.stock.discard(asked.code, signer(person))


@router.post("/recall")
def call_back(service: Service, session: Session, asked: CallBack) -> CalledBack:
    """Nobody may use this lot any more; `GET /api/lots` says who got it."""
    person = service.need(Caller(session), Permission.RECORDS)
    service.check_pin(person.name, asked.pin)
    return service.office.stock.call_back(asked, signer(person))
