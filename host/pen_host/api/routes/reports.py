"""Reports as PDF, to be downloaded: treatment, after-care, course, lot, data sheet."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from ..models import Line
from ..papers import Paper, report
from ..people import Permission
from ..reception import Caller
from ..service import ConsoleService
from ..sessions import BrowserSession
from .shared import PROBLEMS, Service, Session

PDF = "application/pdf"
router = APIRouter(
    prefix="/api/reports",
    tags=["reports"],
    responses={**PROBLEMS, 200: {"content": {PDF: {}}}},
    default_response_class=Response,
)


@router.get("/treatment/{visit_id}")
def treatment(service: Service, session: Session, visit_id: str) -> Response:
    """The treatment record of a visit."""
    return _paper(service, session, Paper.TREATMENT, visit_id)


@router.get("/after-care/{visit_id}")
def after_care(service: Service, session: Session, visit_id: str) -> Response:
    """What the patient takes home; names the next day once the visit is signed."""
    return _paper(service, session, Paper.AFTER_CARE, visit_id)


@router.get("/course/{patient_id}")
def course(service: Service, session: Session, patient_id: str) -> Response:
    """A patient's treatments, measures, reactions and photographs over the weeks."""
    return _paper(service, session, Paper.COURSE, patient_id)


@router.get("/lot")
def lot(
    service: Service,
    session: Session,
    lot: Line,
    gtin: Annotated[str | None, Query(pattern=r"^[0-9]{8,14}$")] = None,
) -> Response:
    """Who got this lot, when, from whom, with which pen, and what their skin did."""
    return _paper(service, session, Paper.LOT, lot, gtin)


@router.get("/spec")
def data_sheet(service: Service, session: Session) -> Response:
    """The technical data sheet, from the constants that the code obeys; nothing of the record is in it."""
    service.signed_in(Caller(session))
    return _file(
        service.office.workshop.make(report, service.office.record, Paper.DATA_SHEET), Paper.DATA_SHEET
    )


def _paper(
    service: ConsoleService, session: BrowserSession, paper: Paper, about: str, gtin: str | None = None
) -> Response:
    service.need(Caller(session), Permission.RECORDS)
    return _file(service.office.workshop.make(report, service.office.record, paper, about, gtin), paper)


def _file(content: bytes, paper: Paper) -> Response:
    # no name and no lot in the file's name: whoever sees a list of files learns nothing
    disposition = f'attachment; filename="{paper}.pdf"'
    return Response(content, media_type=PDF, headers={"Content-Disposition": disposition})
