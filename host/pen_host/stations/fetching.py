"""What other stations changed, fetched from the server. `taking_over` takes it into the station's own record."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from pen_host.canonical import CanonicalError
from pen_host.journal import Journal, sqlite
from pen_host.journal.seals import row_digest
from pen_host.records.tables import metadata
from pen_host.stations.families import Change
from pen_host.stations.taking_over import Told, take_over

if TYPE_CHECKING:
    from psycopg import Connection


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
    # versions, digests and contents of one moment: a row that is changed meanwhile is fetched whole next time
    server.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    found = server.execute(
        "SELECT name, row_key, version, digest, salt FROM row_versions"
        " WHERE (version > %s AND station_id <> %s) OR (name, row_key) IN"
        " (SELECT * FROM unnest(%s::text[], %s::text[])) ORDER BY version",
        (link[2], link[0], [name for name, _ in again], [key for _, key in again]),
    ).fetchall()
    newest = max((row[2] for row in found), default=link[2])
    # what a take-over that was cut short has got already
    known = _taken_over(journal, link[2]) if found else set()
    wanted = set(again)
    found = [row for row in found if row[:3] not in known or row[:2] in wanted]
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
            changes.append(Change(name, key, version, content))
    server.commit()
    take_over(journal, changes, (sent, max(newest, link[2])), done)


def _taken_over(journal: Journal, after: int) -> set[tuple[str, str, int]]:
    """Rows that are here in a version after this one, with it."""
    with closing(sqlite.connect_reader(journal.path)) as connection:
        query = "SELECT name, row_key, version FROM station_bases WHERE version > ?"
        return set(connection.execute(query, (after,)).fetchall())


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
