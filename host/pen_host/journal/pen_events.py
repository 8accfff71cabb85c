"""Which of a batch of pen events are new to the record."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from pen_host.canonical import canonical_json
from pen_host.journal.kinds import Kind
from pen_host.journal.rows import Draft
from pen_host.journal.tables import entries
from pen_host.models import PenEvent

_ASKED_AT_ONCE = 500
"""Numbers in one question; SQLite allows 999 parameters in its oldest builds."""


def sort_events(
    connection: Connection, station_id: str, pen_serial: str, events: Sequence[PenEvent]
) -> tuple[list[Draft], tuple[int, ...], tuple[int, ...]]:
    """Sorts events into new ones, known ones and conflicting ones.

    Returns:
        Drafts to write (new events, and conflicts not yet kept), numbers known, numbers in conflict.
    """
    held = _held(connection, station_id, pen_serial, [event.event_id for event in events])
    drafts: list[Draft] = []
    known: list[int] = []
    conflicts: list[int] = []
    for event in sorted(events, key=lambda event: event.event_id):
        payload = event.model_dump()
        text = canonical_json(payload)
        before = held.get(event.event_id)
        if before is None:
            held[event.event_id] = text
            drafts.append(Draft(Kind.PEN_EVENT, payload, pen_serial=pen_serial, event_id=event.event_id))
        elif before == text:
            known.append(event.event_id)
        else:
            conflicts.append(event.event_id)
            if not _kept(connection, pen_serial, text) and payload not in [draft.payload for draft in drafts]:
                drafts.append(Draft(Kind.EVENT_CONFLICT, payload, pen_serial=pen_serial))
    return drafts, tuple(known), tuple(conflicts)


def _held(connection: Connection, station_id: str, pen_serial: str, ids: Sequence[int]) -> dict[int, str]:
    """Payloads of the events that are in the record, by number."""
    found: dict[int, str] = {}
    for start in range(0, len(ids), _ASKED_AT_ONCE):
        query = select(entries.c.event_id, entries.c.payload).where(
            entries.c.station_id == station_id,
            entries.c.pen_serial == pen_serial,
            entries.c.event_id.in_(ids[start : start + _ASKED_AT_ONCE]),
        )
        found.update((row.event_id, row.payload) for row in connection.execute(query))
    return found


def _kept(connection: Connection, pen_serial: str, text: str) -> bool:
    """Whether this very conflict is in the record already."""
    query = select(entries.c.seq).where(
        entries.c.kind == Kind.EVENT_CONFLICT, entries.c.pen_serial == pen_serial, entries.c.payload == text
    )
    return connection.execute(query).first() is not None
