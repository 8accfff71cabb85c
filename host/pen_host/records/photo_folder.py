"""The folder of photographs beside a record: each file named by the SHA-256 of its picture.

Beside an encrypted record each is sealed with AES-256-GCM under a key that follows from the record's, so that the recovery
code of the record opens them as well. A sealed file begins with the name of its key (the salt in front of the record), so while a
record changes its key, or is being encrypted, every one of them can be read at every moment.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from pen_host.errors import VerificationError
from pen_host.journal import JournalUnwritableError, encrypting, record_keys, sqlite
from pen_host.journal.cipher import SALT_BYTES
from pen_host.journal.record_keys import RecordKey
from pen_host.records.patient_keys import seal, unseal
from pen_host.vault import Vault

FOLDER = "photographs"
PLAIN, SEALED = ".jpg", ".sealed"
NAME_LETTERS = 64
"""Of a SHA-256 in hexadecimal."""
PART = ".part"
"""Ends the name of a photograph that is being written."""
ARRIVING = ".arriving"
"""Ends the name of a photograph that comes from another station, as long as it is not whole, or not told of in the record."""
_FORM = b"DPPHOTO1"
_HEADER = len(_FORM) + SALT_BYTES
_USE = b"derma-pen photographs 1"


def keep(record: Path, sha256: str, content: bytes) -> bool:
    """Writes a photograph durably; False when it is there already, and left as it is.

    Raises:
        JournalError: It cannot be written, or the key of the record is not at hand.
    """
    if digests_of(record, [sha256]):
        return False
    _write(record, sha256, content, record_keys.key_of(record))
    return True


def put(record: Path, sha256: str, content: bytes, key: RecordKey | None) -> None:
    """Writes a photograph durably instead of whatever is there, sealed where a key is given.

    Raises:
        JournalError: It cannot be written.
    """
    _write(record, sha256, content, key)
    sealed, plain = _both(record, sha256)
    encrypting.erase(sealed if key is None else plain)


def read(record: Path, sha256: str, vault: Vault | None = None) -> bytes:
    """A photograph, checked against its name.

    Raises:
        VerificationError: The file is gone, or is not what it was.
        JournalError: It is sealed and its key is not at hand.
    """
    path = next((path for path in _both(record, sha256) if path.is_file()), None)
    try:
        if path is None:
            raise FileNotFoundError("no such file")
        raw = path.read_bytes()
    except OSError as error:
        raise VerificationError(
            f"The photograph {sha256[:12]} is not in {record.parent / FOLDER} any more ({error.strerror or error}), so it "
            "cannot be shown. Restore it from a backup."
        ) from error
    content = _opened(path, raw, vault) if path.suffix == SEALED else raw
    if content is None or hashlib.sha256(content).hexdigest() != sha256:
        raise VerificationError(
            f"The photograph {path} is not what was stored, so it is not shown. Restore it from a backup."
        )
    return content


def draft(record: Path, sha256: str, content: bytes) -> Path:
    """Writes a photograph durably under a name that nobody reads; `place` gives it its own.

    Raises:
        JournalError: It cannot be written, or the key of the record is not at hand.
    """
    target, content = _as_kept(record, sha256, content, record_keys.key_of(record))
    path = target.with_name(f"{target.name}{ARRIVING}")
    _write_file(path, content)
    return path


def place(path: Path) -> None:
    """Gives a photograph that `draft` wrote its name: from now on it is there.

    Raises:
        JournalError: It cannot be renamed.
    """
    try:
        path.replace(path.with_suffix(""))
    except OSError as error:
        raise JournalUnwritableError(path, error.strerror or str(error)) from error
    sqlite.sync_folder(path.parent)


def arriving(record: Path) -> list[Path]:
    """What is there of photographs that are not whole, or not told of in the record."""
    folder = record.parent / FOLDER
    return sorted(folder.glob(f"*{ARRIVING}")) if folder.is_dir() else []


def remove(record: Path, digests: Iterable[str]) -> None:
    """Overwrites photographs and removes them, and what is there of such as arrive or were cut short; none is no error.

    Raises:
        JournalError: One cannot be removed.
    """
    for sha256 in digests:
        sealed, plain = _both(record, sha256)
        halves = (sealed.with_suffix(PART), *sealed.parent.glob(f"{sha256}*{ARRIVING}"))
        for path in (sealed, plain, *halves):
            encrypting.erase(path)


def put_under(record: Path, key: RecordKey, vault: Vault) -> int:
    """Seals every photograph that is not sealed under this key; a crash leaves each of them readable.

    Returns:
        How many there were.

    Raises:
        VerificationError: One is not what was stored; those before it are sealed.
        JournalError: One cannot be read, written or removed.
    """
    count = 0
    for path in arriving(record):
        encrypting.erase(path)  # it comes again
    for path in unsealed(record, key):
        _write(record, path.stem, read(record, path.stem, vault), key)
        count += 1
        if path.suffix == PLAIN:
            encrypting.erase(path)
    return count


def unsealed(record: Path, key: RecordKey) -> Iterator[Path]:
    """Photographs that are not sealed under this key."""
    folder = record.parent / FOLDER
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.suffix == PLAIN or (path.suffix == SEALED and _salt(path) != key.salt):
            yield path


def salts(record: Path) -> set[bytes | None]:
    """Names of the keys that photographs are sealed under."""
    folder = record.parent / FOLDER
    found = folder.iterdir() if folder.is_dir() else iter(())
    return {_salt(path) for path in found if path.suffix == SEALED}


def digests(record: Path) -> set[str]:
    """Names of the photographs that are there."""
    folder = record.parent / FOLDER
    found = folder.iterdir() if folder.is_dir() else iter(())
    return {path.stem for path in found if path.suffix in {PLAIN, SEALED}}


def digests_of(record: Path, names: Iterable[str]) -> set[str]:
    """Those of these photographs that are there."""
    return {name for name in names if any(path.is_file() for path in _both(record, name))}


def _both(record: Path, sha256: str) -> tuple[Path, Path]:
    """Where a photograph may lie, sealed or not."""
    folder = record.parent / FOLDER
    return folder / f"{sha256}{SEALED}", folder / f"{sha256}{PLAIN}"


def _write(record: Path, sha256: str, content: bytes, key: RecordKey | None) -> None:
    target, content = _as_kept(record, sha256, content, key)
    part = target.with_suffix(PART)
    _write_file(part, content)
    try:
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise JournalUnwritableError(target, error.strerror or str(error)) from error


def _as_kept(record: Path, sha256: str, content: bytes, key: RecordKey | None) -> tuple[Path, bytes]:
    """Where a photograph lies, and what is in its file."""
    sealed, plain = _both(record, sha256)
    if key is None:
        return plain, content
    return sealed, _FORM + key.salt + seal(_photo_key(key), content, sha256.encode())


def _write_file(path: Path, content: bytes) -> None:
    """Writes a file durably, or leaves none."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise JournalUnwritableError(path, error.strerror or str(error)) from error


def _opened(path: Path, raw: bytes, vault: Vault | None) -> bytes | None:
    """What is in a sealed file; None where it is damaged."""
    if not raw.startswith(_FORM):
        return None
    key = record_keys.key_for(raw[len(_FORM) : _HEADER], path, vault)
    return unseal(_photo_key(key), raw[_HEADER:], path.stem.encode())


def _salt(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEADER)[len(_FORM) :]


def _photo_key(key: RecordKey) -> bytes:
    """One step of HKDF-Expand (RFC 5869, 2.3) from the record's key, which is uniform already."""
    return hmac.digest(key.key, _USE + b"\x01", "sha256")
