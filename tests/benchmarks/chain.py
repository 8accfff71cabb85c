"""Pen sessions in bulk: chains by the record's own rules, past its own writer, which commits each entry by itself.

Every entry is hashed and linked as the writer does it, each batch is one commit under one signed head, and guards and indexes are
put back as they were before anything is measured: what comes out is a record that verifies from its first entry to its last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from json.encoder import encode_basestring as quoted
from typing import Any

from pen_host.canonical import canonical_json
from pen_host.journal import Head, Journal, Kind
from pen_host.journal.chain import COLUMNS, FORM, RawRow, frame
from pen_protocol.faults import Event
from tests.benchmarks.clinic import ANNA, PENS, pen_serial, session_id

EVENTS_EACH = 50
ENTRIES_EACH = EVENTS_EACH + 5
"""Of one session, samples not counted."""
RUNS = EVENTS_EACH // 2 - 1
STROKES_A_RUN = 600
DEPTH_UM = 600
_SESSIONS_A_COMMIT = 500
_BEGUN_NS, _SESSION_NS = 1_610_000_000_000_000_000, 900_000_000_000
_INSERT = f"INSERT INTO entries ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
_LATER = (
    "SELECT name, type, sql FROM sqlite_master WHERE tbl_name = 'entries' AND type IN ('trigger', 'index')"
)
Told = tuple[str, str, dict[str, Any] | str, int | None]
"""Kind, actor, payload or its canonical text, number of the pen's event."""


class Bulk:
    """Appends sessions to a record that is open for writing and otherwise at rest.

    Args:
        journal: The record.
        samples: Payloads of the sample chunks that a session has, for those that have some.
        sampled: Every so many sessions one has them; 0 for none.
    """

    def __init__(self, journal: Journal, samples: Sequence[str] = (), sampled: int = 0) -> None:
        self._journal = journal
        self._raw = journal._raw
        self._boot = journal._chain._boot_id
        self._samples = samples
        self._sampled = sampled
        self._events = [0] * PENS

    def add(self, sessions: int, patients: Sequence[str], told: Callable[[int, int], None]) -> None:
        """Appends sessions number 0 to `sessions`.

        Args:
            sessions: How many.
            patients: Whose they are, a patient's one after the other.
            told: Called with sessions written and sessions in all.
        """
        each = sessions // len(patients)
        later = [row for row in self._raw.execute(_LATER).fetchall() if row[2]]
        for name, kind, _ in later:
            self._raw.execute(f"DROP {kind} {name}")
        self._raw.execute("PRAGMA synchronous = OFF")
        for start in range(0, sessions, _SESSIONS_A_COMMIT):
            end = min(start + _SESSIONS_A_COMMIT, sessions)
            self._commit([(number, patients[number // each]) for number in range(start, end)])
            told(end, sessions)
        for _, _, text in later:
            self._raw.execute(text)
        self._raw.execute("PRAGMA synchronous = EXTRA")

    def _commit(self, sessions: Sequence[tuple[int, str]]) -> None:
        head = self._journal._chain.head
        # one commit has one moment, by which the audit knows that one signed head covers all of it
        now_ns = (_BEGUN_NS + sessions[0][0] * _SESSION_NS, head.seq)
        self._raw.execute("BEGIN")
        for number, patient in sessions:
            rows = list(self._linked(head, number, patient, now_ns))
            self._raw.executemany(_INSERT, rows)
            head = Head(head.station_id, rows[-1][1], rows[-1][-1])
        self._sign(head, now_ns[0])
        self._raw.execute("COMMIT")
        self._journal._chain.head = head

    def _sign(self, head: Head, utc_ns: int) -> None:
        signer = self._journal._signer
        assert signer is not None, self._journal.evidence_failure
        signed = signer.sign(head, utc_ns)
        values = (head.station_id, head.seq, head.hash, signed.utc_ns, signed.public, signed.signature)
        columns = "station_id, seq, hash, utc_ns, public_key, signature"
        self._raw.execute(f"INSERT INTO signed_heads ({columns}) VALUES (?, ?, ?, ?, ?, ?)", values)
        signer.anchor(head)

    def _linked(self, head: Head, number: int, patient: str, now_ns: tuple[int, int]) -> Iterator[RawRow]:
        """Entries of one session, each with its place in the chain."""
        utc, mono = now_ns
        session, pen, seq, before = session_id(number), pen_serial(number), head.seq, head.hash
        for kind, actor, payload, event in self._told(number):
            seq += 1
            text = payload if isinstance(payload, str) else canonical_json(payload)
            role = ANNA.role if actor == ANNA.name else "system"
            whose = None if event is not None else patient
            context = (self._boot, actor, role, kind, session, whose, pen)
            a, b, c, d, e, f = frame(head.station_id, context)
            named = "null" if event is None else event
            entry = f'{a}{named}{b}{mono}{c}{text}{d}{quoted(before)}{e}{seq}{f}{utc}"}}'
            found = hashlib.sha256(entry.encode()).hexdigest()
            yield (
                *(head.station_id, seq, FORM, utc, mono, self._boot, actor, role, kind),
                *(session, whose, pen, event, text, before, found),
            )
            before = found

    def _told(self, number: int) -> Iterator[Told]:
        """What is told of one session: its beginning, the pen's events, its samples, its end."""
        first = self._events[number % PENS]
        strokes = first // EVENTS_EACH * RUNS * STROKES_A_RUN
        opened = {"nonce": number + 1, "plan": "p", "firmware": "0.1.0", "runtime": "bench"}
        yield Kind.SESSION_OPENED, ANNA.name, opened, None
        yield Kind.INTENT, ANNA.name, {"request": "CARTRIDGE_USE", "serial": f"c{number}"}, None
        yield Kind.ZONE_SELECTED, ANNA.name, {"zone": "vertex", "from_event_id": first + 1}, None
        yield event_told(first, Event.SESSION_OPENED, number + 1, strokes)
        for run in range(RUNS):
            yield event_told(first + 2 * run + 1, Event.RUN_STARTED, DEPTH_UM, strokes)
            strokes += STROKES_A_RUN
            yield event_told(first + 2 * run + 2, Event.RUN_ENDED, 0, strokes)
        yield event_told(first + EVENTS_EACH - 1, Event.SESSION_CLOSED, 0, strokes)
        if self._sampled and number % self._sampled == 0:
            yield from ((Kind.SAMPLES, ANNA.name, chunk, None) for chunk in self._samples)
        self._events[number % PENS] += EVENTS_EACH
        totals = {"strokes_total": strokes, "contact_total": strokes, "next_event": first + EVENTS_EACH}
        yield Kind.STATUS, ANNA.name, totals, None
        yield Kind.SESSION_CLOSED, ANNA.name, {"reason": "completed", "nonce": number + 1}, None


def event_told(number: int, code: int, value: int, strokes: int) -> Told:
    """One event of a pen, as canonical JSON."""
    text = (
        f'{{"arg":0,"code":{code},"contact_total":{strokes},"event_id":{number},"strokes_total":{strokes},'
        f'"time_ms":{number * 9_000 % 2**29},"value":{value}}}'
    )
    return Kind.PEN_EVENT, "pen", text, number
