"""Rows of other stations, put together as they must be taken over: what belongs to one patient at one moment.

A patient whose rows came one after the other would for a while be somebody without their last visit, their answers or what they
took back; and if the station stopped amid that, for as long as the server is away. So a patient is taken over whole or not yet.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pen_host.records.tables import metadata, patients
from pen_host.stations.errors import ServerRowsError

NOBODYS = ""
"""Of rows that belong to no patient: texts, own presets, cartridges, recalls."""
Place = tuple[str, str]
"""Table and key of a row."""


@dataclass(frozen=True, slots=True)
class Change:
    """A row as the server has it; content None for one that is gone."""

    name: str
    row_key: str
    version: int
    content: dict[str, Any] | None

    @property
    def place(self) -> Place:
        """Which row."""
        return self.name, self.row_key


def key_of(name: str, row_key: str) -> tuple[list[str], list[str]]:
    """Columns and values of a row's key."""
    columns = [column.name for column in metadata.tables[name].primary_key]
    return columns, row_key.split("/") if len(columns) > 1 else [row_key]


def together(connection: sqlite3.Connection, changes: Sequence[Change]) -> list[list[Change]]:
    """Units that are taken over whole, in their order: what belongs to nobody first, then a patient at a time.

    Args:
        connection: To the station's record, reading.
        changes: Rows, those that others refer to first.

    Raises:
        ServerRowsError: A row refers to one that is neither among them nor here.
    """
    index = _Index(connection, changes)
    of: dict[str, list[Change]] = {}
    nobodys = []
    for one in changes:
        index.must_have_parents(one)
        patient = index.patient_of(one.place)
        if patient == NOBODYS:
            nobodys.append([one])
        else:
            of.setdefault(patient, []).append(one)
    return [*nobodys, *of.values()]


class _Index:
    """Rows by their place, here and among those that come."""

    def __init__(self, connection: sqlite3.Connection, changes: Sequence[Change]) -> None:
        self._connection = connection
        self._coming = {one.place: one for one in changes}
        self._here: set[Place] = set()

    def must_have_parents(self, one: Change) -> None:
        """Refuses a row whose parent is nowhere: somebody tore the server's rows apart."""
        for parent in _parents(one):
            coming = self._coming.get(parent)
            if coming is not None and coming.content is not None:
                continue
            if coming is not None or not self._is_here(parent):
                raise ServerRowsError(" ".join(one.place), " ".join(parent))

    def patient_of(self, place: Place) -> str:
        """Whose row it is."""
        name, row_key = place
        if name == patients.name:
            return row_key
        row = self._content(place)
        if row is None:
            return NOBODYS
        if row.get("patient_id"):
            return str(row["patient_id"])
        found = (self.patient_of(parent) for parent in _parents(Change(name, row_key, 0, row)))
        return next((patient for patient in found if patient), NOBODYS)

    def _content(self, place: Place) -> dict[str, Any] | None:
        """The row's columns, as they come, or as they are here where it goes or does not come."""
        coming = self._coming.get(place)
        if coming is not None and coming.content is not None:
            return coming.content
        columns, values = key_of(*place)
        where = " AND ".join(f'"{column}" = ?' for column in columns)
        cursor = self._connection.execute(f'SELECT * FROM "{place[0]}" WHERE {where}', values)  # noqa: S608
        row = cursor.fetchone()
        return (
            None
            if row is None
            else {told[0]: value for told, value in zip(cursor.description, row, strict=True)}
        )

    def _is_here(self, place: Place) -> bool:
        if place not in self._here and self._content(place) is not None:
            self._here.add(place)
        return place in self._here


def _parents(one: Change) -> Iterator[Place]:
    """Rows that a row refers to."""
    for key in metadata.tables[one.name].foreign_keys if one.content else ():
        value = (one.content or {}).get(key.parent.name)
        if value is not None:
            yield key.column.table.name, str(value)
