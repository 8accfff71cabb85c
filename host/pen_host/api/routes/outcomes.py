"""What came of treatments: measures with their units, cohorts, reactions day by day and who must be looked at."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query

from ...records import made
from ...records.arms import Arm, MeanChange
from ...records.cohort import Share
from ...records.models import OUTCOME_KINDS, DiaryEntry, NewReaction, Outcome, Reaction
from ...records.outcomes import measured_of
from ...records.version_arms import Cohort
from ..models import Line, Model, Words
from ..people import Permission, signer
from ..reception import Caller
from .shared import PROBLEMS, Service, Session

WEEK_MAX = 104
router = APIRouter(prefix="/api", tags=["outcomes"], responses=PROBLEMS)


class NewOutcome(Model):
    """A measure to record."""

    measured: dict[str, Any]
    """`kind` and its fields, as /api/outcomes/kinds lists them; a count has its area and the area's unit."""
    day: date
    visit_id: Line | None = None
    baseline: bool = False
    note: Words | None = None
    amends: Line | None = None
    """The outcome that this one replaces."""


class Amend(Model):
    """What is right, and why it was not."""

    measured: dict[str, Any]
    """As in a new measure, all of it; of the same kind."""
    reason: Line
    day: date | None = None
    """The old one's when not given."""


class ChangeView(Model):
    """Mean change from baseline, with its unit."""

    n: int
    mean: float
    sd: float | None
    low: float | None
    """Lower end of the 95 % interval; null for too few patients."""
    high: float | None
    unit: str
    sentence: str

    @classmethod
    def of(cls, found: MeanChange) -> ChangeView:
        """From the record's own."""
        unit = f"{found.hairs} hairs per {found.unit}"
        return cls(
            n=found.n,
            mean=float(found.mean),
            sd=found.sd,
            low=found.low,
            high=found.high,
            unit=unit,
            sentence=found.sentence,
        )


class ShareView(Model):
    """Patients who responded, with the 95 % interval of their share, 0 to 1."""

    responders: int
    n: int
    low: float
    high: float

    @classmethod
    def of(cls, found: Share) -> ShareView:
        """From the record's own."""
        return cls(responders=found.responders, n=found.n, low=found.low, high=found.high)


class ArmView(Model):
    """Everybody treated by one version of a preset."""

    version: str
    """What it is called; empty where the preset has no versions, or they are put together."""
    patients: int
    change: ChangeView | None
    blinded: ShareView | None
    own: ShareView | None
    left_out: dict[str, int]

    @classmethod
    def of(cls, found: Arm) -> ArmView:
        """From the record's own."""
        return cls(
            version=found.name,
            patients=found.patients,
            change=ChangeView.of(found.change) if found.change else None,
            blinded=ShareView.of(found.blinded) if found.blinded else None,
            own=ShareView.of(found.own) if found.own else None,
            left_out=dict(found.left_out),
        )


class CohortView(Model):
    """Everybody treated by a preset, at the end of a week, per version."""

    preset: str
    week: int
    arms: tuple[ArmView, ...]
    pooled: str | None
    """That several versions are put together, a sentence; null where they are not."""
    of_several: int
    """Patients treated by several versions in that time, who are in no arm."""

    @classmethod
    def of(cls, found: Cohort) -> CohortView:
        """From the record's own."""
        return cls(
            preset=found.preset_id,
            week=found.week,
            arms=tuple(map(ArmView.of, found.arms)),
            pooled=found.pooled,
            of_several=found.of_several,
        )


@router.get("/outcomes/kinds")
def kinds(service: Service, session: Session) -> dict[str, dict[str, Any]]:
    """The measures that can be recorded, each as JSON schema."""
    service.need(Caller(session), Permission.RECORDS)
    return {kind: model.model_json_schema() for kind, model in OUTCOME_KINDS.items()}


@router.get("/patients/{patient_id}/outcomes")
def outcomes(service: Service, session: Session, patient_id: str) -> tuple[Outcome, ...]:
    """A patient's measures as they stand, oldest first."""
    service.need(Caller(session), Permission.RECORDS)
    return service.visiting.clinic.outcomes.of(patient_id)


@router.post("/patients/{patient_id}/outcomes")
def measure(service: Service, session: Session, patient_id: str, asked: NewOutcome) -> Outcome:
    """Record a measure."""
    person = service.need(Caller(session), Permission.TREAT)
    return service.visiting.clinic.outcomes.record(
        patient_id,
        measured_of(asked.measured),
        asked.day,
        signer(person),
        visit_id=asked.visit_id,
        baseline=asked.baseline,
        note=asked.note,
        amends=asked.amends,
    )


@router.get("/patients/{patient_id}/outcomes/history")
def history(service: Service, session: Session, patient_id: str) -> tuple[Outcome, ...]:
    """All of them, each followed by what replaced it, which names it as `amends`."""
    service.need(Caller(session), Permission.RECORDS)
    return service.visiting.clinic.outcomes.history(patient_id)


@router.post("/outcomes/{outcome_id}/amend")
def amend(service: Service, session: Session, outcome_id: str, asked: Amend) -> Outcome:
    """Correct a measure: the old value stays in the record, struck out."""
    person = service.need(Caller(session), Permission.TREAT)
    return service.visiting.clinic.outcomes.amend(
        outcome_id, measured_of(asked.measured), asked.reason, signer(person), day=asked.day
    )


@router.get("/cohorts/{preset_id}")
def cohort(
    service: Service,
    session: Session,
    preset_id: str,
    week: Annotated[int, Query(ge=1, le=WEEK_MAX)] = 12,
    *,
    together: bool = False,
) -> CohortView:
    """Mean change, interval and shares of responders per version, or of all together; counts of two units never are."""
    service.need(Caller(session), Permission.RECORDS)
    return CohortView.of(service.visiting.clinic.cohort(preset_id, week, together=together))


@router.get("/reactions/escalated")
def escalated(service: Service, session: Session) -> tuple[Reaction, ...]:
    """Reactions that a clinician must look at, oldest first."""
    service.need(Caller(session), Permission.RECORDS)
    return service.visiting.clinic.reactions.escalated()


@router.get("/patients/{patient_id}/reactions")
def reactions(service: Service, session: Session, patient_id: str) -> tuple[Reaction, ...]:
    """A patient's reactions, newest first."""
    service.need(Caller(session), Permission.RECORDS)
    return service.visiting.clinic.reactions.of(patient_id)


@router.post("/visits/{visit_id}/reactions")
def react(service: Service, session: Session, visit_id: str, asked: dict[str, Any]) -> Reaction:
    """Record a reaction to a visit's treatment: kind, onset, severity, and site and note if there are any."""
    person = service.need(Caller(session), Permission.TREAT)
    seen = made(NewReaction, "the reaction", asked)
    return service.visiting.clinic.reactions.record(visit_id, seen, signer(person))


@router.post("/reactions/{reaction_id}/diary")
def diary(service: Service, session: Session, reaction_id: str, asked: dict[str, Any]) -> Reaction:
    """A day of its diary: day, severity (null for gone), and a note if there is one."""
    person = service.need(Caller(session), Permission.TREAT)
    entry = made(DiaryEntry, "the diary entry", asked)
    return service.visiting.clinic.reactions.diary(reaction_id, entry, signer(person))


@router.post("/reactions/{reaction_id}/review")
def review(service: Service, session: Session, reaction_id: str) -> Reaction:
    """A clinician looked at it."""
    person = service.need(Caller(session), Permission.TREAT)
    return service.visiting.clinic.reactions.review(reaction_id, signer(person))
