"""What other stations changed, taken over into a station's own record in one transaction."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy.exc import IntegrityError

from pen_host.canonical import CanonicalError
from pen_host.journal import Draft, Journal
from pen_host.journal.seals import row_digest
from pen_host.records.tables import metadata, patients, photographs
from pen_host.stations.erasures import Erasures

if TYPE_CHECKING:
    from psycopg import Connection


class Told(Protocol):
    """Where the result is written down."""

    fetched: int
    held: list[str]


@dataclass(frozen=True, slots=True)
class _Change:
    """A row as the server has it; content None for one that is gone."""

    name: str
    row_key: str
    version: int
    content: dict[str, Any] | None


def fetch_changes(
    journal: Journal,
    server: Connection[tuple[Any, ...]],
    link: tuple[str, int, int],
    sent: int,
    again: Sequence[tuple[str, str]],
    done: Told,
) -> None:
    """Fetches what others changed since last time, and takes it over; what excludes something here is held back and said.

    Args:
        journal: The station's record.
        server: The server.
        link: Station, change sent last, version fetched last.
        sent: Number of the newest change that was sent just now; rows changed since are not written over.
        again: Rows whose version here was put aside.
        done: For the result.
    """
    found = server.execute(
        "SELECT name, row_key, version, digest, salt FROM row_versions"
        " WHERE (version > %s AND station_id <> %s) OR (name, row_key) IN"
        " (SELECT * FROM unnest(%s::text[], %s::text[])) ORDER BY version",
        (link[2], link[0], [name for name, _ in again], [key for _, key in again]),
    ).fetchall()
    changes = []
    for table in metadata.sorted_tables:
        mine = [row for row in found if row[0] == table.name]
        contents = _contents(server, table.name, [column.name for column in table.primary_key], mine)
        for name, key, version, digest, salt in mine:
            content = contents.get(key)
            if not _fits(content, digest, salt):
                done.held.append(
                    f"{name} {key} was not taken over: the server's row is not as its digest says."
                )
                continue
            changes.append(_Change(name, key, version, content))
    newest = max((row[2] for row in found), default=link[2])
    server.commit()
    _take_over(journal, changes, sent, max(newest, link[2]), done)


def _contents(
    server: Connection[tuple[Any, ...]], name: str, keys: list[str], rows: list[tuple[Any, ...]]
) -> dict[str, dict[str, Any]]:
    """Columns of rows by their key."""
    if not rows:
        return {}
    key = f'"{keys[0]}"' if len(keys) == 1 else " || '/' || ".join(f'"{column}"::text' for column in keys)
    query = f'SELECT {key} AS pen_key, * FROM "{name}" WHERE {key} = ANY(%s)'  # noqa: S608 - our own names
    cursor = server.execute(query, ([row[1] for row in rows],))
    columns = [column.name for column in cursor.description or ()][1:]
    return {row[0]: dict(zip(columns, row[1:], strict=True)) for row in cursor}


def _fits(content: dict[str, Any] | None, digest: str, salt: str) -> bool:
    if content is None or not digest:
        return content is None and not digest
    try:
        return row_digest(content, salt) == digest
    except CanonicalError:
        return False


def _take_over(journal: Journal, changes: Sequence[_Change], sent: int, newest: int, done: Told) -> None:
    erasures = Erasures(journal)

    def change(connection: Any) -> list[Draft]:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        erasures.before(connection, _erased(changes), _gone(changes, photographs.name))
        for one in [*changes]:
            _one(connection, one, sent, done)
        erasures.within(connection)
        connection.exec_driver_sql(
            "UPDATE station_link SET fetched_version = ?, fetched_us = ?", (newest, time.time_ns() // 1000)
        )
        return []

    journal.together(change, foreign=True)
    erasures.after()


def _erased(changes: Sequence[_Change]) -> list[str]:
    """Patients that the server says were erased."""
    return [
        one.row_key for one in changes if one.name == patients.name and (one.content or {}).get("erased_at")
    ]


def _gone(changes: Sequence[_Change], table: str) -> list[str]:
    """Keys of rows of a table that are gone."""
    return [one.row_key for one in changes if one.name == table and one.content is None]


def _one(connection: Any, one: _Change, sent: int, done: Told) -> None:
    place = (one.name, one.row_key)
    own = connection.exec_driver_sql(
        "SELECT 1 FROM row_states WHERE name = ? AND row_key = ? AND is_foreign = 0 AND change_no > ?",
        (*place, sent),
    ).fetchone()
    if own:
        return  # changed here meanwhile: the next replication finds out that both did
    try:
        with connection.begin_nested():
            _write(connection, one)
    except IntegrityError as error:
        why = f"this station's own record excludes it ({error.orig})"
        connection.exec_driver_sql("INSERT OR REPLACE INTO station_held VALUES (?, ?, ?)", (*place, why))
        done.held.append(f"{one.name} {one.row_key} was not taken over: {why}.")
        return
    connection.exec_driver_sql("INSERT OR REPLACE INTO station_bases VALUES (?, ?, ?)", (*place, one.version))
    connection.exec_driver_sql("DELETE FROM station_held WHERE name = ? AND row_key = ?", place)
    done.fetched += 1


def _write(connection: Any, one: _Change) -> None:
    keys = [column.name for column in metadata.tables[one.name].primary_key]
    if one.content is None:
        values = one.row_key.split("/") if len(keys) > 1 else [one.row_key]
        where = " AND ".join(f'"{column}" = ?' for column in keys)
        connection.exec_driver_sql(f'DELETE FROM "{one.name}" WHERE {where}', tuple(values))  # noqa: S608
        return
    names = ", ".join(f'"{column}"' for column in one.content)
    marks = ", ".join("?" * len(one.content))
    sets = ", ".join(f'"{column}" = excluded."{column}"' for column in one.content if column not in keys)
    text = f'INSERT INTO "{one.name}" ({names}) VALUES ({marks}) ON CONFLICT ({", ".join(keys)}) DO UPDATE SET {sets}'  # noqa: S608
    connection.exec_driver_sql(text, tuple(one.content.values()))
