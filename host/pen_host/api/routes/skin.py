"""What was applied to skin that counts as open, and how long the clinic counts it as that."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from ...records import made
from ...records.models import TopicalUse
from ..draft import finding_view
from ..flow_models import FindingView
from ..house import HouseRules
from ..models import Model
from ..people import Permission, signer
from ..reception import Caller
from ..skin import OpenSkin
from .shared import PROBLEMS, Service, Session

router = APIRouter(prefix="/api", tags=["skin"], responses=PROBLEMS)


class Told(Model):
    """It is on record; this is to be told about it."""

    warnings: tuple[FindingView, ...]


@router.get("/patients/{patient_id}/open-skin")
def open_skin(service: Service, session: Session, patient_id: str) -> OpenSkin | None:
    """Until when a patient's skin counts as open; null when it does not."""
    service.need(Caller(session), Permission.RECORDS)
    return service.office.skin.open(patient_id)


@router.post("/patients/{patient_id}/topicals")
def topical(service: Service, session: Session, patient_id: str, asked: dict[str, Any]) -> Told:
    """Record what was applied or taken: substance, detail, used_at. Nothing is suggested and nothing forbidden."""
    person = service.need(Caller(session), Permission.TREAT)
    use = made(TopicalUse, "what was applied", asked)
    found = service.office.skin.record(patient_id, use, signer(person))
    return Told(warnings=tuple(finding_view(one) for one in found))


@router.get("/house")
def house(service: Service, session: Session) -> HouseRules:
    """What the clinic decided."""
    service.signed_in(Caller(session))
    return service.office.house.rules


@router.post("/house")
def decide(service: Service, session: Session, asked: HouseRules) -> HouseRules:
    """Other rules from now on; who made them stands in the record."""
    person = service.need(Caller(session), Permission.PEOPLE)
    service.decide(person, asked)
    return service.office.house.rules
