"""Verification of a whole record, fast enough to run at every start and gentle enough to run beside a treatment."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from pen_host.journal import sqlite
from pen_host.journal.chain import COLUMNS, HASH, SEQ, STATION, ChainCheck, Damage, DamageKind, Head, RawRow
from pen_host.journal.errors import JournalDamagedError
from pen_host.journal.parts import Parts
from pen_host.journal.stretch import hash_at

Progress: TypeAlias = Callable[[int, int], None]
"""Called with entries checked so far and entries in all."""

_BATCH = 5_000
"""Rows read at once. A reader holds back the writer while it reads; this many take about 20 ms."""

_SELECT = (
    f"SELECT {', '.join(COLUMNS)} FROM entries"  # noqa: S608
    f" WHERE (station_id, seq) > (?, ?) ORDER BY station_id, seq LIMIT {_BATCH}"
)


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found.

    Attributes:
        checked: Entries checked.
        head: The last entry, to be kept as a witness; None for an empty record.
        damages: What is wrong, in order of the entries.
    """

    checked: int
    head: Head | None
    damages: tuple[Damage, ...]

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong."""
        return not self.damages

    @property
    def sentence(self) -> str:
        """The result in one sentence."""
        if self.intact:
            return f"The record is intact: {self.checked} entries, each linked to the one before."
        return (
            f"The record is not intact: {len(self.damages)} findings in {self.checked} entries. Keep the file as it "
            "is, do not rely on the entries named, and compare them with a backup."
        )


def verify_record(
    path: Path, *, progress: Progress | None = None, known: Sequence[Head] = (), after: int = 0
) -> Report:
    """Verifies the chain of a record.

    Args:
        path: The record.
        progress: Called after each batch.
        known: Heads kept elsewhere; without one, entries cut off at the end cannot be missed.
        after: Number of an entry that is taken as it stands; the check begins after it.

    Raises:
        JournalError: The file cannot be read at all.
    """
    with closing(sqlite.connect_reader(path)) as connection:
        try:
            return _verify(path, connection, progress, known, after)
        except sqlite3.DatabaseError as error:
            failure = sqlite.translated(path, error)
            if not isinstance(failure, JournalDamagedError):
                raise failure from error
            return Report(0, None, (Damage(DamageKind.FILE, 0, failure.sentence),))


def _verify(
    path: Path, connection: sqlite3.Connection, progress: Progress | None, known: Sequence[Head], after: int
) -> Report:
    damages = [
        Damage(
            DamageKind.GUARD,
            0,
            f"The guard {name} is gone: entries could be changed without a trace in the file.",
        )
        for name in sqlite.missing_guards(connection)
    ]
    station = connection.execute("SELECT min(station_id) FROM entries").fetchone()[0] or ""
    total, ends = _ends(connection, station, after, known)
    with Parts(path, station, after, ends.seq if ends else after) as parts:
        if after == 0:
            damages += _file(connection)
        walked = (lambda seq: progress(seq - after, total)) if progress else None
        if ends and not damages and parts.hold(walked):
            return Report(total, ends, ())
    start = connection.execute(
        "SELECT station_id, seq, hash FROM entries WHERE station_id = ? AND seq = ?", (station, after)
    ).fetchone()
    check = ChainCheck(known, Head(*start) if start else None)
    last: RawRow | None = None
    place = (station, after)
    while check.checked < total:
        rows = _batch(connection, place)
        if not rows:
            break
        check.feed(rows)
        last = rows[-1]
        place = (last[STATION], last[SEQ])
        if progress:
            progress(check.checked, max(total, check.checked))
    damages += check.finish()
    damages += _foreign(station, last, known)
    return Report(check.checked, Head(*place, last[HASH]) if last else None, tuple(damages))


def _ends(
    connection: sqlite3.Connection, station: str, after: int, known: Sequence[Head]
) -> tuple[int, Head | None]:
    """How many entries there are after one; and the last, if their count fits its number and every known head is there."""
    total, *columns = connection.execute(
        "SELECT (SELECT count(*) FROM entries), station_id, seq, hash FROM entries"
        " ORDER BY station_id DESC, seq DESC LIMIT 1"
    ).fetchone() or (0, "", 0, "")
    ends = Head(*columns)
    fits = ends.station_id == station and ends.seq == total > 0
    there = all(
        head.station_id == station and head.hash == hash_at(connection, station, head.seq) for head in known
    )
    return total - after, ends if fits and there else None


def _file(connection: sqlite3.Connection) -> list[Damage]:
    """What the database itself finds wrong with its pages; most of them no entry is read from."""
    return [
        Damage(DamageKind.FILE, 0, f"The database reports: {text}.")
        for (text,) in connection.execute("PRAGMA quick_check(10)")
        if text != "ok"
    ]


def _batch(connection: sqlite3.Connection, place: tuple[str, int]) -> list[RawRow]:
    """The next rows; text that is no UTF-8 is kept readable enough to be reported."""
    try:
        return connection.execute(_SELECT, place).fetchall()
    except sqlite3.OperationalError as error:
        if "decode" not in str(error):
            raise
    connection.text_factory = lambda data: data.decode(errors="surrogateescape")
    return connection.execute(_SELECT, place).fetchall()


def _foreign(station: str, last: RawRow | None, known: Sequence[Head]) -> list[Damage]:
    """Entries of another station in the file, or heads of another station: not the record they belong to."""
    if last is None:
        return []
    damages = []
    if last[STATION] != station:
        sentence = f"The file holds entries of two stations, {station} and {last[STATION]}: one was mixed in."
        damages.append(Damage(DamageKind.REWRITTEN, 0, sentence))
    for name in sorted({head.station_id for head in known} - {station}):
        sentence = (
            f"The record is of station {station}, but one of station {name} was expected here: another file was put "
            "in its place."
        )
        damages.append(Damage(DamageKind.REWRITTEN, 0, sentence))
    return damages
