"""Making a backup: a copy of the whole record, sealed, proved and signed, then given its name."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pen_host.backups.errors import BackupPlaceError
from pen_host.backups.pictures import save_photographs
from pen_host.backups.sealing import seal_copy
from pen_host.canonical import canonical_json
from pen_host.errors import UsageError
from pen_host.journal import Head, Journal, Kind, encrypting, location, record_keys, sqlite
from pen_host.journal.signing import Signer, key_name
from pen_host.records.at_rest import backups_code_name, keep_aside
from pen_host.records.patient_keys import PatientKeys, seal, to_text
from pen_host.vault import Vault

FORM = "derma-pen backup 2"
FORMS = ("derma-pen backup 1", FORM)
"""Forms that can be restored; the first one had no photographs and only records that were not encrypted."""
RECORD, MANIFEST, KEYS = "record.sqlite3", "manifest.json", "patient-keys.sealed"
STATION_KEY = "station"
"""Under this name the station's own key is among the sealed keys: no patient's id looks like it."""
_CODE_BYTES = 20
_KEYS_PLACE = b"derma-pen recovery 1"


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup.

    Attributes:
        folder: Where it is.
        head: The newest entry in it.
        made_at: When it was made.
        unreadable: Patients in it who were erased since, so that nobody can read any more who they were.
        photographs: How many photographs are in it.
        damaged: Photographs that are not in it, for they are not what was stored any more.
        encrypted: Whether the record in it was encrypted at rest, so that it is restored encrypted as well.
    """

    folder: Path
    head: Head
    made_at: datetime
    unreadable: tuple[str, ...] = ()
    photographs: int = 0
    damaged: tuple[str, ...] = ()
    encrypted: bool = False


def back_up(journal: Journal, folder: Path) -> Backup:
    """Saves a record below a folder, also while it is written.

    Args:
        journal: The record, with its clinical tables.
        folder: Where backups are kept.

    Raises:
        BackupPlaceError: The folder is synchronised by a service, or cannot be written; nothing is left that passes for a backup.
        JournalError: The record cannot be read.
        VaultError: The keys cannot be fetched.
    """
    service = location.synced_by(folder.resolve() / RECORD, os.environ)
    if service:
        raise BackupPlaceError(folder, f"{service} synchronises it, so patients' data would leave the clinic")
    if not folder.is_dir() and not folder.parent.is_dir():
        raise BackupPlaceError(
            folder, f"there is no folder {folder.parent}, so a drive may not be plugged in"
        )
    moment = datetime.now(UTC)
    draft = folder / f".partial-{secrets.token_hex(8)}"
    try:
        folder.mkdir(exist_ok=True)
        draft.mkdir(mode=0o700)
        encrypted = record_keys.is_encrypted(journal.path)
        head = _copy(journal, draft / RECORD, encrypted=encrypted)
        saved, damaged = save_photographs(journal, draft / RECORD, folder)
        content = {"encrypted": encrypted, "photographs": saved}
        manifest = _manifest(journal, draft / RECORD, head, {**content, "made_at": moment.isoformat()})
        _write(draft / MANIFEST, json.dumps(manifest, indent=1).encode())
        _keep_keys(journal, folder)
        sqlite.sync_folder(draft)
        made = draft.rename(folder / f"{moment:%Y%m%dT%H%M%SZ}-{head.station_id}-{head.seq}")
        sqlite.sync_folder(folder)
    except OSError as error:
        raise BackupPlaceError(folder, f"it cannot be written ({error})") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    journal.append(Kind.BACKUP, {"change": "saved", "seq": head.seq, "hash": head.hash})
    keep_aside(journal.path, journal.vault)
    return Backup(made, head, moment, (), len(saved), tuple(damaged), encrypted)


def recovery_code(vault: Vault, station_id: str) -> str:
    """The code that opens the patients' keys beside the backups, made when there is none: to be printed and locked away."""
    name = backups_code_name(station_id)
    kept = vault.get(name)
    if kept is None:
        kept = secrets.token_bytes(_CODE_BYTES)
        vault.put(name, kept)
    text = base64.b32encode(kept + hashlib.sha256(kept).digest()[:5]).decode()
    return "-".join(text[start : start + 5] for start in range(0, len(text), 5))


def key_of_code(code: str) -> bytes:
    """The key behind a recovery code.

    Raises:
        UsageError: A letter is wrong or missing.
    """
    return hashlib.sha256(_KEYS_PLACE + secret_of_code(code)).digest()


def secret_of_code(code: str) -> bytes:
    """What a recovery code says.

    Raises:
        UsageError: A letter is wrong or missing.
    """
    letters = code.upper().replace("-", "").replace(" ", "").strip()
    try:
        content = base64.b32decode(letters)
    except ValueError:
        content = b""
    kept, check = content[:_CODE_BYTES], content[_CODE_BYTES:]
    if len(kept) != _CODE_BYTES or hashlib.sha256(kept).digest()[:5] != check:
        raise UsageError(
            "This is no recovery code: a letter is wrong or missing, so nothing was opened. Type it as it was printed."
        )
    return kept


def keys_place() -> bytes:
    """What the sealed keys are sealed for."""
    return _KEYS_PLACE


def _copy(journal: Journal, copy: Path, *, encrypted: bool) -> Head:
    """A sealed copy of the record. One of an encrypted record is sealed while it still is: no name is ever in the clear."""
    sqlite.backup(journal.path, copy)
    try:
        with closing(sqlite.connect_file(copy, journal.vault)) as connection:
            station, seq, found = connection.execute(
                "SELECT station_id, seq, hash FROM entries ORDER BY seq DESC LIMIT 1"
            ).fetchone()
            rows = connection.execute("SELECT id, erased_at IS NOT NULL FROM patients").fetchall()
            gone = [patient for patient, erased in rows if erased]
            keys = PatientKeys(journal.path, journal.vault).ensure((patient for patient, _ in rows), gone)
            seal_copy(connection, keys)
        if encrypted:
            opened = copy.with_suffix(".opened")
            encrypting.convert(copy, opened, None, journal.vault)
            os.replace(opened, copy)
    except sqlite3.Error as error:
        raise sqlite.translated(copy, error) from error
    sqlite.sync_file(copy)
    return Head(station, seq, found)


def _manifest(journal: Journal, copy: Path, head: Head, more: dict[str, Any]) -> dict[str, Any]:
    content = {
        "form": FORM,
        "station": head.station_id,
        "seq": head.seq,
        "hash": head.hash,
        "bytes": copy.stat().st_size,
        "sha256": sha256(copy),
        **more,
    }
    signer = Signer(journal.station_id, journal.vault)
    return {**content, "public_key": signer.public, "signature": signer.sign_text(canonical_json(content))}


def sha256(path: Path) -> str:
    """The digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _keep_keys(journal: Journal, folder: Path) -> None:
    """Replaces the sealed keys beside the backups; keys of patients who were erased since are in it no more."""
    keys = PatientKeys(journal.path, journal.vault).all()
    own = journal.vault.get(key_name(journal.station_id))
    content = to_text({**keys, STATION_KEY: own or b""})
    key = key_of_code(recovery_code(journal.vault, journal.station_id))
    draft = folder / f".{KEYS}.partial"
    _write(draft, seal(key, content, _KEYS_PLACE))
    os.replace(draft, folder / f"{journal.station_id}-{KEYS}")


def _write(path: Path, content: bytes) -> None:
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
