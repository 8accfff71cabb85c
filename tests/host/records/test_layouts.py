"""Tables that tests repeat are those the migrations make, and whatever is more than making new ones is run each time."""

from __future__ import annotations

import inspect
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine

from pen_host.journal import layout
from pen_host.records import Clinic
from tests.layouts import Migrate, remembering


class Counted:
    """A migration, and how often it was run."""

    def __init__(self, migrate: Migrate) -> None:
        self._migrate = migrate
        self.runs = 0

    def __call__(self, path: Path, connection: Connection, scripts: Path) -> None:
        self.runs += 1
        self._migrate(path, connection, scripts)


def made_of(record: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(record)) as tool:
        parts = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY rowid"
        versions = "SELECT * FROM alembic_version, clinic_version"
        return [*tool.execute(parts), *tool.execute(versions), *tool.execute("PRAGMA application_id")]


def test_a_record_of_repeated_tables_is_the_one_the_migrations_make(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Counted(inspect.unwrap(layout.migrate))
    monkeypatch.setattr(layout, "migrate", remembering(real))
    for name in ("made", "repeated"):
        Clinic.open(tmp_path / name, station_id="s1").close()
    assert real.runs == 2, "journal and clinic, once each"
    assert made_of(tmp_path / "made" / "record.sqlite3") == made_of(tmp_path / "repeated" / "record.sqlite3")


@pytest.mark.parametrize(
    "statements",
    [
        ["ALTER TABLE old ADD COLUMN b INTEGER"],
        ["CREATE TABLE version AS SELECT '2' AS number", "CREATE TABLE new AS SELECT a FROM old"],
        ["CREATE TABLE version AS SELECT '2' AS number", "DROP TABLE old"],
    ],
    ids=["changes a table", "fills a table", "drops a table"],
)
def test_what_is_more_than_making_tables_is_run_each_time(tmp_path: Path, statements: list[str]) -> None:
    def migrate(_path: Path, connection: Connection, _scripts: Path) -> None:
        for statement in statements:
            connection.exec_driver_sql(statement)

    counted = Counted(migrate)
    quick = remembering(counted)
    for name in ("one", "two"):
        engine = create_engine(f"sqlite:///{tmp_path / name}")
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE old AS SELECT 1 AS a")
            quick(tmp_path / name, connection, tmp_path)
        engine.dispose()
    assert counted.runs == 2
