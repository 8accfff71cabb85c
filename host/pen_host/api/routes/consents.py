"""Consents of a patient: which were signed, another signature, one taken back."""

from __future__ import annotations

from fastapi import APIRouter

from ...records.models import Consent, ConsentText
from ..consenting import SignConsent, WithdrawConsent
from ..people import Permission, signer
from ..reception import Caller
from .shared import PROBLEMS, Service, Session

router = APIRouter(prefix="/api", tags=["consents"], responses=PROBLEMS)


@router.get("/consent-texts")
def texts(service: Service, session: Session) -> tuple[ConsentText, ...]:
    """What can be signed: the newest text of each name."""
    service.need(Caller(session), Permission.RECORDS)
    return service.consenting.texts()


@router.get("/patients/{patient_id}/consents")
def consents(service: Service, session: Session, patient_id: str) -> tuple[Consent, ...]:
    """A patient's consents, newest first, withdrawn ones among them."""
    service.need(Caller(session), Permission.RECORDS)
    return service.visiting.clinic.consents.of(patient_id)


@router.post("/patients/{patient_id}/consents")
def sign(service: Service, session: Session, patient_id: str, asked: SignConsent) -> Consent:
    """The patient, or their guardian, signed a text, and whoever is signed in witnessed it."""
    person = service.need(Caller(session), Permission.TREAT)
    return service.consenting.sign(patient_id, asked, signer(person))


@router.post("/consents/{consent_id}/withdraw")
def withdraw(service: Service, session: Session, consent_id: str, asked: WithdrawConsent) -> Consent:
    """The patient took a consent back. A treatment that is open under it is stopped and given up first."""
    person = service.need(Caller(session), Permission.TREAT)
    service.check_pin(person.name, asked.pin)
    return service.consenting.withdraw(consent_id, asked.reason, signer(person))
