"""What the clinic's server held before its layout was changed: one sealed file, which only a code or this computer's vault opens.

It holds every name of every patient of the clinic, so it never lies in the clear. The content is a ZIP of one CSV a table,
sealed in pieces of a mebibyte with AES-256-GCM; each piece knows its number and whether it is the last, so a cut is noticed.
"""

from __future__ import annotations

import csv
import io
import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pen_host.errors import PenError, UsageError, VerificationError
from pen_host.journal import location
from pen_host.journal.cipher import SALT_BYTES
from pen_host.journal.record_keys import RecordKey, key_of_code, new_key
from pen_host.records.patient_keys import must_seal, seal, unseal
from pen_host.vault import Vault

if TYPE_CHECKING:
    from psycopg import Connection

SUFFIX = ".sealed"
_FORM = b"DPSERVER"
_PIECE = 1 << 20
_LENGTH_BYTES = 4
_NOT_SAVED = ("pictures", "picture_slices", "picture_keys")
"""Stations have them and send them again; no older copy of a face outlives an erasure here."""


def save(server: Connection[tuple[Any, ...]], folder: Path, newest: str, vault: Vault) -> tuple[Path, str]:
    """Saves every table of the server; the file has its name only once it is whole.

    Args:
        server: The server.
        folder: Where to.
        newest: The layout that it is to get.
        vault: Keeps the key.

    Returns:
        The file and its recovery code.

    Raises:
        UsageError: The folder is synchronised by a service, or `cryptography` is missing.
        VaultError: The key cannot be kept.
        ServerGoneError: It went away meanwhile.
        PenError: The folder cannot be written.
    """
    must_seal()
    name = f"server-before-{newest}-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}{SUFFIX}"
    service = location.synced_by(folder.resolve() / name, os.environ)
    if service:
        raise UsageError(
            f"{folder} is synchronised by {service}, so the server was not saved there and its layout not changed. Name a "
            "folder on a disk of your own."
        )
    key = new_key()
    vault.put(_name(key.salt), key.key)
    draft = folder / f".partial-{name}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(draft, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            writer = _Sealing(file, key)
            with zipfile.ZipFile(writer, "w", zipfile.ZIP_DEFLATED) as tables:
                _tables(server, tables)
            writer.finish()
            os.fsync(file.fileno())
        return draft.rename(folder / name), key.code
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise PenError(
            f"The server could not be saved to {folder} ({error}), so its layout was not changed. Name another folder."
        ) from error


def open_saved(file: Path, folder: Path, vault: Vault, code: str | None = None) -> Path:
    """Opens what was saved: a ZIP of one CSV a table, in the clear, for its owner alone.

    Args:
        file: The sealed file.
        folder: Where to.
        vault: Where its key may lie.
        code: The recovery code, where it does not.

    Raises:
        UsageError: The code is none, or there is no key.
        VerificationError: It is not whole, or the key does not open it; nothing is left in the folder.
    """
    raw = file.open("rb")
    with raw:
        header = raw.read(len(_FORM) + SALT_BYTES)
        if not header.startswith(_FORM):
            raise VerificationError(f"{file} is nothing that pen station setup saved, so nothing was opened.")
        salt = header[len(_FORM) :]
        kept = vault.get(_name(salt)) if code is None else key_of_code(code)
        if kept is None:
            raise UsageError(
                f"The key of {file} is not in {vault.where}, so nothing was opened. Give the code that was printed with it."
            )
        target = folder / f"{file.stem}.zip"
        draft = folder / f".partial-{target.name}"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with open(draft, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
                _unseal(file, raw, RecordKey(salt, kept), out)
            return draft.rename(target)
        finally:
            draft.unlink(missing_ok=True)


def _tables(server: Connection[tuple[Any, ...]], tables: zipfile.ZipFile) -> None:
    server.rollback()
    server.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    found = server.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    for (table,) in found.fetchall():
        if table in _NOT_SAVED:
            continue
        with tables.open(f"{table}.csv", "w", force_zip64=True) as member:
            file = io.TextIOWrapper(member, encoding="utf-8", newline="")
            cursor = server.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - the server's own names
            writer = csv.writer(file)
            writer.writerow([column.name for column in cursor.description or ()])
            writer.writerows(cursor)
            file.flush()
            file.detach()


class _Sealing(io.RawIOBase):
    """A file that seals what is written to it, a piece at a time."""

    def __init__(self, file: IO[bytes], key: RecordKey) -> None:
        self._file = file
        self._key = key
        self._number = 0
        self._waiting = bytearray()
        file.write(_FORM + key.salt)

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, content: Any) -> int:
        """Takes content; whole pieces go to the disk."""
        self._waiting += content
        while len(self._waiting) > _PIECE:
            self._piece(bytes(self._waiting[:_PIECE]), last=False)
            del self._waiting[:_PIECE]
        return len(content)

    def finish(self) -> None:
        """Writes the last piece."""
        self._piece(bytes(self._waiting), last=True)
        self._file.flush()

    def _piece(self, content: bytes, *, last: bool) -> None:
        sealed = seal(self._key.key, content, _place(self._number, last=last))
        self._file.write(len(sealed).to_bytes(_LENGTH_BYTES) + sealed)
        self._number += 1


def _unseal(name: Path, file: IO[bytes], key: RecordKey, out: IO[bytes]) -> None:
    number, last = 0, False
    while not last:
        sealed = file.read(int.from_bytes(file.read(_LENGTH_BYTES)))
        content = unseal(key.key, sealed, _place(number, last=False))
        if content is None:
            last = True
            content = unseal(key.key, sealed, _place(number, last=True))
        if content is None:
            raise VerificationError(
                f"{name} is damaged, cut off, or of another key, so nothing was opened. Compare the code, or take another copy."
            )
        out.write(content)
        number += 1


def _place(number: int, *, last: bool) -> bytes:
    return b"derma-pen server 1 %d %d" % (number, last)


def _name(salt: bytes) -> str:
    return f"saved-{salt.hex()}"
