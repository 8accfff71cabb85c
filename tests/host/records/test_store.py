"""Tables and chain are one: a change is there with its entry or not at all, whatever ends it in between."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, select

from pen_host.journal import (
    Draft,
    Journal,
    JournalDamagedError,
    JournalFullError,
    JournalLockedError,
    JournalNewerError,
    JournalUnhealthyError,
    JournalUnwritableError,
    Kind,
    layout,
    verify_record,
)
from pen_host.journal.tables import metadata as journal_metadata
from pen_host.records import Clinic, ConflictError
from pen_host.records import layout as clinic_layout
from pen_host.records.models import Demographics
from pen_host.records.store import Writing
from pen_host.records.tables import metadata, patients

from .conftest import ANNA, Bench

WHO = Demographics(full_name="Ada Example", birth_date=date(1980, 1, 1))


def count(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


# ---- layout --------------------------------------------------------------------------------------------------------


def test_the_scripts_make_the_tables_that_the_program_knows(bench: Bench) -> None:
    path = bench.clinic.journal.path
    engine = create_engine(f"sqlite:///{path}")
    known = {*metadata.tables, clinic_layout.VERSION_TABLE}
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": clinic_layout.VERSION_TABLE,
                "include_name": lambda name, kind, _: kind != "table" or name in known,
            },
        )
        assert compare_metadata(context, metadata) == []
    engine.dispose()
    with closing(sqlite3.connect(path)) as connection:
        made = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'"))
    assert all(made[name].rstrip().endswith("STRICT") for name in metadata.tables)


def test_the_newest_layout_is_the_last_script_and_there_is_one_line_of_them() -> None:
    config = Config()
    config.set_main_option("script_location", str(clinic_layout.SCRIPTS))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [clinic_layout.NEWEST]


def test_no_column_has_a_type_that_only_sqlite_knows() -> None:
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.schema import CreateTable

    for table in metadata.sorted_tables:
        assert "CREATE TABLE" in str(CreateTable(table).compile(dialect=postgresql.dialect()))
        assert "station_id" in table.c
    assert not set(metadata.tables) & set(journal_metadata.tables)


def test_a_journal_that_has_no_clinic_yet_gets_one_and_keeps_its_entries(tmp_path: Path) -> None:
    path = tmp_path / "record.sqlite3"
    with Journal.create_or_open(path) as journal:
        head = journal.append(Kind.NOTE, {"text": "before"}).head
    with Clinic.open(tmp_path) as clinic:
        clinic.patients.add(WHO, ANNA)
    assert verify_record(path, known=[head]).intact
    assert list(tmp_path.glob("*before-*")) == []


def test_clinical_tables_of_a_newer_program_are_refused_and_not_touched(bench: Bench) -> None:
    path = bench.clinic.journal.path
    bench.clinic.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"UPDATE {clinic_layout.VERSION_TABLE} SET version_num = 'c0042'")
        connection.commit()
    before = count(path, "entries")
    with pytest.raises(JournalNewerError, match=r"newer version of this program \(layout c0042\)"):
        bench.opened()
    # the journal itself was opened and closed again; nothing else was written
    assert count(path, "entries") == before + 2
    assert count(path, "patients") == 0


@pytest.mark.parametrize(
    ("table", "layout"), [("alembic_version", "0042"), (clinic_layout.VERSION_TABLE, "c0042")]
)
def test_a_record_of_a_newer_program_is_not_even_read(bench: Bench, table: str, layout: str) -> None:
    path = bench.clinic.journal.path
    bench.clinic.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"UPDATE {table} SET version_num = '{layout}'")
        connection.commit()
    with pytest.raises(JournalNewerError, match=rf"\(layout {layout}\)"):
        Clinic.read(path)


def test_an_older_layout_is_copied_first_and_migrated_in_one_piece(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    bench.patient()
    bench.clinic.close()
    scripts = tmp_path / "later"
    shutil.copytree(clinic_layout.SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    later = scripts / "versions" / "c9999_later.py"
    body = (
        '"""A later layout."""\nfrom alembic import op\nrevision = "c9999"\ndown_revision = "{before}"\n'
        "branch_labels = None\ndepends_on = None\n\n\ndef upgrade() -> None:\n"
        '    op.create_index("patients_at", "patients", ["at"])\n    {more}\n'
    )
    later.write_text(body.format(before=clinic_layout.NEWEST, more="op.execute('CREATE TABLE patients (x)')"))
    monkeypatch.setattr(clinic_layout, "SCRIPTS", scripts)
    was = clinic_layout.NEWEST
    monkeypatch.setattr(clinic_layout, "NEWEST", "c9999")
    with pytest.raises(Exception, match="nothing is recorded"):
        bench.opened()
    path = bench.folder / "record.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        assert layout.revision(connection, clinic_layout.VERSION_TABLE) == was
        assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'patients_at'").fetchone()
    later.write_text(body.format(before=was, more="pass"))
    bench.clinic = bench.opened()
    (told,) = [row.payload for row in bench.entries(Kind.JOURNAL_MIGRATED) if row.payload["to"] == "c9999"]
    copy = bench.folder / told["copy"]
    assert count(copy, "patients") == count(path, "patients") == 1
    assert verify_record(copy).intact
    assert verify_record(path).intact


# ---- one transaction -----------------------------------------------------------------------------------------------


class OddError(RuntimeError):
    """Something that no code expects."""


def test_what_is_raised_within_a_change_undoes_tables_and_chain(bench: Bench) -> None:
    head = bench.clinic.journal.head

    def change(writing: Writing) -> list[Draft]:
        writing.add(patients, id="P-00000-00000")
        raise OddError

    with pytest.raises(OddError):
        bench.clinic._store.write(change, ANNA)
    assert count(bench.clinic.journal.path, "patients") == 0
    assert bench.clinic.journal.head == head
    assert bench.clinic.journal.healthy
    bench.patient()


def test_an_entry_that_says_too_little_undoes_the_tables_as_well(bench: Bench) -> None:
    def change(writing: Writing) -> list[Draft]:
        writing.add(patients, id="P-00000-00000")
        return [Draft(Kind.PATIENT, {})]

    with pytest.raises(Exception, match="must say change"):
        bench.clinic._store.write(change, ANNA)
    assert count(bench.clinic.journal.path, "patients") == 0
    assert bench.clinic.journal.healthy


def test_a_constraint_is_a_sentence_and_does_the_record_no_harm(bench: Bench) -> None:
    def change(writing: Writing) -> list[Draft]:
        writing.add(patients, id="P-00000-00000")
        writing.add(patients, id="P-00000-00000")
        return []

    with pytest.raises(ConflictError, match="nothing was changed"):
        bench.clinic._store.write(change, ANNA)
    assert bench.clinic.journal.healthy
    assert count(bench.clinic.journal.path, "patients") == 0


def test_a_full_disk_is_one_sentence_and_nothing_half_stored(bench: Bench) -> None:
    raw = bench.clinic.journal._raw
    bench.patient()
    raw.execute(f"PRAGMA max_page_count = {raw.execute('PRAGMA page_count').fetchone()[0]}")
    with contextlib.suppress(JournalFullError):
        for _ in range(500):
            bench.patient("A name that is long enough to fill a page of the database before long")
    assert "is full" in bench.clinic.journal.failure
    stored = count(bench.clinic.journal.path, "patients")
    assert stored == count(bench.clinic.journal.path, "demographics") == len(bench.entries(Kind.PATIENT))
    with pytest.raises(JournalUnhealthyError):
        bench.patient()
    raw.execute("PRAGMA max_page_count = 1000000")
    bench.clinic.journal.recover(actor="anna", role="physician")
    bench.patient()
    assert bench.clinic.journal.verify().intact


def test_a_second_program_is_told_who_holds_the_record(bench: Bench) -> None:
    with pytest.raises(JournalLockedError, match="held by another program"):
        bench.opened()


def test_a_corrupt_file_is_refused_as_it_is(bench: Bench) -> None:
    path = bench.clinic.journal.path
    bench.patient()
    bench.clinic.close()
    content = bytearray(path.read_bytes())
    content[4096:8192] = b"\xa5" * 4096
    path.write_bytes(content)
    with pytest.raises(JournalDamagedError, match="is damaged"):
        bench.opened()
    assert path.read_bytes() == bytes(content)


def test_threads_write_and_read_at_the_same_time(bench: Bench) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for index in range(8):
                bench.patient(f"Person {number} {index}")
                bench.clinic.patients.find("person")
        except BaseException as error:  # noqa: BLE001 - the test fails with whatever it was
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert count(bench.clinic.journal.path, "patients") == 32
    assert bench.clinic.journal.verify().intact


def test_readers_cannot_write(bench: Bench) -> None:
    from sqlalchemy import insert

    with pytest.raises(Exception, match="cannot be used"), bench.clinic._store.reading() as connection:
        connection.execute(
            insert(patients).values(id="P", station_id="s", at=datetime.now(UTC), by_name="x", by_role="y")
        )
    assert bench.clinic._store.rows(select(patients)) == []


def test_a_naive_moment_is_refused_before_it_is_stored(bench: Bench) -> None:
    from pen_host.records.columns import Moment

    with pytest.raises(ValueError, match="without time zone"):
        Moment().process_bind_param(datetime(2026, 1, 1), None)  # type: ignore[arg-type] # noqa: DTZ001


# ---- death -----------------------------------------------------------------------------------------------------------


def _die_while_writing(folder: str, steps: int) -> None:
    """Adds patients until the process is killed by itself in the midst of one transaction."""
    clinic = Clinic.open(Path(folder))
    seen = 0

    def progress() -> int:
        nonlocal seen
        seen += 1
        if seen > steps:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0

    clinic.patients.add(WHO, ANNA)
    clinic.journal._raw.set_progress_handler(progress, 1)
    while True:
        clinic.patients.add(WHO, ANNA)


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
@pytest.mark.parametrize("steps", [3, 60, 150, 260, 420, 700, 1_400])
def test_a_process_killed_at_any_step_leaves_table_and_chain_equal(tmp_path: Path, steps: int) -> None:
    context = multiprocessing.get_context("spawn")
    run: Callable[..., None] = _die_while_writing
    process = context.Process(target=run, args=(str(tmp_path), steps))
    process.start()
    process.join(240)
    assert process.exitcode == -signal.SIGKILL
    with Clinic.open(tmp_path) as clinic:
        path = clinic.journal.path
        with clinic.journal.reader() as reader:
            told = [row.subject for row in reader.rows() if row.kind == Kind.PATIENT]
        rows = clinic._store.rows(select(patients.c.id))
        assert sorted(told) == sorted(row["id"] for row in rows)
        assert len(told) >= 1
        assert count(path, "demographics") == len(told)
        assert clinic.journal.verify().intact


# ---- reading beside a writer -----------------------------------------------------------------------------------------


def test_a_reader_works_while_another_program_writes_and_cannot_write(bench: Bench) -> None:
    patient = bench.patient()
    with Clinic.read(bench.folder) as reader:
        assert reader.patients.get(patient.patient_id) == patient
        with pytest.raises(JournalUnwritableError, match="reading only"):
            reader.patients.add(WHO, ANNA)
        with pytest.raises(JournalUnwritableError, match="reading only"):
            reader.journal.append(Kind.NOTE, {"text": "x"})
        second = bench.patient("Second")
        assert {one.patient_id for one in reader.patients.find("")} == {patient.patient_id, second.patient_id}


def test_a_record_without_a_clinic_or_of_another_layout_is_not_read(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(JournalUnwritableError, match="no such file"):
        Clinic.read(tmp_path / "nowhere")
    Journal.create_or_open(tmp_path / "bare" / "record.sqlite3").close()
    with pytest.raises(JournalUnwritableError, match="no clinical record yet"):
        Clinic.read(tmp_path / "bare")
    bench.clinic.close()
    with closing(sqlite3.connect(bench.folder / "record.sqlite3")) as connection:
        connection.execute(f"UPDATE {clinic_layout.VERSION_TABLE} SET version_num = 'c0042'")
        connection.commit()
    with pytest.raises(JournalNewerError, match="c0042"):
        Clinic.read(bench.folder)
