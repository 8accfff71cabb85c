"""Who a patient is: no column of the tables is unknown to sealing, erasing or rights."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest
from sqlalchemy import JSON, Column, Table, Text
from sqlalchemy.dialects import sqlite

from pen_host.backups import sealing
from pen_host.journal import Kind
from pen_host.records.columns import Day, Json
from pen_host.records.erasure import wipe
from pen_host.records.patient_keys import KEY_BYTES
from pen_host.records.personal import PERSONAL, PLAIN, ROWS, SALT
from pen_host.records.tables import metadata
from pen_host.stations import rights

from .conftest import ANNA, Bench

EVERYWHERE = {"station_id", "at", "by_name", "by_role"}
"""What each row says of its writing; of staff, not of patients."""


def wordy(table: Table) -> set[str]:
    """Columns that can hold a word or a day, keys to other rows left out."""
    return {
        column.name
        for column in table.columns
        if isinstance(column.type, Text | JSON | Day | Json)
        and not column.foreign_keys
        and column.name not in EVERYWHERE | {SALT}
        and not column.primary_key
    }


@pytest.mark.covers("REQ-1407")
@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_every_column_is_known_to_be_personal_or_not(table: Table) -> None:
    """A new column fails here until somebody says which it is; the rest follows from that."""
    personal, plain = set(PERSONAL.get(table.name, ())), set(PLAIN.get(table.name, ()))
    names = {column.name for column in table.columns}
    assert not personal & plain
    assert personal | plain <= names, "a column that is listed is not there"
    assert wordy(table) - personal - plain == set(), (
        "say in pen_host.records.personal whether these columns say who a patient is"
    )


def test_a_column_that_nobody_thought_of_is_noticed() -> None:
    table = Table("x", type(metadata)(), Column("id", Text, primary_key=True), Column("nickname", Text))
    assert wordy(table) == {"nickname"}


def test_what_is_personal_is_sealed_and_kept_from_readers() -> None:
    for name, columns in PERSONAL.items():
        assert set(columns) <= set(sealing.COLUMNS[name][1])
        told = " ".join(text for text in rights.statements([metadata.tables[name]]) if "pen_reader" in text)
        granted = told.partition("GRANT SELECT (")[2].partition(")")[0].split(", ")
        assert not set(columns) & set(granted)
        assert SALT not in granted


def marked(bench: Bench, patient: str) -> set[str]:
    """Writes a word of its own into every personal column, whatever the program itself would write; those words."""
    words = set()
    with closing(sqlite3.connect(bench.folder / "record.sqlite3")) as tool:
        for name, columns in PERSONAL.items():
            table = metadata.tables[name]
            values: dict[str, Any] = {}
            for column in table.columns:
                number = "INT" in str(column.type.dialect_impl(sqlite.dialect()).compile()).upper()
                values[column.name] = 7 if number else f"{name}.{column.name}"
            if "patient_id" in values:
                values["patient_id"] = patient
            if "reaction_id" in values:
                values["reaction_id"] = "reactions.id"
            for column in (*columns, *([SALT] if SALT in values else [])):
                values[column] = f"secret {name} {column}"
                words.add(values[column])
            marks = ", ".join("?" * len(values))
            tool.execute(
                f'INSERT INTO "{name}" ({", ".join(values)}) VALUES ({marks})', tuple(values.values())
            )
        tool.commit()
    return words


def left(bench: Bench, words: set[str]) -> set[str]:
    with closing(sqlite3.connect(bench.folder / "record.sqlite3")) as tool:
        text = "\n".join(tool.iterdump())
    return {word for word in words if word in text}


@pytest.mark.covers("REQ-1407")
def test_erasing_leaves_nothing_in_any_personal_column(bench: Bench) -> None:
    from pen_host.journal import Draft
    from pen_host.records.store import Writing

    patient = bench.patient().patient_id
    words = marked(bench, patient)
    assert left(bench, words) == words

    def change(connection: Any) -> list[Draft]:
        wipe(Writing(connection, "s1", bench.now(), ANNA), patient)
        return [Draft(Kind.PATIENT, {"change": "erased"}, subject=patient)]

    bench.clinic.journal.together(change)
    assert left(bench, words) == set()
    with closing(sqlite3.connect(bench.folder / "record.sqlite3")) as tool:
        for name in ROWS:
            assert tool.execute(f'SELECT count(*) FROM "{name}"').fetchone() == (0,)


def test_sealing_leaves_nothing_of_any_personal_column_and_gives_all_of_it_back(bench: Bench) -> None:
    patient = bench.patient().patient_id
    words = marked(bench, patient)
    keys = {patient: bytes(KEY_BYTES)}
    with closing(sqlite3.connect(bench.folder / "record.sqlite3", isolation_level=None)) as tool:
        sealing.seal_copy(tool, keys)
        assert left(bench, words) == set()
        assert sealing.unseal_copy(tool, keys) == set()
    assert left(bench, words) == words
