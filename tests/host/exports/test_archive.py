"""A patient's rows from programs of before come back; those of a newer program are refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import create_engine, inspect

from pen_host.errors import VerificationError
from pen_host.exports import archive, intake, reading
from pen_host.exports.archive import Archive
from pen_host.exports.fhir import patient_bundle
from pen_host.exports.fhir.common import Dialect
from pen_host.journal.layout import _config, revisions
from pen_host.records import Clinic
from pen_host.records.layout import NEWEST, SCRIPTS
from tests.host.told_clinic import ANNA, ToldClinic


def as_of(layout: str, now: Archive) -> Archive:
    """The rows as a program with that layout would have exported them."""
    tables = {
        table.name: tuple(
            {name: row[name] for name in archive.columns_in(layout, table)} for row in now.tables[table.name]
        )
        for table in archive.TABLES
    }
    return now.model_copy(update={"layout": layout, "tables": tables})


def test_rows_of_every_layout_of_before_come_back_with_null_in_what_came_later(
    told: ToldClinic, tmp_path: Path
) -> None:
    prepared = reading.prepare(patient_bundle(told.clinic, told.patient_id, Dialect.R5), "b.json")
    for layout in sorted(revisions(SCRIPTS) - {NEWEST}):
        before = archive.read(as_of(layout, prepared.archive).text)
        place = tmp_path / layout
        with Clinic.open(place, now=told.now, today=lambda: told.day) as other:
            intake.keep(other, dataclasses.replace(prepared, archive=before), ANNA)
            found = archive.take(other.store, told.patient_id)
        assert as_of(layout, found) == before
        (visit,) = found.tables["visits"][:1]
        assert visit["preset_digest"] is None


def test_what_a_layout_has_is_what_its_migrations_made() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        config = _config(SCRIPTS)
        config.attributes["connection"] = connection
        for layout in sorted(revisions(SCRIPTS)):
            command.upgrade(config, layout)
            made = inspect(connection)
            for table in archive.TABLES:
                if made.has_table(table.name):
                    columns = {one["name"] for one in made.get_columns(table.name)}
                    assert archive.columns_in(layout, table) == columns, (layout, table.name)
    engine.dispose()


def test_rows_of_a_newer_program_and_rows_that_lack_a_column_of_their_layout_are_refused(
    told: ToldClinic,
) -> None:
    now = archive.take(told.clinic.store, told.patient_id)
    with pytest.raises(VerificationError, match=f"the layout c9999, this program has {NEWEST}"):
        archive.read(now.model_copy(update={"layout": "c9999"}).text)
    lacking = as_of("c0003", now).model_copy(update={"layout": NEWEST})
    with pytest.raises(VerificationError, match="a row of visits has other columns"):
        archive.read(lacking.text)
    beyond = now.model_copy(update={"layout": "c0003"})
    with pytest.raises(VerificationError, match="a row of visits has other columns"):
        archive.read(beyond.text)
