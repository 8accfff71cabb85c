"""How the record's file is opened: settings under which a committed entry survives a power cut, on this SQLite.

SQLite 3.7.0 to 3.51.2 can corrupt a WAL database when two connections write or checkpoint at the same moment
(https://sqlite.org/wal.html#walresetbug, fixed in 3.51.3), and Python brings whatever SQLite it was built with. Below
that version a rollback journal is used; it costs about a millisecond more per entry.

An encrypted record is recognised by its first bytes and opened with its key (`record_keys`) through SQLCipher (`cipher`), which
brings an SQLite of its own; to everybody else a connection is a connection.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pen_host.errors import JournalError
from pen_host.journal import cipher, record_keys
from pen_host.journal.errors import (
    JournalDamagedError,
    JournalFullError,
    JournalKeyError,
    JournalLockedError,
    JournalUnwritableError,
)
from pen_host.journal.record_keys import RecordKey
from pen_host.journal.tables import APPLICATION_ID, GUARDS
from pen_host.vault import Vault

WAL_SAFE_FROM = (3, 51, 3)
"""First SQLite whose write-ahead log cannot be corrupted by two connections."""
STRICT_FROM = (3, 37, 0)
"""First SQLite that knows STRICT tables."""
BUSY_MS = 1_000
"""How long a write waits for a reader to let go; readers here let go within a tenth of that."""

_FULL = {sqlite3.SQLITE_FULL}
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_SCHEMA}
_PRIMARY = 0xFF
"""An extended result code carries its primary code in the low byte."""


@dataclass(frozen=True, slots=True)
class Durability:
    """Settings that decide what survives a power cut.

    Attributes:
        journal_mode: `truncate` or `wal`.
        synchronous: `extra` or `full`.
    """

    journal_mode: str
    synchronous: str


def durability(version: tuple[int, ...]) -> Durability:
    """The settings for a version of SQLite."""
    if version < WAL_SAFE_FROM:
        return Durability("truncate", "extra")
    return Durability("wal", "full")


def version(connection: sqlite3.Connection) -> str:
    """The SQLite behind a connection."""
    return str(connection.execute("SELECT sqlite_version()").fetchone()[0])


def connect_writer(
    path: Path, chosen: Durability | None = None, vault: Vault | None = None
) -> sqlite3.Connection:
    """The one connection that writes; transactions are the caller's.

    Args:
        path: The record; created when absent.
        chosen: Other settings than this SQLite's own, for a comparison.
        vault: Where the key of an encrypted record lies; this computer's when not given.

    Raises:
        JournalError: The file cannot be opened, or does not take the settings.
    """
    if sqlite3.sqlite_version_info < STRICT_FROM:
        raise JournalUnwritableError(path, f"SQLite {sqlite3.sqlite_version} is too old, 3.37 is needed")
    connection = connect_file(path, vault)
    try:
        numbers = tuple(int(part) for part in version(connection).split("."))
        _set(connection, chosen or durability(numbers))
    except sqlite3.Error as error:
        connection.close()
        raise translated(path, error) from error
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write.

    Raises:
        JournalError: There is no such file, or it cannot be read.
    """
    connection = connect_file(path, writing=False)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        connection.close()
        raise translated(path, error) from error
    return connection


def connect_file(path: Path, vault: Vault | None = None, *, writing: bool = True) -> sqlite3.Connection:
    """A connection without any settings, to a record or a copy of one, encrypted or not.

    Args:
        path: The file.
        vault: Where the key of an encrypted one lies; this computer's when not given.
        writing: Otherwise the file must be there and stays as it is.

    Raises:
        JournalError: It cannot be opened.
    """
    key = record_keys.key_of(path, vault)
    if key is not None:
        return connect_with(path, key, writing=writing)
    try:
        name = f"file:{quote(str(path.resolve()))}?mode={'rwc' if writing else 'ro'}"
        return sqlite3.connect(
            name, uri=True, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False
        )
    except sqlite3.Error as error:
        raise translated(path, error) from error


def connect_with(path: Path, key: RecordKey, *, writing: bool = True) -> sqlite3.Connection:
    """A connection to an encrypted file with a certain key; makes the file where there is none.

    Raises:
        JournalError: It cannot be opened, or not with this key.
    """
    try:
        connection = cipher.connect(path, key.key, key.salt, timeout_s=BUSY_MS / 1000, writing=writing)
    except ImportError as error:
        raise JournalKeyError(path, cipher.NO_LIBRARY, f"{cipher.INSTALL}, then try again.") from error
    except sqlite3.Error as error:
        record_keys.forget(key)
        if getattr(error, "sqlite_errorcode", 0) & _PRIMARY == sqlite3.SQLITE_NOTADB:
            raise JournalKeyError(path, "the key at hand does not open it", record_keys.RECOVER) from error
        raise translated(path, error) from error
    record_keys.remember(key)
    return connection


def _set(connection: sqlite3.Connection, chosen: Durability) -> None:
    """Applies the settings and reads back those that SQLite may silently ignore."""
    for pragma in (
        f"journal_mode = {chosen.journal_mode}",
        f"synchronous = {chosen.synchronous}",
        "foreign_keys = ON",
        "trusted_schema = OFF",
        "recursive_triggers = ON",
        # what is deleted is overwritten: an erased name must not stay in a free page
        "secure_delete = ON",
        # On macOS fsync leaves the data in the disk's own cache; elsewhere these do nothing.
        "fullfsync = ON",
        "checkpoint_fullfsync = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")
    mode = connection.execute("PRAGMA journal_mode").fetchone()[0]
    level = connection.execute("PRAGMA synchronous").fetchone()[0]
    wanted = {"full": 2, "extra": 3}[chosen.synchronous]
    if mode != chosen.journal_mode or level != wanted:
        raise sqlite3.OperationalError(f"the file system does not allow journal mode {chosen.journal_mode}")
    # Python 3.12 can also forbid writing the schema directly.
    if sys.version_info >= (3, 12) and hasattr(connection, "setconfig"):
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether nothing at all is in the file: a new one, or one whose creation was cut short."""
    return bool(connection.execute("SELECT count(*) = 0 FROM sqlite_master").fetchone()[0])


def check_file(path: Path, connection: sqlite3.Connection) -> None:
    """Refuses a file that is damaged, or that is no record.

    Raises:
        JournalDamagedError: Says what is wrong.
    """
    try:
        if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise JournalDamagedError(path, "it is a database, but not a record of this program")
        first = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise translated(path, error) from error
    if first != "ok":
        raise JournalDamagedError(path, f"the database reports {first!r}")


def missing_guards(connection: sqlite3.Connection) -> list[str]:
    """Names of the triggers that should be in the file and are not."""
    found = {
        name
        for (name, sql) in connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        if "RAISE(ABORT" in (sql or "")
    }
    return [name for name in GUARDS if name not in found]


def sync_folder(path: Path) -> None:
    """Makes the name of a new file survive a power cut; where folders cannot be synchronised this does nothing."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(descriptor)


def backup(path: Path, copy: Path) -> None:
    """Copies a whole record, also while it is written, and proves the copy.

    Raises:
        JournalError: The copy could not be made, or is not whole.
    """
    try:
        with closing(connect_reader(path)) as source, closing(_empty_copy(path, copy)) as target:
            source.backup(target)
            target.execute("PRAGMA synchronous = EXTRA")
            first = target.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        raise translated(copy, error) from error
    if first != "ok":
        raise JournalDamagedError(copy, f"the copy reports {first!r}")
    sync_file(copy)
    sync_folder(copy.parent)


def _empty_copy(path: Path, copy: Path) -> sqlite3.Connection:
    """A new file under the same key, if the record has one."""
    key = record_keys.key_of(path)
    return sqlite3.connect(copy) if key is None else connect_with(copy, key)


def sync_file(path: Path) -> None:
    """Makes the content of a file survive a power cut."""
    with path.open("r+b") as file:
        os.fsync(file.fileno())


def translated(path: Path, error: Exception) -> JournalError:
    """The sentence for what SQLite, or the system below it, reported."""
    primary = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    if primary in _FULL:
        return JournalFullError(path)
    if primary in _LOCKED:
        return JournalLockedError(path)
    if primary in _DAMAGED:
        return JournalDamagedError(path, str(error))
    return JournalUnwritableError(path, str(error))
