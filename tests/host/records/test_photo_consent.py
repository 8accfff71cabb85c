"""Photographs whose consent was taken back: kept whole, given out by nothing, until the patient agrees again."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pen_host.canonical import canonical_json
from pen_host.errors import VerificationError
from pen_host.exports import archive
from pen_host.exports.export import NOT_SHOWN, Form, export
from pen_host.exports.fhir import Dialect, patient_bundle
from pen_host.exports.fhir.bundle import content_digest
from pen_host.exports.intake import take_in
from pen_host.exports.reading import prepare
from pen_host.records import Clinic, ForbiddenStepError, photo_folder
from pen_host.records.models import Consent, Photo
from pen_host.records.photo_access import CONSENT, Absence, stands
from pen_host.records.photo_places import CAME_WITHOUT, PictureElsewhereError
from pen_host.reports import paper
from pen_host.reports.course import course_summary
from pen_host.reports.treatment import treatment_record
from tests.host.told_clinic import ANNA, ToldClinic

SHOWN_TO_NOBODY = (
    "The consent to photographs was withdrawn on 2028-04-25: they stay in the record and are shown to nobody."
)


class Withdrawn:
    """A clinic with a patient who was photographed and then took that consent back.

    Attributes:
        told: The clinic.
        photos: The photographs.
        pictures: What is in their files.
    """

    def __init__(self, folder: Path) -> None:
        self.told = ToldClinic(folder)
        self.clinic, self.patient = self.told.clinic, self.told.patient_id
        given = self.clinic.consents.standing(self.patient, CONSENT)
        assert given is not None
        self.given = given
        self.photos: tuple[Photo, ...] = self.clinic.photos.of(self.patient)
        self.pictures = [self.clinic.photos.content(one) for one in self.photos]
        self.before = {dialect: self.bundle(dialect) for dialect in Dialect}
        self.paper_before = paper.pdf(*course_summary(self.clinic, self.patient))
        self.clinic.consents.withdraw(self.given.consent_id, "asked", ANNA)

    def bundle(self, dialect: Dialect) -> bytes:
        return patient_bundle(self.clinic, self.patient, dialect)

    def agrees_again(self) -> Consent:
        return self.clinic.consents.sign(self.patient, self.given.text_id, "the patient", ANNA)

    def taken_back_again(self, consent: Consent) -> None:
        self.clinic.consents.withdraw(consent.consent_id, "asked", ANNA)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Withdrawn]:
    made = Withdrawn(tmp_path_factory.mktemp("withdrawn"))
    yield made
    made.told.close()


def holds(content: bytes, picture: bytes) -> bool:
    """Whether a picture is in something, as it is or as JSON spells it."""
    return picture[-300:-20] in content or base64.b64encode(picture)[-400:-30] in content


def documents(content: bytes) -> dict[str, dict[str, Any]]:
    """Photographs of a bundle by their digest."""
    found = [one["resource"] for one in json.loads(content)["entry"]]
    return {
        one["identifier"][0]["value"]: one
        for one in found
        if one["resourceType"] == "DocumentReference" and "identifier" in one
    }


@pytest.mark.covers("REQ-1412")
def test_no_way_but_a_backup_gives_out_what_may_not_be_shown(place: Withdrawn, tmp_path: Path) -> None:
    for photo in place.photos:
        with pytest.raises(ForbiddenStepError) as refused:
            place.clinic.photos.content(photo)
        assert SHOWN_TO_NOBODY in refused.value.sentence
    ways = {
        "course": paper.pdf(*course_summary(place.clinic, place.patient)),
        "treatment": paper.pdf(*treatment_record(place.clinic, place.told.visit_id)),
    }
    for form in Form:
        for nameless in (False, True):
            out = tmp_path / f"{form}-{nameless}"
            done = export(place.clinic, form, out, deidentified=nameless)
            ways |= {f"{out.name}/{name}": (out / name).read_bytes() for name in done.files}
            assert done.about.get(NOT_SHOWN, 0) == (2 if form is Form.FHIR and not nameless else 0)
    assert len(ways) > 10
    for picture in place.pictures:
        assert holds(place.paper_before, picture), "else this would find nothing"
        assert all(holds(before, picture) for before in place.before.values())
        assert [name for name, content in ways.items() if holds(content, picture)] == []
    assert place.clinic.photos.of(place.patient) == place.photos, "the rows are told as ever"
    assert {one.sha256 for one in place.photos} <= photo_folder.digests(place.clinic.place), "nothing is lost"


@pytest.mark.parametrize("dialect", Dialect)
def test_a_bundle_tells_of_a_photograph_and_why_its_picture_is_not_in_it(
    place: Withdrawn, dialect: Dialect
) -> None:
    told = documents(place.bundle(dialect))
    assert set(told) == {one.sha256 for one in place.photos}
    for photo in place.photos:
        (content,) = told[photo.sha256]["content"]
        attachment = content["attachment"]
        assert attachment["title"] == f"{photo.view.replace('_', ' ')}, {photo.day}"
        assert attachment["_data"]["extension"][0]["valueCode"] == "masked"
        assert not {"data", "hash", "size", "url"} & set(attachment)
        assert told[photo.sha256]["description"].startswith(SHOWN_TO_NOBODY)


@pytest.mark.covers("REQ-1412")
@pytest.mark.parametrize("dialect", Dialect)
def test_a_bundle_without_pictures_gives_the_same_rows_back_and_says_what_is_lacking(
    place: Withdrawn, dialect: Dialect, tmp_path: Path
) -> None:
    file = tmp_path / "b.json"
    file.write_bytes(place.bundle(dialect))
    told = place.told
    with Clinic.open(tmp_path / "other", now=told.now, today=lambda: told.day) as other:
        taken = take_in(other, file, ANNA)
        assert (taken.photographs, taken.without_picture) == (0, 2)
        assert archive.take(other.store, place.patient) == archive.take(place.clinic.store, place.patient)
        assert photo_folder.digests(other.place) == set()
        why = other.photos.not_shown(place.patient)
        assert {one.reason for one in why.values()} == {Absence.NO_CONSENT}
        other.consents.sign(place.patient, place.given.text_id, "the patient", ANNA)
        why = other.photos.not_shown(place.patient)
        assert {(one.reason, one.sentence) for one in why.values()} == {(Absence.NOT_HERE, CAME_WITHOUT)}
        with pytest.raises(PictureElsewhereError, match="came with an import"):
            other.photos.content(place.photos[0])
        again = patient_bundle(other, place.patient, dialect)
        codes = [one["content"][0]["attachment"]["_data"] for one in documents(again).values()]
        assert [one["extension"][0]["valueCode"] for one in codes] == ["unknown", "unknown"]
        assert len(prepare(again, "b.json").without_picture) == 2, "and that comes back as well"
        assert other.journal.verify().intact


def test_who_agrees_again_is_shown_again_everywhere(place: Withdrawn) -> None:
    agreed = place.agrees_again()
    try:
        assert place.clinic.photos.not_shown(place.patient) == {}
        assert [place.clinic.photos.content(one) for one in place.photos] == place.pictures
        again = [place.bundle(Dialect.R5), paper.pdf(*course_summary(place.clinic, place.patient))]
        for picture in place.pictures:
            assert all(holds(content, picture) for content in again)
    finally:
        place.taken_back_again(agreed)


def cut_out(content: bytes, reason: str) -> bytes:
    """A bundle whose pictures somebody removed, with a reason of their own, and the digest mended."""
    bundle = json.loads(content)
    for one in bundle["entry"]:
        for part in one["resource"].get("content", ()):
            attachment = part["attachment"]
            if attachment["contentType"] == "image/jpeg":
                for name in ("data", "hash", "size"):
                    del attachment[name]
                if reason:
                    extension = {
                        "url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason",
                        "valueCode": reason,
                    }
                    attachment["_data"] = {"extension": [extension]}
    old = content_digest(json.loads(content)["entry"])
    return canonical_json(bundle).replace(old, content_digest(bundle["entry"])).encode()


@pytest.mark.parametrize("reason", ["", "masked", "error"])
def test_a_picture_that_should_be_there_and_is_not_is_refused(place: Withdrawn, reason: str) -> None:
    with pytest.raises(VerificationError, match="nothing was taken in"):
        prepare(cut_out(place.before[Dialect.R4B], reason), "b.json")


def test_only_a_consent_to_photographs_that_stands_lets_pictures_out() -> None:
    assert stands([("microneedling", None), (CONSENT, None), (CONSENT, 1)])
    assert not stands([("microneedling", None), (CONSENT, 1)])
    assert not stands([])
