"""One way to write and one to read the clinical tables. A write is one transaction together with its entries in the chain."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, Select, Table, create_engine, insert, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from pen_host.canonical import digest
from pen_host.journal import Draft, Journal, JournalUnwritableError, layout, sqlite
from pen_host.models import Plan
from pen_host.records.errors import ConflictError
from pen_host.records.models import Person

READERS = 4
"""Connections kept for reading. (J)"""


class Store:
    """The clinical tables of one record.

    Args:
        path: The record.
        journal: Open for writing, its chain gets an entry for every change; None to read only.
        now: The moment, UTC.
        today: The clinic's calendar day.

    Attributes:
        path: The same.
        journal: The same.
        now: The same.
        today: The same.
    """

    def __init__(
        self,
        path: Path,
        journal: Journal | None,
        now: Callable[[], datetime],
        today: Callable[[], date],
    ) -> None:
        self.path = path
        self.journal = journal
        self.now = now
        self.today = today
        self._readers = _read_engine(path)

    def close(self) -> None:
        """Lets the readers go; the journal is its owner's to close."""
        self._readers.dispose()

    def write(self, change: Callable[[Writing], Sequence[Draft]], by: Person) -> None:
        """Changes tables and chain in one transaction.

        Args:
            change: Gets the transaction, returns the entries.
            by: Who does it.

        Raises:
            ConflictError: A constraint of the database forbids it; nothing was changed.
            PenError: Whatever `change` raised; nothing was changed.
            JournalError: It could not be written; nothing was changed.
        """
        journal = self.journal
        if journal is None:
            raise JournalUnwritableError(self.path, "it was opened for reading only")

        def together(connection: Connection) -> Sequence[Draft]:
            try:
                return change(Writing(connection, journal.station_id, self.now(), by))
            except IntegrityError as error:
                raise ConflictError(_conflict(error)) from error

        journal.together(together, actor=by.name, role=by.role)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that cannot write; take all rows at once and let it go.

        Raises:
            JournalError: The record cannot be read.
        """
        try:
            with self._readers.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise layout.failure(self.path, error) from error

    def rows(self, query: Select[Any]) -> Sequence[RowMapping]:
        """Every row of a query."""
        with self.reading() as connection:
            return connection.execute(query).mappings().all()

    def row(self, query: Select[Any]) -> RowMapping | None:
        """The first row of a query, or None."""
        with self.reading() as connection:
            return connection.execute(query).mappings().first()


class Writing:
    """A transaction under way.

    Attributes:
        connection: For reading what the decision rests on.
        station_id: The station that writes.
        at: The moment that all its rows carry.
        by: Who does it.
    """

    def __init__(self, connection: Connection, station_id: str, at: datetime, by: Person) -> None:
        self.connection = connection
        self.station_id = station_id
        self.at = at
        self.by = by

    def add(self, table: Table, **values: Any) -> None:
        """Inserts one row, with station, moment and person."""
        row = {
            "station_id": self.station_id,
            "at": self.at,
            "by_name": self.by.name,
            "by_role": self.by.role,
            **values,
        }
        self.connection.execute(insert(table).values(row))

    def change(self, table: Table, condition: Any, **values: Any) -> int:
        """Updates rows and returns how many there were."""
        return self.connection.execute(update(table).where(condition).values(values)).rowcount

    def row(self, query: Select[Any]) -> RowMapping | None:
        """The first row of a query, or None."""
        return self.connection.execute(query).mappings().first()

    def rows(self, query: Select[Any]) -> Sequence[RowMapping]:
        """Every row of a query."""
        return self.connection.execute(query).mappings().all()


def new_salt() -> str:
    """Salt for a digest, so that nobody can guess a name from the chain."""
    return secrets.token_hex(16)


def salted(salt: str, content: Mapping[str, Any]) -> str:
    """The digest by which the chain knows content that it must not hold."""
    return digest({"salt": salt, **content})


def writer(row: RowMapping) -> Person:
    """Who wrote a row."""
    return Person(name=row["by_name"], role=row["by_role"])


def as_plan(content: Any) -> Plan:
    """A plan from its column."""
    return Plan.model_validate_json(json.dumps(content))


def _conflict(error: IntegrityError) -> str:
    """A constraint's refusal in words; the repositories look first, so this is the second line of defence."""
    return (
        f"The database refused a change that its rules exclude ({error.orig}), so nothing was changed. Look at the "
        "record as it is now, then try again."
    )


def _read_engine(path: Path) -> Engine:
    return create_engine(
        "sqlite://",
        creator=lambda: sqlite.connect_reader(path),
        poolclass=QueuePool,
        pool_size=READERS,
    )
