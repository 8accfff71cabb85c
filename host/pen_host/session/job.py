"""One treatment from the first check to the picture: the same job on every pen."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import TemporaryFile

from .. import picture
from ..checks import Finding, Level
from ..errors import PenError, UsageError
from ..journal import Journal, Kind
from ..models import Plan
from ..pen import Pen
from ..progress import Progress, ZoneProgress
from .hands import Hands
from .operator import Operator
from .precheck import check_before, must_not_be_stopped, wait_for_boot
from .recovery import recover
from .session import COMPLETED, ENDED_EARLY, Session, open_session
from .treatment import Course, Treatment


@dataclass(frozen=True, slots=True)
class Job:
    """Everything one treatment needs.

    Attributes:
        pen: Connected.
        journal: Open for writing.
        plan: What to do.
        operator: Who does it.
        patient: Pseudonymous reference, None when unknown.
        hands: At the pen.
        watch: Told of every step; must return at once.
        answers: Screening answers by rule; the plan's own when not given.
        reasons: Why a finding that may be overridden was, by rule.
        clock: Seconds that never go back.
        pause: Lets seconds pass.
    """

    pen: Pen
    journal: Journal
    plan: Plan
    operator: Operator
    patient: str | None
    hands: Hands
    watch: Callable[[Progress], None]
    answers: Mapping[str, bool] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class TreatmentResult:
    """What a treatment came to.

    Attributes:
        session_id: Its id in the record.
        zones: What each zone received.
        strokes_pen: Strokes by the pen's own counter.
        strokes_journal: Strokes by the events in the record.
        trips: Stops on the way.
        faults: Their first causes.
        chain_ok: The record's chain verifies.
        picture: Where the picture is; None when none was wanted or it could not be drawn, which loses nothing: it is drawn
            from the record.
        journal: Where the record is.
    """

    session_id: str
    zones: tuple[ZoneProgress, ...]
    strokes_pen: int
    strokes_journal: int
    trips: int
    faults: tuple[str, ...]
    chain_ok: bool
    picture: Path | None
    journal: Path


def run_treatment(job: Job, out: Path | None, today: date | None = None) -> TreatmentResult:
    """Run a plan on a connected pen, close the session, verify the record and draw the picture into `out`, if it is given.

    Sessions of this pen that an earlier crash left open are settled first.

    Raises:
        PenError: Why it did not begin or did not end; whatever happened until then is in the record.
    """
    day = today or date.today()  # noqa: DTZ011 - the patient's calendar day is the clinic's
    if out is not None:
        writable(out)
    wait_for_boot(job.pen, job.pause)
    recover(job.pen, job.journal, job.operator)
    must_not_be_stopped(job.pen)
    answers = {**job.plan.screening.answers, **job.answers}
    findings = check_before(job.pen, job.journal, job.plan, answers, job.reasons, job.patient, day)
    before = job.pen.status().strokes_total
    session = open_session(job.pen, job.journal, job.operator, job.plan, job.patient, {})
    course = _treat(job, session, day, lambda: _note_checks(session, answers, findings, job.reasons))
    strokes_pen = job.pen.status().strokes_total - before
    with job.journal.reader() as reader:
        strokes = reader.strokes(session.session_id)
    return TreatmentResult(
        session.session_id,
        tuple(course.zones),
        strokes_pen,
        strokes.total.strokes,
        len(course.trips),
        tuple(trip.cause for trip in course.trips),
        job.journal.verify().intact,
        _drawn(_shown(job, course, session), out / f"{session.session_id}.png") if out else None,
        job.journal.path,
    )


def writable(folder: Path) -> None:
    """Make a directory for results, before anything moves.

    Raises:
        UsageError: Nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            return
    except OSError as error:
        raise UsageError(
            f"Nothing can be written into {folder} ({error.strerror or error}), so nothing was begun. "
            "Name another directory with --out."
        ) from error


def _treat(job: Job, session: Session, day: date, first: Callable[[], None]) -> Course:
    """The treatment; when it fails, the needle is stopped and the session closed as far as that can be done."""
    treatment = Treatment(session, job.plan, job.hands, job.watch, day, job.clock, job.pause)
    try:
        first()
        course = treatment.run()
    except (PenError, KeyboardInterrupt) as error:
        job.pen.stop()
        _close_broken(session, error)
        raise
    session.close(ENDED_EARLY if course.ended_early else COMPLETED)
    treatment.closed()
    return course


def _close_broken(session: Session, error: BaseException) -> None:
    """Say in the record why it ended. A session that cannot be closed now is recovered at the next connection."""
    why = str(error) or "the operator broke it off (Ctrl-C)"
    try:
        session.pull()
        session.note(Kind.NOTE, {"text": f"The treatment was broken off: {why}"})
        session.settle()
        session.close("broken off")
    except PenError:
        return  # the first error is the one to tell


def _drawn(shown: picture.Treatment, path: Path) -> Path | None:
    try:
        return picture.draw(shown, path)
    except (OSError, ValueError):
        return None


def _note_checks(
    session: Session, answers: Mapping[str, bool], findings: list[Finding], reasons: Mapping[str, str]
) -> None:
    told = [{"rule": one.rule_id, "level": one.level.name, "sentence": one.sentence} for one in findings]
    session.note(Kind.SCREENING, {"answers": dict(answers), "findings": told})
    for finding in findings:
        if finding.level is Level.OVERRIDE:
            session.note(Kind.OVERRIDE, {"rule_id": finding.rule_id, "reason": reasons[finding.rule_id]})


def _shown(job: Job, course: Course, session: Session) -> picture.Treatment:
    identity = job.pen.identity()
    label = "off-label use" if job.plan.off_label else "within the cleared use"
    return picture.Treatment(
        job.plan.title,
        f"session {session.session_id}   pen {identity.serial}   firmware {identity.firmware_text}   "
        f"operator {job.operator.name}   {label}",
        [zone.name for zone in job.plan.zones],
        course.samples,
        course.marks,
    )
