"""Seals: every row of every other table of the record's file is vouched for by the chain, by its salted digest.

Whatever a transaction changes, the writer's own connection notes through temporary triggers: no repository can forget to,
and a change that another program makes is noted nowhere, so it is found. At the end of the transaction an entry of kind
`rows` holds the new digest of each of these rows, an empty one for a row that is gone.

The digest is SHA-256 over the canonical JSON of the row's columns that are not null and of a salt of its own. The salt lies
in `row_states`, is drawn anew at each change and goes with the row, so no digest of the chain says anything about content
that was erased. `change_no` counts changes, and is the place in the outbox from which a station replicates.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pen_host.canonical import EXACT_MAX, CanonicalError, digest
from pen_host.journal.cipher import row_class
from pen_host.journal.kinds import Kind
from pen_host.journal.rows import Draft

OWN_TABLES = frozenset({"entries", "signed_heads", "row_states"})
"""Tables of the chain itself."""
BOOKKEEPING = "station_"
"""Tables that begin so are a station's notes about replication: they are made again from the server."""
ROWS_AN_ENTRY = 1_000
"""Seals in one entry at most; more of them take several. (J)"""
_SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Sealed:
    """A table whose rows are sealed.

    Attributes:
        name: The table.
        key: Columns of its primary key, in order.
    """

    name: str
    key: tuple[str, ...]

    def row_key(self, of: str) -> str:
        """SQL for the key as one text; `of` is a name that columns can be read from."""
        return " || '/' || ".join(f'{of}."{column}"' for column in self.key)


def sealed_tables(connection: sqlite3.Connection) -> tuple[Sealed, ...]:
    """Every table whose rows are sealed."""
    found = []
    query = "SELECT name FROM main.sqlite_master WHERE type = 'table' ORDER BY name"
    for (name,) in connection.execute(query).fetchall():
        if name in OWN_TABLES or name.startswith(("sqlite_", "_alembic_", BOOKKEEPING)):
            continue
        columns = connection.execute(f'PRAGMA main.table_info("{name}")').fetchall()
        key = sorted((column[5], column[1]) for column in columns if column[5])
        if key and not name.endswith("_version"):
            found.append(Sealed(name, tuple(column for _, column in key)))
    return tuple(found)


def row_digest(row: sqlite3.Row | dict[str, object], salt: str) -> str:
    """The digest of a row; a column that is null counts like one that does not exist.

    Raises:
        CanonicalError: A column holds what no column of this record can hold.
    """
    content = {name: _value(row[name]) for name in row.keys() if row[name] is not None}  # noqa: SIM118 - a Row
    return digest({"row": content, "salt": salt})


def _value(value: object) -> object:
    """A column's value as canonical JSON can carry it."""
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, int) and abs(value) > EXACT_MAX:
        return f"{value}n"
    return value


class Seals:
    """Notes which rows a connection changes, and seals them.

    Args:
        connection: The writer's.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._tables: dict[str, Sealed] = {}
        connection.execute("PRAGMA temp_store = MEMORY")
        # no key and no OR IGNORE: within a trigger the outer statement's way with conflicts counts, not the trigger's
        connection.execute("CREATE TEMP TABLE touched (name TEXT, row_key TEXT)")

    def watch(self) -> None:
        """Watches every table that is there by now."""
        for table in sealed_tables(self._connection):
            if table.name not in self._tables:
                self._watch(table)

    def _watch(self, table: Sealed) -> None:
        self._tables[table.name] = table
        for event, rows in (("INSERT", ("NEW",)), ("UPDATE", ("OLD", "NEW")), ("DELETE", ("OLD",))):
            notes = "".join(
                f"INSERT INTO touched VALUES ('{table.name}', {table.row_key(row)});"  # noqa: S608
                for row in rows
            )
            self._connection.execute(f'DROP TRIGGER IF EXISTS temp."seal_{table.name}_{event}"')
            self._connection.execute(
                f'CREATE TEMP TRIGGER "seal_{table.name}_{event}" AFTER {event} ON main."{table.name}" '
                f"BEGIN {notes} END"
            )

    def forget_tables(self) -> None:
        """Takes the watch off every table, before their layout changes."""
        for name in self._tables:
            for event in ("INSERT", "UPDATE", "DELETE"):
                self._connection.execute(f'DROP TRIGGER IF EXISTS temp."seal_{name}_{event}"')
        self._tables.clear()

    def clear(self) -> None:
        """Forgets what was noted, at the beginning of a transaction."""
        self._connection.execute("DELETE FROM temp.touched")

    def note_unfit(self) -> int:
        """Notes every row whose seal does not fit, or that has none: before rows were sealed, or after a new layout.

        Returns:
            How many there are.
        """
        count = 0
        for table in self._tables.values():
            unfit = [key for key, row, state in every_row(self._connection, table) if not fits(row, state)]
            self._connection.executemany(
                "INSERT INTO touched VALUES (?, ?)", [(table.name, key) for key in unfit]
            )
            count += len(unfit)
        return count

    def drafts(self, *, foreign: bool = False) -> list[Draft]:
        """Seals what was noted since `clear`; the entries that say so.

        Args:
            foreign: The rows came from another station, so they are not sent on from here.
        """
        touched = self._connection.execute(
            "SELECT DISTINCT name, row_key FROM temp.touched ORDER BY 1, 2"
        ).fetchall()
        self.clear()
        return [
            self._draft(touched[start : start + ROWS_AN_ENTRY], foreign=foreign)
            for start in range(0, len(touched), ROWS_AN_ENTRY)
        ]

    def _draft(self, touched: Sequence[tuple[str, str]], *, foreign: bool) -> Draft:
        execute = self._connection.execute
        number = execute("SELECT coalesce(max(change_no), 0) + 1 FROM row_states").fetchone()[0]
        told: dict[str, dict[str, str]] = {}
        for name, row_key in touched:
            row = fetch(self._connection, self._tables[name], row_key)
            salt = "" if row is None else secrets.token_hex(_SALT_BYTES)
            sealed = "" if row is None else row_digest(row, salt)
            told.setdefault(name, {})[row_key] = sealed
            execute(
                "INSERT INTO row_states (name, row_key, change_no, salt, digest, is_foreign) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (name, row_key) DO UPDATE SET change_no = excluded.change_no, salt = excluded.salt,"
                " digest = excluded.digest, is_foreign = excluded.is_foreign",
                (name, row_key, number, salt, sealed, int(foreign)),
            )
        mark = {"foreign": True} if foreign else {}
        return Draft(Kind.ROWS, {"change_no": number, "rows": told, **mark})


def fetch(connection: sqlite3.Connection, table: Sealed, row_key: str) -> sqlite3.Row | None:
    """One row of a sealed table with its columns by name, or None."""
    cursor = connection.cursor()
    cursor.row_factory = row_class(connection)
    parts = row_key.split("/") if len(table.key) > 1 else [row_key]
    where = " AND ".join(f'"{column}" = ?' for column in table.key)
    query = f'SELECT * FROM main."{table.name}" WHERE {where}'  # noqa: S608 - names of our own tables
    row: sqlite3.Row | None = cursor.execute(query, parts).fetchone()
    return row


def every_row(
    connection: sqlite3.Connection, table: Sealed
) -> Iterator[tuple[str, sqlite3.Row, tuple[str, str] | None]]:
    """Every row of a table: its key, its columns, and salt and digest of its seal or None where it has none."""
    cursor = connection.cursor()
    cursor.row_factory = row_class(connection)
    query = "SELECT row_key, salt, digest FROM row_states WHERE name = ?"
    states = {key: (salt, held) for key, salt, held in connection.execute(query, (table.name,))}
    for row in cursor.execute(f'SELECT * FROM main."{table.name}"'):  # noqa: S608
        key = "/".join(str(row[column]) for column in table.key)
        yield key, row, states.get(key)


def fits(row: sqlite3.Row, state: tuple[str, str] | None) -> bool:
    """Whether a row is as its seal says."""
    if state is None:
        return False
    salt, held = state
    try:
        return row_digest(row, salt) == held
    except CanonicalError:
        return False
