"""Exports of the whole record: begun here, made beside the console, fetched as one file."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import FileResponse

from ..exporting import ExportAsked, ExportView
from ..people import Permission
from ..reception import Caller
from .shared import PROBLEMS, Service, Session

router = APIRouter(prefix="/api/exports", tags=["exports"], responses=PROBLEMS)


@router.get("")
def export(service: Service, session: Session) -> ExportView:
    """How the newest export stands."""
    service.need(Caller(session), Permission.RECORDS)
    return service.office.exports.view()


@router.post("")
def begin(service: Service, session: Session, asked: ExportAsked) -> ExportView:
    """Begin one; returns at once. Who took what out of the record stands in it."""
    person = service.need(Caller(session), Permission.RECORDS)
    return service.office.exports.begin(asked, person)


@router.get("/file", response_class=FileResponse)
def file(service: Service, session: Session) -> FileResponse:
    """The file, for whoever asked for it."""
    person = service.need(Caller(session), Permission.RECORDS)
    found = service.office.exports.file(person)
    return FileResponse(found, media_type="application/zip", filename=found.name)
