"""Photographs: only the picture is kept, only with consent, and nothing of it is left when a patient is erased."""

from __future__ import annotations

import hashlib
import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pen_host.errors import VerificationError
from pen_host.journal import Kind
from pen_host.records import (
    ConflictError,
    ForbiddenStepError,
    InputError,
    NotFoundError,
    photo_adding,
    photo_files,
    photo_folder,
)
from pen_host.records.models import Patient, Person, View
from tests.host.told_clinic import picture

from .conftest import ANNA, Bench


@pytest.fixture
def patient(bench: Bench) -> Patient:
    """Somebody who agreed to be photographed."""
    made = bench.patient()
    text = bench.clinic.consents.publish("photographs", "en", "Photographs", "I agree.", ANNA)
    bench.clinic.consents.sign(made.patient_id, text.text_id, "Ada", ANNA)
    return made


def files(bench: Bench) -> list[Path]:
    folder = bench.folder / photo_folder.FOLDER
    return sorted(folder.iterdir()) if folder.is_dir() else []


def with_exif(path: Path) -> Path:
    """A photograph as a telephone makes it: turned, with place, time and owner."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "TELEPHONE"
    exif[0x9286] = "comment"
    exif.get_ifd(0x8825)[2] = (48.0, 8.0, 0.0)
    Image.new("RGB", (200, 100), (90, 60, 40)).save(path, exif=exif, comment=b"Ada Example")
    return path


def test_only_the_picture_is_kept(bench: Bench, patient: Patient, tmp_path: Path) -> None:
    file = with_exif(tmp_path / "phone.jpg")
    before = file.read_bytes()
    photo = bench.clinic.photos.add(patient.patient_id, file, View.SCALP_VERTEX, bench.day, ANNA)
    content = bench.clinic.photos.content(photo)
    for word in (b"TELEPHONE", b"Ada", b"comment", b"Exif"):
        assert word in before or word == b"Ada"
        assert word not in content
    kept = Image.open(io.BytesIO(content))
    assert not kept.getexif()
    assert (kept.size, photo.width_px, photo.height_px) == ((100, 200), 100, 200), "it is turned upright"
    assert file.read_bytes() == before, "the file given stays as it is"


def test_a_photograph_is_named_by_what_is_in_it_and_told_to_the_chain(
    bench: Bench, patient: Patient, tmp_path: Path
) -> None:
    file = picture(tmp_path / "a.png", 1)
    photo = bench.clinic.photos.add(patient.patient_id, file, View.FACE_LEFT, bench.day, ANNA, note="left")
    (kept,) = files(bench)
    assert kept.name == f"{photo.sha256}.jpg"
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == photo.sha256
    told = [row.payload for row in bench.entries(Kind.PATIENT) if row.payload["change"] == "photographed"]
    assert [one["sha256"] for one in told] == [photo.sha256]
    assert bench.clinic.photos.of(patient.patient_id) == (photo,)
    assert bench.clinic.photos.of(patient.patient_id, View.FACE_RIGHT) == ()


def test_without_consent_nobody_is_photographed(bench: Bench, tmp_path: Path) -> None:
    other = bench.patient("Bea Example")
    file = picture(tmp_path / "a.png", 1)
    with pytest.raises(ForbiddenStepError, match="No consent \\(photographs\\) stands"):
        bench.clinic.photos.add(other.patient_id, file, View.DETAIL, bench.day, ANNA)
    assert files(bench) == []


def test_the_same_photograph_twice_is_refused_and_the_first_stays(
    bench: Bench, patient: Patient, tmp_path: Path
) -> None:
    file = picture(tmp_path / "a.png", 1)
    photo = bench.clinic.photos.add(patient.patient_id, file, View.DETAIL, bench.day, ANNA)
    with pytest.raises(ConflictError, match="in the record already"):
        bench.clinic.photos.add(patient.patient_id, file, View.NECK, bench.day, ANNA)
    assert bench.clinic.photos.content(photo)


def test_what_the_record_refuses_leaves_no_file(bench: Bench, patient: Patient, tmp_path: Path) -> None:
    file = picture(tmp_path / "a.png", 1)
    with pytest.raises(InputError, match="no such visit"):
        bench.clinic.photos.add(patient.patient_id, file, View.DETAIL, bench.day, ANNA, visit_id="0" * 32)
    with pytest.raises(InputError, match="in the future"):
        bench.clinic.photos.add(patient.patient_id, file, View.DETAIL, bench.day + timedelta(days=1), ANNA)
    with pytest.raises(NotFoundError):
        bench.clinic.photos.add("P-00000-00000", file, View.DETAIL, bench.day, ANNA)
    assert files(bench) == []


def test_an_interruption_after_the_row_is_written_keeps_the_picture(
    bench: Bench, patient: Patient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = bench.clinic.store.write

    def interrupted(change: Any, by: Person) -> None:
        real(change, by)
        raise KeyboardInterrupt

    monkeypatch.setattr(bench.clinic.store, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bench.clinic.photos.add(
            patient.patient_id, picture(tmp_path / "a.png", 1), View.DETAIL, bench.day, ANNA
        )
    (photo,) = bench.clinic.photos.of(patient.patient_id)
    assert bench.clinic.photos.content(photo)


@pytest.mark.covers("REQ-1413")
def test_only_what_was_noted_and_no_row_names_is_removed_when_a_record_is_opened(
    bench: Bench, patient: Patient, tmp_path: Path
) -> None:
    photo = bench.clinic.photos.add(
        patient.patient_id, picture(tmp_path / "a.png", 1), View.DETAIL, bench.day, ANNA
    )
    record = bench.clinic.place
    stray, strange = "1" * 64, "2" * 64
    for name in (stray, strange):
        photo_folder.keep(record, name, b"a face")
    half = record.parent / photo_folder.FOLDER / f"{stray}{photo_folder.PART}"
    half.write_bytes(b"half a face")
    note = record.with_name(record.name + photo_adding.ENDING)
    note.write_text(f"{photo.sha256}\n{stray}\n{strange[:20]}")
    photo_adding.settle(bench.clinic.store)
    assert not note.exists()
    assert [one.name for one in files(bench)] == sorted([f"{strange}.jpg", f"{photo.sha256}.jpg"])
    assert bench.clinic.photos.content(photo)


def test_an_erased_patient_leaves_no_photograph(bench: Bench, patient: Patient, tmp_path: Path) -> None:
    clinic = bench.clinic
    other = bench.patient("Bea Example")
    text = next(one for one in clinic.consents.texts() if one.name == "photographs")
    clinic.consents.sign(other.patient_id, text.text_id, "Bea", ANNA)
    both, mine = picture(tmp_path / "both.png", 1), picture(tmp_path / "mine.png", 2)
    clinic.photos.add(patient.patient_id, mine, View.DETAIL, bench.day, ANNA)
    clinic.photos.add(patient.patient_id, both, View.DETAIL, bench.day, ANNA)
    theirs = clinic.photos.add(other.patient_id, both, View.DETAIL, bench.day, ANNA)
    clinic.patients.erase(patient.patient_id, "asked for it", ANNA)
    assert clinic.photos.of(patient.patient_id) == ()
    assert [file.stem for file in files(bench)] == [theirs.sha256], (
        "what is somebody else's as well stays theirs"
    )


def test_a_changed_or_missing_file_is_not_shown(bench: Bench, patient: Patient, tmp_path: Path) -> None:
    photo = bench.clinic.photos.add(
        patient.patient_id, picture(tmp_path / "a.png", 1), View.DETAIL, bench.day, ANNA
    )
    (kept,) = files(bench)
    kept.write_bytes(kept.read_bytes() + b"x")
    with pytest.raises(VerificationError, match="is not what was stored"):
        bench.clinic.photos.content(photo)
    kept.unlink()
    with pytest.raises(VerificationError, match="Restore it from a backup"):
        bench.clinic.photos.content(photo)


# ---- files that are no pictures --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is no picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is no picture"),
        (b"GIF89a" + bytes(40), "is no picture"),
        (b"%PDF-1.7", "is no picture"),
        (b"\xff\xd8\xff\xe0" + bytes(200), "is no picture"),
    ],
)
def test_what_is_no_picture_is_refused_in_one_sentence(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "x.jpg"
    file.write_bytes(content)
    with pytest.raises(InputError, match=says) as refused:
        photo_files.encoded(file)
    assert refused.value.sentence.startswith("The photograph was not stored: file: x.jpg")


def test_half_a_picture_is_refused(tmp_path: Path) -> None:
    whole = picture(tmp_path / "whole.png", 1).read_bytes()
    with pytest.raises(InputError, match="broken one"):
        photo_files.encoded_bytes(whole[: len(whole) // 2], "half.png")


def test_a_picture_too_small_or_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="too few to compare"):
        photo_files.encoded(picture(tmp_path / "small.png", 1, side=16))
    monkeypatch.setattr(photo_files, "PIXELS_MAX", 100)
    with pytest.raises(InputError, match="more than any camera"):
        photo_files.encoded(picture(tmp_path / "large.png", 1))
    monkeypatch.setattr(photo_files, "BYTES_MAX", 100)
    with pytest.raises(InputError, match="is larger than"):
        photo_files.encoded(picture(tmp_path / "heavy.png", 1))
    with pytest.raises(InputError, match="cannot be read"):
        photo_files.encoded(tmp_path / "nothing.png")


@given(noise=st.binary(max_size=300), at=st.integers(0, 3_000))
@settings(max_examples=60)
def test_a_file_with_noise_in_it_is_a_picture_or_refused_but_never_anything_else(
    noise: bytes, at: int
) -> None:
    out = io.BytesIO()
    Image.new("RGB", (80, 80), (1, 2, 3)).save(out, "PNG")
    raw = out.getvalue()
    at %= len(raw)
    try:
        kept = photo_files.encoded_bytes(raw[:at] + noise + raw[at:], "noise.png")
    except InputError:
        return
    assert kept.content.startswith(b"\xff\xd8")


def test_equal_pixels_are_equal_files(tmp_path: Path) -> None:
    first = photo_files.encoded(picture(tmp_path / "a.png", 3))
    second = photo_files.encoded(picture(tmp_path / "b.png", 3))
    assert first == second
    assert first != photo_files.encoded(picture(tmp_path / "c.png", 4))
