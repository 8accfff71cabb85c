"""The clinic's server: reached, set up, brought up to date after a backup, its stations enrolled, its chains verified."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pen_host.errors import UsageError
from pen_host.journal import layout as journal_layout
from pen_host.journal.chain import COLUMNS, ChainCheck, Damage
from pen_host.records import layout as clinical_layout
from pen_host.records.tables import metadata
from pen_host.stations.errors import (
    ServerGoneError,
    ServerNewerError,
    ServerOlderError,
    ServerRefusedError,
)
from pen_host.stations.rights import STATION, statements
from pen_host.stations.saved import save
from pen_host.vault import Vault, this_vault

if TYPE_CHECKING:
    from psycopg import Connection

SCRIPTS = Path(__file__).parent / "migrations"
NEWEST = "s0003"
"""Revision of the last migration; a test compares it with the scripts."""
CONNECT_S = 5
"""How long a server may take to answer at all. (J)"""
_LINES = (
    (journal_layout.SCRIPTS, journal_layout.VERSION_TABLE, journal_layout.NEWEST),
    (clinical_layout.SCRIPTS, clinical_layout.VERSION_TABLE, clinical_layout.NEWEST),
    (SCRIPTS, "server_version", NEWEST),
)
_STATION_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Login:
    """What a station needs to reach the server; the secret is shown once.

    Attributes:
        station_id: The station.
        user: Its own login.
        password: The secret.
    """

    station_id: str
    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Saved:
    """What a server held before its layout was changed.

    Attributes:
        file: Where it lies, sealed.
        code: What opens it elsewhere, to be printed and locked away.
    """

    file: Path
    code: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something two stations said differently; what stands and what was put aside are both kept.

    Attributes:
        table: Of which table.
        row_key: Of which row.
        digest: Of the version that was put aside.
        station_id: Whose version was put aside.
        other_station: Whose version stands, if one does.
        why: What excluded it.
        content: The version that was put aside, JSON.
    """

    table: str
    row_key: str
    digest: str
    station_id: str
    other_station: str | None
    why: str
    content: str


@contextmanager
def connected(url: str) -> Iterator[Connection[tuple[Any, ...]]]:
    """A connection to the server; whatever goes wrong with it becomes one sentence.

    Raises:
        ServerGoneError: It is not there, or went away.
        ServerRefusedError: It refused.
    """
    try:
        import psycopg
    except ImportError as error:
        raise UsageError(
            "The package psycopg is missing, without which no clinic's server can be reached; this station works without. "
            "Install the extra stations."
        ) from error
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_S) as connection:
            yield connection
    except psycopg.errors.InsufficientPrivilege as error:
        raise ServerRefusedError(str(error)) from error
    except psycopg.OperationalError as error:
        raise ServerGoneError(str(error)) from error
    except psycopg.Error as error:
        raise ServerRefusedError(str(error)) from error


def must_be_ours(server: Connection[tuple[Any, ...]]) -> None:
    """Refuses a server with tables of another layout than this program's.

    Raises:
        ServerNewerError: A newer program made them.
        ServerOlderError: They are older, or not there.
    """
    held = [_held(server, table) for _, table, _ in _LINES]
    for (scripts, _, newest), revision in zip(_LINES, held, strict=True):
        if revision and revision != newest and revision not in journal_layout.revisions(scripts):
            raise ServerNewerError(revision)
    if held != [newest for _, _, newest in _LINES]:
        raise ServerOlderError


def _held(server: Connection[tuple[Any, ...]], table: str) -> str:
    if server.execute("SELECT to_regclass(%s)", (table,)).fetchone() == (None,):
        return ""
    row = server.execute(f'SELECT version_num FROM "{table}"').fetchone()  # noqa: S608 - our own names
    return str(row[0]) if row else ""


def setup(admin_url: str, backups: Path, vault: Vault | None = None) -> Saved | None:
    """Gives the server today's tables, guards and rights, in one transaction; one that has tables is saved first.

    Args:
        admin_url: As the owner of the database.
        backups: Folder for what it held before, sealed.
        vault: Keeps the key of that; this computer's when not given.

    Returns:
        What was saved, if anything was.

    Raises:
        ServerGoneError: It is not there.
        ServerNewerError: A newer program set it up; nothing was changed.
        PenError: It cannot be saved; nothing was changed.
    """
    with connected(admin_url) as server:
        held = [_held(server, table) for _, table, _ in _LINES]
        saved: Saved | None = None
        if any(held):
            try:
                must_be_ours(server)
            except ServerOlderError:
                saved = Saved(*save(server, backups, NEWEST, this_vault() if vault is None else vault))
    _migrate(admin_url)
    return saved


def _migrate(admin_url: str) -> None:
    from sqlalchemy import create_engine
    from sqlalchemy.exc import DBAPIError, OperationalError

    engine = create_engine("postgresql+psycopg://", creator=lambda: _psycopg_connect(admin_url))
    try:
        with engine.begin() as connection:
            for scripts, _, _ in _LINES:
                journal_layout.migrate(Path("the clinic's server"), connection, scripts)
            for text in statements(list(metadata.sorted_tables)):
                connection.exec_driver_sql(text)
    except OperationalError as error:
        raise ServerGoneError(str(error.orig)) from error
    except DBAPIError as error:
        raise ServerRefusedError(str(error.orig)) from error
    finally:
        engine.dispose()


def _psycopg_connect(url: str) -> Any:
    import psycopg

    return psycopg.connect(url, connect_timeout=CONNECT_S)


def enrol(admin_url: str, station_id: str) -> Login:
    """Enrols a station: a login of its own, by which the server knows whose rows and chain it may write.

    Args:
        admin_url: As the owner of the database.
        station_id: The station, as its record names it.

    Raises:
        UsageError: The name cannot be a login.
        ServerGoneError: The server is not there.
        ServerRefusedError: It is enrolled already.
    """
    from psycopg import sql

    if not _STATION_ID.fullmatch(station_id):
        raise UsageError(
            f"{station_id!r} cannot be a station's name on the server, so nothing was enrolled. Use letters, digits, - and _."
        )
    login = Login(station_id, f"pen_{station_id.lower()}", secrets.token_urlsafe(24))
    with connected(admin_url) as server:
        must_be_ours(server)
        server.execute(
            sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}").format(
                sql.Identifier(login.user), sql.Literal(login.password), sql.Identifier(STATION)
            )
        )
        server.execute("INSERT INTO stations (station_id, login) VALUES (%s, %s)", (station_id, login.user))
    return login


def conflicts(url: str) -> tuple[Conflict, ...]:
    """Everything that two stations said differently and nobody has settled, oldest first.

    Raises:
        ServerGoneError: The server is not there.
    """
    with connected(url) as server:
        must_be_ours(server)
        return open_conflicts(server)


def open_conflicts(server: Connection[tuple[Any, ...]]) -> tuple[Conflict, ...]:
    """The same through a connection."""
    query = (
        "SELECT name, row_key, digest, station_id, other_station, why, content FROM conflicts"
        " WHERE settled_at IS NULL ORDER BY found_at, name, row_key"
    )
    return tuple(Conflict(*row) for row in server.execute(query))


def verify_server(url: str) -> dict[str, tuple[int, tuple[Damage, ...]]]:
    """Verifies every chain on the server that the login may read: entries and findings by station.

    Raises:
        ServerGoneError: The server is not there.
    """
    query = f"SELECT {', '.join(COLUMNS)} FROM entries WHERE station_id = %s AND seq > %s ORDER BY seq LIMIT {_BATCH}"  # noqa: S608
    found = {}
    with connected(url) as server:
        must_be_ours(server)
        names = server.execute("SELECT DISTINCT station_id FROM entries ORDER BY 1").fetchall()
        for (station,) in names:
            check, place = ChainCheck(), 0
            while rows := server.execute(query, (station, place)).fetchall():
                check.feed(rows)
                place = rows[-1][1]
            found[station] = (check.checked, check.finish())
    return found
