"""A patient's rows, all of them and as they are: what travels in our own bundle and comes back without a difference.

Every row of the tables below that belongs to the patient is in it, with every column, salts included, and so are the consent
texts and cartridges that those rows name. Not in it: entries of the chain, events and samples of the pen (they prove something
only in their own chain), recalls, cleanings, and the files of photographs, which travel beside it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import Field, StringConstraints, ValidationError
from sqlalchemy import Column, Select, Table, select

from pen_host.canonical import canonical_json
from pen_host.errors import VerificationError
from pen_host.models import Model
from pen_host.records.columns import Day, Moment
from pen_host.records.layout import NEWEST
from pen_host.records.models.people import PatientId
from pen_host.records.store import Store
from pen_host.records.tables import (
    cartridge_uses,
    cartridges,
    consent_texts,
    consents,
    demographics,
    home_tools,
    notes,
    outcomes,
    patients,
    photographs,
    reaction_days,
    reactions,
    screenings,
    topicals,
    visit_sessions,
    visits,
)

VERSION: Final = 1
SHARED = (consent_texts, cartridges)
"""Rows that belong to more than one patient: one that is there already must be the same."""
OWN = (
    patients,
    demographics,
    screenings,
    consents,
    visits,
    visit_sessions,
    cartridge_uses,
    outcomes,
    reactions,
    reaction_days,
    notes,
    topicals,
    home_tools,
    photographs,
)
TABLES = (*SHARED, *OWN)
"""In an order that the constraints allow."""
LATER: Final[Mapping[str, Mapping[str, frozenset[str]]]] = {"c0004": {"visits": frozenset({"preset_digest"})}}
"""Columns by the layout that brought them, and their table: a row from before has none of them, which counts as null."""


class Archive(Model):
    """A patient's rows.

    Attributes:
        format: What this is.
        version: Of this form.
        layout: Revision of the clinical tables.
        patient_id: Whose.
        tables: Rows by table; days and moments as ISO text.
    """

    format: Literal["derma-pen patient"]
    version: Literal[1]
    layout: Annotated[str, StringConstraints(pattern=r"^c[0-9]{4}$")]
    patient_id: PatientId
    tables: dict[str, Annotated[tuple[dict[str, Any], ...], Field(max_length=100_000)]]

    @property
    def text(self) -> str:
        """Its one spelling."""
        return canonical_json(self.model_dump(mode="json"))

    @property
    def sha256(self) -> str:
        """Of that spelling."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def take(store: Store, patient_id: str) -> Archive:
    """A patient's rows from the record."""
    tables = {table.name: tuple(_rows(store, table, query)) for table, query in _queries(patient_id)}
    return Archive(
        format="derma-pen patient", version=VERSION, layout=NEWEST, patient_id=patient_id, tables=tables
    )


def read(text: str) -> Archive:
    """An archive from its text.

    Raises:
        VerificationError: It is none, or of a newer program.
    """
    try:
        archive = Archive.model_validate_json(text)
    except ValidationError as error:
        raise VerificationError(_refused("its rows cannot be read")) from error
    if archive.layout > NEWEST:
        raise VerificationError(
            _refused(f"its tables have the layout {archive.layout}, this program has {NEWEST}")
        )
    for table in TABLES:
        names = columns_in(archive.layout, table)
        for row in archive.tables.get(table.name, ()):
            if set(row) != names:
                raise VerificationError(_refused(f"a row of {table.name} has other columns"))
    unknown = set(archive.tables) - {table.name for table in TABLES}
    if unknown:
        raise VerificationError(_refused(f"it has rows of {', '.join(sorted(unknown))}"))
    return archive


def columns_in(layout: str, table: Table) -> set[str]:
    """Names of the columns that a table has in this layout or had in an earlier one."""
    later = (brought.get(table.name, frozenset()) for since, brought in LATER.items() if since > layout)
    return {column.name for column in table.columns}.difference(*later)


def row_values(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as the database takes it; a column that came after it was written is null.

    Raises:
        VerificationError: A day or moment is none.
    """
    try:
        return {column.name: _back(column, row.get(column.name)) for column in table.columns}
    except (TypeError, ValueError) as error:
        raise VerificationError(_refused(f"a row of {table.name} has a value that is none")) from error


def _refused(why: str) -> str:
    return (
        f"This bundle cannot be taken in: {why}. Nothing was stored. Have it exported again by a program of this version or an "
        "older one."
    )


def _queries(patient_id: str) -> Iterator[tuple[Table, Select[Any]]]:
    theirs = select(reactions.c.id).where(reactions.c.patient_id == patient_id)
    seen = select(visits.c.id).where(visits.c.patient_id == patient_id)
    signed = select(consents.c.text_id).where(consents.c.patient_id == patient_id)
    used = select(cartridge_uses.c.cartridge_id).where(cartridge_uses.c.patient_id == patient_id)
    special = {
        "patients": patients.c.id == patient_id,
        "reaction_days": reaction_days.c.reaction_id.in_(theirs),
        "visit_sessions": visit_sessions.c.visit_id.in_(seen),
        "consent_texts": consent_texts.c.id.in_(signed),
        "cartridges": cartridges.c.id.in_(used),
    }
    for table in TABLES:
        where = special.get(table.name)
        yield table, select(table).where(table.c.patient_id == patient_id if where is None else where)


def _rows(store: Store, table: Table, query: Select[Any]) -> Sequence[dict[str, Any]]:
    """In the order in which they were written, so that a row never comes before one it names."""
    keys = [*([table.c.at] if "at" in table.c else []), *table.primary_key.columns]
    return [
        {column.name: _out(row[column.name]) for column in table.columns}
        for row in store.rows(query.order_by(*keys))
    ]


def _out(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    # numbers, text, yes or no, and what a column of JSON holds
    return json.loads(canonical_json(value)) if isinstance(value, dict | list) else value


def _back(column: Column[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(column.type, Day):
        return date.fromisoformat(value)
    if isinstance(column.type, Moment):
        return datetime.fromisoformat(value)
    return value
