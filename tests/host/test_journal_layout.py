"""Layouts of the record: made, migrated after a copy, never taken back, and never touched when newer."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.schema import CreateIndex

from pen_host.errors import JournalError
from pen_host.journal import (
    Journal,
    JournalNewerError,
    Kind,
    encrypting,
    layout,
    record_keys,
    sqlite,
    verify_record,
)
from pen_host.journal.tables import metadata
from pen_host.vault import this_vault

HELD = layout.NEWEST
"""What this program makes, before a test teaches it another."""

NEXT = '''"""A later layout."""

from alembic import op

revision = "9999"
down_revision = "{before}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One more index."""
    op.create_index("entries_actor", "entries", ["actor"])
    {more}


def downgrade() -> None:
    """Refused."""
    raise NotImplementedError
'''


either = pytest.mark.parametrize("path", ["plain", "encrypted"], indirect=True)
"""A migration of an encrypted record, and the copy before it, are encrypted as well."""


@pytest.fixture
def path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "record.sqlite3"
    if getattr(request, "param", "plain") == "encrypted":
        key = record_keys.new_key()
        record_keys.keep(key, this_vault())
        encrypting.create(path, key)
    with Journal.create_or_open(path, station_id="s1") as journal:
        journal.append(Kind.NOTE, {"text": "x"})
    return path


@pytest.fixture
def later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program with one more migration; the file of that migration."""
    scripts = tmp_path / "migrations"
    shutil.copytree(layout.SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    script = scripts / "versions" / "9999_later.py"
    script.write_text(NEXT.format(before=layout.NEWEST, more="pass"))
    monkeypatch.setattr(layout, "SCRIPTS", scripts)
    monkeypatch.setattr(layout, "NEWEST", "9999")
    return script


def revision(path: Path) -> str:
    with closing(sqlite.connect_file(path)) as connection:
        return layout.revision(connection)


def test_the_newest_layout_is_the_last_script_and_there_is_one_line_of_them() -> None:
    config = Config()
    config.set_main_option("script_location", str(layout.SCRIPTS))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [layout.NEWEST]


@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index entries_burns")
def test_the_scripts_make_the_tables_that_the_program_knows(path: Path) -> None:
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()
    with closing(sqlite3.connect(path)) as connection:
        (made,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'entries'").fetchone()
        indexes = dict(
            connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql <> ''")
        )
    told = {
        index.name: str(CreateIndex(index).compile(engine)) for index in metadata.tables["entries"].indexes
    }
    assert {name: indexes[name] for name in told} == told, "conditions and expressions are not compared above"
    assert set(" ".join(made.rsplit(")", 1)[1].split()).split(", ")) == {"WITHOUT ROWID", "STRICT"}


@either
def test_an_older_record_is_copied_then_migrated_and_says_so(path: Path, later: Path) -> None:
    head = verify_record(path).head
    assert head
    with Journal.create_or_open(path) as journal:
        assert journal.station_id == "s1"
        (migrated,) = [row for row in journal.reader().rows() if row.kind == Kind.JOURNAL_MIGRATED]
    assert revision(path) == "9999"
    assert verify_record(path, known=[head]).intact
    copy = path.with_name(migrated.payload["copy"])
    assert revision(copy) != "9999"
    assert verify_record(copy, known=[head]).head == head


@either
def test_a_migration_that_fails_leaves_the_record_as_it_was(path: Path, later: Path) -> None:
    script = NEXT.format(before=HELD, more="op.execute('CREATE TABLE entries (x)')")
    later.write_text(script)
    head = verify_record(path).head
    with pytest.raises(JournalError, match="nothing is recorded"):
        Journal.create_or_open(path)
    assert revision(path) == HELD
    assert verify_record(path).head == head
    with closing(sqlite.connect_file(path)) as connection:
        assert not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'entries_actor'").fetchone()


def test_a_copy_that_cannot_be_made_stops_the_migration(
    path: Path, later: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        layout, "_copy_name", lambda record, newest: record.parent / "absent" / f"{newest}.sqlite3"
    )
    with pytest.raises(JournalError):
        Journal.create_or_open(path)
    assert revision(path) == HELD


def test_a_record_of_a_newer_program_is_refused_and_not_touched(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0042'")
        connection.commit()
    content = path.read_bytes()
    with pytest.raises(JournalNewerError, match=r"newer version of this program \(layout 0042\)"):
        Journal.create_or_open(path)
    assert path.read_bytes() == content


def test_a_creation_that_fails_leaves_nothing_that_looks_like_a_record(tmp_path: Path, later: Path) -> None:
    later.write_text(NEXT.format(before=HELD, more="op.execute('not SQL')"))
    path = tmp_path / "new.sqlite3"
    with pytest.raises(JournalError):
        Journal.create_or_open(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    later.write_text(NEXT.format(before=HELD, more="pass"))
    Journal.create_or_open(path).close()
    assert verify_record(path).intact


def test_a_record_never_goes_back_to_an_older_layout(path: Path) -> None:
    from alembic import command

    engine = create_engine(f"sqlite:///{path}")
    config = Config()
    config.set_main_option("script_location", str(layout.SCRIPTS))
    config.set_main_option("path_separator", "os")
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        with pytest.raises(NotImplementedError, match="never taken back"):
            command.downgrade(config, "base")
    engine.dispose()
    assert verify_record(path).intact
