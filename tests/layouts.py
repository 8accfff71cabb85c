"""The tables of a new record: made by the migrations once a process, and repeated from then on.

Nearly every test of the record begins with a new one, and running the migrations is most of what that takes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection

Migrate = Callable[[Path, Connection, Path], None]
Tables = tuple[str, ...]
SCHEMA = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
NEW_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"


def schema(connection: Connection) -> Tables:
    """What the file's tables, indexes and triggers are made of."""
    return tuple(str(sql) for (sql,) in connection.exec_driver_sql(SCHEMA))


def remembering(migrate: Migrate) -> Migrate:
    """The same as `migrate`, which runs only where a family of tables is made for the first time or changed.

    What is repeated is what `migrate` did to a file with the very same tables, and only where that was to make new ones, all of
    them empty but for the one that keeps the version. A change of tables that are there already is always run.
    """
    known: dict[tuple[Path, Tables], list[str]] = {}

    @functools.wraps(migrate)
    def repeat_or_run(path: Path, connection: Connection, scripts: Path) -> None:
        if connection.dialect.name != "sqlite":
            migrate(path, connection, scripts)
            return
        before = schema(connection)
        for statement in known.get((scripts, before), []):
            connection.exec_driver_sql(statement)
        if (scripts, before) in known:
            return
        tables = _tables(connection)
        migrate(path, connection, scripts)
        made = _made(connection, before, tables)
        if made:
            known[scripts, before] = made

    return repeat_or_run


def _tables(connection: Connection) -> set[str]:
    return {str(name) for (name,) in connection.exec_driver_sql(NEW_TABLES)}


def _made(connection: Connection, before: Tables, tables: set[str]) -> list[str]:
    """The statements that make the same again, or none where it was more than making new tables."""
    after = schema(connection)
    filled = {}
    for name in _tables(connection) - tables:
        rows = connection.exec_driver_sql(f"SELECT * FROM {name}").fetchall()
        if rows:
            filled[name] = rows
    if after[: len(before)] != before or len(filled) != 1:
        return []
    ((version_table, ((version,),)),) = filled.items()
    return [*after[len(before) :], f"INSERT INTO {version_table} VALUES ('{version}')"]
