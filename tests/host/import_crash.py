"""Imports an export of several patients again and again, each time killed before another statement or step of a file.

    python -m tests.host.import_crash FOLDER [STRIDE]

Wherever it was: the record opens and is intact, each patient is in it whole or not at all, no file is left of a picture that no
row names, and a second import brings in the rest and ends with the record of an import that nobody killed. STRIDE takes every so
manieth place only, and those around the first commit. Prints how many places there were, or what was found.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select

from pen_host.exports import archive, intake
from pen_host.exports.archive import Archive
from pen_host.exports.reading import Prepared
from pen_host.journal import audit_record
from pen_host.records import Clinic, photo_adding, photo_folder
from pen_host.records.models import Demographics, Person, View
from pen_host.records.photo_access import CONSENT
from pen_host.records.photo_files import Encoded
from pen_host.records.tables import consent_texts, photographs
from pen_host.vault import FileVault
from tests.host.told_clinic import picture

ANNA = Person(name="anna", role="physician")
PATIENTS = 3
RECORD = "record.sqlite3"
AROUND = 1
"""So many places on either side of the first commit are always tried."""


def opened(folder: Path) -> Clinic:
    """The record in a folder."""
    at = datetime(2028, 2, 1, 12, tzinfo=UTC)
    vault = FileVault(folder / "keys")
    return Clinic.open(
        folder / RECORD, station_id=folder.name, now=lambda: at, today=lambda: date(2028, 2, 1), vault=vault
    )


def exported(folder: Path) -> tuple[Prepared, ...]:
    """Patients of another clinic, as they come out of its bundles: two pictures each, one of which all have in common."""
    with opened(folder / "elsewhere") as clinic:
        text = clinic.consents.publish(CONSENT, "en", "Photographs", "I agree, elsewhere.", ANNA)
        return tuple(_bundle(clinic, text.text_id, number, folder / "x.png") for number in range(PATIENTS))


def _bundle(clinic: Clinic, text_id: str, number: int, file: Path) -> Prepared:
    who = Demographics(full_name=f"Ada {number}", birth_date=date(1980, 2, 29))
    patient = clinic.patients.add(who, ANNA).patient_id
    clinic.consents.sign(patient, text_id, who.full_name, ANNA)
    clinic.patients.note(patient, "Dry skin.", ANNA)
    pictures = []
    for seed in (0, number + 1):
        photo = clinic.photos.add(patient, picture(file, seed), View.DETAIL, date(2028, 1, 1), ANNA)
        content = clinic.photos.content(photo)
        pictures.append(Encoded(content, photo.sha256, photo.width_px, photo.height_px))
    return Prepared(archive.take(clinic.store, patient), tuple(pictures), f"{number:064}")


def take_in(clinic: Clinic, patients: tuple[Prepared, ...]) -> None:
    """What the command and the console do: those that are new, one after the other."""
    for one in patients:
        try:
            intake.must_be_new(clinic.store, one.archive)
        except intake.HereAlreadyError:
            continue
        intake.keep(clinic, one, ANNA)


def stepped(folder: Path, patients: tuple[Prepared, ...], step: Callable[[str], None]) -> None:
    """The same; `step` is told of each statement of SQL and each step of a file before it is done."""
    with opened(folder) as clinic:
        for name in ("fsync", "replace", "unlink", "open"):
            _hook(name, step)
        clinic.journal._raw.set_trace_callback(step)
        take_in(clinic, patients)
        clinic.journal._raw.set_trace_callback(None)


def _hook(name: str, step: Callable[[str], None]) -> None:
    real: Any = getattr(os, name)

    def hooked(*given: Any, **more: Any) -> Any:
        step(name)
        return real(*given, **more)

    setattr(os, name, hooked)


def in_a_child(act: Callable[[], None]) -> int:
    """Runs something in a process of its own; its exit code, negative where a signal killed it."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        act()
        os._exit(0)
    finally:
        traceback.print_exc()
        os._exit(1)


def places_of(folder: Path, patients: tuple[Prepared, ...], stride: int) -> list[int]:
    """Every so manieth place of an import that nobody kills, and those around its first commit."""
    told = folder / "places"

    def listed() -> None:
        names: list[str] = []
        stepped(folder, patients, names.append)
        told.write_text("\n".join(name.partition(" ")[0].upper() for name in names))

    assert in_a_child(listed) == 0
    names = told.read_text().split("\n")
    commits = [number for number, name in enumerate(names) if name == "COMMIT"]
    assert len(commits) == PATIENTS
    assert "FSYNC" in names
    near = {commits[0] + by for by in range(-AROUND, AROUND + 1)}
    return [at for at in range(len(names)) if at % stride == 0 or at in near]


def killed_at(place: int, folder: Path, patients: tuple[Prepared, ...]) -> None:
    """An import that is killed before its nth step."""
    left = [place]

    def step(_: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    ended = in_a_child(lambda: stepped(folder, patients, step))
    assert ended == -signal.SIGKILL, f"it ended with {ended}"


def whole(clinic: Clinic, patients: tuple[Prepared, ...]) -> list[Archive]:
    """The patients that are in a record, each of them as it was exported."""
    found = []
    for one in patients:
        there = archive.take(clinic.store, one.archive.patient_id)
        if any(there.tables[table.name] for table in archive.OWN):
            assert there == one.archive, "half a patient"
            found.append(there)
    return found


def pictures(clinic: Clinic) -> set[str]:
    """Digests that rows name; the files that are there must be those, each of them what it was."""
    named = {row["sha256"] for row in clinic.store.rows(select(photographs.c.sha256))}
    folder = clinic.place.parent / photo_folder.FOLDER
    files = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    assert files == sorted(f"{sha256}{photo_folder.PLAIN}" for sha256 in named)
    assert all(photo_folder.read(clinic.place, sha256) for sha256 in named)
    assert not clinic.place.with_name(RECORD + photo_adding.ENDING).exists()
    return named


def state(clinic: Clinic, patients: tuple[Prepared, ...]) -> tuple[list[Archive], set[str], list[Any]]:
    """What an import ends with."""
    names = (consent_texts.c.name, consent_texts.c.version, consent_texts.c.digest)
    texts = sorted(tuple(row.values()) for row in clinic.store.rows(select(*names)))
    return whole(clinic, patients), pictures(clinic), texts


def check(folder: Path, patients: tuple[Prepared, ...], wanted: Any) -> int:
    """Opens a record after a kill and imports once more; how many patients the kill left in it."""
    with opened(folder) as clinic:
        there = whole(clinic, patients)
        pictures(clinic)
        take_in(clinic, patients)
        assert state(clinic, patients) == wanted
    audit = audit_record(folder / RECORD, FileVault(folder / "keys"))
    assert audit.intact, [damage.sentence for damage in audit.report.damages]
    return len(there)


def main(folder: Path, stride: int) -> None:
    """Kills an import at each place in turn."""
    patients = exported(folder)
    template = folder / "template"
    with opened(template) as clinic:
        clinic.consents.publish(CONSENT, "en", "Photographs", "I agree, here.", ANNA)

    def fresh(name: str) -> Path:
        shutil.copytree(template, folder / name)
        return folder / name

    never = fresh("never")
    with opened(never) as clinic:
        take_in(clinic, patients)
        wanted = state(clinic, patients)
    assert len(wanted[0]) == PATIENTS
    places = places_of(fresh("places-of"), patients, stride)
    left = []
    for place in places:
        target = fresh("killed")
        try:
            killed_at(place, target, patients)
            left.append(check(target, patients, wanted))
        except BaseException:
            sys.stdout.write(f"killed before step {place}\n")
            raise
        shutil.rmtree(target)
    assert left == sorted(left), "a later kill never leaves fewer patients"
    assert {0, 1} <= set(left), "kills fell before and after the first patient"
    sys.stdout.write(f"{len(places)} kills; {left.count(0)} left nobody, the last {left[-1]} patients\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)
