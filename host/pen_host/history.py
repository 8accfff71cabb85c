"""Sessions as the record tells them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import picture
from .errors import UsageError
from .journal import JournalReader, Kind, Row, SessionSummary
from .models import PenEvent
from .names import EventCode, cause_name, event_name
from .trace import Mark, thinned

_SAYS_MAX = 110
_LOG_LOOK = 4_000
"""So many of the newest entries are looked through for a log. (J)"""
_DRAWN_SAMPLES = 6_000
"""More of them a picture cannot show. (J)"""
_LOG_KINDS = frozenset(
    {
        Kind.NOTE,
        Kind.JOURNAL_CREATED,
        Kind.JOURNAL_OPENED,
        Kind.JOURNAL_CLOSED,
        Kind.JOURNAL_RECOVERED,
        Kind.JOURNAL_MIGRATED,
        Kind.CLOCK_STEPPED,
        Kind.EVENT_CONFLICT,
        Kind.TRIP,
    }
)
"""What is about program and pen, and never about a patient."""


def _when(utc_ns: int) -> str:
    return datetime.fromtimestamp(utc_ns / 1e9, UTC).isoformat(timespec="seconds")


def session_lines(reader: JournalReader, newest: int | None = None) -> list[dict[str, Any]]:
    """Sessions in short, oldest first: every one, or that many of the newest."""
    return [_line(reader, one) for one in reader.sessions(newest)]


def _line(reader: JournalReader, one: SessionSummary) -> dict[str, Any]:
    report = reader.strokes(one.session_id)
    return {
        "session_id": one.session_id,
        "opened": _when(one.opened.utc_ns),
        "state": "left open" if one.closed_utc_ns is None else "closed",
        "strokes": report.total.strokes,
        "sure": report.sure,
        "plan": one.opened.payload.get("plan"),
        "operator": one.opened.actor,
        "pen": one.opened.pen_serial,
    }


def _summary(reader: JournalReader, session_id: str) -> SessionSummary:
    one = reader.session(session_id)
    if one is not None:
        return one
    raise UsageError(
        f"The record has no session {session_id}, so there is nothing to show. `pen session list` lists them."
    )


def session_facts(reader: JournalReader, session_id: str) -> dict[str, Any]:
    """One session in short, with strokes by zone.

    Raises:
        UsageError: There is no such session.
    """
    one = _summary(reader, session_id)
    report = reader.strokes(session_id)
    zones = {
        zone or "outside any zone": {"strokes": count.strokes, "contact": count.contact}
        for zone, count in report.zones.items()
    }
    return {**_line(reader, one), "zones": zones, "runs": len(report.runs)}


def session_entries(reader: JournalReader, session_id: str) -> list[dict[str, Any]]:
    """The entries of one session, without its samples."""
    return [_entry(row) for row in reader.rows(session_id) if row.kind != Kind.SAMPLES]


def log_lines(reader: JournalReader, newest_seq: int, at_most: int) -> list[dict[str, Any]]:
    """The newest entries about program and pen, newest first; patients are in none of them.

    Args:
        reader: The record.
        newest_seq: Number of its newest entry.
        at_most: How many.
    """
    rows = reader.rows(after_seq=max(0, newest_seq - _LOG_LOOK))
    found = [_entry(row) for row in rows if row.kind in _LOG_KINDS and row.subject is None]
    return found[: -at_most - 1 : -1]


def _entry(row: Row) -> dict[str, Any]:
    says = _says(row)
    return {
        "seq": row.seq,
        "utc": _when(row.utc_ns),
        "kind": row.kind,
        "actor": row.actor,
        "says": says if len(says) <= _SAYS_MAX else says[: _SAYS_MAX - 3] + "...",
    }


def _says(row: Row) -> str:
    """An entry in a line; the pen's events by their names."""
    told = dict(row.payload)
    if row.kind != Kind.PEN_EVENT:
        first = told.pop("request", "") or told.pop("text", "")
        return " ".join([str(first), *(f"{name}={_value(value)}" for name, value in told.items())]).strip()
    event = PenEvent.model_validate(told)
    return (
        f"#{event.event_id} {event_name(event.code)} value={event.value} arg={_argument(event)} "
        f"strokes={event.strokes_total} contact={event.contact_total}"
    )


def _argument(event: PenEvent) -> str:
    causes = (EventCode.STOPPED, EventCode.RUN_ENDED, EventCode.FAULT_CLEARED)
    return cause_name(event.arg) if event.arg and event.code in causes else str(event.arg)


def _value(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)


def draw_picture(reader: JournalReader, session_id: str, path: Path) -> Path:
    """Draw a session's picture from its record.

    Raises:
        UsageError: It has no samples.
        TraceError: Its samples are of another version, or damaged.
    """
    one = _summary(reader, session_id)
    chunks: list[dict[str, Any]] = []
    marks: list[Mark] = []
    zones: list[str] = []
    for row in reader.rows(session_id):
        told = dict(row.payload)
        if row.kind == Kind.SAMPLES:
            chunks.append(told)
        elif row.kind == Kind.ZONE_SELECTED:
            zones.append(str(told["zone"]))
        elif row.kind == Kind.TRIP:
            marks.append(
                Mark((row.utc_ns - one.opened.utc_ns) // 1_000_000, str(told["cause"]).lower(), trip=True)
            )
    samples = thinned(chunks, _DRAWN_SAMPLES)
    if not samples:
        raise UsageError(
            f"Session {session_id} has no samples, so it has no picture. Its counts are complete."
        )
    names = list(dict.fromkeys(zones)) or ["zone"]
    title = str(one.opened.payload.get("plan"))
    shown = picture.Treatment(
        title, f"session {session_id}   pen {one.opened.pen_serial}", names, samples, marks
    )
    return picture.draw(shown, path)
