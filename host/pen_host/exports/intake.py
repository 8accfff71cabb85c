"""Our own bundle back into a record: every row as it was, or nothing.

What comes back: every row of `archive.TABLES` that belongs to the patient, column for column, and their photographs. Where a
picture was not given out when the bundle was made (`pen_host.records.photo_access`), its row comes without it. What does not
come: the chain they were written under, with the pen's events and samples; the new record's chain gets one entry that names the
bundle by its hash. Reports on strokes of an imported visit are therefore made where it was treated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import RowMapping, Select, select

from pen_host.exports import archive
from pen_host.exports.archive import Archive
from pen_host.exports.reading import Prepared, prepare, read
from pen_host.journal import Draft, Kind
from pen_host.records import Clinic, ConflictError
from pen_host.records.consents import in_force, keep_in_force
from pen_host.records.models import Person
from pen_host.records.photo_adding import adding
from pen_host.records.photo_places import WITHOUT
from pen_host.records.store import Writing
from pen_host.records.tables import patients


class HereAlreadyError(ConflictError):
    """The record has the patient of a bundle."""


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What an import came to.

    Attributes:
        patient_id: The patient.
        rows: Rows by table.
        photographs: Files.
        without_picture: Photographs whose rows came without one.
        sha256: Of the bundle.
    """

    patient_id: str
    rows: dict[str, int]
    photographs: int
    without_picture: int
    sha256: str


class Asked(Protocol):
    """What answers whether something is in the record: a reader of it, or a change under way."""

    def row(self, query: Select[Any]) -> RowMapping | None:
        """The first row of a query, or None."""


def take_in(clinic: Clinic, file: Path, by: Person) -> TakenIn:
    """Takes our own bundle into a record that does not have this patient.

    Args:
        clinic: The record, open for writing.
        file: The bundle, R4B or R5.
        by: Who does it.

    Raises:
        VerificationError: It is from elsewhere, broken, or was changed after it was exported.
        ConflictError: The record has this patient, or something of it under another meaning.
        JournalError: It could not be written; nothing was taken in.
    """
    return keep(clinic, prepare(read(file, file.name), file.name), by)


def must_be_new(asked: Asked, taken: Archive) -> None:
    """Whether a record could take this patient in.

    Raises:
        HereAlreadyError: It has this patient.
        ConflictError: It has something of it under another meaning.
        VerificationError: A value is none.
    """
    if asked.row(select(patients.c.id).where(patients.c.id == taken.patient_id)) is not None:
        raise HereAlreadyError(
            f"The record has patient {taken.patient_id} already, so nothing was taken in: a bundle never overwrites a record. "
            "Take it into another record if you want to compare them."
        )
    for table in archive.SHARED:
        for row in taken.tables.get(table.name, ()):
            _is_there(asked, table, archive.row_values(table, row))


def keep(clinic: Clinic, prepared: Prepared, by: Person) -> TakenIn:
    """Takes in what was read and checked: every row and photograph of it, or nothing.

    Raises:
        ConflictError: See `must_be_new`.
        JournalError: It could not be written; nothing was taken in.
    """
    taken = prepared.archive

    def change(writing: Writing) -> Sequence[Draft]:
        must_be_new(writing, taken)
        before = in_force(writing)
        for table in archive.TABLES:
            for row in taken.tables.get(table.name, ()):
                values = archive.row_values(table, row)
                if table in archive.SHARED and _is_there(writing, table, values):
                    continue
                writing.add(table, **values)
        told = {
            "change": "imported",
            "bundle": prepared.sha256,
            "archive": taken.sha256,
            "rows": prepared.rows,
        }
        if prepared.without_picture:
            told[WITHOUT] = list(prepared.without_picture)
        return [Draft(Kind.PATIENT, told, subject=taken.patient_id), *keep_in_force(writing, before)]

    with adding(clinic.store, prepared.pictures):
        clinic.store.write(change, by)
    lacking = len(prepared.without_picture)
    return TakenIn(taken.patient_id, prepared.rows, len(prepared.pictures), lacking, prepared.sha256)


def _is_there(asked: Asked, table: Any, values: dict[str, Any]) -> bool:
    """Whether a shared row is in the record already; it must be the same then."""
    row = asked.row(select(table).where(table.c.id == values["id"]))
    if row is None:
        return False
    differs = [name for name, value in values.items() if row[name] != value]
    if differs:
        raise ConflictError(
            f"The record has another {table.name[:-1].replace('_', ' ')} under the same key ({', '.join(differs)} differ), so "
            "nothing was taken in. Find out which one is right."
        )
    return True
