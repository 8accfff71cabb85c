"""Verifying a backup, and restoring it into a place where no record is."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from pen_host.backups.errors import BackupError, BackupPlaceError
from pen_host.backups.making import (
    FORMS,
    KEYS,
    MANIFEST,
    RECORD,
    STATION_KEY,
    Backup,
    key_of_code,
    keys_place,
    secret_of_code,
    sha256,
)
from pen_host.backups.pictures import open_photographs
from pen_host.backups.protocols import put_back
from pen_host.backups.sealing import unseal_copy
from pen_host.canonical import canonical_json
from pen_host.errors import UsageError
from pen_host.journal import (
    Damage,
    DamageKind,
    Draft,
    Head,
    Journal,
    JournalNewerError,
    Kind,
    audit_record,
    encrypting,
    layout,
    record_keys,
    sqlite,
)
from pen_host.journal.location import check_place
from pen_host.journal.record_keys import RecordKey, new_key
from pen_host.journal.signing import anchor_name, key_name, public_key, text_signature_holds
from pen_host.records import layout as clinical
from pen_host.records import photo_folder
from pen_host.records.at_rest import backups_code_name, keep_aside
from pen_host.records.erasure import wipe
from pen_host.records.models import Person
from pen_host.records.patient_keys import GONE, KeysDamagedError, PatientKeys, from_text, unseal
from pen_host.records.store import Writing
from pen_host.vault import FileVault, Vault

RESTORER = Person(name="pen restore", role="system")


def bring_keys_back(record: Path, folder: Path, vault: Vault, code: str) -> int:
    """Brings back the keys of a record's patients and the one it signs with, after they were lost on this computer.

    What is at hand stays, and the keys of patients who were erased since stay destroyed.

    Args:
        record: The record; it stays as it is.
        folder: Its newest backup.
        vault: Where they are lost; it keeps the recovery code as well.
        code: The recovery code of the backups.

    Returns:
        How many patients have a key.

    Raises:
        UsageError: The code is none, or another station's.
        BackupError: The backup has no manifest.
        JournalError: The record cannot be read.
    """
    keys = _keys(folder, record, vault, code)
    station = str(_manifest(folder)["station"])
    with closing(sqlite.connect_file(record, vault, writing=False)) as connection:
        gone = connection.execute("SELECT id FROM patients WHERE erased_at IS NOT NULL").fetchall()
    kept = PatientKeys(record, vault)
    try:
        here = kept.all()
    except KeysDamagedError:
        here = {}
    patients = {patient: key for patient, key in keys.items() if patient != STATION_KEY}
    kept.replace(patients | here | {patient: GONE for (patient,) in gone})
    _bring_station_key(station, keys, vault)
    vault.put(backups_code_name(station), secret_of_code(code))
    keep_aside(record, vault)
    return sum(key != GONE for key in kept.all().values())


def verify_backup(folder: Path, record: Path, vault: Vault, code: str | None = None) -> Backup:
    """Verifies a backup as strictly as a record: file, signature, chain and, with the patients' keys, every row.

    Args:
        folder: The backup.
        record: The record whose keys are used where no code is given.
        vault: Of this computer.
        code: The recovery code, on another computer.

    Raises:
        BackupError: It is half written, altered, or damaged.
        UsageError: The code is none.
    """
    with tempfile.TemporaryDirectory(prefix="pen-verify-") as place:
        copy = Path(place) / RECORD
        # a key that nobody keeps: what is unsealed here is not in the clear where the record was not
        key = new_key()
        try:
            return _opened(folder, copy, _keys(folder, record, vault, code), vault, key)
        finally:
            record_keys.forget(key)


def restore(folder: Path, record: Path, vault: Vault, code: str | None = None) -> Backup:
    """Restores a backup as a record; patients who were erased since are erased in it as well.

    Args:
        folder: The backup.
        record: The record to be; must not exist.
        vault: Of this computer; gets the station's key where the code brings it.
        code: The recovery code; not needed on the computer that made the backup.

    Raises:
        BackupPlaceError: A record is there already.
        BackupError: It is half written, altered, or damaged.
        JournalError: The place is unsafe, or a newer program made the record.
    """
    if record.exists():
        raise BackupPlaceError(record, "a record is there already, and no record is ever written over")
    check_place(record)
    keys = _keys(folder, record, vault, code)
    record.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = record.with_name(f".partial-{record.name}")
    key = new_key()
    try:
        restored = _opened(folder, draft, keys, vault, key)
        _must_not_be_newer(draft)
        _bring_keys(restored.head.station_id, record, keys, vault)
        if restored.encrypted:
            record_keys.keep(key, vault)
        # before the record, without which this can be begun again
        for name, content in open_photographs(
            folder, restored.head.station_id, _named(_manifest(folder)), keys
        ):
            photo_folder.put(record, name, content, key if restored.encrypted else None)
        # only one made before presets were rows of the record has any
        put_back(folder, _manifest(folder).get("presets", {}), record)
        draft.rename(record)
        sqlite.sync_folder(record.parent)
    finally:
        draft.unlink(missing_ok=True)
    vault.put(anchor_name(restored.head.station_id), f"{restored.head.seq} {restored.head.hash}".encode())
    with Journal.create_or_open(record, vault=vault) as journal:
        _after(journal, restored)
    keep_aside(record, vault)
    return restored


def _keys(folder: Path, record: Path, vault: Vault, code: str | None) -> dict[str, bytes]:
    if code is None:
        return PatientKeys(record, vault).all()
    key = key_of_code(code)
    manifest = _manifest(folder)
    path = folder.parent / f"{manifest['station']}-{KEYS}"
    content = unseal(key, path.read_bytes(), keys_place()) if path.is_file() else None
    if content is None:
        raise UsageError(
            f"The recovery code does not open {path}, so nothing was restored. Use the code of this station."
        )
    return from_text(content)


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BackupError(folder, "it has no readable manifest: its making was cut short") from error
    if not isinstance(content, dict) or content.get("form") not in FORMS:
        raise BackupError(folder, "its manifest is of another form")
    return content


def _named(manifest: dict[str, Any]) -> list[str]:
    """Photographs that a manifest names; an older one names none."""
    return list(manifest.get("photographs", ()))


def _opened(folder: Path, copy: Path, keys: dict[str, bytes], vault: Vault, key: RecordKey) -> Backup:
    """Verifies the backup and leaves its opened record at `copy`, encrypted where the record was."""
    manifest = _manifest(folder)
    sealed = folder / RECORD
    if not sealed.is_file() or (sealed.stat().st_size, sha256(sealed)) != (
        manifest["bytes"],
        manifest["sha256"],
    ):
        raise BackupError(folder, "the record in it is not the one that was saved")
    said = {name: value for name, value in manifest.items() if name not in {"public_key", "signature"}}
    if text_signature_holds(manifest["public_key"], canonical_json(said), manifest["signature"]) is not True:
        raise BackupError(folder, "its signature does not hold")
    station = str(manifest["station"])
    trusted = public_key(station, vault)
    if trusted not in {None, manifest["public_key"]}:
        raise BackupError(folder, "it is signed with another key than this station's")
    encrypted = bool(manifest.get("encrypted"))
    try:
        _bring_copy(sealed, copy, key if encrypted else None, vault)
        with closing(sqlite.connect_file(copy)) as connection:
            connection.execute("PRAGMA secure_delete = ON")
            unreadable = unseal_copy(connection, keys)
    except sqlite3.Error as error:
        raise BackupError(folder, str(error)) from error
    lost = [patient for patient in unreadable if keys.get(patient) != GONE]
    if lost:
        raise UsageError(
            f"The keys of {len(lost)} patients in {folder} are not on this computer, so nothing was restored. Give the station's "
            "recovery code, which was printed when the first backup was made: --code-file FILE."
        )
    head = Head(station, int(manifest["seq"]), str(manifest["hash"]))
    with tempfile.TemporaryDirectory(prefix="pen-keys-") as nowhere:
        # the head that this computer keeps may be newer than an older backup, so it is not asked here
        audit = audit_record(copy, FileVault(Path(nowhere)), known=[head])
    wrong = [damage for damage in audit.report.damages if not _sealed_away(damage, unreadable, copy)]
    if wrong:
        raise BackupError(folder, wrong[0].sentence.rstrip("."))
    named = _named(manifest)
    for _ in open_photographs(folder, station, named, keys):
        pass
    made_at = datetime.fromisoformat(str(manifest["made_at"]))
    return Backup(folder, head, made_at, tuple(sorted(unreadable)), len(named), (), encrypted)


def _bring_copy(sealed: Path, copy: Path, key: RecordKey | None, vault: Vault) -> None:
    """The saved record where it is to be opened, encrypted from the start where the record was."""
    if key is None:
        shutil.copyfile(sealed, copy)
        copy.chmod(0o600)
        return
    encrypting.must_be_possible()
    copy.unlink(missing_ok=True)
    encrypting.convert(sealed, copy, key, vault)
    record_keys.remember(key)


def _sealed_away(damage: Damage, unreadable: set[str], copy: Path) -> bool:
    """Whether a finding is only that a row of an erased patient stays sealed."""
    if damage.kind is not DamageKind.ROW or not unreadable:
        return False
    with closing(sqlite.connect_reader(copy)) as connection:
        row_key, _, rest = damage.sentence.removeprefix("Row ").partition(" of ")
        table = rest.partition(",")[0]
        state = connection.execute(
            "SELECT salt FROM row_states WHERE name = ? AND row_key = ?", (table, row_key)
        ).fetchone()
    return state is not None and str(state[0]).startswith("sealed:")


def _must_not_be_newer(copy: Path) -> None:
    with closing(sqlite.connect_reader(copy)) as connection:
        for scripts, table in (
            (layout.SCRIPTS, layout.VERSION_TABLE),
            (clinical.SCRIPTS, clinical.VERSION_TABLE),
        ):
            held = layout.revision(connection, table)
            if held and held not in layout.revisions(scripts):
                raise JournalNewerError(copy, held)


def _bring_keys(station: str, record: Path, keys: dict[str, bytes], vault: Vault) -> None:
    """Takes over keys that came with the recovery code."""
    _bring_station_key(station, keys, vault)
    patients = {patient: key for patient, key in keys.items() if patient != STATION_KEY}
    if patients:
        PatientKeys(record, vault).replace(patients)


def _bring_station_key(station: str, keys: dict[str, bytes], vault: Vault) -> None:
    own = keys.get(STATION_KEY)
    if own and vault.get(key_name(station)) is None:
        vault.put(key_name(station), own)


def _after(journal: Journal, restored: Backup) -> None:
    """Erases again who was erased since, and says in the chain that the record was restored."""

    def change(connection: Any) -> Sequence[Draft]:
        writing = Writing(connection, journal.station_id, restored.made_at, RESTORER)
        drafts = []
        for patient in restored.unreadable:
            wipe(writing, patient)
            told = {"change": "erased", "reason": "was erased after this backup"}
            drafts.append(Draft(Kind.PATIENT, told, subject=patient))
        told = {"change": "restored", "made_at": restored.made_at.isoformat()}
        return [*drafts, Draft(Kind.BACKUP, {**told, "seq": restored.head.seq, "hash": restored.head.hash})]

    journal.together(change, actor=RESTORER.name, role=RESTORER.role)
