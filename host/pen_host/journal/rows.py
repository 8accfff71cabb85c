"""Entries as the program sees them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

from pen_host.journal.chain import Head, RawRow


@dataclass(frozen=True, slots=True)
class Row:
    """One entry of the record, durable when you hold it.

    Attributes:
        station_id: The computer's record, one chain each.
        seq: Number in the chain, from 1.
        form: How its hash is made.
        utc_ns: Time of the computer's clock, nanoseconds since 1970.
        monotonic_ns: Time that is never set; compares only between rows of one `boot_id`.
        boot_id: One opening of the record by one process.
        actor: Who.
        role: In what role.
        kind: What it is about, see `Kind`.
        session_id: The treatment it belongs to.
        subject: Pseudonymous reference to the patient; never a name.
        pen_serial: The pen it is about.
        event_id: The pen's number of the event.
        payload_json: What happened, canonical JSON.
        prev_hash: Hash of the entry before.
        hash: SHA-256 over all of the above.
    """

    station_id: str
    seq: int
    form: int
    utc_ns: int
    monotonic_ns: int
    boot_id: str
    actor: str
    role: str
    kind: str
    session_id: str | None
    subject: str | None
    pen_serial: str | None
    event_id: int | None
    payload_json: str
    prev_hash: str
    hash: str

    @property
    def payload(self) -> Mapping[str, Any]:
        """What happened, read from its JSON."""
        value: Mapping[str, Any] = json.loads(self.payload_json)
        return value

    @property
    def head(self) -> Head:
        """The chain up to and including this entry, in one hash."""
        return Head(self.station_id, self.seq, self.hash)

    def raw(self) -> RawRow:
        """The columns in the order of `chain.COLUMNS`."""
        return _RAW(self)


_RAW = attrgetter(*(column.name for column in fields(Row)))


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry before it has a place in the chain; fields as in `Row`."""

    kind: str
    payload: Mapping[str, object]
    session_id: str | None = None
    subject: str | None = None
    pen_serial: str | None = None
    event_id: int | None = None


@dataclass(frozen=True, slots=True)
class EventsAppended:
    """What became of a batch of pen events.

    Attributes:
        added: Rows of the events that are new.
        known: Numbers of the events that were in the record already, word for word.
        conflicts: Numbers of events that are in the record with other content. Both versions are kept; a session
            with that pen must not start before an engineer has looked at it.
    """

    added: tuple[Row, ...]
    known: tuple[int, ...]
    conflicts: tuple[int, ...]
