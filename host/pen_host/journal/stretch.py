"""A stretch of a chain, walked by whoever only needs to know whether everything in it is right: twice as fast as naming damage.

It proves what `pen_host.journal.chain.ChainCheck` proves: every entry is there, under its number, has the hash that its columns
make, and names the hash of the entry before. Numbers are not read: keys are unique, so as many entries as there are numbers in
the stretch have exactly those numbers, and each hash is over the number that the entry must have.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain
from json.encoder import encode_basestring
from typing import Any

from pen_host.journal.chain import FORM, GENESIS, Context, frame

BATCH = 5_000
"""Entries in one question. A reader holds back the writer while it reads; this many take about 30 ms."""
_AT_ONCE = 500
"""Rows of an answer in memory at once: more of them leave the processor's cache before they are looked at. (J)"""
_SELECT = (
    "SELECT boot_id, actor, role, kind, session_id, subject, pen_serial, event_id, monotonic_ns, payload, prev_hash, utc_ns, hash"
    " FROM entries WHERE station_id = ? AND seq > ? AND seq <= ? AND form = ? ORDER BY seq"
)
_HASH = "SELECT hash FROM entries WHERE station_id = ? AND seq = ?"


def holds(
    connection: sqlite3.Connection,
    station: str,
    first: int,
    last: int,
    progress: Callable[[int], None] | None = None,
) -> bool:
    """Whether entries are certainly right; False where they are not, or cannot be read.

    Args:
        connection: To the record, reading.
        station: Whose chain.
        first: Number of the entry before the stretch, whose hash is taken as it stands; 0 for the beginning.
        last: Number of the last entry of the stretch.
        progress: Called with the number of the newest entry walked.
    """
    try:
        before = hash_at(connection, station, first) if first else GENESIS
        place = first
        while before and place < last:
            end = min(place + BATCH, last)
            found = connection.execute(_SELECT, (station, place, end, FORM))
            rows = chain.from_iterable(iter(partial(found.fetchmany, _AT_ONCE), []))
            before = _walked(rows, station, place, end, before)
            place = end
            if progress:
                progress(place)
    except (sqlite3.Error, TypeError, UnicodeError):
        return False
    return bool(before)


def hash_at(connection: sqlite3.Connection, station: str, seq: int) -> str:
    """The hash of an entry as it stands; nothing where there is none."""
    row = connection.execute(_HASH, (station, seq)).fetchone()
    return str(row[0]) if row else ""


def _walked(rows: Iterable[tuple[Any, ...]], station: str, place: int, end: int, before: str) -> str:
    """The hash of the last of these entries; nothing where one is not right or not there."""
    sha256 = hashlib.sha256
    common: Context | None = None
    a = b = c = d = e = f = ""
    quoted = encode_basestring(before)
    for boot, actor, role, kind, session, subject, pen, event, mono, payload, prev, utc, said in rows:
        place += 1
        context = (boot, actor, role, kind, session, subject, pen)
        if context != common:
            common = context
            a, b, c, d, e, f = frame(station, context)
        number = "null" if event is None else event
        text = f'{a}{number}{b}{mono}{c}{payload}{d}{quoted}{e}{place}{f}{utc}"}}'
        if prev != before or sha256(text.encode()).hexdigest() != said:
            return ""
        before = said
        quoted = f'"{said}"'
    return before if place == end else ""
