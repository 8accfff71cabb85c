"""Putting one file under a key, in place: a verified copy, one atomic swap, then the old content overwritten.

At every line there is one whole record under its name: the old one until the swap, the new one from then on. What the swap takes
away is held by a second name until it has been overwritten, so that a crash in between does not leave it to chance; `finish`
goes on from there. Overwriting reaches what the file system shows. What a disk keeps below that (spare blocks of an SSD,
snapshots, what an older rollback journal left in free blocks) it does not reach: there the computer's disk encryption counts.
"""

from __future__ import annotations

import itertools
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from pen_host.errors import UsageError
from pen_host.journal import cipher, record_keys, sqlite
from pen_host.journal.errors import JournalDamagedError, JournalUnwritableError
from pen_host.journal.record_keys import RecordKey
from pen_host.vault import Vault

_CHUNK = 1 << 20
_BESIDE = ("-journal", "-wal", "-shm")
"""What SQLite keeps beside a file."""


def possible() -> bool:
    """Whether anything can be encrypted: the extra is installed."""
    return cipher.installed()


def must_be_possible() -> None:
    """Refuses where nothing can be encrypted.

    Raises:
        UsageError: The extra is not installed.
    """
    if not possible():
        raise UsageError(
            f"The record cannot be encrypted, for {cipher.NO_LIBRARY}, so nothing was changed. {cipher.INSTALL}, then try again."
        )


def create(path: Path, key: RecordKey) -> None:
    """Makes an empty encrypted file, in which a record can then begin: nothing of it is ever in the clear.

    Raises:
        JournalError: It cannot be made.
    """
    draft = _draft(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _remove(draft)
        with closing(sqlite.connect_with(draft, key)) as connection:
            connection.execute("VACUUM")  # writes the first page
        os.replace(draft, path)
        sqlite.sync_folder(path.parent)
    except OSError as error:
        raise JournalUnwritableError(path, str(error)) from error


def put_under(path: Path, key: RecordKey, vault: Vault) -> None:
    """Puts a record, or a copy of one, under a key; whether it was encrypted before does not matter.

    Nobody else may write meanwhile: the caller holds the writer's lock.

    Args:
        path: The file.
        key: The new key.
        vault: Has it by now, for the new file is read with what is in there; and the old one, if there is one.

    Raises:
        JournalError: It cannot be read, copied or replaced; it is as it was.
    """
    finish(path)
    draft = _draft(path)
    try:
        settle(path, vault)
        convert(path, draft, key, vault)
        _must_be_alike(path, draft, vault)
    except (sqlite3.Error, OSError) as error:
        _remove(draft)
        raise sqlite.translated(path, error) from error
    swap(draft, path)


def convert(path: Path, target: Path, key: RecordKey | None, vault: Vault) -> None:
    """Writes all that is in a file into a new one under another key, or under none.

    Args:
        path: The file.
        target: The new one.
        key: Its key; None for one that is not encrypted.
        vault: Where the key of the file lies.

    Raises:
        JournalError: The key of the file is not at hand.
        sqlite3.Error: One of them cannot be read or written.
    """
    literal = "''" if key is None else cipher.literal(key.key, key.salt)
    encrypted = record_keys.is_encrypted(path)
    source = sqlite.connect_file(path, vault) if encrypted else cipher.connect_plain(path)
    with closing(source) as connection:
        connection.execute(f"ATTACH ? AS target KEY {literal}", (str(target),))
        connection.execute("SELECT sqlcipher_export('target')").fetchall()
        for pragma in ("application_id", "user_version"):
            number = connection.execute(f"PRAGMA main.{pragma}").fetchone()[0]
            connection.execute(f"PRAGMA target.{pragma} = {number}")
        connection.execute("DETACH target")
    target.chmod(0o600)
    sqlite.sync_file(target)


def settle(path: Path, vault: Vault) -> None:
    """Brings into a file what lies beside it, and takes that away.

    Raises:
        JournalError: Another program has the file open.
        sqlite3.Error: It cannot be done.
    """
    with closing(sqlite.connect_file(path, vault)) as connection:
        mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
    if mode != "delete":
        raise JournalUnwritableError(path, "another program has it open")
    for end in _BESIDE:
        erase(path.with_name(path.name + end))


def swap(draft: Path, path: Path) -> None:
    """Puts a whole file in the place of another, whose content is then overwritten.

    Raises:
        JournalError: It cannot be done; under the name lies the old file or the new one, whole.
    """
    old = _old(path)
    try:
        _remove(old)
        # the second name: while it is there, the old content can still be found and overwritten
        os.link(path, old)
        sqlite.sync_folder(path.parent)
        os.replace(draft, path)
        sqlite.sync_folder(path.parent)
    except OSError as error:
        if old.exists() and old.samefile(path):
            _remove(old)
        _remove(draft)
        raise JournalUnwritableError(path, f"it cannot be replaced: {error}") from error
    erase(old)


def finish(path: Path) -> None:
    """Goes on after a crash: takes away what a swap that was cut short left beside a file.

    Raises:
        JournalError: It cannot be taken away.
    """
    old = _old(path)
    if old.exists():
        if old.samefile(path):
            _remove(old)  # cut short before the swap: one file under two names
        elif record_keys.is_encrypted(path):
            erase(old)
    erase(_draft(path))


def erase(path: Path) -> None:
    """Overwrites a file and removes it; harmless where there is none.

    Raises:
        JournalError: It is still there.
    """
    try:
        with path.open("r+b") as file:
            left = path.stat().st_size
            while left > 0:
                left -= file.write(bytes(min(left, _CHUNK)))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        raise JournalUnwritableError(path, f"it cannot be removed for good: {error}") from error
    sqlite.sync_folder(path.parent)


def _must_be_alike(path: Path, draft: Path, vault: Vault) -> None:
    """Reads the new file through the door that everybody will use, and compares every row with the old one."""
    with closing(sqlite.connect_file(path, vault)) as old, closing(sqlite.connect_file(draft, vault)) as new:
        wrong = new.execute("PRAGMA cipher_integrity_check").fetchall()
        first = new.execute("PRAGMA quick_check(1)").fetchone()[0]
        if wrong or first != "ok":
            raise JournalDamagedError(draft, f"the copy under the key reports {wrong or first!r}")
        names = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY 1, 2"
        _alike(old, new, names, draft)
        tables = old.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1").fetchall()
        for (name,) in tables:
            _alike(old, new, f'SELECT * FROM "{name}"{_order(old, name)}', draft)  # noqa: S608 - the file's own names


def _order(connection: sqlite3.Connection, name: str) -> str:
    """By the primary key, which every table of a record has; as they come where there is none."""
    columns = connection.execute(f'PRAGMA table_info("{name}")').fetchall()
    key = [f'"{column}"' for _, column in sorted((row[5], row[1]) for row in columns if row[5])]
    return f" ORDER BY {', '.join(key)}" if key else ""


def _alike(old: sqlite3.Connection, new: sqlite3.Connection, query: str, draft: Path) -> None:
    pairs = itertools.zip_longest(old.execute(query), new.execute(query))
    if any(before != after for before, after in pairs):
        raise JournalDamagedError(draft, f"the copy under the key answers {query!r} otherwise")


def _draft(path: Path) -> Path:
    return path.with_name(f".encrypting-{path.name}")


def _old(path: Path) -> Path:
    return path.with_name(f".before-encryption-{path.name}")


def _remove(path: Path) -> None:
    """Takes a name away, and leaves the content to whoever has another one."""
    path.unlink(missing_ok=True)
