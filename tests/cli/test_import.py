"""`pen import` of a whole export: what it would bring is said first, each patient comes in whole, nobody twice."""

from __future__ import annotations

import zipfile
from pathlib import Path

from pen_host.errors import ExitCode
from pen_host.exports.export import Form, export
from pen_host.records import Clinic
from tests.cli.conftest import Command
from tests.host.told_clinic import ToldClinic


def test_an_export_is_looked_at_and_taken_in_by_command(pen: Command, tmp_path: Path) -> None:
    told = ToldClinic(tmp_path / "elsewhere")
    told.close()
    with Clinic.read(tmp_path / "elsewhere") as clinic:
        export(clinic, Form.FHIR, tmp_path / "export")
        export(clinic, Form.CSV, tmp_path / "nameless", deidentified=True)
    packed = {}
    for name in ("export", "nameless"):
        packed[name] = tmp_path / f"{name}.zip"
        with zipfile.ZipFile(packed[name], "w") as made:
            for file in (tmp_path / name).iterdir():
                made.write(file, file.name)
    # a record that is not there yet is looked at as the empty one it would be, and is not made
    (seen,) = pen("import", packed["export"], "--dry-run", "--json").json["bundles"]
    assert (seen["state"], seen["patient"]) == ("new", told.patient_id)
    assert not (tmp_path / "record.sqlite").exists()
    short = tmp_path / "short.zip"
    short.write_bytes(packed["export"].read_bytes()[:-30])
    cut = pen("import", short, "--operator", "anna")
    assert (cut.code, "cut short or damaged" in cut.err) == (ExitCode.VERIFICATION, True)
    done = pen("import", packed["export"], "--operator", "anna", "--json").json
    assert [one["patient"] for one in done["taken_in"]] == [told.patient_id]
    again = pen("import", packed["export"], "--operator", "anna", "--json").json
    assert (again["taken_in"], again["left_out"][0]["state"]) == ([], "here")
    nameless = pen("import", packed["nameless"], "--dry-run")
    assert (nameless.code, "de-identified export" in nameless.err) == (ExitCode.VERIFICATION, True)
