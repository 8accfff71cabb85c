"""The bench of a simulated pen; there are no such paths for a real one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from ..bench import BenchDesk, EdgesView
from ..models import BenchAction, BenchView
from .shared import PROBLEMS, Service, Session

router = APIRouter(prefix="/api/bench", tags=["bench"], responses=PROBLEMS)


def _desk(service: Service) -> BenchDesk:
    assert service.bench is not None, "the paths are there with a bench only"
    return service.bench


@router.get("")
def look(service: Service, _session: Session) -> BenchView:
    """What is physically so."""
    return _desk(service).view()


@router.post("")
def do(service: Service, _session: Session, asked: BenchAction) -> BenchView:
    """What hands do."""
    return _desk(service).do(asked)


@router.get("/edges")
def edges(
    service: Service,
    _session: Session,
    signal: Annotated[str, Query(pattern=r"^[a-z]{1,10}$")] = "coil",
    since_us: Annotated[int, Query(ge=0)] = 0,
) -> EdgesView:
    """Exact edges of one line of the simulated pen."""
    return _desk(service).edges(signal, since_us)
