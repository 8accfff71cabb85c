"""`pen patient consent`: signed on paper, taken back, one sentence for whatever is wrong."""

from __future__ import annotations

from pathlib import Path

from pen_host.errors import ExitCode
from pen_host.records import Clinic
from pen_host.records.models import Person
from tests.cli.conftest import Command
from tests.cli.test_clinical import added


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
