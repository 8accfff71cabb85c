"""Verification of a whole record, fast enough to run at every start and gentle enough to run beside a treatment."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from pen_host.journal import sqlite
from pen_host.journal.chain import COLUMNS, ChainCheck, Damage, DamageKind, Head, RawRow
from pen_host.journal.errors import JournalDamagedError

Progress: TypeAlias = Callable[[int, int], None]
"""Called with entries checked so far and entries in all."""

_BATCH = 5_000
"""Rows read at once. A reader holds back the writer while it reads; this many take about 20 ms."""

_SELECT = f"SELECT {', '.join(COLUMNS)} FROM entries WHERE seq > ? ORDER BY seq LIMIT {_BATCH}"  # noqa: S608


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
            return _verify(connection, progress, known, after)
        except sqlite3.DatabaseError as error:
            failure = sqlite.translated(path, error)
            if not isinstance(failure, JournalDamagedError):
                raise failure from error
            return Report(0, None, (Damage(DamageKind.FILE, 0, failure.sentence),))


def _verify(
    connection: sqlite3.Connection, progress: Progress | None, known: Sequence[Head], after: int
) -> Report:
    damages = [
        Damage(
            DamageKind.GUARD,
            0,
            f"The guard {name} is gone: entries could be changed without a trace in the file.",
        )
        for name in sqlite.missing_guards(connection)
    ]
    total = int(connection.execute("SELECT coalesce(max(seq), 0) FROM entries").fetchone()[0])
    start = connection.execute("SELECT station_id, seq, hash FROM entries WHERE seq = ?", (after,)).fetchone()
    check = ChainCheck(known, Head(*start) if start else None)
    last: RawRow | None = None
    seq = start[1] if start else 0
    while seq < total:
        rows = _batch(connection, seq)
        if not rows:
            break
        check.feed(rows)
        last = rows[-1]
        seq = last[1]
        if progress:
            progress(check.checked, total)
    damages += check.finish()
    damages += _foreign(last, known)
    return Report(check.checked, Head(last[0], last[1], last[-1]) if last else None, tuple(damages))


def _batch(connection: sqlite3.Connection, seq: int) -> list[RawRow]:
    """The next rows; text that is no UTF-8 is kept readable enough to be reported."""
    try:
        return connection.execute(_SELECT, (seq,)).fetchall()
    except sqlite3.OperationalError as error:
        if "decode" not in str(error):
            raise
    connection.text_factory = lambda data: data.decode(errors="surrogateescape")
    return connection.execute(_SELECT, (seq,)).fetchall()


def _foreign(last: RawRow | None, known: Sequence[Head]) -> list[Damage]:
    """Heads of another station: this is not the record they belong to."""
    names = {head.station_id for head in known} - {last[0] if last else ""}
    if last is None:
        return []
    return [
        Damage(
            DamageKind.REWRITTEN,
            0,
            f"The record is of station {last[0]}, but one of station {name} was expected here: another file was put "
            "in its place.",
        )
        for name in sorted(names)
    ]
