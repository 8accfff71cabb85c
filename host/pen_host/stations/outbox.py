"""What a station has to send: its chain, and every row with a newer change than the last one that the server has."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pen_host.journal.chain import COLUMNS, Head, RawRow
from pen_host.journal.seals import Sealed, fetch, fits, sealed_tables
from pen_host.records.tables import metadata

ORDER = [table.name for table in metadata.sorted_tables]
"""Tables, those that others refer to first."""
_CHAIN = f"SELECT {', '.join(COLUMNS)} FROM entries WHERE station_id = ? AND seq > ? ORDER BY seq LIMIT ?"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row that is to be sent, as it is now.

    Attributes:
        table: Its table.
        row_key: Its key.
        salt: Of its seal.
        digest: Of its seal; empty for a row that is gone.
        content: Its columns, None for a row that is gone.
        base: The server's version that this change was built on, 0 for none.
    """

    table: Sealed
    row_key: str
    salt: str
    digest: str
    content: dict[str, Any] | None
    base: int


class Outbox:
    """What waits in a record. Every question is answered at once, so that no reader holds the writer back.

    Args:
        connection: To the record, reading.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._tables = {table.name: table for table in sealed_tables(connection)}

    def link(self) -> tuple[str, int, int] | None:
        """Station, number of the newest change that was sent, version that was fetched last."""
        query = "SELECT station_id, sent_change_no, fetched_version FROM station_link"
        row: tuple[str, int, int] | None = self._connection.execute(query).fetchone()
        return row

    def newest_change(self) -> int:
        """Number of the newest change."""
        query = "SELECT coalesce(max(change_no), 0) FROM row_states"
        return int(self._connection.execute(query).fetchone()[0])

    def entry_hash(self, head: Head) -> str | None:
        """The hash that an entry has here."""
        query = "SELECT hash FROM entries WHERE station_id = ? AND seq = ?"
        row = self._connection.execute(query, (head.station_id, head.seq)).fetchone()
        return row[0] if row else None

    def entries(self, station_id: str, after: int, count: int) -> list[RawRow]:
        """The next entries of the chain."""
        return self._connection.execute(_CHAIN, (station_id, after, count)).fetchall()

    def heads(self, station_id: str, after: int, up_to: int) -> list[tuple[Any, ...]]:
        """Signed heads over those entries."""
        query = (
            "SELECT station_id, seq, hash, utc_ns, public_key, signature FROM signed_heads"
            " WHERE station_id = ? AND seq > ? AND seq <= ? ORDER BY seq"
        )
        return self._connection.execute(query, (station_id, after, up_to)).fetchall()

    def keys(self, after: int) -> Iterator[tuple[str, list[str]]]:
        """Keys of rows that wait, by table: rows that others refer to first, removed ones last and the other way round."""
        query = (
            "SELECT s.name, s.row_key, s.digest = '' FROM row_states s LEFT JOIN station_held h USING (name, row_key)"
            " WHERE s.is_foreign = 0 AND (s.change_no > ? OR h.why IS NOT NULL) ORDER BY s.change_no"
        )
        there: dict[str, list[str]] = {}
        gone: dict[str, list[str]] = {}
        for name, key, is_gone in self._connection.execute(query, (after,)).fetchall():
            (gone if is_gone else there).setdefault(name, []).append(key)
        yield from ((name, there[name]) for name in ORDER if name in there)
        yield from ((name, gone[name]) for name in reversed(ORDER) if name in gone)

    def rows(self, name: str, keys: Sequence[str]) -> tuple[list[Waiting], list[str]]:
        """Rows as they are now, each with the seal that belongs to it; and keys of rows that are not as their seal says.

        Args:
            name: Of which table.
            keys: Which.
        """
        table = self._tables[name]
        found, altered = [], []
        self._connection.execute("BEGIN")
        try:
            for key in keys:
                state = self._connection.execute(
                    "SELECT salt, digest FROM row_states WHERE name = ? AND row_key = ?", (name, key)
                ).fetchone()
                base = self._connection.execute(
                    "SELECT version FROM station_bases WHERE name = ? AND row_key = ?", (name, key)
                ).fetchone()
                row = fetch(self._connection, table, key)
                if (row is None) != (state[1] == "") or (row is not None and not fits(row, state)):
                    altered.append(key)
                    continue
                content = None if row is None else dict(row)
                found.append(Waiting(table, key, state[0], state[1], content, base[0] if base else 0))
        finally:
            self._connection.execute("COMMIT")
        return found, altered
