"""Rows of other stations are taken over in slices, so that whoever writes for a treatment meanwhile gets in between two of them.

Between two slices the record is a whole one: each has its seals in the chain, refers to nothing that is missing, and tells of no
patient by halves (`families`). The station's position moves with the last slice; what a take-over cut short has got is known by
its version and not taken again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import groupby
from typing import Any, Protocol

from sqlalchemy.exc import IntegrityError

from pen_host.journal import Draft, Journal, sqlite
from pen_host.records.tables import metadata, patients, photographs
from pen_host.stations.erasures import Erasures
from pen_host.stations.families import Change, Place, key_of, together

SLICE_S = 0.015
"""After this long a slice takes no further patient; sealing and committing it takes about as long again. (J)"""
SLICE_ROWS = 60
"""Nor after so many rows, whatever the clock says. (J)"""


class Told(Protocol):
    """Where the result is written down."""

    fetched: int
    held: list[str]


def take_over(
    journal: Journal,
    changes: Sequence[Change],
    position: tuple[int, int],
    done: Told,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Takes rows over, slice by slice.

    Args:
        journal: The station's record; others may write to it between two slices.
        changes: Rows, those that others refer to first.
        position: Number of the newest change that was sent, rows changed since are not written over; the version that is
            fetched once all of them are taken over.
        done: For the result.
        clock: Seconds.

    Raises:
        ServerRowsError: They do not hold together; nothing was taken over.
        JournalError: The record cannot be written; slices before stay.
    """
    with closing(sqlite.connect_reader(journal.path)) as connection:
        units = together(connection, changes)
    taken, is_last = 0, False
    own = _Own(position[0])
    while not is_last:
        one = _Slice(units[taken:], position[1], Erasures(journal), own, clock)
        journal.together(one.take, foreign=True)
        one.erasures.after()
        taken += one.units
        done.fetched += one.fetched
        done.held += one.held
        is_last = taken == len(units)


class _Own:
    """Rows that were changed here since they were sent.

    They are not written over: the next replication finds out that both stations changed them.

    Args:
        sent: Number of the newest change that was sent.
    """

    def __init__(self, sent: int) -> None:
        self._seen = sent
        self._places: set[Place] = set()

    def look(self, connection: Any) -> set[Place]:
        """Those there are by now; goes through what is new since the last look."""
        text = "SELECT name, row_key, is_foreign, change_no FROM row_states WHERE change_no > ?"
        for name, key, is_foreign, number in connection.exec_driver_sql(text, (self._seen,)).fetchall():
            self._seen = max(self._seen, number)
            if not is_foreign:
                self._places.add((name, key))
        return self._places


class _Slice:
    """What is taken over in one transaction.

    Attributes:
        erasures: What it erases.
        units: How many units.
        fetched: How many rows.
        held: Rows that could not be, a sentence each.
    """

    def __init__(
        self,
        waiting: Sequence[Sequence[Change]],
        newest: int,
        erasures: Erasures,
        own: _Own,
        clock: Callable[[], float],
    ) -> None:
        self._waiting = waiting
        self._newest = newest
        self.erasures = erasures
        self._own = own
        self._clock = clock
        self.units = self.fetched = 0
        self.held: list[str] = []

    def take(self, connection: Any) -> list[Draft]:
        """Takes units as long as there is time, within a transaction; at least one."""
        end_s, rows = self._clock() + SLICE_S, 0
        own = self._own.look(connection)
        for unit in self._waiting:
            if self.units and (rows + len(unit) > SLICE_ROWS or self._clock() >= end_s):
                break
            self._unit(connection, unit, own)
            self.units += 1
            rows += len(unit)
        self.erasures.within(connection)
        if self.units == len(self._waiting):
            connection.exec_driver_sql(
                "UPDATE station_link SET fetched_version = ?, fetched_us = ?",
                (self._newest, time.time_ns() // 1000),
            )
        return []

    def _unit(self, connection: Any, unit: Sequence[Change], own: set[Place]) -> None:
        self.erasures.before(connection, _erased(unit), _gone(unit, photographs.name))
        mine = [one for one in unit if one.place not in own]
        try:
            with connection.begin_nested():
                for name, rows in groupby(mine, key=lambda one: (one.name, tuple(one.content or ()))):
                    _write(connection, name[0], [*rows])
        except IntegrityError:
            mine = self._one_by_one(connection, mine)
        self.fetched += len(mine)
        if not mine:
            return
        bases = [(*one.place, one.version) for one in mine]
        connection.exec_driver_sql("INSERT OR REPLACE INTO station_bases VALUES (?, ?, ?)", bases)
        if connection.exec_driver_sql("SELECT 1 FROM station_held LIMIT 1").fetchone():
            places = [one.place for one in mine]
            connection.exec_driver_sql("DELETE FROM station_held WHERE name = ? AND row_key = ?", places)

    def _one_by_one(self, connection: Any, waiting: Sequence[Change]) -> list[Change]:
        """Rows in whatever order they let one another in; those that nothing lets in are held back and said."""
        taken: list[Change] = []
        why: dict[Place, str] = {}
        while waiting:
            left = []
            for one in waiting:
                try:
                    with connection.begin_nested():
                        _write(connection, one.name, [one])
                    taken.append(one)
                except IntegrityError as error:
                    why[one.place] = f"this station's own record excludes it ({error.orig})"
                    left.append(one)
            if len(left) == len(waiting):
                break
            waiting = left
        for one in waiting:
            connection.exec_driver_sql(
                "INSERT OR REPLACE INTO station_held VALUES (?, ?, ?)", (*one.place, why[one.place])
            )
            self.held.append(f"{one.name} {one.row_key} was not taken over: {why[one.place]}.")
        return taken


def _erased(changes: Sequence[Change]) -> list[str]:
    """Patients that the server says were erased."""
    return [
        one.row_key for one in changes if one.name == patients.name and (one.content or {}).get("erased_at")
    ]


def _gone(changes: Sequence[Change], table: str) -> list[str]:
    """Keys of rows of a table that are gone."""
    return [one.row_key for one in changes if one.name == table and one.content is None]


def _write(connection: Any, name: str, rows: Sequence[Change]) -> None:
    """Writes rows of one table that have the same columns, or that are all gone."""
    first = rows[0].content
    keys = [column.name for column in metadata.tables[name].primary_key]
    if first is None:
        where = " AND ".join(f'"{column}" = ?' for column in keys)
        values = [tuple(key_of(*one.place)[1]) for one in rows]
        connection.exec_driver_sql(f'DELETE FROM "{name}" WHERE {where}', values)  # noqa: S608 - our own names
        return
    names = ", ".join(f'"{column}"' for column in first)
    marks = ", ".join("?" * len(first))
    sets = ", ".join(f'"{column}" = excluded."{column}"' for column in first if column not in keys)
    text = f'INSERT INTO "{name}" ({names}) VALUES ({marks}) ON CONFLICT ({", ".join(keys)}) DO UPDATE SET {sets}'  # noqa: S608
    connection.exec_driver_sql(text, [tuple((one.content or {}).values()) for one in rows])
