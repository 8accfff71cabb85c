"""A record encrypted at rest: nothing in the clear, whole after any crash, opened again with a code when the keyring is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import keyring
import keyring.backend
import keyring.errors
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pen_host import vault as vaults
from pen_host.cli import main
from pen_host.errors import ExitCode, UsageError, VerificationError
from pen_host.journal import (
    Journal,
    JournalKeyError,
    JournalLockedError,
    JournalReader,
    JournalUnwritableError,
    Kind,
    audit_record,
    cipher,
    encrypting,
    layout,
    record_keys,
)
from pen_host.journal.record_keys import RecordKey, key_of_code, new_key
from pen_host.records import Clinic, at_rest, photo_folder
from pen_host.records.models import Demographics, Person, View
from pen_host.vault import FileVault, KeyringVault, VaultError, this_vault
from tests.host.encrypt_crash import exposed
from tests.host.told_clinic import JPEG, picture

ANNA = Person(name="anna", role="physician")
NAME = "Grimhilda Unusual"


class Place:
    """A clinic's record with one patient and one photograph, and where its keys lie."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "clinic"
        self.record = self.folder / "record.sqlite3"
        self.vault = FileVault(folder / "keys")

    def fill(self) -> None:
        with self.open() as clinic:
            made = clinic.patients.add(Demographics(full_name=NAME, birth_date=date(1980, 2, 29)), ANNA)
            self.patient = made.patient_id
            text = clinic.consents.publish("photographs", "en", "Photographs", "I agree.", ANNA)
            clinic.consents.sign(self.patient, text.text_id, NAME, ANNA)
            file = picture(self.folder.parent / "x.png", 1)
            self.photo = clinic.photos.add(self.patient, file, View.DETAIL, date(2026, 1, 5), ANNA)

    def copied(self, folder: Path) -> Place:
        shutil.copytree(self.folder, folder / "clinic")
        shutil.copytree(self.folder.parent / "keys", folder / "keys")
        made = Place(folder)
        made.patient, made.photo = self.patient, self.photo
        return made

    def open(self) -> Clinic:
        return Clinic.open(self.folder, station_id="s1", vault=self.vault)

    def encrypt(self) -> at_rest.AtRest:
        return at_rest.encrypt(self.record, self.vault, ANNA)

    def bytes(self) -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Place:
    made = Place(tmp_path_factory.mktemp("filled"))
    made.fill()
    return made


@pytest.fixture
def place(filled: Place, tmp_path: Path) -> Place:
    return filled.copied(tmp_path)


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """Each test begins as a new process does."""
    record_keys._opened.clear()
    yield
    record_keys._opened.clear()


@pytest.mark.covers("REQ-1481")
def test_nothing_beside_an_encrypted_record_says_who_a_patient_is(place: Place) -> None:
    layout.copy_before(place.record, "0009")
    assert len(exposed(place.folder)) == 3, "before: record, copy and photograph"
    done = place.encrypt()
    assert done.files == 3
    assert exposed(place.folder) == []
    with place.open() as clinic:
        assert clinic.patients.get(place.patient).label.startswith(NAME)
        assert clinic.photos.content(place.photo).startswith(JPEG)
        # SQLite's own journal, half a transaction in it
        connection = clinic.journal._raw
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE demographics SET full_name = full_name || ' again'")
        connection.execute("PRAGMA cache_spill = 1")
        connection.execute("CREATE TABLE much AS SELECT full_name, randomblob(5000000) FROM demographics")
        assert (place.folder / "record.sqlite3-journal").stat().st_size > 0
        assert exposed(place.folder) == []
        connection.execute("ROLLBACK")
        clinic.patients.note(place.patient, f"{NAME} has dry skin.", ANNA)
        copy = layout.copy_before(place.record, "0010")
        assert record_keys.is_encrypted(copy), "a copy made before a migration is encrypted as well"
    assert exposed(place.folder) == []
    audit = audit_record(place.record, place.vault)
    assert audit.intact, audit.report.damages
    with JournalReader(place.record) as reader:
        assert [said["change"] for said in reader.payloads(Kind.ENCRYPTION)] == ["encrypted"]
        assert reader.payloads(Kind.JOURNAL_OPENED)[-1]["encrypted"] is True
    assert place.encrypt().files == 0, "what is encrypted already is left as it is"
    (place.folder / photo_folder.FOLDER / "stray.jpg").write_bytes(b"x")
    assert at_rest.exposed(place.record, place.vault) == ("stray.jpg",)


def test_a_new_record_is_encrypted_from_its_first_byte(tmp_path: Path) -> None:
    vault, record = FileVault(tmp_path / "keys"), tmp_path / "clinic" / "record.sqlite3"
    done = at_rest.encrypt(record, vault, ANNA)
    assert record_keys.is_encrypted(record)
    with Clinic.open(record, vault=vault) as clinic:
        clinic.patients.add(Demographics(full_name=NAME, birth_date=date(1980, 2, 29)), ANNA)
    assert exposed(tmp_path / "clinic") == []
    assert at_rest.recovery_code(record, vault) == done.code


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes; this system cannot fork")
@pytest.mark.covers("REQ-1481")
@pytest.mark.parametrize(
    "stride",
    ["20", pytest.param("1", marks=[pytest.mark.campaign, pytest.mark.timeout(900)])],
)
def test_killed_at_any_line_one_whole_record_is_there(tmp_path: Path, stride: str) -> None:
    command = [sys.executable, "-m", "tests.host.encrypt_crash", str(tmp_path), stride]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " lines, " in done.stdout


def test_a_record_that_is_not_intact_or_in_use_is_not_encrypted(place: Place) -> None:
    import sqlite3
    from contextlib import closing

    with place.open():
        before = place.bytes()
        with pytest.raises(JournalLockedError):
            place.encrypt()
        assert place.bytes() == before
    with closing(sqlite3.connect(place.record)) as tool:
        tool.execute("UPDATE demographics SET full_name = 'Eve'")
        tool.commit()
    with pytest.raises(VerificationError, match="not intact is not encrypted"):
        place.encrypt()
    assert not record_keys.is_encrypted(place.record)


def test_a_copy_that_differs_is_never_put_in_place(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import closing

    from pen_host.journal import JournalDamagedError, sqlite

    real = encrypting.convert

    def lossy(path: Path, target: Path, key: RecordKey, vault: FileVault) -> None:
        real(path, target, key, vault)
        with closing(sqlite.connect_with(target, key)) as connection:
            connection.execute("DELETE FROM demographics")

    monkeypatch.setattr(encrypting, "convert", lossy)
    with pytest.raises(JournalDamagedError, match="demographics"):
        place.encrypt()
    monkeypatch.undo()
    assert not record_keys.is_encrypted(place.record)
    assert place.encrypt().files == 2


def test_a_disk_that_is_full_leaves_the_record_as_it_was(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pen_host.journal import sqlite

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(sqlite, "sync_file", full)
        with pytest.raises(JournalUnwritableError, match="No space left"):
            place.encrypt()
    assert not record_keys.is_encrypted(place.record)
    assert [path.name for path in place.folder.iterdir() if path.name.startswith(".")] == []
    with place.open() as clinic:
        assert clinic.patients.get(place.patient).label.startswith(NAME)


def test_a_write_ahead_log_is_brought_in_first_and_a_reader_in_it_is_not_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pen_host.journal import sqlite

    with monkeypatch.context() as patch:
        patch.setattr(sqlite, "WAL_SAFE_FROM", (3, 0, 0))
        place = Place(tmp_path)
        place.fill()
        monkeypatch.setattr(at_rest, "_must_be_intact", lambda *_: None)
        reader = sqlite.connect_reader(place.record)
        assert reader.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM patients").fetchone()
        with pytest.raises(JournalLockedError):
            place.encrypt()
        assert not record_keys.is_encrypted(place.record)
        reader.close()
    place.encrypt()
    assert exposed(place.folder) == []
    with place.open() as clinic:
        assert clinic.journal._raw.execute("PRAGMA journal_mode").fetchone() == ("truncate",)


# ---- keys ------------------------------------------------------------------------------------------------------------


def no_keys(place: Place) -> FileVault:
    record_keys._opened.clear()
    return FileVault(place.folder.parent / "other-keys")


@pytest.mark.covers("REQ-1406")
def test_the_recovery_code_alone_opens_record_and_photographs_on_a_computer_without_keys(
    place: Place,
) -> None:
    code = place.encrypt().code
    empty = no_keys(place)
    before = place.bytes()
    with pytest.raises(JournalKeyError, match=r"no key for it is in .*pen log recover") as missing:
        Journal.create_or_open(place.record, vault=empty)
    assert missing.value.exit_code is ExitCode.JOURNAL
    assert place.bytes() == before
    typed = " ".join(code.lower().replace("-", "").replace("0", "o").replace("1", "l"))
    assert at_rest.recover(place.record, typed, empty, ANNA).lacking == ()
    with Clinic.open(place.folder, vault=empty) as clinic:
        assert clinic.patients.get(place.patient).label.startswith(NAME)
        assert clinic.photos.content(place.photo)
    audit = audit_record(place.record, empty)
    assert audit.intact, "the key that signs came back as well"


def test_a_wrong_key_or_code_is_refused_in_one_sentence_and_nothing_is_changed(place: Place) -> None:
    place.encrypt()
    salt = record_keys.salt_of(place.record)
    assert salt
    before = place.bytes()
    empty = no_keys(place)
    with pytest.raises(JournalKeyError, match="this code does not open it"):
        at_rest.recover(place.record, new_key().code, empty, ANNA)
    assert empty.get(RecordKey(salt, b"").name) is None
    empty.put(RecordKey(salt, b"").name, bytes(32))
    with pytest.raises(JournalKeyError, match="the key at hand does not open it"):
        Journal.create_or_open(place.record, vault=empty)
    assert place.bytes() == before
    with place.open():
        pass


def test_a_new_key_makes_the_old_code_worthless(place: Place) -> None:
    old = place.encrypt()
    new = at_rest.rekey(place.record, place.vault, ANNA)
    assert new.files == 2
    assert new.code != old.code
    keys = [path.name for path in (place.folder.parent / "keys").glob("record-*")]
    assert len(keys) == 1, "the old key is destroyed"
    with pytest.raises(JournalKeyError, match="this code does not open it"):
        at_rest.recover(place.record, old.code, no_keys(place), ANNA)
    with place.open() as clinic:
        assert clinic.photos.content(place.photo)


def test_without_the_extra_one_sentence_says_what_to_install(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise ImportError("No module named 'sqlcipher3'")

    with monkeypatch.context() as patch:
        patch.setattr(cipher, "_driver", missing)
        patch.setattr(cipher, "installed", lambda: False)
        with pytest.raises(UsageError, match=r"derma-pen\[encryption\]"):
            place.encrypt()
    place.encrypt()
    monkeypatch.setattr(cipher, "_driver", missing)
    with pytest.raises(JournalKeyError, match=r"sqlcipher3 is not installed.*derma-pen\[encryption\]"):
        place.open()


# the same examples each time: one wrong letter in 2^24 keeps the check, and a desk must not be the one to draw it
@settings(derandomize=True)
@given(st.binary(min_size=32, max_size=32), st.data())
def test_a_code_is_its_key_and_no_slip_of_the_keyboard_gives_another(key: bytes, data: st.DataObject) -> None:
    code = RecordKey(bytes(16), key).code
    assert key_of_code(code) == key
    assert key_of_code(code.lower().replace("-", " ")) == key
    letters = code.replace("-", "")
    place = data.draw(st.integers(0, len(letters) - 1))
    other = data.draw(st.sampled_from("23456789ABCDEFGHJKMNPQRSTVWXYZU*"))
    for wrong in (
        letters[:place] + letters[place + 1 :],
        letters[:place] + other + letters[place + 1 :],
        letters[:place] + letters[place : place + 2][::-1] + letters[place + 2 :],
    ):
        if wrong != letters:
            with pytest.raises(UsageError, match="no recovery code"):
                key_of_code(wrong)


@pytest.mark.parametrize(
    "content", [b"", b"SQLite format 3\x00" + bytes(4096), b"Dear colleague, " * 512, bytes(8192)]
)
def test_what_is_no_encrypted_record_is_not_taken_for_one(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    assert not record_keys.is_encrypted(path)
    for _ in range(1000):
        assert not new_key().salt.isascii()


def test_photographs_are_sealed_and_a_damaged_one_is_not_shown(place: Place) -> None:
    place.encrypt()
    (file,) = (place.folder / photo_folder.FOLDER).iterdir()
    assert file.name == f"{place.photo.sha256}.sealed"
    sealed = file.read_bytes()
    with place.open() as clinic:
        file.write_bytes(sealed[:-1] + bytes([sealed[-1] ^ 1]))
        with pytest.raises(VerificationError, match="not what was stored"):
            clinic.photos.content(place.photo)
        file.write_bytes(b"")
        with pytest.raises(VerificationError, match="not what was stored"):
            clinic.photos.content(place.photo)
        clinic.patients.erase(place.patient, "asked for it", ANNA)
    assert list((place.folder / photo_folder.FOLDER).iterdir()) == []


def test_the_offline_verifier_says_that_a_record_is_no_export(place: Place) -> None:
    place.encrypt()
    verifier = Path(record_keys.__file__).with_name("verify_chain.py")
    command = [sys.executable, str(verifier), str(place.record)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pen log export" in done.stdout
    assert "encrypted" in done.stdout


# ---- the system's keyring ------------------------------------------------------------------------------------------


class Ring(keyring.backend.KeyringBackend):
    """A keyring of the system, as far as its interface goes."""

    priority = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        self._must_be_open()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._must_be_open()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._must_be_open()
        if (service, username) not in self.kept:
            raise keyring.errors.PasswordDeleteError("not found")
        del self.kept[service, username]

    def _must_be_open(self) -> None:
        if self.locked:
            raise keyring.errors.KeyringLocked("Failed to unlock the collection!")


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ring]:
    monkeypatch.delenv(vaults.FOLDER_VARIABLE)
    before = keyring.get_keyring()
    made = Ring()
    keyring.set_keyring(made)
    yield made
    keyring.set_keyring(before)


@pytest.mark.covers("REQ-1406")
def test_a_record_lives_with_its_keys_in_the_systems_keyring(ring: Ring, tmp_path: Path) -> None:
    record = tmp_path / "clinic" / "record.sqlite3"
    assert isinstance(this_vault(), KeyringVault)
    done = at_rest.encrypt(record, this_vault(), ANNA)
    assert (done.key_on_disk, done.kept_in) == (False, this_vault().where)
    code = done.code
    with Clinic.open(record) as clinic:
        patient = clinic.patients.add(Demographics(full_name=NAME, birth_date=date(1980, 2, 29)), ANNA)
    names = {name for service, name in ring.kept if service == vaults.SERVICE}
    assert {name.partition("-")[0] for name in names} == {"record", "station", "head"}
    record_keys._opened.clear()
    ring.locked = True
    with pytest.raises(JournalKeyError, match=r"cannot be fetched.*Failed to unlock"):
        Clinic.open(record)
    with pytest.raises(VaultError, match="Failed to unlock"):
        this_vault().get("x")
    ring.locked = False
    ring.kept.clear()
    with pytest.raises(JournalKeyError, match="no key for it"):
        Clinic.read(record)
    at_rest.recover(record, code, this_vault(), ANNA)
    with Clinic.read(record) as clinic:
        assert clinic.patients.get(patient.patient_id).label.startswith(NAME)
    assert audit_record(record, this_vault()).intact
    this_vault().drop("absent")
    at_rest.rekey(record, this_vault(), ANNA)
    assert len([name for _, name in ring.kept if name.startswith("record-")]) == 1


def test_a_keyring_that_keeps_nothing_is_not_trusted_with_a_key(
    ring: Ring, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Ring, "set_password", lambda *_: None)
    before = place.bytes()
    with pytest.raises(VaultError, match="did not come back"):
        record_keys.keep(new_key(), this_vault())
    assert place.bytes() == before


# ---- the command ---------------------------------------------------------------------------------------------------


def test_the_command_encrypts_prints_a_code_and_recovers_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(vaults.FOLDER_VARIABLE, str(tmp_path / "keys"))
    monkeypatch.setenv("PEN_JOURNAL", str(tmp_path / "clinic" / "record.sqlite3"))

    def run(*words: str, code: ExitCode = ExitCode.OK) -> str:
        record_keys._opened.clear()
        with pytest.raises(SystemExit) as ended:
            main(words)
        said = capsys.readouterr()
        assert ended.value.code == code, said
        return said.out

    said = run("log", "encrypt", "--operator", "anna")
    assert "Print this recovery code" in said
    assert "whoever takes a disk with both has record and key" in said
    code = run("log", "recovery-code").strip()
    (kept,) = (tmp_path / "keys").glob("record-*")
    kept.unlink()
    run("log", "verify", code=ExitCode.JOURNAL)
    (tmp_path / "code.txt").write_text(f"{code}\n")
    recover = ("log", "recover", "--operator", "anna", "--code-file", str(tmp_path / "code.txt"), "--json")
    assert '"lacking": []' in run(*recover)
    assert "is intact" in run("log", "verify")
    run("log", "rekey", "--operator", "anna")
    assert run("log", "recovery-code").strip() != code


def test_what_is_not_encrypted_has_no_code(place: Place) -> None:
    with pytest.raises(JournalUnwritableError, match="it is not encrypted"):
        at_rest.recovery_code(place.record, place.vault)
