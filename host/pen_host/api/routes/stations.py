"""Several stations: how this one stands with the clinic's server, and what two of them said differently."""

from __future__ import annotations

from fastapi import APIRouter

from ...stations import Conflict
from ..models import Model, ReplicationView
from ..people import Permission
from ..reception import Caller
from .shared import PROBLEMS, Service, Session

router = APIRouter(prefix="/api/stations", tags=["stations"], responses=PROBLEMS)


class ConflictView(Model):
    """What stands is in the record; what was put aside is here."""

    table: str
    row: str
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
            station=found.station_id,
            other=found.other_station,
            why=found.why,
            content=found.content,
        )


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
