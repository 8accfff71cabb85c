"""Encryption at rest of everything that lies in a record's folder: the record, older copies of it, photographs.

    encrypt(record, vault)      what is not encrypted yet is; may be cut at any line and repeated
    rekey(record, vault)        the same under a new key, after which the old recovery code opens nothing
    recover(record, code, vault)

Patients' keys beside the record are sealed in any case (`patient_keys`), and so is what backups hold of patients. Whoever has
record and code is this station: what else it keeps in its vault (the key it signs with, the code of its backups) lies beside the
record in one more file, sealed under the record's key. Patients' keys are not in it: no copy of it must outlive an erasure.
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pen_host.errors import VerificationError
from pen_host.journal import (
    Journal,
    JournalKeyError,
    JournalUnwritableError,
    Kind,
    audit_record,
    encrypting,
    record_keys,
    sqlite,
)
from pen_host.journal.location import check_place
from pen_host.journal.lock import WriterLock
from pen_host.journal.record_keys import RecordKey
from pen_host.journal.signing import key_name
from pen_host.records import photo_folder
from pen_host.records.models import Person
from pen_host.records.patient_keys import must_seal, seal, unseal
from pen_host.vault import Vault

_ASIDE = b"derma-pen station secrets 1"


@dataclass(frozen=True, slots=True)
class AtRest:
    """What encrypting came to.

    Attributes:
        record: The record.
        code: Its recovery code, to be printed and locked away.
        kept_in: Where its key lies.
        key_on_disk: Whether that is a file: whoever takes the disk then has the key as well.
        files: How many files were encrypted just now: the record, older copies, photographs.
        lacking: What could not be brought back with the code, a sentence each.
    """

    record: Path
    code: str
    kept_in: str
    key_on_disk: bool
    files: int
    lacking: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Protection:
    """How a record is protected where it lies.

    Attributes:
        encrypted: Whether it is under a key.
        possible: Whether this program can encrypt: the extra is installed.
        kept_in: Where the key lies, or would.
        key_on_disk: Whether that is a file: whoever takes the disk then has the key as well.
        exposed: Names of what lies beside an encrypted record and is not under its key.
    """

    encrypted: bool
    possible: bool
    kept_in: str
    key_on_disk: bool
    exposed: tuple[str, ...]


def protection(record: Path, vault: Vault) -> Protection:
    """How a record is protected. Reads the disk, changes nothing, and may be asked while a console writes.

    Raises:
        JournalKeyError: The record is encrypted and its key is not at hand.
        VaultError: The vault cannot be asked.
    """
    encrypted = record_keys.is_encrypted(record)
    beside = exposed(record, vault) if encrypted else ()
    return Protection(encrypted, encrypting.possible(), vault.where, vault.on_disk, beside)


def backups_code_name(station_id: str) -> str:
    """Where the vault keeps what the recovery code of a station's backups says."""
    return f"recovery-{station_id}"


def encrypt(record: Path, vault: Vault, by: Person) -> AtRest:
    """Encrypts a record in place, with everything beside it; one that is not there yet is made.

    What was cut short before is finished, and what is encrypted already is left as it is.

    Args:
        record: The record; nobody may have it open for writing.
        vault: Keeps the key.
        by: Who does it.

    Raises:
        UsageError: The extra is not installed.
        VerificationError: The record is not intact, so it stays as it is.
        VaultError: The key cannot be kept; nothing was changed.
        JournalError: The record is held, cannot be read or replaced; one whole record is there at every moment.
    """
    return _bring(record, vault, by, record_keys.key_of(record, vault), "encrypted")


def rekey(record: Path, vault: Vault, by: Person) -> AtRest:
    """Puts everything under a new key, and destroys the old one.

    Args:
        record: The record, encrypted or not.
        vault: Keeps the key.
        by: Who does it.

    Raises:
        PenError: As in `encrypt`.
    """
    return _bring(record, vault, by, None, "rekeyed")


def recover(record: Path, code: str, vault: Vault, by: Person) -> AtRest:
    """Puts the key of a record back into the vault.

    Args:
        record: The record.
        code: As it was printed.
        vault: Where the key is lost.
        by: Who does it.

    Raises:
        UsageError: It is no code.
        JournalKeyError: It opens another record; nothing was changed.
        JournalUnwritableError: The record is not encrypted.
    """
    typed = record_keys.key_of_code(code)
    encrypting.must_be_possible()
    must_seal()
    key = RecordKey(_salt(record), typed)
    try:
        sqlite.connect_with(record, key, writing=False).close()
    except JournalKeyError as error:
        raise JournalKeyError(
            record, "this code does not open it", "Take the newest code of this record."
        ) from error
    record_keys.keep(key, vault)
    lacking = _bring_back(record, key, vault)
    if not lacking:
        _tell(record, vault, by, "recovered")
    return AtRest(record, key.code, vault.where, vault.on_disk, 0, lacking)


def keep_aside(record: Path, vault: Vault) -> None:
    """Writes what the recovery code of an encrypted record brings back besides the record; nothing for any other record.

    Raises:
        JournalError: It cannot be written.
        VaultError: A key cannot be fetched.
    """
    key = record_keys.key_of(record, vault)
    if key is None:
        return
    kept = {name: vault.get(name) for name in _names(record)}
    text = json.dumps({name: secret.hex() for name, secret in kept.items() if secret}).encode()
    draft = _aside(record).with_suffix(".partial")
    try:
        with open(draft, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(seal(_aside_key(key), text, _ASIDE))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(_aside(record))
    except OSError as error:
        raise JournalUnwritableError(draft, str(error)) from error


def _bring_back(record: Path, key: RecordKey, vault: Vault) -> tuple[str, ...]:
    """Puts back what was kept aside, where the vault lacks it; what is lacking then."""
    content = None
    if _aside(record).is_file():
        content = unseal(_aside_key(key), _aside(record).read_bytes(), _ASIDE)
    for name, secret in json.loads(content or b"{}").items():
        if vault.get(name) is None:
            vault.put(name, bytes.fromhex(secret))
    signing, _ = _names(record)
    if vault.get(signing) is not None:
        return ()
    return (
        "The key that this station signs with is not at hand. Bring it back with pen backup keys before the record is opened for "
        "writing, or a new one is made and what the old one signed is reported.",
    )


def _names(record: Path) -> tuple[str, str]:
    with closing(sqlite.connect_reader(record)) as connection:
        station = connection.execute("SELECT min(station_id) FROM entries").fetchone()[0]
    return key_name(station), backups_code_name(station)


def _aside(record: Path) -> Path:
    return record.with_name(record.name + ".secrets")


def _aside_key(key: RecordKey) -> bytes:
    return hmac.digest(key.key, _ASIDE + b"\x01", "sha256")


def recovery_code(record: Path, vault: Vault) -> str:
    """The code of an encrypted record.

    Raises:
        JournalUnwritableError: It is not encrypted.
        JournalKeyError: Its key is not at hand.
    """
    return record_keys.key_for(_salt(record), record, vault).code


def exposed(record: Path, vault: Vault) -> tuple[str, ...]:
    """Names of what lies beside an encrypted record and is not under its key: encrypting was cut short, or a copy was put there.

    Raises:
        JournalKeyError: Its key is not at hand.
    """
    key = record_keys.key_of(record, vault)
    if key is None:
        return ()
    copies = [copy for copy in copies_of(record) if record_keys.salt_of(copy) != key.salt]
    return tuple(path.name for path in (*copies, *photo_folder.unsealed(record, key)))


def copies_of(record: Path) -> list[Path]:
    """Older copies of a record that migrations left in its folder."""
    return sorted(record.parent.glob(f"{record.stem}.before-*{record.suffix}"))


def _bring(record: Path, vault: Vault, by: Person, key: RecordKey | None, change: str) -> AtRest:
    """Brings everything under a key, a new one where none is given."""
    encrypting.must_be_possible()
    must_seal()
    check_place(record)
    files = 0
    if not record.exists():
        key = _kept(vault)
        encrypting.create(record, key)
        files = 1
    _must_be_intact(record, vault)
    if key is None:
        key = _kept(vault)
    with _locked(record):
        before = {record_keys.salt_of(file) for file in (record, *copies_of(record))}
        before |= photo_folder.salts(record)
        # the record first: from then on nothing new is written in the clear
        for file in (record, *copies_of(record)):
            encrypting.finish(file)
            if record_keys.salt_of(file) != key.salt:
                encrypting.put_under(file, key, vault)
                files += 1
        files += photo_folder.put_under(record, key, vault)
        for salt in before - {key.salt}:
            if salt is not None:
                record_keys.destroy(salt, vault)
    if files:
        _tell(record, vault, by, change)
    keep_aside(record, vault)
    return AtRest(record, key.code, vault.where, vault.on_disk, files)


def _kept(vault: Vault) -> RecordKey:
    """A new key, in the vault by now."""
    key = record_keys.new_key()
    record_keys.keep(key, vault)
    return key


def _must_be_intact(record: Path, vault: Vault) -> None:
    """Opens the record once, which brings it up to date, and verifies it whole."""
    Journal.create_or_open(record, vault=vault).close()
    audit = audit_record(record, vault)
    if not audit.intact:
        raise VerificationError(
            f"{audit.report.damages[0].sentence} A record that is not intact is not encrypted, so that nothing of what was "
            "found is covered up; nothing was changed. Run pen log verify."
        )


def _tell(record: Path, vault: Vault, by: Person, change: str) -> None:
    with Journal.create_or_open(record, vault=vault) as journal:
        journal.append(Kind.ENCRYPTION, {"change": change}, actor=by.name, role=by.role)


def _salt(record: Path) -> bytes:
    salt = record_keys.salt_of(record)
    if salt is None:
        raise JournalUnwritableError(record, "it is not encrypted, so no key belongs to it")
    return salt


@contextmanager
def _locked(record: Path) -> Iterator[None]:
    lock = WriterLock(record)
    try:
        yield
    finally:
        lock.release()
