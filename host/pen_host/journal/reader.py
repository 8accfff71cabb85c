"""Reading the record: sessions, entries, strokes. Cannot write, and may be used while a journal writes."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pen_host.canonical import canonical_json, quoted
from pen_host.errors import UsageError
from pen_host.journal import sqlite
from pen_host.journal.chain import COLUMNS
from pen_host.journal.errors import JournalUnwritableError
from pen_host.journal.kinds import Kind
from pen_host.journal.rows import Row
from pen_host.journal.strokes import StrokeReport, Witness, ZoneMark, tally
from pen_host.journal.tables import BURNED_SERIAL, OF_BURNS, OF_CLOSINGS, OF_OPENINGS
from pen_host.models import PenEvent
from pen_protocol.faults import Event

_BATCH = 500
_EVENTS = 100
"""Events of a pen read at once; most sessions have fewer. (J)"""
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
        self._station = ""

    def sessions(self) -> tuple[SessionSummary, ...]:
        """Every treatment, oldest first."""
        bounds = self._ask(
            "SELECT session_id, min(seq), max(seq), count(*) FROM entries WHERE session_id IS NOT NULL"
            " GROUP BY session_id ORDER BY min(seq)"
        )
        opened = {row.session_id: row for row in self._newest_first(Kind.SESSION_OPENED)}
        closed: dict[str | None, int] = {}
        for row in self._newest_first(Kind.SESSION_CLOSED):
            closed.setdefault(row.session_id, row.utc_ns)
        return tuple(
            SessionSummary(session, opened.get(session) or self._row(begun), closed.get(session), last, count)
            for session, begun, last, count in bounds
        )

    def newest_sessions(self, count: int) -> tuple[SessionSummary, ...]:
        """Treatments that were opened last, oldest of them first."""
        names = dict.fromkeys(row.session_id for row in self._newest_first(Kind.SESSION_OPENED, count))
        found = (self.session(name) for name in reversed(names) if name)
        return tuple(one for one in found if one)

    def session(self, session_id: str) -> SessionSummary | None:
        """One treatment, None where the record has none of that name."""
        begun, last, count = self._ask(
            "SELECT min(seq), max(seq), count(*) FROM entries WHERE session_id = ?", session_id
        )[0]
        if not count:
            return None
        opened = next(self._of_session(session_id, Kind.SESSION_OPENED), None) or self._row(begun)
        ends = [row.utc_ns for row in self._of_session(session_id, Kind.SESSION_CLOSED)]
        return SessionSummary(session_id, opened, max(ends, default=None), last, count)

    def left_open(self, pen_serial: str) -> tuple[SessionSummary, ...]:
        """Treatments with a pen that were opened and never closed, oldest first."""
        closed = (
            f"SELECT 1 FROM entries AS other WHERE {OF_CLOSINGS} AND other.session_id = entries.session_id"  # noqa: S608 - our own words
        )
        names = self._ask(
            f"SELECT session_id, min(seq) FROM entries WHERE {OF_OPENINGS} AND pen_serial = ?"  # noqa: S608 - our own words
            f" AND NOT EXISTS ({closed}) GROUP BY session_id ORDER BY 2",
            pen_serial,
        )
        return tuple(one for one in (self.session(name) for name, _ in names) if one)

    def last_opened_utc_ns(self, subject: str) -> int | None:
        """When the newest treatment of somebody was opened; None where there is none."""
        query = f"SELECT max(utc_ns) FROM entries WHERE {OF_OPENINGS} AND subject = ?"  # noqa: S608 - our own words
        found: int | None = self._ask(query, subject)[0][0]
        return found

    def tried_to_burn(self, serial: str) -> bool:
        """Whether the used mark of a cartridge was ever asked for, whatever came of it.

        Args:
            serial: The cartridge's own number, 16 hexadecimal digits.
        """
        member = f'"serial":{quoted(serial)}'
        query = f"SELECT 1 FROM entries WHERE {OF_BURNS} AND {BURNED_SERIAL} = ? LIMIT 1"  # noqa: S608 - our own words
        return bool(self._ask(query, member))

    def station_id(self) -> str:
        """The station whose chain this is; nothing for a record without an entry."""
        if not self._station:
            self._station = self._ask("SELECT min(station_id) FROM entries")[0][0] or ""
        return self._station

    def rows(self, session_id: str | None = None, *, after_seq: int = 0) -> Iterator[Row]:
        """Entries in order, all or those of one session, read in batches so that the writer is not held back."""
        clause, values = "station_id = ?", [self.station_id()]
        if session_id is not None:
            clause, values = f"session_id = ? AND {clause}", [session_id, self.station_id()]
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
        opened = next(self._of_session(session_id, Kind.SESSION_OPENED), None)
        if opened is None or opened.pen_serial is None:
            raise UsageError(
                f"The record {self.path} has no session {session_id}, so nothing can be counted for it. "
                "List the sessions and choose one of them."
            )
        nonce = int(opened.payload["nonce"])
        events = list(self._session_events(opened.pen_serial, nonce, session_id))
        marks = [
            ZoneMark(int(row["from_event_id"]), str(row["zone"]))
            for row in (row.payload for row in self._of_session(session_id, Kind.ZONE_SELECTED))
        ]
        witnesses = [
            Witness(int(row["next_event"]), int(row["strokes_total"]), int(row["contact_total"]))
            for row in (row.payload for row in self._of_session(session_id, Kind.STATUS))
        ]
        first, last = (events[0].event_id, events[-1].event_id) if events else (0, 0)
        inside = [seen for seen in witnesses if first < seen.next_event <= last + 1]
        return tally(events, marks, inside).of_session(nonce)

    def payloads(self, kind: Kind, said: Mapping[str, object] | None = None) -> list[Mapping[str, Any]]:
        """What entries of one kind say, oldest first.

        Args:
            kind: Which.
            said: Only those that say this in so many words, whatever else they say.
        """
        where, values = _saying(kind, said or {})
        found = self._ask(f"SELECT payload FROM entries {where}", *values)  # noqa: S608 - our own words
        payloads: list[Mapping[str, Any]] = [json.loads(text) for (text,) in found]
        return [one for one in payloads if _says(one, said)]

    def saying(self, kind: Kind, said: Mapping[str, object]) -> Iterator[Row]:
        """Entries of one kind that say this, oldest first; see `payloads`."""
        where, values = _saying(kind, said)
        return (row for row in self._rows(where, *values) if _says(row.payload, said))

    def last_event_id(self, pen_serial: str) -> int | None:
        """The newest event of a pen in the record; pulling goes on after it."""
        query = "SELECT max(event_id) FROM entries WHERE station_id = ? AND pen_serial = ?"
        found: int | None = self._ask(query, self.station_id(), pen_serial)[0][0]
        return found

    def close(self) -> None:
        """Lets the file go; harmless when repeated."""
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _session_events(self, pen_serial: str, nonce: int, session_id: str) -> Iterator[PenEvent]:
        """Events from the one that opened a session of the pen to the first one that is no longer part of it."""
        booted = False
        for event in self._pen_events(pen_serial, self._opening_event(pen_serial, nonce, session_id)):
            yield event
            ends = booted and event.code != Event.RECOVERED
            if ends or event.code == Event.SESSION_CLOSED:
                return
            booted = booted or event.code == Event.BOOTED

    def _opening_event(self, pen_serial: str, nonce: int, session_id: str) -> int | None:
        """Number of the event with which the pen opened a session; None where the record has none.

        It lies among the session's own entries, unless it was pulled before anybody knew whose it was.
        """
        own = (PenEvent.model_validate(row.payload) for row in self._of_session(session_id, Kind.PEN_EVENT))
        for events in (own, self._pen_events(pen_serial, 0)):
            for event in events:
                if event.code == Event.SESSION_OPENED and event.value == nonce:
                    return event.event_id
        return None

    def _pen_events(self, pen_serial: str, event_id: int | None) -> Iterator[PenEvent]:
        """Events of a pen from a number on, in order."""
        query = (
            "SELECT payload FROM entries WHERE station_id = ? AND pen_serial = ? AND event_id >= ?"
            " ORDER BY event_id LIMIT ?"
        )
        while event_id is not None:
            found = self._ask(query, self.station_id(), pen_serial, event_id, _EVENTS)
            event_id = None
            for (text,) in found:
                event = PenEvent.model_validate_json(text)
                yield event
                event_id = event.event_id + 1 if len(found) == _EVENTS else None

    def _of_session(self, session_id: str, kind: Kind) -> Iterator[Row]:
        """Entries of one kind of a session, oldest first."""
        # the plus keeps the database from going through all entries of the kind instead of the session's few
        return self._rows(
            "WHERE session_id = ? AND +kind = ? ORDER BY station_id, seq", session_id, str(kind)
        )

    def _newest_first(self, kind: Kind, at_most: int = -1) -> Iterator[Row]:
        clause = "WHERE kind = ? AND station_id = ? AND session_id IS NOT NULL ORDER BY seq DESC LIMIT ?"
        return self._rows(clause, str(kind), self.station_id(), at_most)

    def _row(self, seq: int) -> Row:
        return next(self._rows("WHERE station_id = ? AND seq = ?", self.station_id(), seq))

    def _rows(self, where: str, *values: object) -> Iterator[Row]:
        return (Row(*columns) for columns in self._ask(f"{_ROWS} {where}", *values))

    def _ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """All answers at once, so that no read transaction stays open."""
        try:
            return self._raw.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise sqlite.translated(self.path, error) from error


def _saying(kind: Kind, said: Mapping[str, object]) -> tuple[str, list[str]]:
    """The condition under which entries are looked at, and its values: canonical JSON writes equal things alike."""
    words = [f"{quoted(name)}:{canonical_json(value)}" for name, value in said.items()]
    return f"WHERE kind = ?{' AND instr(payload, ?)' * len(words)} ORDER BY station_id, seq", [
        str(kind),
        *words,
    ]


def _says(payload: Mapping[str, Any], said: Mapping[str, object] | None) -> bool:
    return not said or {**payload, **said} == payload
