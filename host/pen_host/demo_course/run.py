"""The demonstration of a course: weeks on the simulated pen, then reports and exports, each read again and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError, VerificationError
from ..exports import archive, files, intake
from ..exports.export import Form, export
from ..exports.fhir import Dialect
from ..journal import verify_record
from ..records import Clinic
from ..reports.course import course_summary
from ..reports.make import Made, write_report
from ..reports.treatment import treatment_record
from ..session import writable
from ..vault import Vault
from . import story
from .course import Course, Told

WEEKS_MAX = 26
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Output:
    """Something that was written and checked.

    Attributes:
        name: What.
        place: Where.
        bytes: How large.
        checked: How it was checked.
    """

    name: str
    place: Path
    bytes: int
    checked: str


@dataclass(frozen=True, slots=True)
class CourseResult:
    """What the demonstration came to.

    Attributes:
        patient_id: The patient.
        weeks: Every treatment.
        outputs: Everything that was written, all of it checked.
        entries: Entries of the chain, verified.
        record: The record.
    """

    patient_id: str
    weeks: tuple[Told, ...]
    outputs: tuple[Output, ...]
    entries: int
    record: Path


def run_course(out: Path, weeks: int, seed: int, say: Say) -> CourseResult:
    """Runs the course into a new folder.

    Args:
        out: The folder; must be new or empty.
        weeks: How many treatments, one a week.
        seed: Of everything random in the simulated pen.
        say: Told of every step.

    Raises:
        UsageError: The folder is not empty or cannot be written.
        VerificationError: Something that was written is not what it should be.
        PenError: As in any treatment.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(
            f"{out} is there already and is not empty, so nothing was begun. Name a new folder with --out."
        )
    writable(out)
    course = Course(out, weeks, seed, lambda told: say(_line(told, weeks)))
    patient_id, told = course.run()
    for one in told:
        if not one.result.chain_ok or one.result.strokes_pen != one.result.strokes_journal:
            raise VerificationError(
                f"Week {one.week}: the record is not what the pen counted. Keep {out} and report it."
            )
    say("Every entry of the chain is verified.")
    report = verify_record(course.station.record)
    if not report.intact:
        raise VerificationError(report.sentence)
    with Clinic.read(course.station.record, today=lambda: told[-1].day) as clinic:
        outputs = (
            *_reports(clinic, patient_id, told, out, say),
            _fhir(clinic, patient_id, out, course.station.vault, say),
            _parquet(clinic, told, out, say),
        )
    return CourseResult(patient_id, told, outputs, report.checked, course.station.record)


def _line(told: Told, weeks: int) -> str:
    result = told.result
    stops = f", stopped once ({', '.join(result.faults)})" if result.trips else ""
    return f"Week {told.week} of {weeks}, {told.day}: {result.strokes_pen} strokes in {len(result.zones)} zones{stops}."


def _reports(
    clinic: Clinic, patient_id: str, told: tuple[Told, ...], out: Path, say: Say
) -> tuple[Output, ...]:
    """The course summary and the record of one treatment; made twice, they are the same."""
    say("The course summary and a treatment record are set.")
    shown = told[min(story.TRIP_WEEK, len(told)) - 1]
    makers: dict[str, Callable[[], Made]] = {
        "course": lambda: course_summary(clinic, patient_id),
        f"treatment-{shown.day}": lambda: treatment_record(clinic, shown.visit_id),
    }
    outputs = []
    for name, make in makers.items():
        written = write_report(make(), out / f"{name}.pdf")
        again = write_report(make(), out / f"{name}.again.pdf")
        same = hashlib.sha256(written.path.read_bytes()).hexdigest() == written.sha256 == again.sha256
        again.path.unlink()
        if not same:
            raise VerificationError(
                f"{written.path} is another file when it is made again. Keep the folder and report it."
            )
        outputs.append(
            Output(f"report {name}", written.path, written.bytes, "made twice, byte for byte the same")
        )
    return tuple(outputs)


def _fhir(clinic: Clinic, patient_id: str, out: Path, vault: Vault, say: Say) -> Output:
    """Both bundles; each is taken into a new record and compared row by row."""
    say("FHIR bundles are written, read again and taken into an empty record.")
    export(clinic, Form.FHIR, out / "fhir")
    checked = files.verify(out / "fhir")
    rows = archive.take(clinic.store, patient_id)
    for dialect in Dialect:
        folder = out / f".{dialect}"
        with Clinic.open(folder, vault=vault) as other:
            intake.take_in(other, out / "fhir" / f"{patient_id}.{dialect}.json", story.PHYSICIAN)
            same = archive.take(other.store, patient_id) == rows
        _remove(folder)
        if not same:
            raise VerificationError(
                f"The {dialect} bundle gave back another record. Keep {out} and report it."
            )
    return Output(
        "FHIR R4B and R5", checked.folder, checked.bytes, "valid, hashes right, the same record comes back"
    )


def _parquet(clinic: Clinic, told: tuple[Told, ...], out: Path, say: Say) -> Output:
    """Parquet, read again by the library's own reader: as many visits, strokes as the pen counted."""
    say("Parquet is written and read again.")
    # imported late, like everything of the extra
    from pyarrow import parquet

    export(clinic, Form.PARQUET, out / "parquet")
    checked = files.verify(out / "parquet")
    visits = parquet.read_table(out / "parquet" / "visits").num_rows
    strokes = sum(parquet.read_table(out / "parquet" / "zones")["strokes"].to_pylist())
    if visits != len(told) or strokes != sum(one.result.strokes_pen for one in told):
        raise VerificationError(
            f"The Parquet files say {visits} visits and {strokes} strokes, the pen something else."
        )
    return Output(
        "Parquet",
        checked.folder,
        checked.bytes,
        f"hashes right, {visits} visits, {strokes} strokes as counted",
    )


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder)
