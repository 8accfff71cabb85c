"""What the record holds: sessions, one session with its samples, cartridges by lot."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from ...history import session_entries, session_facts, session_lines
from ...journal import Kind
from ...trace import COLUMNS, columns
from ..models import Line
from ..people import Permission
from ..reception import Caller
from .shared import PROBLEMS, Service, Session

router = APIRouter(prefix="/api/records", tags=["records"], responses=PROBLEMS)


@router.get("/sessions")
def sessions(service: Service, session: Session) -> list[dict[str, Any]]:
    """Every session in short, oldest first."""
    service.need(Caller(session), Permission.RECORDS)
    with service.journal.reader() as reader:
        return session_lines(reader)


@router.get("/sessions/{session_id}")
def one_session(service: Service, session: Session, session_id: str) -> dict[str, Any]:
    """One session: facts, entries, and its samples as columns and rows for a plot."""
    service.need(Caller(session), Permission.RECORDS)
    with service.journal.reader() as reader:
        facts = session_facts(reader, session_id)
        entries = session_entries(reader, session_id)
        chunks = [dict(row.payload) for row in reader.rows(session_id) if row.kind == Kind.SAMPLES]
    found = [columns(chunk) for chunk in chunks]
    rows = [list(row) for one in found for row in zip(*(one[name] for name in COLUMNS), strict=True)]
    return {**facts, "entries": entries, "samples": {"columns": list(COLUMNS), "rows": rows}}


@router.get("/cartridges")
def cartridges(service: Service, session: Session, lot: Line) -> list[dict[str, Any]]:
    """Who was treated with a cartridge of this lot."""
    service.need(Caller(session), Permission.RECORDS)
    with service.journal.reader() as reader:
        found = [
            {
                "session_id": row.session_id,
                "subject": row.subject,
                "serial": row.payload.get("serial"),
                "lot": row.payload.get("lot"),
            }
            for row in reader.rows()
            if row.kind == Kind.INTENT and row.payload["request"] == "CARTRIDGE_USE"
        ]
    return [one for one in found if str(one["lot"]).casefold() == lot.casefold()]
