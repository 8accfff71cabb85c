"""Photographs: sent as they are, kept without anything but the picture, shown to nobody who is not signed in."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from ...records.models import Consent, Photo, View
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


class PhotoElsewhere(Model):
    """A photograph whose picture is at another station and not here yet."""

    photo_id: str
    sentence: str


@router.get("/patients/{patient_id}/photographs")
def photographs(service: Service, session: Session, patient_id: str) -> tuple[Photo, ...]:
    """A patient's photographs, oldest first; each is fetched by its key."""
    service.need(Caller(session), Permission.RECORDS)
    return service.visiting.clinic.photos.of(patient_id)


@router.get("/patients/{patient_id}/photographs/elsewhere")
def elsewhere(service: Service, session: Session, patient_id: str) -> tuple[PhotoElsewhere, ...]:
    """Those of them whose pictures are at other stations, and how they come here."""
    service.need(Caller(session), Permission.RECORDS)
    found = service.visiting.clinic.photos.elsewhere(patient_id)
    return tuple(PhotoElsewhere(photo_id=photo, sentence=sentence) for photo, sentence in found.items())


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
    found = photos.get(photo_id)
    photos.must_be_shown(found.patient_id)
    return Response(photos.content(found), media_type=JPEG)
