"""Patients, who is due, lots, visits that are open."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query

from ...records import made
from ...records.models import Demographics, Due, LotUse, Patient, TimelineItem, Visit
from ..models import Line, Model
from ..people import Permission, signer
from ..reception import Caller
from .shared import PROBLEMS, Service, Session

router = APIRouter(prefix="/api", tags=["clinic"], responses=PROBLEMS)


class Abandon(Model):
    """End a visit without a signature."""

    reason: Line


@router.get("/patients")
def patients(
    service: Service, session: Session, find: Annotated[str, Query(max_length=120)] = ""
) -> tuple[Patient, ...]:
    """Patients by name, pseudonym, file number or date of birth; nothing finds the newest."""
    service.need(Caller(session), Permission.RECORDS)
    return service.visiting.clinic.patients.find(find)


@router.post("/patients")
def add_patient(service: Service, session: Session, asked: dict[str, Any]) -> Patient:
    """Add a patient: full_name, birth_date, and sex, phone, email, file_number where they are known."""
    person = service.need(Caller(session), Permission.TREAT)
    who = made(Demographics, "the patient", asked)
    return service.visiting.clinic.patients.add(who, signer(person))


@router.get("/patients/{patient_id}/timeline")
def timeline(service: Service, session: Session, patient_id: str) -> tuple[TimelineItem, ...]:
    """Everything that happened to a patient, newest first."""
    service.need(Caller(session), Permission.RECORDS)
    return service.visiting.clinic.timeline(patient_id)


@router.get("/due")
def due(service: Service, session: Session) -> tuple[Due, ...]:
    """Who may come again."""
    service.need(Caller(session), Permission.RECORDS)
    return service.visiting.clinic.due()


@router.get("/lots")
def lots(service: Service, session: Session, lot: Line) -> tuple[LotUse, ...]:
    """Who got this lot, when, from whom."""
    service.need(Caller(session), Permission.RECORDS)
    return service.visiting.clinic.lot(lot)


@router.get("/visits/open")
def open_visits(service: Service, session: Session) -> tuple[Visit, ...]:
    """Visits that nobody has closed."""
    service.need(Caller(session), Permission.RECORDS)
    return service.visiting.clinic.visits.opened()


@router.post("/visits/{visit_id}/abandon")
def abandon(service: Service, session: Session, visit_id: str, asked: Abandon) -> Visit:
    """End a visit that is not the console's open treatment."""
    person = service.need(Caller(session), Permission.TREAT)
    return service.visiting.clinic.visits.abandon(visit_id, asked.reason, signer(person))
