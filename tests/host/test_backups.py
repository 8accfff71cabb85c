"""Backups: whole or not there, unreadable for patients who were erased, restored where no record is."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import pytest

from pen_host.backups import back_up, bring_keys_back, recovery_code, restore, verify_backup
from pen_host.backups.errors import BackupError, BackupPlaceError
from pen_host.backups.protocols import put_back
from pen_host.errors import UsageError
from pen_host.journal import JournalNewerError, Kind, audit_record, record_keys
from pen_host.presets import shipped_presets, to_toml
from pen_host.records import Clinic, at_rest, photo_folder
from pen_host.records.models import Demographics, Patient, Person, Photo, View
from pen_host.records.patient_keys import KeysDamagedError
from pen_host.vault import FileVault
from tests.host.records.test_own_presets import taken_back
from tests.host.told_clinic import JPEG, picture

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

    def photographed(self, patient: Patient, seed: int) -> Photo:
        texts = [one.text_id for one in self.clinic.consents.texts()]
        if not texts:
            texts = [
                self.clinic.consents.publish("photographs", "en", "Photographs", "I agree.", ANNA).text_id
            ]
        self.clinic.consents.sign(patient.patient_id, texts[0], "Ada", ANNA)
        file = picture(self.folder / f"{seed}.png", seed)
        return self.clinic.photos.add(
            patient.patient_id, file, View.DETAIL, date(2026, 1, 5), ANNA, note="left eye"
        )

    def encrypt(self) -> None:
        self.clinic.close()
        at_rest.encrypt(self.record, self.vault, ANNA)
        self.clinic = Clinic.open(self.folder / "clinic", station_id="s1", vault=self.vault)

    def gone(self) -> None:
        """As after a theft of the computer."""
        self.clinic.close()
        shutil.rmtree(self.record.parent)
        record_keys._opened.clear()

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


def ours(**changes: object) -> str:
    return to_toml(
        {
            **shipped_presets()[0].model_dump(mode="json"),
            "preset_id": "our_neck",
            "title": "Ours",
            **changes,
        }
    )


def test_a_clinics_own_presets_are_restored_in_every_version(place: Place) -> None:
    own = place.clinic.presets.own
    first = own.add(ours(), ANNA)
    own.change("our_neck", ours(title="Changed"), first.digest, ANNA)
    before = own.book().versions("our_neck")
    code = recovery_code(place.vault, "s1")
    saved = place.saved()
    assert "presets" not in json.loads((saved / "manifest.json").read_text("utf-8")), "they are in the record"
    place.gone()
    restore(saved, place.record, place.vault, code)
    with Clinic.open(place.record.parent, vault=place.vault) as clinic:
        assert clinic.presets.own.book().versions("our_neck") == before


def test_presets_of_an_older_backup_come_back_as_files_and_are_taken_in_with_the_record(place: Place) -> None:
    taken_back(place.clinic)
    texts = {"our_neck.toml": ours(title="Changed"), "versions/our_neck.1.toml": ours()}
    kept = place.record.parent / "presets" / "our_neck.toml"
    kept.parent.mkdir()
    kept.write_text(ours(title="There already"), "utf-8")
    put_back(place.folder, texts, place.record)
    assert "There already" in kept.read_text("utf-8"), "what lies there stays"
    with Clinic.open(place.record.parent, vault=place.vault) as clinic:
        found = clinic.presets.own.book().versions("our_neck")
        assert {one.preset.title for one in found} == {"There already", "Ours"}
    audit = audit_record(place.record, place.vault)
    assert audit.intact, audit.report.damages


@pytest.mark.parametrize("name", ["../x.toml", "/tmp/x.toml", "versions/../../x.toml", "x.py"])
def test_a_preset_of_a_backup_lands_nowhere_but_among_presets(tmp_path: Path, name: str) -> None:
    with pytest.raises(BackupError, match="names"):
        put_back(tmp_path, {"good.toml": "x", name: "x"}, tmp_path / "clinic" / "record.sqlite3")
    assert list(tmp_path.iterdir()) == []


def test_nothing_in_a_backup_says_who_a_patient_is(place: Place) -> None:
    place.patient("Grimhilda Unusual")
    saved = place.saved()
    for word in (b"Grimhilda", b"Unusual", b"dry skin"):
        assert word not in content(place.drive)
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
    with pytest.raises(UsageError, match=r"keys of 1 patients in .* are not on this computer.*recovery code"):
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
        assert {path.name for path in place.drive.iterdir() if path.is_dir()} <= {"s1-photographs"}
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


def test_a_drive_that_is_not_plugged_in_is_no_place(place: Place) -> None:
    absent = place.folder / "media" / "stick" / "backups"
    with pytest.raises(BackupPlaceError, match="may not be plugged in"):
        back_up(place.clinic.journal, absent)
    assert not (place.folder / "media").exists()


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


# ---- photographs ---------------------------------------------------------------------------------------------------


@pytest.mark.covers("REQ-1404")
@pytest.mark.parametrize("encrypted", [False, True])
def test_a_backup_is_whole_with_its_photographs_and_restores_as_it_was_kept(
    place: Place, tmp_path: Path, encrypted: bool
) -> None:
    patient = place.patient("Ada Example")
    photo = place.photographed(patient, 1)
    if encrypted:
        place.encrypt()
    first = place.saved()
    second = place.saved()
    assert len(list((place.drive / "s1-photographs").iterdir())) == 1, "each picture is saved once"
    for word in (b"Ada Example", b"dry skin", b"left eye", JPEG):
        assert word not in content(place.drive)
    code = recovery_code(place.vault, "s1")
    place.gone()
    other = FileVault(tmp_path / "other-keys")
    assert verify_backup(first, place.record, other, code).photographs == 1
    restored = restore(second, place.record, other, code)
    assert (restored.photographs, restored.encrypted) == (1, encrypted)
    assert record_keys.is_encrypted(place.record) is encrypted
    with Clinic.open(place.record.parent, vault=other) as clinic:
        (back,) = clinic.photos.of(patient.patient_id)
        assert (back.sha256, back.note) == (photo.sha256, "left eye")
        assert clinic.photos.content(back)
        assert back_up(clinic.journal, place.drive).photographs == 1
    assert audit_record(place.record, other).intact
    if encrypted:
        assert b"Ada Example" not in content(place.record.parent)
        assert JPEG not in content(place.record.parent)


def test_a_photograph_that_is_gone_or_altered_beside_a_backup_is_found(place: Place) -> None:
    patient = place.patient("Ada Example")
    place.photographed(patient, 1)
    saved = place.saved()
    (sealed,) = (place.drive / "s1-photographs").iterdir()
    whole = sealed.read_bytes()
    sealed.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(BackupError, match="is not the one that was saved"):
        verify_backup(saved, place.record, place.vault)
    sealed.unlink()
    with pytest.raises(BackupError, match="is not beside it"):
        verify_backup(saved, place.record, place.vault)
    place.gone()
    with pytest.raises(BackupError):
        restore(saved, place.record, place.vault, recovery_code(place.vault, "s1"))
    assert not place.record.exists()


def test_a_photograph_of_an_erased_patient_is_in_no_backup(place: Place) -> None:
    gone, stays = place.patient("Ada Example"), place.patient("Bea Example")
    place.photographed(gone, 1)
    kept = place.photographed(stays, 2)
    saved = place.saved()
    place.clinic.patients.erase(gone.patient_id, "asked for it", ANNA)
    assert verify_backup(saved, place.record, place.vault).unreadable == (gone.patient_id,)
    place.saved()
    assert len(list((place.drive / "s1-photographs").iterdir())) == 1, "the next backup removes it"
    keys = place.record.with_name("record.sqlite3.keys").read_bytes()
    place.gone()
    place.record.parent.mkdir()
    place.record.with_name("record.sqlite3.keys").write_bytes(keys)
    restore(saved, place.record, place.vault)
    assert photo_folder.digests(place.record) == {kept.sha256}


def test_a_damaged_photograph_keeps_no_record_from_being_saved_and_is_told(place: Place) -> None:
    patient = place.patient("Ada Example")
    photo = place.photographed(patient, 1)
    (file,) = (place.record.parent / photo_folder.FOLDER).iterdir()
    file.write_bytes(b"\xff\xd8")
    made = back_up(place.clinic.journal, place.drive)
    assert made.damaged == (f"{patient.patient_id}/{photo.sha256}",)
    assert verify_backup(made.folder, place.record, place.vault).photographs == 0


def test_keys_that_were_lost_come_back_from_beside_the_backups_but_not_those_of_the_erased(
    place: Place,
) -> None:
    gone, stays = place.patient("Ada Example"), place.patient("Bea Example")
    saved = place.saved()
    code = recovery_code(place.vault, "s1")
    place.clinic.patients.erase(gone.patient_id, "asked for it", ANNA)
    place.clinic.close()
    empty = FileVault(place.folder / "other-keys")
    with pytest.raises(KeysDamagedError):
        verify_backup(saved, place.record, empty)
    assert bring_keys_back(place.record, saved, empty, code) == 1
    assert verify_backup(saved, place.record, empty).unreadable == (gone.patient_id,)
    assert recovery_code(empty, "s1") == code
    with Clinic.open(place.record.parent, vault=empty) as clinic:
        assert clinic.patients.get(stays.patient_id).label == stays.label
    assert audit_record(place.record, empty).intact
