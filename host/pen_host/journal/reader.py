"""Reading the record: sessions, entries, strokes. Cannot write, and may be used while a journal writes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pen_host.errors import UsageError
from pen_host.journal import sqlite
from pen_host.journal.chain import COLUMNS
from pen_host.journal.errors import JournalUnwritableError
from pen_host.journal.kinds import Kind
from pen_host.journal.rows import Row
from pen_host.journal.strokes import StrokeReport, Witness, ZoneMark, tally
from pen_host.models import PenEvent
from pen_protocol.faults import Event

_BATCH = 1_000
_ROWS = f"SELECT {', '.join(COLUMNS)} FROM entries"  # noqa: S608


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """One treatment as the record knows it.

    Attributes:
        session_id: Its id.
        opened: The entry that opened it, or its first one.
        closed_utc_ns: When it was closed; None for one that was not, by then or ever.
        last_seq: Its newest entry.
        entries: How many entries it has.
    """

    session_id: str
    opened: Row
    closed_utc_ns: int | None
    last_seq: int
    entries: int


class JournalReader:
    """A view of a record. One reader belongs to one thread at a time; close it, or use it in a `with`.

    Args:
        path: The record.

    Raises:
        JournalError: There is no record, or it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise JournalUnwritableError(path, "there is no such file")
        self.path = path
        self._raw = sqlite.connect_reader(path)

    def sessions(self) -> tuple[SessionSummary, ...]:
        """Every treatment, oldest first."""
        query = (
            "SELECT session_id, min(seq), max(seq), count(*), max(CASE WHEN kind = ? THEN utc_ns END),"
            " min(CASE WHEN kind = ? THEN seq END)"
            " FROM entries WHERE session_id IS NOT NULL GROUP BY session_id ORDER BY min(seq)"
        )
        found = []
        for session_id, first, last, count, closed, opened in self._ask(
            query, str(Kind.SESSION_CLOSED), str(Kind.SESSION_OPENED)
        ):
            row = next(self._rows("WHERE seq = ?", opened or first))
            found.append(SessionSummary(session_id, row, closed, last, count))
        return tuple(found)

    def station_id(self) -> str:
        """The station whose chain this is; nothing for a record without an entry."""
        return self._ask("SELECT min(station_id) FROM entries")[0][0] or ""

    def rows(self, session_id: str | None = None, *, after_seq: int = 0) -> Iterator[Row]:
        """Entries in order, all or those of one session, read in batches so that the writer is not held back."""
        station = self._ask("SELECT min(station_id) FROM entries")[0][0]
        clause, values = "station_id = ?", [station]
        if session_id is not None:
            clause, values = f"session_id = ? AND {clause}", [session_id, station]
        while True:
            query = f"WHERE {clause} AND seq > ? ORDER BY seq LIMIT {_BATCH}"
            batch = list(self._rows(query, *values, after_seq))
            yield from batch
            if len(batch) < _BATCH:
                return
            after_seq = batch[-1].seq

    def strokes(self, session_id: str) -> StrokeReport:
        """Strokes of one session, from the pen's own events, whenever they were pulled.

        Raises:
            UsageError: The record has no such session.
        """
        opened = next(
            self._rows(
                "WHERE session_id = ? AND kind = ? ORDER BY seq LIMIT 1", session_id, Kind.SESSION_OPENED
            ),
            None,
        )
        if opened is None or opened.pen_serial is None:
            raise UsageError(
                f"The record {self.path} has no session {session_id}, so nothing can be counted for it. "
                "List the sessions and choose one of them."
            )
        nonce = int(opened.payload["nonce"])
        events = list(self._session_events(opened.pen_serial, nonce))
        marks = [
            ZoneMark(int(row["from_event_id"]), str(row["zone"]))
            for row in self._payloads(session_id, Kind.ZONE_SELECTED)
        ]
        witnesses = [
            Witness(int(row["next_event"]), int(row["strokes_total"]), int(row["contact_total"]))
            for row in self._payloads(session_id, Kind.STATUS)
        ]
        first, last = (events[0].event_id, events[-1].event_id) if events else (0, 0)
        inside = [seen for seen in witnesses if first < seen.next_event <= last + 1]
        return tally(events, marks, inside).of_session(nonce)

    def payloads(self, kind: Kind) -> list[Mapping[str, Any]]:
        """What every entry of one kind says, oldest first."""
        found = self._ask("SELECT payload FROM entries WHERE kind = ? ORDER BY seq", str(kind))
        return [json.loads(text) for (text,) in found]

    def last_event_id(self, pen_serial: str) -> int | None:
        """The newest event of a pen in the record; pulling goes on after it."""
        row = self._ask("SELECT max(event_id) FROM entries WHERE pen_serial = ?", pen_serial)[0]
        return None if row[0] is None else int(row[0])

    def close(self) -> None:
        """Lets the file go; harmless when repeated."""
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _session_events(self, pen_serial: str, nonce: int) -> Iterator[PenEvent]:
        """Events from the one that opened a session of the pen to the first one that is no longer part of it."""
        inside = booted = False
        for row in self._ask(
            "SELECT payload FROM entries WHERE pen_serial = ? AND event_id IS NOT NULL ORDER BY event_id",
            pen_serial,
        ):
            event = PenEvent.model_validate_json(row[0])
            opens = event.code == Event.SESSION_OPENED and event.value == nonce
            if not inside and not opens:
                continue
            inside = True
            yield event
            ends = booted and event.code != Event.RECOVERED
            if ends or event.code == Event.SESSION_CLOSED:
                return
            booted = booted or event.code == Event.BOOTED

    def _payloads(self, session_id: str, kind: Kind) -> list[Mapping[str, Any]]:
        found = self._ask(
            "SELECT payload FROM entries WHERE session_id = ? AND kind = ? ORDER BY seq",
            session_id,
            str(kind),
        )
        return [json.loads(text) for (text,) in found]

    def _rows(self, where: str, *values: object) -> Iterator[Row]:
        return (Row(*columns) for columns in self._ask(f"{_ROWS} {where}", *values))

    def _ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """All answers at once, so that no read transaction stays open."""
        try:
            return self._raw.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise sqlite.translated(self.path, error) from error
