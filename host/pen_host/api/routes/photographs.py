"""Photographs: sent as they are, kept without anything but the picture, shown to nobody who is not signed in.

Whether a picture is given out is asked in one place, `pen_host.records.photo_access`.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from ...records.models import Consent, Photo, View
from ...records.photo_access import Absence
from ..models import Line, Model
from ..people import Permission, signer
from ..reception import Caller
from .shared import PROBLEMS, Service, Session

JPEG = "image/jpeg"
router = APIRouter(prefix="/api", tags=["photographs"], responses=PROBLEMS)
Key = Annotated[str | None, Query(pattern=r"^[0-9a-f]{32}$")]


class PhotoConsentText(Model):
    """What a patient signs before being photographed; `stands` says whether this patient has."""

    title: str
    text: str
    sha256: str
    stands: bool


class PhotoConsent(Model):
    """The patient signed this very text."""

    text_sha256: Annotated[str, Query(pattern=r"^[0-9a-f]{64}$")]


class PhotoNotShown(Model):
    """A photograph whose picture is not given out, and why."""

    photo_id: str
    reason: Absence
    sentence: str


@router.get("/patients/{patient_id}/photographs")
def photographs(service: Service, session: Session, patient_id: str) -> tuple[Photo, ...]:
    """A patient's photographs, oldest first; each is fetched by its key."""
    service.need(Caller(session), Permission.RECORDS)
    return service.visiting.clinic.photos.of(patient_id)


@router.get("/patients/{patient_id}/photographs/not-shown")
def not_shown(service: Service, session: Session, patient_id: str) -> tuple[PhotoNotShown, ...]:
    """Those of them whose pictures are not given out: no consent stands, or they have never been here."""
    service.need(Caller(session), Permission.RECORDS)
    found = service.visiting.clinic.photos.not_shown(patient_id)
    return tuple(
        PhotoNotShown(photo_id=photo, reason=why.reason, sentence=why.sentence)
        for photo, why in found.items()
    )


@router.get("/patients/{patient_id}/photographs/consent")
def consent_text(service: Service, session: Session, patient_id: str) -> PhotoConsentText | None:
    """The text, and whether it was signed; null where the clinic has published none."""
    service.need(Caller(session), Permission.RECORDS)
    text = service.office.photos.text()
    stands = service.office.photos.standing(patient_id) is not None
    return (
        PhotoConsentText(title=text.title, text=text.body, sha256=text.digest, stands=stands)
        if text
        else None
    )


@router.post("/patients/{patient_id}/photographs/consent")
def consent(service: Service, session: Session, patient_id: str, asked: PhotoConsent) -> Consent:
    """The patient agreed to being photographed, and whoever is signed in witnessed it."""
    person = service.need(Caller(session), Permission.TREAT)
    return service.office.photos.consent(patient_id, asked.text_sha256, signer(person))


@router.post(
    "/patients/{patient_id}/photographs",
    openapi_extra={"requestBody": {"required": True, "content": {JPEG: {}, "image/png": {}}}},
)
async def add(
    request: Request,
    service: Service,
    session: Session,
    patient_id: str,
    view: View,
    day: date,
    visit_id: Key = None,
    note: Line | None = None,
) -> Photo:
    """Take a photograph in: the body is the file itself."""
    person = signer(service.need(Caller(session), Permission.TREAT))
    raw = await request.body()
    return await run_in_threadpool(
        service.office.photos.add, patient_id, raw, view, day, person, visit_id=visit_id, note=note
    )


@router.get("/photographs/{photo_id}", responses={200: {"content": {JPEG: {}}}}, response_class=Response)
def photograph(service: Service, session: Session, photo_id: str) -> Response:
    """The picture. No browser keeps it: every answer of the console but its own scripts says no-store."""
    service.need(Caller(session), Permission.RECORDS)
    photos = service.visiting.clinic.photos
    return Response(photos.content(photos.get(photo_id)), media_type=JPEG)
