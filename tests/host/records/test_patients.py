"""Patients: found by people, known to the chain by pseudonym only, never overwritten."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select

from pen_host.journal import Kind
from pen_host.records import InputError, NotFoundError, PseudonymError, made
from pen_host.records.models import Demographics, HomeTool, HomeToolKind, Substance, TopicalUse
from pen_host.records.store import salted
from pen_host.records.tables import demographics

from .conftest import ANNA, BOB, Bench


def test_a_patient_is_there_again_after_the_program_was_closed(bench: Bench) -> None:
    who = Demographics(
        full_name="Zoë <b>Müller</b>",
        birth_date=date(1991, 12, 31),
        phone="+49 30 1234",
        email="zoe@example.org",
        file_number="A-17",
    )
    added = bench.clinic.patients.add(who, ANNA)
    again = bench.reopen().patients.get(added.patient_id)
    assert again == added
    assert again.demographics == who
    assert (again.version, again.added_by) == (1, ANNA)


def test_no_name_birth_date_or_address_reaches_the_chain(bench: Bench) -> None:
    patient = bench.patient("Grimhilda Unusual", phone="+49 555 0199", email="grim@example.org")
    bench.clinic.patients.note(patient.patient_id, "Grimhilda dislikes needles", ANNA)
    visit = bench.visit(patient)
    bench.clinic.consents.sign(
        patient.patient_id, bench.clinic.consents.texts()[0].text_id, "Grimhilda U.", ANNA
    )
    told = bench.chain()
    assert patient.patient_id in told
    assert visit.visit_id in told
    for secret in ("Grimhilda", "Unusual", "1980-02-29", "555 0199", "grim@", "dislikes"):
        assert secret not in told


def test_the_chain_holds_a_salted_digest_that_fits_the_row(bench: Bench) -> None:
    patient = bench.patient()
    row = bench.clinic._store.row(select(demographics))
    (entry,) = bench.entries(Kind.PATIENT)
    assert row is not None
    assert patient.demographics is not None
    content = patient.demographics.model_dump(mode="json")
    assert entry.payload["digest"] == salted(row["salt"], content)
    assert entry.payload["digest"] != salted("0" * 32, content)
    assert entry.subject == patient.patient_id


def test_a_correction_is_a_new_version_and_the_old_one_stays(bench: Bench) -> None:
    patient = bench.patient("Ada Exmaple")
    right = Demographics(full_name="Ada Example", birth_date=date(1980, 2, 29))
    corrected = bench.clinic.patients.correct(patient.patient_id, right, BOB)
    assert (corrected.version, corrected.label) == (2, "Ada Example")
    names = [row["full_name"] for row in bench.clinic._store.rows(select(demographics))]
    assert sorted(names) == ["Ada Example", "Ada Exmaple"]
    assert bench.clinic.patients.find("exmaple") == ()
    assert [entry.payload["change"] for entry in bench.entries(Kind.PATIENT)] == ["added", "corrected"]


@pytest.mark.parametrize(
    "typed",
    ["ada", "EXAMPLE", "  ada  exam", "Exam", "1980-02-29", "F-9", "zoe-ada", "Ädä"],
)
def test_patients_are_found_by_what_people_remember(bench: Bench, typed: str) -> None:
    bench.patient("Somebody Else", date(1990, 1, 1))
    wanted = bench.patient("Zoë-Ada Ada Example", file_number="F-9")
    assert [one.patient_id for one in bench.clinic.patients.find(typed)] == [wanted.patient_id]


def test_patients_are_found_by_their_id_and_the_newest_come_without_a_word(bench: Bench) -> None:
    first, second = bench.patient("One"), bench.patient("Two")
    assert [one.label for one in bench.clinic.patients.find("")] == ["Two", "One"]
    assert bench.clinic.patients.find(first.patient_id.lower()) == (first,)
    assert bench.clinic.patients.get(second.patient_id.replace("-", "").lower()) == second


@pytest.mark.parametrize("typed", ["%", "_", "a%", "%%%%", "P-%_", "\\", "' OR 1=1 --", "x" * 500])
def test_what_looks_like_a_pattern_finds_nobody(bench: Bench, typed: str) -> None:
    bench.patient()
    assert bench.clinic.patients.find(typed) == ()


def test_somebody_who_is_not_there_is_not_found(bench: Bench) -> None:
    from pen_host.records.keys import new_pseudonym

    with pytest.raises(NotFoundError, match="no patient"):
        bench.clinic.patients.get(new_pseudonym())
    with pytest.raises(PseudonymError):
        bench.clinic.patients.get("nobody")


@pytest.mark.parametrize(
    ("born", "why"), [(date(2028, 2, 2), "in the future"), (date(1900, 1, 1), "more than 120 years ago")]
)
def test_a_birth_date_that_cannot_be_is_refused_at_its_field(bench: Bench, born: date, why: str) -> None:
    with pytest.raises(InputError, match=why) as caught:
        bench.patient(born=born)
    assert set(caught.value.fields) == {"birth_date"}
    assert bench.clinic.patients.find("") == ()


def test_a_form_is_told_every_field_that_is_wrong() -> None:
    with pytest.raises(InputError) as caught:
        made(
            Demographics,
            "the patient",
            {"full_name": " ", "birth_date": "2026-02-30", "email": "x", "age": 4},
        )
    assert set(caught.value.fields) == {"full_name", "birth_date", "email", "age"}
    assert "was not stored" in caught.value.sentence
    assert (
        made(Demographics, "the patient", {"full_name": "A", "birth_date": "2020-02-29"}).birth_date.day == 29
    )


def test_a_name_with_control_characters_is_refused() -> None:
    with pytest.raises(InputError):
        made(Demographics, "the patient", {"full_name": "Ada\x1b[2J", "birth_date": "1980-01-01"})


# ---- notes ---------------------------------------------------------------------------------------------------------


def test_a_note_is_amended_and_never_changed(bench: Bench) -> None:
    patient = bench.patient()
    first = bench.clinic.patients.note(patient.patient_id, "allergic to nickle", ANNA)
    second = bench.clinic.patients.note(patient.patient_id, "allergic to nickel", BOB, amends=first.note_id)
    assert [note.text for note in bench.clinic.patients.notes(patient.patient_id)] == ["allergic to nickel"]
    with pytest.raises(InputError, match="amended already"):
        bench.clinic.patients.note(patient.patient_id, "again", ANNA, amends=first.note_id)
    assert [entry.payload["id"] for entry in bench.entries(Kind.NOTE)] == [first.note_id, second.note_id]


def test_a_note_of_another_patient_cannot_be_amended(bench: Bench) -> None:
    note = bench.clinic.patients.note(bench.patient().patient_id, "x", ANNA)
    with pytest.raises(InputError, match="no such note on this patient"):
        bench.clinic.patients.note(bench.patient("B").patient_id, "y", ANNA, amends=note.note_id)


def test_an_empty_note_is_refused(bench: Bench) -> None:
    with pytest.raises(InputError, match="empty"):
        bench.clinic.patients.note(bench.patient().patient_id, "  \n ", ANNA)


# ---- between visits ------------------------------------------------------------------------------------------------


def test_the_newest_entry_of_each_home_tool_counts(bench: Bench) -> None:
    patient = bench.patient().patient_id
    roller = HomeTool(tool=HomeToolKind.ROLLER, needle_um=500, times_a_week=3)
    stopped = HomeTool(tool=HomeToolKind.ROLLER, needle_um=500, times_a_week=0, last_used=date(2028, 1, 1))
    pen = HomeTool(tool=HomeToolKind.PEN, needle_um=300, times_a_week=1, last_used=date(2028, 1, 30))
    for tool in (roller, pen, stopped):
        bench.clinic.patients.home_tool(patient, tool, ANNA)
    assert set(bench.clinic.patients.home_tools(patient)) == {stopped, pen}
    needled = {one.protocol: (one.day, one.depth_um) for one in bench.clinic.visits.needlings(patient)}
    assert needled == {
        "the roller used at home": (date(2028, 1, 1), 500),
        "the home pen used at home": (date(2028, 1, 30), 300),
    }


def test_a_tool_in_use_of_which_nobody_knows_the_day_counts_as_used_today(bench: Bench) -> None:
    patient = bench.patient()
    bench.clinic.patients.home_tool(
        patient.patient_id, HomeTool(tool=HomeToolKind.STAMP, needle_um=500, times_a_week=2), ANNA
    )
    found = bench.clinic.visits.check(patient.patient_id, bench.plan())
    assert "interval_healing" in {one.rule_id for one in found}


def test_a_home_tool_of_tomorrow_is_refused(bench: Bench) -> None:
    tool = HomeTool(
        tool=HomeToolKind.PEN, needle_um=300, times_a_week=1, last_used=bench.day + timedelta(days=1)
    )
    with pytest.raises(InputError, match="last_used: 2028-02-02 is in the future"):
        bench.clinic.patients.home_tool(bench.patient().patient_id, tool, ANNA)
    with pytest.raises(ValueError, match="used no more needs the day"):
        HomeTool(tool=HomeToolKind.PEN, needle_um=300, times_a_week=0)


def test_adjuncts_are_recorded_with_their_time_newest_first(bench: Bench) -> None:
    patient = bench.patient().patient_id
    morning = datetime(2028, 2, 1, 6, tzinfo=UTC)
    for hours in (0, 2):
        used = TopicalUse(
            substance=Substance.MINOXIDIL, detail="5 %", used_at=morning + timedelta(hours=hours)
        )
        bench.clinic.patients.topical(patient, used, ANNA)
    assert [one.used_at.hour for one in bench.clinic.patients.topicals(patient)] == [8, 6]
    assert len(bench.entries(Kind.TOPICAL)) == 2


def test_an_adjunct_of_tomorrow_or_of_no_time_zone_is_refused(bench: Bench) -> None:
    late = TopicalUse(substance=Substance.PRP, used_at=datetime(2028, 2, 2, tzinfo=UTC))
    with pytest.raises(InputError, match="lies in the future"):
        bench.clinic.patients.topical(bench.patient().patient_id, late, ANNA)
    with pytest.raises(ValueError, match="no time zone"):
        TopicalUse(substance=Substance.PRP, used_at=datetime(2028, 1, 1))  # noqa: DTZ001
