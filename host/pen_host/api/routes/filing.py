"""A patient's file: who they are, what they use at home, notes, and erasing who they are."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import StringConstraints

from ...records import made
from ...records.models import Demographics, HomeTool, Note, Patient
from ..models import Line, Model, Pin
from ..people import Permission, signer
from ..reception import Caller
from .shared import PROBLEMS, Service, Session

router = APIRouter(prefix="/api/patients/{patient_id}", tags=["patients"], responses=PROBLEMS)


class WriteNote(Model):
    """A remark. It is never changed, only replaced by a later one."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=4_000)]
    amends: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")] | None = None
    """The note that it replaces."""


class EraseAsked(Model):
    """The patient asked to be forgotten, or the time of keeping is over."""

    reason: Line
    pin: Pin
    """Of who is signed in, who signs for it."""


class ErasedView(Model):
    """Nobody can be told from the record any more, but for these copies beside it."""

    patient_id: str
    copies: tuple[str, ...]


@router.get("")
def patient(service: Service, session: Session, patient_id: str) -> Patient:
    """Who it is."""
    service.need(Caller(session), Permission.RECORDS)
    return service.visiting.clinic.patients.get(patient_id)


@router.post("")
def correct(service: Service, session: Session, patient_id: str, asked: dict[str, Any]) -> Patient:
    """Another version of who they are: all of it, as in `POST /api/patients`. The one before is kept."""
    person = service.need(Caller(session), Permission.TREAT)
    who = made(Demographics, "the patient", asked)
    return service.visiting.clinic.patients.correct(patient_id, who, signer(person))


@router.get("/notes")
def notes(service: Service, session: Session, patient_id: str) -> tuple[Note, ...]:
    """Notes as they stand, oldest first."""
    service.need(Caller(session), Permission.RECORDS)
    return service.visiting.clinic.patients.notes(patient_id)


@router.post("/notes")
def write(service: Service, session: Session, patient_id: str, asked: WriteNote) -> Note:
    """One more note, or one instead of another."""
    person = service.need(Caller(session), Permission.TREAT)
    return service.visiting.clinic.patients.note(patient_id, asked.text, signer(person), amends=asked.amends)


@router.get("/home-tools")
def home_tools(service: Service, session: Session, patient_id: str) -> tuple[HomeTool, ...]:
    """What they use between visits; it counts in the intervals."""
    service.need(Caller(session), Permission.RECORDS)
    return service.visiting.clinic.patients.home_tools(patient_id)


@router.post("/home-tools")
def use(service: Service, session: Session, patient_id: str, asked: dict[str, Any]) -> tuple[HomeTool, ...]:
    """They use this: tool, needle_um, times_a_week, and last_used, since (days) where known."""
    person = service.need(Caller(session), Permission.TREAT)
    tool = made(HomeTool, "the tool", asked)
    service.visiting.clinic.patients.home_tool(patient_id, tool, signer(person))
    return service.visiting.clinic.patients.home_tools(patient_id)


@router.post("/erase")
def erase(service: Service, session: Session, patient_id: str, asked: EraseAsked) -> ErasedView:
    """Erase who they are, here and in every backup; treatments, lots and the chain stay."""
    person = service.need(Caller(session), Permission.KEEP)
    service.check_pin(person.name, asked.pin)
    done = service.visiting.clinic.patients.erase(patient_id, asked.reason, signer(person))
    return ErasedView(patient_id=done.patient_id, copies=done.copies)
