"""The layout of the record's tables: makes it in a new file, brings an older file up to date, refuses a newer one.

Alembic is imported only when there is something to do: a record of today's layout opens without it.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from pen_host.errors import JournalError
from pen_host.journal import sqlite
from pen_host.journal.errors import JournalDamagedError, JournalNewerError, JournalUnwritableError
from pen_host.journal.tables import APPLICATION_ID

if TYPE_CHECKING:
    from alembic.config import Config

SCRIPTS = Path(__file__).parent / "migrations"
NEWEST = "0006"
"""Revision of the last migration; a test compares it with the scripts."""


VERSION_TABLE = "alembic_version"


def revision(connection: sqlite3.Connection, table: str = VERSION_TABLE) -> str:
    """The layout a file says it has, or nothing for a file without tables.

    Args:
        connection: To the file.
        table: Where Alembic keeps it; each family of tables has one of its own.
    """
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
        return ""
    row = connection.execute(f"SELECT version_num FROM {table}").fetchone()  # noqa: S608 - our own names
    return str(row[0]) if row else ""


def bring_up_to_date(
    path: Path,
    raw: sqlite3.Connection,
    engine: Engine,
) -> Path | None:
    """Gives the file today's layout, in one transaction; a file with entries is copied first.

    Args:
        path: The record.
        raw: The writer's connection.
        engine: SQLAlchemy's view of that connection.

    Returns:
        The copy that was made, if one was.

    Raises:
        JournalError: The file is newer than this program, could not be copied or could not be migrated; in each case
            it is as it was.
    """
    held = revision(raw)
    if held == NEWEST:
        return None
    saved = None
    if held:
        if held not in revisions(SCRIPTS):
            raise JournalNewerError(path, held)
        saved = copy_before(path, NEWEST)
    elif not sqlite.is_empty(raw):
        raise JournalDamagedError(path, "it is a database, but not a record of this program")
    _upgrade(path, engine)
    return saved


def copy_before(record: Path, newest: str) -> Path:
    """Copies a record as it is before a layout, and returns where the copy is.

    Raises:
        JournalError: The copy could not be made, or is not whole.
    """
    saved = _copy_name(record, newest)
    sqlite.backup(record, saved)
    return saved


def _copy_name(record: Path, newest: str) -> Path:
    """A name for the copy of a record as it was before a layout."""
    return record.with_name(
        f"{record.stem}.before-{newest}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}{record.suffix}"
    )


def _upgrade(path: Path, engine: Engine) -> None:
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
            migrate(path, connection, SCRIPTS)
    except SQLAlchemyError as error:
        raise failure(path, error) from error


def migrate(path: Path, connection: Connection, scripts: Path) -> None:
    """Runs the migrations of a folder, within the transaction that the connection has begun.

    Raises:
        JournalUnwritableError: A script cannot be run.
        SQLAlchemyError: What one of them met with.
    """
    from alembic import command
    from alembic.util import CommandError

    config = _config(scripts)
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise JournalUnwritableError(path, f"its layout could not be changed: {error}") from error


def revisions(scripts: Path) -> set[str]:
    """Every layout that the migrations of a folder know."""
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory.from_config(_config(scripts)).walk_revisions()}


def _config(scripts: Path) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def failure(path: Path, error: SQLAlchemyError | sqlite3.Error) -> JournalError:
    """The sentence for an error of SQLite, wrapped by SQLAlchemy or bare."""
    cause = getattr(error, "orig", error)
    return sqlite.translated(path, cause if isinstance(cause, sqlite3.Error) else error)
