"""Replication: what waits in a station's outbox goes to the server, what others changed comes back.

Every step may be cut at any point and repeated: entries follow one another by hash, rows are known by their digest, and the
station's position moves only after the server has committed. Two stations that change one row: the first to arrive stands, the
other's whole version is kept among the conflicts, in its chain and in front of people. Rows that exclude each other (two open
visits of one patient) are treated alike. Pushes take turns on the server, so versions appear there in order.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pen_host.journal import Draft, Head, Journal, Kind, sqlite
from pen_host.journal.chain import COLUMNS
from pen_host.records.personal import SALT
from pen_host.stations.errors import ForkedChainError, NotJoinedError
from pen_host.stations.fetching import fetch_changes
from pen_host.stations.outbox import Outbox, Waiting
from pen_host.stations.pictures import Budget, exchange
from pen_host.stations.server import connected, must_be_ours

if TYPE_CHECKING:
    from psycopg import Connection

ENTRIES_AT_ONCE = 5_000
ROWS_AT_ONCE = 500
"""In one transaction of the server: the most that has to be sent again when it goes away. (J)"""
TURN = 0x44504A31
"""The advisory lock by which stations take turns."""
WRITTEN = ("station_id", "at", "by_name", "by_role")
"""What each row says of its writing; never changed."""
_TYPES = {"seq": "bigint", "form": "int", "utc_ns": "bigint", "monotonic_ns": "bigint", "event_id": "bigint"}


@dataclass(slots=True)
class Replicated:
    """What one replication came to.

    Attributes:
        entries: Entries of the chain that were sent.
        rows: Rows that the server took.
        known: Rows that it had already.
        fetched: Rows that came from other stations.
        conflicts: What was put aside, a sentence each.
        held: Rows and pictures that could not be taken over here or there, a sentence each.
        pictures_sent: Pictures that the server took.
        pictures_fetched: Pictures that came from other stations.
        pictures_left: Pictures that wait still, either way.
        picture_bytes: What moved of pictures, sealed.
    """

    entries: int = 0
    rows: int = 0
    known: int = 0
    fetched: int = 0
    conflicts: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    pictures_sent: int = 0
    pictures_fetched: int = 0
    pictures_left: int = 0
    picture_bytes: int = 0


def replicate(journal: Journal, url: str, pictures: Budget | None = None) -> Replicated:
    """Sends what waits and fetches what others changed: rows first, then pictures.

    Args:
        journal: The station's record; it can be written meanwhile.
        url: The server, with this station's login.
        pictures: What pictures may take of it.

    Raises:
        NotJoinedError: The station joined no server.
        ServerGoneError: The server is not there or went away; what was sent until then is kept, the rest waits.
        ServerNewerError: It is of a newer program.
        ForkedChainError: It has other entries of this station.
        JournalError: The record cannot be read or written.
    """
    try:
        return _replicate(journal, url, pictures or Budget())
    except (
        sqlite3.Error
    ) as error:  # while reading: somebody else held the file for too long, or it is damaged
        raise sqlite.translated(journal.path, error) from error


def _replicate(journal: Journal, url: str, pictures: Budget) -> Replicated:
    with closing(sqlite.connect_reader(journal.path)) as connection, connected(url) as server:
        outbox = Outbox(connection)
        link = outbox.link()
        if link is None:
            raise NotJoinedError
        must_be_ours(server)
        done = Replicated()
        newest = outbox.newest_change()
        _send_chain(outbox, server, link[0], done)
        again = _send_rows(journal, outbox, server, link, done)
        _sent(journal, server, link[0], newest)
        fetch_changes(journal, server, link, newest, again, done)
        exchange(journal, server, pictures, done)
        return done


def _send_chain(outbox: Outbox, server: Connection[tuple[Any, ...]], station: str, done: Replicated) -> None:
    found = server.execute(
        "SELECT seq, hash FROM entries WHERE station_id = %s ORDER BY seq DESC LIMIT 1", (station,)
    ).fetchone()
    seq = 0
    if found is not None:
        seq = int(found[0])
        if outbox.entry_hash(Head(station, seq, found[1])) != found[1]:
            raise ForkedChainError(station, seq)
    types = ", ".join(f"%s::{_TYPES.get(name, 'text')}[]" for name in COLUMNS)
    insert = f"INSERT INTO entries ({', '.join(COLUMNS)}) SELECT * FROM unnest({types})"  # noqa: S608 - our own names
    while rows := outbox.entries(station, seq, ENTRIES_AT_ONCE):
        server.execute(insert, [list(column) for column in zip(*rows, strict=True)])
        last = int(rows[-1][1])
        heads = outbox.heads(station, seq, last)
        if heads:
            with server.cursor() as cursor:
                cursor.executemany("INSERT INTO signed_heads VALUES (%s, %s, %s, %s, %s, %s)", heads)
        server.commit()
        done.entries += len(rows)
        seq = last


def _send_rows(
    journal: Journal,
    outbox: Outbox,
    server: Connection[tuple[Any, ...]],
    link: tuple[str, int, int],
    done: Replicated,
) -> list[tuple[str, str]]:
    """Sends rows; the keys of those that must be fetched again, for another station's version of them stands."""
    again: list[tuple[str, str]] = []
    for name, keys in outbox.keys(link[1]):
        for start in range(0, len(keys), ROWS_AT_ONCE):
            rows, altered = outbox.rows(name, keys[start : start + ROWS_AT_ONCE])
            done.held += [
                f"{name} {key} was not sent: it is not as its seal says; pen log verify tells more."
                for key in altered
            ]
            batch = _Batch(server, link[0], rows)
            batch.send()
            server.commit()
            _note(journal, batch)
            done.rows += batch.taken
            done.known += batch.known
            done.conflicts += [sentence for _, sentence in batch.conflicts]
            stands = [*batch.alike, *(one for one, _ in batch.conflicts if one not in batch.refused)]
            again += [(one.table.name, one.row_key) for one in stands]
    return again


class _Batch:
    """Rows of one table in one transaction of the server.

    Attributes:
        taken: How many it took.
        known: How many it had already.
        versions: The version that each accepted row has there.
        conflicts: Rows that were put aside, with why.
        refused: Those of them that no other version stands for.
        alike: Rows that another station changed in the same way: nobody has to look at them.
    """

    def __init__(self, server: Connection[tuple[Any, ...]], station: str, rows: Sequence[Waiting]) -> None:
        self._server = server
        self._station = station
        self._rows = rows
        self.taken = self.known = 0
        self.versions: dict[str, int] = {}
        self.conflicts: list[tuple[Waiting, str]] = []
        self.refused: list[Waiting] = []
        self.alike: list[Waiting] = []

    @property
    def name(self) -> str:
        """The table."""
        return self._rows[0].table.name if self._rows else ""

    def send(self) -> None:
        """Sends them; the caller commits."""
        if not self._rows:
            return
        self._server.execute("SELECT pg_advisory_xact_lock(%s)", (TURN,))
        found = self._server.execute(
            "SELECT row_key, version, digest, station_id FROM row_versions WHERE name = %s AND row_key = ANY(%s)",
            (self.name, [one.row_key for one in self._rows]),
        )
        there = {key: (version, digest, station) for key, version, digest, station in found}
        new, changed = [], []
        for one in self._rows:
            version, digest, station = there.get(one.row_key, (0, "", ""))
            if version and digest == one.digest:
                self.known += 1
                self.versions[one.row_key] = version
            elif not version:
                new.append(one)
            elif version == one.base or station == self._station:
                changed.append(one)
            elif one.base and self._is_alike(one):
                self.alike.append(one)
            else:
                self._put_aside(one, f"station {station} changed it at the same time", station)
        self._insert([one for one in new if one.content is not None])
        for one in changed:
            self._one(one, self._update)

    def _is_alike(self, one: Waiting) -> bool:
        """Whether the server's row says the same, salts and writer apart."""
        from psycopg.rows import dict_row

        if one.content is None:
            return False
        where = " AND ".join(f'"{column}" = %s' for column in one.table.key)
        with self._server.cursor(row_factory=dict_row) as cursor:
            cursor.execute(
                f'SELECT * FROM "{self.name}" WHERE {where}',  # noqa: S608 - our own names
                [one.content[column] for column in one.table.key],
            )
            found = cursor.fetchone()
        aside = {SALT, *WRITTEN}
        mine = {name: value for name, value in one.content.items() if name not in aside}
        return found is not None and mine == {
            name: value for name, value in found.items() if name not in aside
        }

    def _insert(self, rows: list[Waiting]) -> None:
        """All at once where nothing is in the way, else one by one."""
        import psycopg

        if not rows:
            return
        columns = list(rows[0].content or {})
        names = ", ".join(f'"{column}"' for column in columns)
        text = f'INSERT INTO "{self.name}" ({names}) VALUES ({", ".join(["%s"] * len(columns))})'  # noqa: S608
        try:
            with self._server.transaction(), self._server.cursor() as cursor:
                cursor.executemany(text, [list((one.content or {}).values()) for one in rows])
                self._versioned(rows)
        except (psycopg.IntegrityError, psycopg.errors.InsufficientPrivilege):
            for one in rows:
                self._one(one, lambda row: self._server.execute(text, list((row.content or {}).values())))

    def _one(self, one: Waiting, action: Any) -> None:
        """One row by itself: what forbids it is written down and the others go on."""
        import psycopg

        try:
            with self._server.transaction():
                action(one)
                self._versioned([one])
        except (psycopg.IntegrityError, psycopg.errors.InsufficientPrivilege) as error:
            why = error.diag.message_primary or str(error)
            self.refused.append(one)
            self._put_aside(one, f"the clinic's rules exclude it ({why})", None)

    def _update(self, one: Waiting) -> None:
        keys = one.row_key.split("/") if len(one.table.key) > 1 else [one.row_key]
        where = " AND ".join(f'"{column}"::text = %s' for column in one.table.key)
        if one.content is None:
            self._server.execute(f'DELETE FROM "{self.name}" WHERE {where}', keys)  # noqa: S608
            return
        fixed = {*one.table.key, *WRITTEN}
        values = {column: value for column, value in one.content.items() if column not in fixed}
        sets = ", ".join(f'"{column}" = %s' for column in values)
        text = f'UPDATE "{self.name}" SET {sets} WHERE {where}'  # noqa: S608
        self._server.execute(text, [*values.values(), *keys])

    def _versioned(self, rows: Sequence[Waiting]) -> None:
        """Gives rows their next version on the server."""
        text = (
            "INSERT INTO row_versions (name, row_key, version, station_id, digest, salt)"
            " SELECT %s, k, nextval('row_version'), %s, d, s FROM unnest(%s::text[], %s::text[], %s::text[]) AS t(k, d, s)"
            " ON CONFLICT (name, row_key) DO UPDATE SET version = excluded.version, station_id = excluded.station_id,"
            " digest = excluded.digest, salt = excluded.salt RETURNING row_key, version"
        )
        parts = [[getattr(one, part) for one in rows] for part in ("row_key", "digest", "salt")]
        for key, version in self._server.execute(text, (self.name, self._station, *parts)):
            self.versions[key] = version
            self.taken += 1

    def _put_aside(self, one: Waiting, why: str, other: str | None) -> None:
        sentence = f"{self.name} {one.row_key}: {why}. This station's version was put aside; look at both."
        self.conflicts.append((one, sentence))
        self._server.execute(
            "INSERT INTO conflicts (name, row_key, digest, station_id, other_station, why, content)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (self.name, one.row_key, one.digest, self._station, other, why, json.dumps(one.content)),
        )


def _note(journal: Journal, batch: _Batch) -> None:
    """Notes in the station's own record what became of a batch, and in its chain what was put aside."""
    name = batch.name

    def change(connection: Any) -> list[Draft]:
        for key, version in batch.versions.items():
            connection.exec_driver_sql(
                "INSERT INTO station_bases VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET version = excluded.version",
                (name, key, version),
            )
            connection.exec_driver_sql("DELETE FROM station_held WHERE name = ? AND row_key = ?", (name, key))
        drafts = []
        for one, sentence in batch.conflicts:
            place = (name, one.row_key)
            held = connection.exec_driver_sql(
                "SELECT why FROM station_held WHERE name = ? AND row_key = ?", place
            ).fetchone()
            if one in batch.refused:
                connection.exec_driver_sql(
                    "INSERT OR REPLACE INTO station_held VALUES (?, ?, ?)", (*place, sentence)
                )
            if held is None:
                told = {"change": "conflict", "table": name, "row": one.row_key, "digest": one.digest}
                drafts.append(Draft(Kind.REPLICATION, {**told, "why": sentence}))
        return drafts

    if batch.versions or batch.conflicts:
        journal.together(change)


def _sent(journal: Journal, server: Connection[tuple[Any, ...]], station: str, newest: int) -> None:
    """Moves the station's position, there and here."""
    server.execute(
        "UPDATE stations SET change_no = greatest(change_no, %s), seen_at = %s WHERE station_id = %s",
        (newest, datetime.now(UTC), station),
    )
    server.commit()

    def change(connection: Any) -> list[Draft]:
        connection.exec_driver_sql("UPDATE station_link SET sent_change_no = ?", (newest,))
        return []

    journal.together(change)
