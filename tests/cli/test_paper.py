"""`pen report`, `export`, `import`, `plan`, `patient photo`, `outcome cohort`: a line or one JSON object, fixed exit codes."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

from pen_host.errors import ExitCode
from pen_host.presets.loader import SHIPPED
from tests.cli.conftest import Command
from tests.cli.test_bad_input import says_what_to_do
from tests.host.told_clinic import LOT, PRESET, ToldClinic, picture


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> ToldClinic:
    told = ToldClinic(tmp_path_factory.mktemp("told"))
    told.close()
    return told


@pytest.fixture
def told(record: ToldClinic, pen: Command, monkeypatch: pytest.MonkeyPatch) -> ToldClinic:
    """The record that the command works on; tests here only read it."""
    monkeypatch.setenv("PEN_JOURNAL", str(record.folder / "record.sqlite3"))
    return record


def test_every_report_is_written(pen: Command, told: ToldClinic, tmp_path: Path) -> None:
    wanted = {
        "treatment": told.visit_id,
        "after-care": told.visit_id,
        "course": told.patient_id,
        "lot": LOT,
        "spec": None,
    }
    for name, subject in wanted.items():
        out = tmp_path / f"{name}.pdf"
        ran = pen("report", name, *([subject] if subject else []), "--out", out, "--json")
        assert ran.code == ExitCode.OK, ran.out
        content = out.read_bytes()
        assert content.startswith(b"%PDF-1.7")
        assert ran.json == {
            "report": str(out),
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
        }
    assert "sha256" in pen("report", "spec", "--out", tmp_path / "again.pdf").out


def test_an_export_is_written_verified_and_taken_in_again(
    pen: Command, told: ToldClinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for form in ("fhir", "csv", "parquet"):
        ran = pen("export", form, "--out", tmp_path / form, "--json")
        assert ran.code == ExitCode.OK, ran.out
        assert ran.json["deidentified"] is False
        checked = pen("export", "verify", tmp_path / form, "--json").json
        assert (checked["intact"], checked["files"]) == (True, len(ran.json["files"]))
    nameless = pen("export", "csv", "--out", tmp_path / "nobody", "--deidentified", "--json").json
    assert nameless["deidentified"] is True
    file = tmp_path / "fhir" / f"{told.patient_id}.r4b.json"
    monkeypatch.setenv("PEN_JOURNAL", str(tmp_path / "other.sqlite3"))
    ran = pen("import", file, "--operator", "anna", "--json")
    assert ran.code == ExitCode.OK, ran.out
    assert (ran.json["patient"], ran.json["rows"]["visits"]) == (told.patient_id, 1)
    assert pen("import", file).code == ExitCode.REFUSED
    (tmp_path / "csv" / "visits.csv").unlink()
    assert pen("export", "verify", tmp_path / "csv").code == ExitCode.VERIFICATION


def test_presets_are_listed_shown_and_made_into_plans(pen: Command, tmp_path: Path) -> None:
    names = [one["preset_id"] for one in pen("plan", "list", "--json").json["presets"]]
    assert PRESET in names
    assert len(names) == len(list(SHIPPED.glob("*.toml")))
    shown = pen("plan", "show", PRESET)
    for word in ("off-label", "91.4", "22.2", "doi:10.4103/0974-7753.114700", "misquoted"):
        assert word in shown.out, word
    made = pen("plan", "make", PRESET, "--zone", "vertex=5000", "--json").json
    assert made["plan"]["zones"][0]["area_mm2"] == 5_000
    assert made["plan_digest"] in pen("plan", "make", PRESET, "--zone", "vertex=5000").out


def test_a_preset_of_the_clinics_own_is_checked_and_added(pen: Command, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    text = (SHIPPED / f"{PRESET}.toml").read_text("utf-8").replace(PRESET, "our_own")
    text = re.sub(r'^title = ".*"$', 'title = "Ours"', text, count=1, flags=re.MULTILINE)
    own.write_text(text, "utf-8")
    assert pen("plan", "check", own).code == ExitCode.OK
    assert pen("plan", "add", own, "--json").json["preset"]["preset_id"] == "our_own"
    assert "own" in next(line for line in pen("plan", "list").out.splitlines() if line.startswith("our_own"))
    assert pen("plan", "add", own).code == ExitCode.USAGE
    own.write_text(text.partition("[[sources]]")[0], "utf-8")
    ran = pen("plan", "check", own)
    assert ran.code == ExitCode.USAGE


def test_photographs_are_added_listed_and_saved(pen: Command, tmp_path: Path) -> None:
    added = pen("patient", "add", "--name", "Ada Example", "--born", "1980-02-29", "--json")
    patient = added.json["patient"]["patient_id"]
    file = picture(tmp_path / "a.png", 1)
    given = ("patient", "photo", "add", patient, file, "--view", "scalp_vertex", "--on", "2020-01-01")
    ran = pen(*given)
    assert ran.code == ExitCode.REFUSED
    assert "No consent (photographs) stands" in ran.sentence
    from pen_host.records import Clinic
    from pen_host.records.models import Person

    with Clinic.open(tmp_path / "record.sqlite") as clinic:
        text = clinic.consents.publish("photographs", "en", "Photographs", "I agree.", Person(name="anna"))
        clinic.consents.sign(patient, text.text_id, "Ada", Person(name="anna"))
    photo = pen(*given, "--json").json["photo"]
    assert [one["photo_id"] for one in pen("patient", "photo", "list", patient, "--json").json["photos"]] == [
        photo["photo_id"]
    ]
    saved = tmp_path / "saved.jpg"
    assert pen("patient", "photo", "save", photo["photo_id"], "--out", saved).code == ExitCode.OK
    assert hashlib.sha256(saved.read_bytes()).hexdigest() == photo["sha256"]


def test_a_cohort_says_its_unit_and_whom_it_leaves_out(pen: Command, told: ToldClinic) -> None:
    (found,) = pen("outcome", "cohort", "--preset", PRESET, "--week", 12, "--json").json["cohort"]["arms"]
    assert found["change"] == {
        "n": 1, "mean": 9.0, "sd": None, "interval_95": None, "unit": "all hairs per cm2",
    }  # fmt: skip
    assert (found["blinded_responders"]["responders"], found["own_responders"]["n"]) == (1, 1)
    said = pen("outcome", "cohort", "--preset", PRESET).out
    assert "+9.0 all hairs per cm2 (n = 1, too few for an interval)" in said


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("report", "treatment", "0" * 32, "--out", "{tmp}/x.pdf"), ExitCode.USAGE),
        (("report", "treatment", "{visit}", "--out", "{tmp}/x.docx"), ExitCode.USAGE),
        (("report", "course", "P-00000-00000", "--out", "{tmp}/x.pdf"), ExitCode.USAGE),
        (("report", "lot", "NONE", "--out", "{tmp}/x.pdf"), ExitCode.USAGE),
        (("export", "csv", "--out", "{tmp}"), ExitCode.USAGE),
        (("export", "parquet", "--clinic", "../x", "--out", "{tmp}/p"), ExitCode.USAGE),
        (("export", "verify", "{tmp}"), ExitCode.VERIFICATION),
        (("import", "{tmp}/nothing.json"), ExitCode.VERIFICATION),
        (("plan", "show", "nothing"), ExitCode.USAGE),
        (("plan", "make", PRESET, "--zone", "vertex"), ExitCode.USAGE),
        (("plan", "make", PRESET, "--zone", "moon=5000"), ExitCode.USAGE),
        (("outcome", "cohort", "--preset", "nothing"), ExitCode.USAGE),
        (("patient", "photo", "save", "0" * 32, "--out", "{tmp}/x.jpg"), ExitCode.USAGE),
        (("demo", "--course", "1", "--out", "{tmp}"), ExitCode.USAGE),
    ],
)
def test_what_is_wrong_is_one_sentence_and_writes_nothing(
    pen: Command, told: ToldClinic, tmp_path: Path, arguments: tuple[str, ...], code: ExitCode
) -> None:
    (tmp_path / "there").write_text("x")
    ran = pen(*(one.replace("{tmp}", str(tmp_path)).replace("{visit}", told.visit_id) for one in arguments))
    assert ran.code == code
    assert says_what_to_do(ran.sentence)
    # beside the cache of fonts, which the first paper of a process makes
    assert {one.name for one in tmp_path.iterdir()} - {"xdg_cache_home"} == {"there"}


def test_without_the_extra_a_report_says_what_to_install(
    pen: Command, told: ToldClinic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "typst", None)
    ran = pen("report", "spec", "--out", tmp_path / "x.pdf")
    assert ran.code == ExitCode.USAGE
    assert "pip install 'derma-pen[record]'" in ran.sentence
    assert json.loads(pen("report", "spec", "--out", tmp_path / "x.pdf", "--json").out)["error"]["exit"] == 2
    assert not list(tmp_path.iterdir())


def test_help_loads_none_of_it(pen: Command) -> None:
    script = (
        "import sys\n"
        "try:\n    from pen_host.cli import main; main(['report', '--help'])\nexcept SystemExit: pass\n"
        "print([n for n in ('typst','pyarrow','fhir','PIL','matplotlib','pen_host.reports','pen_host.exports')"
        " if n in sys.modules])"
    )
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"
