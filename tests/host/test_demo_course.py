"""The demonstration of a course, two weeks of it: what it says it wrote is there, and is what the pen did."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from pen_host.demo_course import run, story
from pen_host.demo_course.run import CourseResult, run_course
from pen_host.errors import UsageError, VerificationError
from pen_host.exports import files
from pen_host.journal import verify_record
from pen_host.records import Clinic
from pen_host.transport.sim_unpaced import UnpacedTransport, simulated_cartridge, simulated_pen

pytestmark = pytest.mark.xdist_group("demo_course")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("course") / "out"


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


@pytest.fixture(scope="module")
def result(place: Path, said: list[str]) -> CourseResult:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(story, "TRIP_WEEK", 2)
        return run_course(place, 2, 1, said.append)


def test_a_course_ends_with_everything_written_and_checked(
    result: CourseResult, place: Path, said: list[str]
) -> None:
    assert [one.result.strokes_pen for one in result.weeks] == [
        one.result.strokes_journal for one in result.weeks
    ]
    assert all(one.result.strokes_pen > 100 for one in result.weeks)
    assert [one.result.trips for one in result.weeks] == [0, 1]
    assert (place / "course.pdf").read_bytes().startswith(b"%PDF")
    assert files.verify(place / "fhir").bytes > 0
    assert files.verify(place / "parquet").bytes > 0
    assert verify_record(result.record).checked == result.entries
    assert said[0].startswith("Week 1 of 2, 2026-01-05")
    assert "stopped once (CARTRIDGE_UNLATCHED)" in said[1]
    assert not [file for file in place.iterdir() if file.name.startswith(".") or "again" in file.name]


def test_the_record_of_a_course_is_a_clinics_record(result: CourseResult) -> None:
    with Clinic.read(result.record) as clinic:
        visits = clinic.visits.of(result.patient_id)
        assert [one.day for one in visits] == [story.FIRST_DAY + timedelta(days=7), story.FIRST_DAY]
        assert all(one.signature for one in visits)
        assert len(clinic.lot(story.LOTS[0])) == 3, "one cartridge, and two in the week of the stop"
        assert clinic.photos.of(result.patient_id)
        dose = {one.zone: one for one in clinic.doses(visits[0].visit_id)}
        assert all(one.total is not None and one.total >= 250 for one in dose.values())


def test_a_course_is_not_run_into_a_folder_with_something_in_it(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    with pytest.raises(UsageError, match="is not empty, so nothing was begun"):
        run_course(tmp_path, 1, 1, lambda _: None)


def test_a_report_that_is_another_when_made_again_ends_the_demonstration(
    result: CourseResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = iter(range(99))
    real = run.course_summary

    def other(clinic: Clinic, patient: str):  # type: ignore[no-untyped-def]
        sheet, at = real(clinic, patient)
        return sheet, at + timedelta(seconds=next(number))

    monkeypatch.setattr(run, "course_summary", other)
    with Clinic.read(result.record) as clinic, pytest.raises(VerificationError, match="made again"):
        run._reports(clinic, result.patient_id, result.weeks, tmp_path, lambda _: None)


# ---- a pen whose time nobody paces -----------------------------------------------------------------------------------


def test_time_passes_only_while_somebody_listens() -> None:
    line = UnpacedTransport(simulated_pen(1))
    before = line.clock()
    line.write(b"")
    assert line.clock() == before
    line.read(0.02)
    assert line.clock() == pytest.approx(before + 0.02, abs=0.006)


def test_two_cartridges_of_one_number_are_one() -> None:
    first, second = (simulated_cartridge(7, "LOT-A") for _ in range(2))
    assert (first.serial, first.lot) == (second.serial, b"LOT-A")
    assert simulated_cartridge(8, "LOT-A").serial != first.serial
