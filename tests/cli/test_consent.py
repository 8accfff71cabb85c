"""`pen patient consent`: signed on paper, taken back, one sentence for whatever is wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pen_host.errors import ExitCode
from pen_host.records import Clinic
from pen_host.records.models import Person, View
from pen_host.records.photo_access import CONSENT
from tests.cli.conftest import Command
from tests.cli.test_bad_input import says_what_to_do
from tests.cli.test_clinical import added
from tests.host.told_clinic import picture


def test_a_consent_is_signed_and_taken_back_by_command(pen: Command, tmp_path: Path) -> None:
    patient = added(pen)
    with Clinic.open(tmp_path / "record.sqlite") as clinic:
        clinic.consents.publish("microneedling", "en", "Consent", "I agree.", Person(name="anna"))
    by = ("--operator", "anna")
    strange = pen("patient", "consent", "sign", patient, "--text", "tattoo", "--signed-by", "Ada", *by)
    assert strange.code == ExitCode.USAGE
    assert "there is no text tattoo in en; there are microneedling (en)" in strange.err
    uncle = ("--relation", "uncle")
    strange = pen(
        "patient", "consent", "sign", patient, "--text", "microneedling", "--signed-by", "Ada", *uncle, *by
    )
    assert strange.code == ExitCode.USAGE
    signed = pen(
        "patient", "consent", "sign", patient, "--text", "microneedling", "--signed-by", "Ada", *by, "--json"
    )
    key = signed.json["consent"]["consent_id"]
    assert pen("patient", "consent", "withdraw", key, "--reason", "by phone", *by).code == ExitCode.OK
    assert pen("patient", "consent", "withdraw", key, "--reason", "again", *by).code == ExitCode.REFUSED
    (told,) = pen("patient", "consent", "list", patient, "--json").json["consents"]
    assert (told["withdrawn_reason"], told["relation"]) == ("by phone", "patient")


@pytest.mark.covers("REQ-1412")
def test_a_photograph_is_not_saved_while_its_consent_is_withdrawn(pen: Command, tmp_path: Path) -> None:
    patient, anna = added(pen), Person(name="anna")
    with Clinic.open(tmp_path / "record.sqlite") as clinic:
        text = clinic.consents.publish(CONSENT, "en", "Photographs", "I agree.", anna)
        given = clinic.consents.sign(patient, text.text_id, "Ada", anna)
        file, day = picture(tmp_path / "a.png", 1), date(2026, 1, 5)
        photo = clinic.photos.add(patient, file, View.SCALP_VERTEX, day, anna)
        clinic.consents.withdraw(given.consent_id, "asked", anna)
    out = tmp_path / "a.jpg"
    save = ("patient", "photo", "save", photo.photo_id, "--out", out)
    ran = pen(*save)
    assert ran.code == ExitCode.REFUSED
    assert "was withdrawn on" in ran.sentence
    assert says_what_to_do(ran.sentence)
    assert not out.exists()
    told = pen("patient", "photo", "list", patient, "--json").json
    assert [(one["view"], one["sha256"]) for one in told["photos"]] == [(photo.view, photo.sha256)]
    assert told["not_shown"][photo.photo_id]["reason"] == "no_consent"
    listed = pen("patient", "photo", "list", patient).out
    assert "not shown" in listed
    assert told["not_shown"][photo.photo_id]["sentence"] in listed
    with Clinic.open(tmp_path / "record.sqlite") as clinic:
        clinic.consents.sign(patient, text.text_id, "Ada", anna)
    assert pen(*save).code == ExitCode.OK
    assert out.read_bytes().startswith(b"\xff\xd8\xff")
