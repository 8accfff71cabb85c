"""The clinical record from the command line: thin, one sentence for whatever is wrong, fixed exit codes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from pen_host import gs1
from pen_host.errors import ExitCode
from pen_host.journal import Journal, verify_record
from pen_host.models import Endpoint
from pen_host.presets import ZoneChoice
from pen_host.records import Clinic
from pen_host.records.models import Closing, Person
from pen_host.screening import NO
from tests.cli.conftest import Command
from tests.cli.test_bad_input import says_what_to_do

GTIN = "0950600013435" + gs1.check_digit("0950600013435")
NEXT_YEAR = date.today() + timedelta(days=365)  # noqa: DTZ011 - the command's own day
CODE = gs1.element_string(gs1.Scanned(GTIN, "LOT-7", NEXT_YEAR, "S1", {}))
ANNA = Person(name="anna")
PRESET = "hair_fortnightly_faghihi_2021"


def added(pen: Command, name: str = "Ada Example", born: str = "1980-02-29") -> str:
    ran = pen("patient", "add", "--name", name, "--born", born, "--operator", "anna", "--json")
    assert ran.code == ExitCode.OK, ran.out
    patient: str = ran.json["patient"]["patient_id"]
    return patient


def test_a_record_opened_with_other_keys_is_said_at_once_and_is_one_finding(
    pen: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    added(pen)
    monkeypatch.setenv("PEN_KEYS", str(tmp_path / "other-keys"))
    ran = pen(
        "patient", "add", "--name", "Bea Example", "--born", "1980-02-29", "--operator", "anna", "--json"
    )
    assert ran.code == ExitCode.OK
    assert "PEN_KEYS" in ran.sentence, "on standard error; standard output stays one JSON object"
    verified = pen("log", "verify", "--json")
    assert verified.code == ExitCode.VERIFICATION
    (found,) = verified.json["damages"]
    assert found.startswith("2 heads, signed from entry ")
    monkeypatch.undo()


@pytest.fixture
def visit(pen: Command, tmp_path: Path) -> str:
    """A treated patient's visit, made through the record itself."""
    patient = added(pen)
    assert pen("cartridge", "add", CODE, "--needles", 12).code == 0
    with Clinic.open(tmp_path / "record.sqlite") as clinic:
        text = clinic.consents.publish("microneedling", "en", "Consent", "I agree.", ANNA)
        plan = clinic.presets.to_plan(PRESET, [ZoneChoice(name="vertex", area_mm2=5_000)])
        answers = {rule.rule_id: NO for rule in clinic.screening.questions(plan)}
        screened = clinic.screening.record(patient, plan, answers, (), ANNA)
        consent = clinic.consents.sign(patient, text.text_id, "Ada", ANNA)
        opened = clinic.visits.open(
            patient, plan, screened.screening_id, consent.consent_id, ANNA, preset_id=PRESET
        )
        cartridge = clinic.cartridges.look_up(CODE)
        assert cartridge
        clinic.cartridges.bind(cartridge.cartridge_id, opened.visit_id, ANNA)
        clinic.visits.attach(opened.visit_id, "s00000001", "PEN1", ANNA)
        clinic.visits.close(opened.visit_id, Closing(endpoint=Endpoint.NONE), ANNA)
        return opened.visit_id


@pytest.fixture
def held(pen: Command, tmp_path: Path) -> Iterator[Path]:
    """A record that a console has open."""
    added(pen)
    with Journal.create_or_open(tmp_path / "record.sqlite") as journal:
        yield journal.path


# ---- patients --------------------------------------------------------------------------------------------------------


def test_a_patient_is_added_found_and_shown(pen: Command, tmp_path: Path) -> None:
    patient = added(pen, "Zoë Müller")
    assert pen("patient", "list", "mul", "--json").json["patients"][0]["patient_id"] == patient
    assert patient in pen("patient", "list").out
    assert pen("patient", "note", patient, "likes tea", "--json").json["note"]["text"] == "likes tea"
    ran = pen("patient", "tool", patient, "--kind", "roller", "--needle-um", 500, "--times-a-week", 2)
    assert ran.code == 0
    shown = pen("patient", "show", patient.lower(), "--json").json
    assert shown["patient"]["demographics"]["full_name"] == "Zoë Müller"
    assert [item["kind"] for item in shown["timeline"]] == ["home_tool", "note"]
    told = pen("patient", "show", patient)
    assert "likes tea" in told.out
    assert verify_record(tmp_path / "record.sqlite").intact


def test_a_patient_is_due_after_their_visit(pen: Command, visit: str) -> None:
    assert pen("patient", "due", "--ahead", 0, "--json").json == {"due": []}
    ran = pen("patient", "due", "--ahead", 60, "--json")
    assert [one["preset_id"] for one in ran.json["due"]] == [PRESET]
    assert "Ada Example" in pen("patient", "due", "--ahead", 60).out


# ---- screening -------------------------------------------------------------------------------------------------------


def test_the_questions_of_a_preset_name_their_sources(pen: Command) -> None:
    told = {
        one["rule_id"]: one
        for one in pen("screen", "questions", "--preset", PRESET, "--json").json["questions"]
    }
    assert told["anticoagulants"]["level"] == "BLOCK"
    assert "SkinPen" in told["anticoagulants"]["source"]
    assert "scalp_flare" in told
    assert "scalp_flare" not in pen("screen", "questions", "--preset", "face_wrinkles").out


def test_a_screening_that_forbids_is_recorded_and_ends_with_refused(pen: Command) -> None:
    patient = added(pen)
    base = ("screen", "run", patient, "--preset", PRESET, "--no-to-the-rest", "--operator", "anna")
    assert pen(*base).code == ExitCode.OK
    ran = pen(*base, "--answer", "isotretinoin=yes", "--json")
    assert ran.code == ExitCode.REFUSED
    assert ran.json["forbids"] == ["isotretinoin"]
    ran = pen(*base, "--answer", "isotretinoin=yes", "--override", "isotretinoin=low dose", "--json")
    assert (ran.code, ran.json["forbids"]) == (ExitCode.OK, [])
    assert ran.json["screening"]["overrides"][0]["by"]["name"] == "anna"
    assert pen(*base, "--answer", "isotretinoin=yes:2001-02-03").code == ExitCode.OK
    assert len(pen("screen", "list", patient, "--json").json["screenings"]) == 4


def test_what_was_not_answered_blocks(pen: Command) -> None:
    ran = pen("screen", "run", added(pen), "--preset", PRESET, "--answer", "pregnancy=no", "--json")
    assert ran.code == ExitCode.REFUSED
    assert "bleeding_disorder" in ran.json["forbids"]
    assert "pregnancy" not in ran.json["forbids"]


# ---- cartridges ------------------------------------------------------------------------------------------------------


def test_a_cartridge_goes_through_the_inventory(pen: Command) -> None:
    assert pen("cartridge", "add", CODE, "--needles", 12, "--json").json["cartridge"]["state"] == "new"
    assert "lot LOT-7" in pen("cartridge", "show", CODE).out
    assert len(pen("cartridge", "list", "--lot", "LOT-7", "--json").json["cartridges"]) == 1
    assert pen("cartridge", "discard", CODE, "--json").json["cartridge"]["state"] == "discarded"
    assert pen("cartridge", "list", "--state", "new", "--json").json["cartridges"] == []


def test_a_recall_answers_with_who_has_had_the_lot(pen: Command, visit: str) -> None:
    ran = pen("cartridge", "recall", "LOT-7", "--reason", "blunt tips", "--json")
    assert [one["visit_id"] for one in ran.json["given"]] == [visit]
    (given,) = pen("lot", "LOT-7", "--json").json["given"]
    assert (given["patient_name"], given["pen_serials"]) == ("Ada Example", ["PEN1"])
    assert "Ada Example" in pen("lot", "LOT-7").out
    assert pen("lot", "OTHER").out.strip() == "Nobody was given a cartridge of lot OTHER."


# ---- outcomes and reactions ------------------------------------------------------------------------------------------


def test_an_outcome_keeps_its_units(pen: Command) -> None:
    patient = added(pen)
    base = ("outcome", "add", patient, "--kind", "hair_count", "--on", "2026-01-05", "--baseline")
    fields = ("site=vertex", "method=manual", "landmark=tattoo", "rater=bob", "blinded=true", "count=212")
    given = [part for field in fields for part in ("--set", field)]
    ran = pen(*base, *given)
    assert ran.code == ExitCode.USAGE
    assert "area_thousandths" in ran.sentence
    ran = pen(*base, *given, "--set", "area_thousandths=1000", "--set", "area_unit=cm2", "--json")
    assert ran.json["outcome"]["measured"]["area_unit"] == "cm2"
    assert "area_unit=cm2" in pen("outcome", "list", patient).out
    assert "hair_count" in pen("outcome", "kinds", "--json").json["kinds"]


def test_a_reaction_is_kept_until_a_clinician_looked(pen: Command, visit: str) -> None:
    today = date.today().isoformat()  # noqa: DTZ011 - the command's own day
    base = ("reaction", "add", visit, "--kind", "granuloma", "--onset", today, "--severity", "mild")
    kept = pen(*base, "--json").json["reaction"]
    assert kept["lots"] == ["LOT-7"]
    assert len(pen("reaction", "list", "--json").json["reactions"]) == 1
    assert pen("reaction", "review", kept["reaction_id"], "--operator", "bob").code == 0
    assert pen("reaction", "list").out.strip() == "There are none."
    assert len(pen("reaction", "list", kept["patient_id"], "--json").json["reactions"]) == 1
    ran = pen("reaction", "diary", kept["reaction_id"], "--on", today)
    assert ran.code == ExitCode.USAGE
    assert "in the diary already" in ran.sentence


# ---- whatever is wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("patient", "add", "--name", "A", "--born", "2026-02-30"), "birth_date"),
        (("patient", "add", "--name", "A", "--born", "2999-01-01"), "in the future"),
        (("patient", "add", "--name", " ", "--born", "1980-01-01"), "full_name"),
        (("patient", "show", "nobody"), "is no patient id"),
        (("patient", "show", "P-00000-00000"), "The record has no patient"),
        (("patient", "due", "--on", "tomorrow"), "tomorrow is no day"),
        (("screen", "questions", "--preset", "nothing"), "there is no such preset"),
        (
            ("screen", "run", "{patient}", "--preset", PRESET, "--answer", "keloid=maybe"),
            "maybe is no answer",
        ),
        (("screen", "run", "{patient}", "--preset", PRESET, "--answer", "keloid"), "RULE=value"),
        (("screen", "run", "{patient}", "--preset", PRESET, "--answer", "horoscope=yes"), "no such rule"),
        (
            ("screen", "run", "{patient}", "--preset", PRESET, "--answer", "isotretinoin=yes:2999-01-01"),
            "future",
        ),
        (("cartridge", "add", CODE[:20]), "was cut short"),
        (("cartridge", "show", CODE), "no cartridge S1 of lot LOT-7"),
        (("cartridge", "list", "--state", "old"), "old is none of"),
        (
            ("outcome", "add", "{patient}", "--kind", "beauty", "--on", "2026-01-01", "--set", "a=1"),
            "beauty is none",
        ),
        (
            ("outcome", "add", "{patient}", "--kind", "shedding", "--on", "2026-01-01", "--set", "score"),
            "FIELD=value",
        ),
        (
            ("outcome", "add", "{patient}", "--kind", "shedding", "--on", "2999-01-01", "--set", "score=1"),
            "future",
        ),
        (("reaction", "review", "nothing"), "The record has no reaction"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_changes_nothing(
    pen: Command, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    patient = added(pen)
    before = verify_record(tmp_path / "record.sqlite").checked
    ran = pen(*(part.replace("{patient}", patient) for part in arguments))
    assert ran.code == ExitCode.USAGE
    assert says in ran.sentence
    assert says_what_to_do(ran.sentence)
    after = verify_record(tmp_path / "record.sqlite").checked
    assert after - before in {0, 2}, "at most that the record was opened and closed"
    told = pen(*(part.replace("{patient}", patient) for part in arguments), "--json")
    assert told.json["error"]["exit"] == ExitCode.USAGE


def test_a_used_cartridge_is_refused_with_its_own_code(pen: Command, visit: str) -> None:
    ran = pen("cartridge", "add", CODE)
    assert ran.code == ExitCode.REFUSED
    assert "in the inventory already" in ran.sentence


def test_beside_a_running_console_reading_works_and_writing_says_who_writes(pen: Command, held: Path) -> None:
    assert "Ada Example" in pen("patient", "list").out
    assert pen("lot", "LOT-7").code == ExitCode.OK
    ran = pen("patient", "add", "--name", "B", "--born", "1980-01-01")
    assert ran.code == ExitCode.JOURNAL
    assert "held by another program" in ran.sentence


def test_without_a_record_nothing_is_read_and_nothing_made(pen: Command, tmp_path: Path) -> None:
    ran = pen("patient", "list")
    assert ran.code == ExitCode.JOURNAL
    assert "no such file" in ran.sentence
    assert not (tmp_path / "record.sqlite").exists()


def test_the_command_starts_without_the_database(pen: Command) -> None:
    script = (
        "import sys; sys.argv=['pen','--help']\n"
        "try:\n    from pen_host.cli import main; main(['--help'])\nexcept SystemExit: pass\n"
        "print([n for n in ('sqlalchemy','alembic','pydantic','pen_host.records','pen_host.screening') if n in sys.modules])"
    )
    import subprocess

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"
