"""Backups: whole or not there, unreadable for patients who were erased, restored where no record is."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import pytest

from pen_host.backups import back_up, recovery_code, restore, verify_backup
from pen_host.backups.errors import BackupError, BackupPlaceError
from pen_host.errors import UsageError
from pen_host.journal import JournalNewerError, Kind, audit_record
from pen_host.records import Clinic
from pen_host.records.models import Demographics, Patient, Person
from pen_host.vault import FileVault

ANNA = Person(name="anna", role="physician")


class Place:
    """A clinic, and where its backups go."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.vault = FileVault(folder / "keys")
        self.record = folder / "clinic" / "record.sqlite3"
        self.drive = folder / "drive"
        self.clinic = Clinic.open(folder / "clinic", station_id="s1", vault=self.vault)

    def patient(self, name: str) -> Patient:
        patient = self.clinic.patients.add(Demographics(full_name=name, birth_date=date(1980, 2, 29)), ANNA)
        self.clinic.patients.note(patient.patient_id, f"{name} has dry skin.", ANNA)
        return patient

    def saved(self) -> Path:
        return back_up(self.clinic.journal, self.drive).folder


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def content(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_backup_restores_the_whole_record(place: Place) -> None:
    patient = place.patient("Ada Example")
    saved = place.saved()
    place.clinic.close()
    assert verify_backup(saved, place.record, place.vault).unreadable == ()
    place.record.unlink()
    restore(saved, place.record, place.vault)
    with Clinic.open(place.record.parent, vault=place.vault) as clinic:
        assert clinic.patients.get(patient.patient_id).label == patient.label
        assert [note.text for note in clinic.patients.notes(patient.patient_id)] == [
            "Ada Example has dry skin."
        ]
        with clinic.journal.reader() as reader:
            assert [said["change"] for said in reader.payloads(Kind.BACKUP)] == ["restored"]
    audit = audit_record(place.record, place.vault)
    assert audit.intact, audit.report.damages


def test_nothing_in_a_backup_says_who_a_patient_is(place: Place) -> None:
    place.patient("Ada Example")
    saved = place.saved()
    assert b"Ada" not in content(place.drive)
    assert b"dry skin" not in content(place.drive)
    assert b"1980-02-29" not in content(saved)


@pytest.mark.covers("REQ-1404")
def test_a_patient_who_was_erased_cannot_be_read_in_any_backup_and_the_chain_is_whole(place: Place) -> None:
    gone, stays = place.patient("Ada Example"), place.patient("Bea Example")
    saved = place.saved()
    place.clinic.patients.erase(gone.patient_id, "asked for it", ANNA)
    place.clinic.close()
    assert verify_backup(saved, place.record, place.vault).unreadable == (gone.patient_id,)
    place.record.unlink()
    restore(saved, place.record, place.vault)
    with Clinic.open(place.record.parent, vault=place.vault) as clinic:
        assert clinic.patients.get(gone.patient_id).demographics is None
        assert clinic.patients.get(stays.patient_id).label == stays.label
    audit = audit_record(place.record, place.vault)
    assert audit.intact, audit.report.damages


def test_an_older_copy_of_the_keys_does_not_open_them_after_an_erasure(place: Place) -> None:
    gone = place.patient("Ada Example")
    saved = place.saved()
    keys = place.record.with_name(place.record.name + ".keys")
    older = keys.read_bytes()
    place.clinic.patients.erase(gone.patient_id, "asked for it", ANNA)
    keys.write_bytes(older)
    place.clinic.close()
    with pytest.raises(Exception, match="cannot be opened"):
        verify_backup(saved, place.record, place.vault)


def test_another_computer_restores_with_the_recovery_code_alone(place: Place, tmp_path: Path) -> None:
    patient = place.patient("Ada Example")
    saved = place.saved()
    code = recovery_code(place.vault, "s1")
    place.clinic.close()
    other = FileVault(tmp_path / "other-keys")
    record = tmp_path / "other" / "record.sqlite3"
    with pytest.raises(UsageError, match="a letter is wrong"):
        restore(saved, record, other, code[:-1] + ("A" if code[-1] != "A" else "B"))
    assert not record.exists()
    restore(saved, record, other, code.lower())
    with Clinic.open(record.parent, vault=other) as clinic:
        assert clinic.patients.get(patient.patient_id).label == patient.label
    assert audit_record(record, other).intact


def test_keys_that_are_only_missing_are_not_taken_for_an_erasure(place: Place, tmp_path: Path) -> None:
    place.patient("Ada Example")
    saved = place.saved()
    place.clinic.close()
    elsewhere = tmp_path / "elsewhere" / "record.sqlite3"
    with pytest.raises(
        BackupError, match="keys of 1 patients in it are not at hand; give the station's recovery code"
    ):
        restore(saved, elsewhere, place.vault)
    assert not elsewhere.exists()


def test_a_backup_made_after_an_erasure_restores_without_the_patient(place: Place) -> None:
    gone, stays = place.patient("Ada Example"), place.patient("Bea Example")
    place.saved()
    place.clinic.patients.erase(gone.patient_id, "asked for it", ANNA)
    saved = place.saved()
    place.clinic.close()
    place.record.unlink()
    assert restore(saved, place.record, place.vault).unreadable == ()
    with Clinic.open(place.record.parent, vault=place.vault) as clinic:
        assert clinic.patients.get(gone.patient_id).demographics is None
        assert clinic.patients.get(stays.patient_id).label == stays.label
    assert audit_record(place.record, place.vault).intact


@pytest.mark.parametrize("name", ["Dropbox", "OneDrive - Clinic", "Google Drive", "iCloud Drive"])
def test_nothing_is_saved_to_a_synchronised_folder(place: Place, name: str) -> None:
    place.patient("Ada Example")
    with pytest.raises(BackupPlaceError, match="synchronises it"):
        back_up(place.clinic.journal, place.folder / name / "backups")
    assert not (place.folder / name).exists()


def test_a_half_written_backup_passes_for_none(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from pen_host.backups import making

    place.patient("Ada Example")
    for step in ("_manifest", "_keep_keys", "seal_copy"):

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(making, step, full)
            with pytest.raises(BackupPlaceError, match="No space left"):
                place.saved()
        assert not any(path.is_dir() for path in place.drive.iterdir())
    assert place.clinic.journal.healthy
    saved = place.saved()
    for gone in ("manifest.json", "record.sqlite3"):
        broken = place.folder / f"without-{gone}"
        shutil.copytree(saved, broken)
        (broken / gone).unlink()
        with pytest.raises(BackupError):
            verify_backup(broken, place.record, place.vault)


def test_every_altered_byte_of_the_saved_record_or_manifest_is_found(place: Place) -> None:
    place.patient("Ada Example")
    saved = place.saved()
    record = saved / "record.sqlite3"
    whole = record.read_bytes()
    for at in range(0, len(whole), len(whole) // 7):
        record.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(BackupError, match="not the one that was saved"):
            verify_backup(saved, place.record, place.vault)
    record.write_bytes(whole)
    manifest = json.loads((saved / "manifest.json").read_text())
    for name, value in (("seq", 1), ("made_at", "2020-01-01T00:00:00+00:00"), ("signature", "00" * 64)):
        (saved / "manifest.json").write_text(json.dumps({**manifest, name: value}))
        with pytest.raises(BackupError, match="signature"):
            verify_backup(saved, place.record, place.vault)


def test_no_record_is_written_over(place: Place) -> None:
    saved = place.saved()
    before = place.record.read_bytes()
    with pytest.raises(BackupPlaceError, match="a record is there already"):
        restore(saved, place.record, place.vault)
    assert place.record.read_bytes() == before


def test_a_backup_of_a_newer_program_is_not_restored(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    saved = place.saved()
    place.clinic.close()
    place.record.unlink()
    monkeypatch.setattr("pen_host.backups.restoring.layout.revisions", lambda _: {"0001"})
    with pytest.raises(JournalNewerError):
        restore(saved, place.record, place.vault)
    assert not place.record.exists()
