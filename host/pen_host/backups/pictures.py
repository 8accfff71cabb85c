"""Photographs in backups: one folder beside all backups of a station, each picture in it once, sealed with its patient's key.

A backup's manifest names the pictures that belong to it; that a file is what it was follows from its seal and from the digest in
its name. Erasing a patient destroys the key, so what lies here of them is unreadable at once; the next backup removes it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from pen_host.backups.errors import BackupError
from pen_host.errors import VerificationError
from pen_host.journal import Journal, sqlite
from pen_host.records import photo_folder
from pen_host.records.patient_keys import GONE, PatientKeys, seal, unseal


def folder_of(backups: Path, station_id: str) -> Path:
    """Where the photographs of a station lie beside its backups."""
    return backups / f"{station_id}-{photo_folder.FOLDER}"


def save_photographs(journal: Journal, copy: Path, backups: Path) -> tuple[list[str], list[str]]:
    """Saves every photograph that is at this station and not saved yet, and removes those of erased patients.

    Args:
        journal: The record.
        copy: Its copy, which says whose photographs there are.
        backups: Where backups are kept.

    Returns:
        Photographs in the backup as `patient/sha256`, and those that are not in it because they are not what was stored.

    Raises:
        OSError: One cannot be written.
    """
    keys = PatientKeys(journal.path, journal.vault).all()
    here = photo_folder.digests(journal.path)
    query = "SELECT DISTINCT patient_id, sha256 FROM photographs ORDER BY 1, 2"
    with closing(sqlite.connect_file(copy, journal.vault)) as connection:
        rows = connection.execute(query).fetchall()
    folder = folder_of(backups, journal.station_id)
    folder.mkdir(mode=0o700, exist_ok=True)
    saved, damaged = [], []
    for patient, sha256 in rows:
        name = f"{patient}/{sha256}"
        path = _path(folder, name)
        # rows of other stations come without their pictures; what was saved before stays saved
        if not path.is_file() and sha256 in here and keys[patient] != GONE:
            try:
                content = photo_folder.read(journal.path, sha256, journal.vault)
            except VerificationError:
                damaged.append(name)
                continue
            _write(path, seal(keys[patient], content, name.encode()))
        if path.is_file():
            saved.append(name)
    _remove_gone(folder, {patient for patient, key in keys.items() if key == GONE})
    sqlite.sync_folder(folder)
    return saved, damaged


def open_photographs(
    folder: Path, station_id: str, named: Sequence[str], keys: Mapping[str, bytes]
) -> Iterator[tuple[str, bytes]]:
    """The photographs of a backup: digest and content, each proved; those of erased patients are left out.

    Args:
        folder: The backup.
        station_id: Its station.
        named: What its manifest names.
        keys: The patients' keys.

    Raises:
        BackupError: One is gone, altered, or not what was stored.
    """
    place = folder_of(folder.parent, station_id)
    for name in named:
        patient, _, sha256 = name.partition("/")
        key = keys.get(patient)
        if key == GONE:
            continue
        try:
            sealed = _path(place, name).read_bytes()
        except OSError as error:
            raise BackupError(folder, f"the photograph {sha256[:12]} is not beside it ({error})") from error
        content = unseal(key, sealed, name.encode()) if key else None
        if content is None or hashlib.sha256(content).hexdigest() != sha256:
            raise BackupError(folder, f"the photograph {sha256[:12]} beside it is not the one that was saved")
        yield sha256, content


def _remove_gone(folder: Path, gone: set[str]) -> None:
    for path in folder.iterdir():
        if path.name.partition(".")[0] in gone:
            path.unlink()


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name.replace('/', '.')}.sealed"


def _write(path: Path, content: bytes) -> None:
    part = path.with_suffix(".part")
    with open(part, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
