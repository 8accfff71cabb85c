"""FHIR: bundles are valid in both dialects, say what the record says, and come back as the same record."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pen_host.canonical import canonical_json
from pen_host.errors import PenError, VerificationError
from pen_host.exports import archive, reading
from pen_host.exports.fhir import Dialect, patient_bundle
from pen_host.exports.fhir.bundle import ARCHIVE_TYPE
from pen_host.exports.identity import Deidentified
from pen_host.exports.intake import take_in
from pen_host.journal import Kind
from pen_host.records import Clinic, ConflictError
from pen_host.records.consents import TREATMENT
from pen_host.records.models import Demographics
from tests.host.told_clinic import (
    ANNA,
    EXPIRY,
    FIRST,
    HOSTILE,
    ToldClinic,
    days_in,
    same_as_golden,
    steady,
)

WANTED = {
    Dialect.R4B: {"DeviceUseStatement"},
    Dialect.R5: {"DeviceUsage"},
}
ALWAYS = {
    *("Patient", "Procedure", "Device", "Observation", "AdverseEvent", "Consent", "QuestionnaireResponse"),
    *("DocumentReference", "Provenance", "AuditEvent"),
}


def bundle(told: ToldClinic, dialect: Dialect) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(patient_bundle(told.clinic, told.patient_id, dialect))
    return content


def of_kind(content: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [one["resource"] for one in content["entry"] if one["resource"]["resourceType"] == kind]


@pytest.mark.parametrize("dialect", Dialect)
def test_a_bundle_is_what_it_was(told: ToldClinic, dialect: Dialect) -> None:
    content = bundle(told, dialect)
    for one in of_kind(content, "DocumentReference"):
        attachment = one["content"][0]["attachment"]
        attachment.update({name: f"<{name}>" for name in ("data", "hash", "size")})
    text = json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True)
    same_as_golden(f"bundle_{dialect}.json", steady(text) + "\n")


@pytest.mark.parametrize("dialect", Dialect)
def test_a_bundle_has_every_kind_and_every_reference_leads_somewhere(
    told: ToldClinic, dialect: Dialect
) -> None:
    content = bundle(told, dialect)
    kinds = Counter(one["resource"]["resourceType"] for one in content["entry"])
    assert set(kinds) == ALWAYS | WANTED[dialect]
    names = [one["fullUrl"] for one in content["entry"]]
    assert len(names) == len(set(names))
    text = json.dumps(content)
    for part in text.split('"reference": "')[1:]:
        reference = part.partition('"')[0]
        assert reference in names, reference


@pytest.mark.parametrize("dialect", Dialect)
def test_numbers_carry_their_unit(told: ToldClinic, dialect: Dialect) -> None:
    found = {
        (one["code"]["coding"][0]["code"], one.get("valueQuantity", {}).get("code")): one
        for one in of_kind(bundle(told, dialect), "Observation")
    }
    dose = found["dose", "/cm2"]
    assert dose["valueQuantity"]["value"] == 274.8
    parts = {one["code"]["coding"][0]["code"]: one["valueQuantity"] for one in dose["component"]}
    assert (parts["contact_strokes"]["value"], parts["area"]["code"]) == (1_145, "mm2")
    assert len(dose["note"]) == 4, "what the number cannot know stands beside it"
    assert found["hair_count", "/cm2"]["valueQuantity"]["unit"] == "hairs per cm2"
    assert ("pain_vas", "mm") in found


def test_the_same_record_gives_the_same_bytes(told: ToldClinic) -> None:
    first = patient_bundle(told.clinic, told.patient_id, Dialect.R5)
    assert patient_bundle(told.clinic, told.patient_id, Dialect.R5) == first


@pytest.mark.parametrize("dialect", Dialect)
def test_a_deidentified_bundle_names_nobody(told: ToldClinic, dialect: Dialect) -> None:
    identity = Deidentified()
    content = patient_bundle(told.clinic, told.patient_id, dialect, identity)
    text = content.decode()
    for word in (
        HOSTILE[:6],
        told.patient_id,
        "1980-02",
        "555 0100",
        "anna",
        "cmd",
        '"bob"',
        told.visit_id,
    ):
        assert word not in text, word
    # not that no day is the one of the visit: another one may well be moved onto it
    moved = [identity.day(told.patient_id, day) for day in (FIRST, FIRST + timedelta(weeks=12))]
    assert days_in(text) == {*moved, EXPIRY}
    assert "LOT-7" in text
    assert not of_kind(json.loads(content), "DocumentReference")
    assert patient_bundle(told.clinic, told.patient_id, dialect, Deidentified()) != content, (
        "another key each time"
    )


# ---- our own bundle back ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dialect", Dialect)
def test_our_own_bundle_gives_the_same_record_back(
    told: ToldClinic, dialect: Dialect, tmp_path: Path
) -> None:
    file = tmp_path / "b.json"
    file.write_bytes(patient_bundle(told.clinic, told.patient_id, dialect))
    with Clinic.open(tmp_path / "other", now=told.now, today=lambda: told.day) as other:
        taken = take_in(other, file, ANNA)
        assert archive.take(other.store, told.patient_id) == archive.take(told.clinic.store, told.patient_id)
        assert other.patients.get(told.patient_id) == told.clinic.patients.get(told.patient_id)
        assert other.visits.of(told.patient_id) == told.clinic.visits.of(told.patient_id)
        assert other.outcomes.of(told.patient_id) == told.clinic.outcomes.of(told.patient_id)
        assert other.reactions.of(told.patient_id) == told.clinic.reactions.of(told.patient_id)
        assert other.timeline(told.patient_id) == told.clinic.timeline(told.patient_id)
        photos = other.photos.of(told.patient_id)
        assert [other.photos.content(one) for one in photos] == [
            told.clinic.photos.content(one) for one in photos
        ]
        assert taken.photographs == len(photos) == 2
        assert other.journal.verify().intact
        with other.chain() as reader:
            (entry,) = [row for row in reader.rows() if row.kind == Kind.PATIENT]
        assert (entry.payload["change"], entry.payload["bundle"]) == ("imported", taken.sha256)
        with pytest.raises(ConflictError, match="never overwrites"):
            take_in(other, file, ANNA)


@pytest.mark.parametrize("dialect", Dialect)
def test_a_patient_who_was_not_treated_yet_comes_back_from_either_dialect(
    dialect: Dialect, tmp_path: Path
) -> None:
    with Clinic.open(tmp_path / "one") as clinic:
        who = clinic.patients.add(Demographics(full_name="Bea", birth_date=date(1980, 1, 1)), ANNA)
        text = clinic.consents.publish(TREATMENT, "en", "Microneedling", "Words.", ANNA)
        clinic.consents.sign(who.patient_id, text.text_id, "Bea", ANNA)
        file = tmp_path / "b.json"
        file.write_bytes(patient_bundle(clinic, who.patient_id, dialect))
    with Clinic.open(tmp_path / "other") as other:
        take_in(other, file, ANNA)
        assert other.consents.standing(who.patient_id) is not None


def edited(content: dict[str, Any], change: Callable[[dict[str, Any]], None]) -> bytes:
    change(content)
    return canonical_json(content).encode()


def renamed(content: dict[str, Any]) -> None:
    of_kind(content, "Patient")[0]["name"][0]["text"] = "Somebody Else"


def unmarked(content: dict[str, Any]) -> None:
    del content["meta"]


def without_archive(content: dict[str, Any]) -> None:
    content["entry"] = [one for one in content["entry"] if ARCHIVE_TYPE not in json.dumps(one)]


def invalid(content: dict[str, Any]) -> None:
    of_kind(content, "Procedure")[0]["status"] = 7


def other_rows(content: dict[str, Any]) -> None:
    for one in of_kind(content, "DocumentReference"):
        attachment = one["content"][0]["attachment"]
        if attachment["contentType"] == ARCHIVE_TYPE:
            text = base64.b64decode(attachment["data"]).replace(b'"count":100', b'"count":900')
            attachment["data"] = base64.b64encode(text).decode()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (renamed, "it was changed after it was exported"),
        (unmarked, "it does not carry our mark"),
        (without_archive, "it was changed after it was exported"),
        (invalid, "no valid FHIR"),
        (other_rows, "it was changed after it was exported"),
    ],
)
def test_a_bundle_from_elsewhere_or_changed_is_refused_and_leaves_nothing(
    told: ToldClinic, tmp_path: Path, change: Callable[[dict[str, Any]], None], says: str
) -> None:
    file = tmp_path / "b.json"
    file.write_bytes(edited(bundle(told, Dialect.R5), change))
    refused_without_a_trace(tmp_path, file, says)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it is no JSON"),
        (b"[" * 5_000, "it is no JSON"),
        (b'{"resourceType": "Patient"}', "it is no FHIR bundle"),
        (b'{"resourceType": "Bundle", "type": "collection"}', "it does not carry our mark"),
        (b'{"resourceType": "Bundle", "meta": 3, "entry": 4}', "it does not carry our mark"),
    ],
)
def test_what_is_no_bundle_of_ours_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "b.json"
    file.write_bytes(content)
    refused_without_a_trace(tmp_path, file, says)


def test_a_consent_text_from_elsewhere_is_nobodys_but_the_patients_who_came_with_it(
    told: ToldClinic, tmp_path: Path
) -> None:
    told.clinic.consents.publish(TREATMENT, "en", "Microneedling", "Other words, a later version.", ANNA)
    file = tmp_path / "b.json"
    file.write_bytes(patient_bundle(told.clinic, told.patient_id, Dialect.R5))
    with Clinic.open(tmp_path / "other", now=told.now, today=lambda: told.day) as other:
        ours = other.consents.publish(TREATMENT, "en", "Microneedling", "Our words.", ANNA)
        who = other.patients.add(Demographics(full_name="Bea", birth_date=date(1980, 1, 1)), ANNA)
        signed = other.consents.sign(who.patient_id, ours.text_id, "Bea", ANNA)
        take_in(other, file, ANNA)
        (now,) = [one for one in other.consents.texts() if (one.name, one.language) == (TREATMENT, "en")]
        assert now.body == "Our words."
        assert other.consents.standing(who.patient_id) == signed, "the words are the same, so it stands"
        assert other.consents.standing(told.patient_id) is None, "they signed other words"
        other.consents.sign(told.patient_id, now.text_id, "Ada", ANNA)
        other.consents.sign(who.patient_id, ours.text_id, "Bea", ANNA)
        assert other.journal.verify().intact


def test_a_bundle_that_is_not_there_is_refused(tmp_path: Path) -> None:
    refused_without_a_trace(tmp_path, tmp_path / "b.json", "cannot be read")


def refused_without_a_trace(tmp_path: Path, file: Path, says: str) -> None:
    with Clinic.open(tmp_path / "other") as other:
        with pytest.raises(VerificationError, match=says) as refused:
            take_in(other, file, ANNA)
        assert refused.value.sentence.count(". ") <= 2
        assert other.patients.find("") == ()
        assert not (tmp_path / "other" / "photographs").exists()


@pytest.fixture(scope="module")
def whole(told: ToldClinic) -> bytes:
    return patient_bundle(told.clinic, told.patient_id, Dialect.R4B)


@pytest.fixture(scope="module")
def rows(told: ToldClinic) -> archive.Archive:
    return archive.take(told.clinic.store, told.patient_id)


def test_a_bundle_with_a_resource_that_does_not_exist_is_refused_by_a_sentence(whole: bytes) -> None:
    for resource in (b'"Device"', b'"DocumentReference"', b'"Provenance"'):
        changed = whole.replace(b'"resourceType":' + resource, b'"resourceType":"Devi*e"', 1)
        with pytest.raises(VerificationError, match="no valid FHIR"):
            reading._archive(reading._bundle(changed, "b.json"), "b.json")


@given(at=st.integers(0, 10**9), byte=st.integers(0, 255))
@settings(max_examples=20)
def test_a_bundle_with_one_byte_changed_is_refused_or_the_same(
    whole: bytes, rows: archive.Archive, at: int, byte: int
) -> None:
    at %= len(whole)
    changed = whole[:at] + bytes([byte]) + whole[at + 1 :]
    try:
        taken = reading._archive(reading._bundle(changed, "b.json"), "b.json")
    except PenError:
        return
    assert taken == rows
