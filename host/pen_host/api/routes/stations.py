"""Several stations: how this one stands with the clinic's server, and what two of them said differently."""

from __future__ import annotations

from fastapi import APIRouter

from ...stations import Conflict, Keep
from ..models import Line, Model, ReplicationView
from ..people import Permission, signer
from ..reception import Caller
from .shared import PROBLEMS, Service, Session

__all__ = ["ConflictView", "Keep", "router"]
router = APIRouter(prefix="/api/stations", tags=["stations"], responses=PROBLEMS)


class ConflictView(Model):
    """What stands is in the record; what was put aside is here."""

    table: str
    row: str
    digest: str
    """Of the version that was put aside."""
    station: str
    """Whose version was put aside."""
    other: str | None
    """Whose version stands, if one does."""
    why: str
    content: str
    """The version that was put aside, as JSON."""

    @classmethod
    def of(cls, found: Conflict) -> ConflictView:
        """From the server's row."""
        return cls(
            table=found.table,
            row=found.row_key,
            digest=found.digest,
            station=found.station_id,
            other=found.other_station,
            why=found.why,
            content=found.content,
        )


class Settle(Model):
    """What is kept of one conflict, and why."""

    table: Line
    row: Line
    digest: Line
    keep: Keep
    reason: Line


@router.get("")
def replication(service: Service, session: Session) -> ReplicationView:
    """How this station stands; asks its own record only."""
    service.signed_in(Caller(session))
    return service.replication.view()


@router.post("/replicate")
def replicate(service: Service, session: Session) -> ReplicationView:
    """Replicate as soon as the pen lets it. Returns at once."""
    person = service.signed_in(Caller(session))
    service.replication.now()
    service.note("replication asked for", person, "")
    return service.replication.view()


@router.get("/conflicts")
def conflicts(service: Service, session: Session) -> tuple[ConflictView, ...]:
    """What two stations said differently and nobody has settled; asks the server, and patients are in it."""
    service.need(Caller(session), Permission.RECORDS)
    return tuple(ConflictView.of(one) for one in service.replication.conflicts())


@router.post("/settle")
def settle(service: Service, session: Session, asked: Settle) -> tuple[ConflictView, ...]:
    """Settle one conflict in the name of who is signed in; returns what is left."""
    person = service.need(Caller(session), Permission.TREAT)
    place = (asked.table, asked.row)
    service.replication.settle(place, asked.keep, asked.reason, signer(person), asked.digest)
    return conflicts(service, session)
