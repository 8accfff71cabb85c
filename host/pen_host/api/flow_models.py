"""A treatment as steps that cannot be jumped: what each step is told, and how the whole stands."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from pen_protocol import limits

from ..models import (
    AREA_MAX_MM2,
    AREA_MIN_MM2,
    HOLD_MAX_S,
    INTERVAL_MAX_DAYS,
    NEEDLES_MAX,
    PASSES_MAX,
    TARGET_MAX_PER_CM2,
    ZONES_MAX,
    Endpoint,
    Id,
    UnlockReason,
)
from ..records.models import CleaningMethod, Relation, SignedOn, Substance
from ..screening import Answer
from ..session.hands import Proceed
from .models import ConsoleRef, Line, Model, Pin, Words


class TreatmentStep(StrEnum):
    """In this order, none skipped."""

    PATIENT = "patient"
    SCREENING = "screening"
    PLAN = "plan"
    CONSENT = "consent"
    CARTRIDGE = "cartridge"
    PEN_READY = "pen_ready"
    TREAT = "treat"
    CLOSE = "close"


STEPS = tuple(TreatmentStep)


class FindingView(Model):
    """Something that speaks against the treatment."""

    level: str
    """INFORM, OVERRIDE (a reason lets it pass), BLOCK."""
    rule_id: str
    sentence: str
    source: str


class QuestionView(Model):
    """One question of the screening; yes speaks against the treatment."""

    rule_id: str
    question: str
    level: str
    source: str
    kind: str = "state"
    """`since` and `around` take the day it last happened, `around` the day it is planned for; `age` and `state` take none."""
    sites: tuple[str, ...] = ()
    """Where it counts; empty everywhere."""


class PatientView(Model):
    """Who is treated. The reference is pseudonymous; names stay in the clinic's own record."""

    reference: str
    label: str
    """For the screen: the name, which stands in no entry of the record's chain."""
    birth_date: str | None = None
    last_treated: str | None = None
    """ISO date of the newest needling that the record knows."""


class ZoneRanges(Model):
    """What a preset's source was done with; beyond it the numbers are the clinician's own."""

    depth_low_um: int
    depth_high_um: int
    rate_low_mhz: int
    rate_high_mhz: int
    passes_low: int
    passes_high: int


class ZoneView(Model):
    """A zone as planned and as far as it got."""

    name: str
    label: str | None = None
    area_mm2: int | None
    """Measured on the patient; None in a preset, where nobody has measured yet."""
    depth_um: int
    rate_mhz: int
    passes: int
    hold_s: int
    target_low: int
    target_high: int
    ranges: ZoneRanges | None = None
    """Of the preset."""
    goal_ms: int | None = None
    done_ms: int = 0
    strokes: int = 0
    contact_strokes: int = 0
    dose_per_cm2: float | None = None
    skipped: bool = False


class PlanView(Model):
    """A plan, with where its numbers come from."""

    name: str
    """Of the preset it began with."""
    title: str
    off_label: bool
    citation: str
    url: str
    evidence: str
    needles: int
    interval_days: int
    endpoint: Endpoint
    zones: tuple[ZoneView, ...]
    digest: str
    site: str | None = None
    """scalp, face or neck."""
    after_care: tuple[str, ...] = ()
    """What the patient is told afterwards."""
    changed: bool = False
    """Numbers lie outside the preset: they are the clinician's own, not the source's."""


class CartridgeView(Model):
    """A cartridge as the pen read it."""

    serial: str
    lot: str
    expiry: str
    needles: int
    used: bool | None


class ConsentView(Model):
    """What was agreed to, and who saw it."""

    title: str
    text_sha256: str
    signed_by: str
    witnessed_by: str
    off_label_said: bool


class Waiting(StrEnum):
    """What the running treatment waits for from a console."""

    NOTHING = "nothing"
    ZONE = "zone"
    """Say that the next zone may be armed, skip it, or finish."""
    CLEAR = "clear"
    """Acknowledge the stop whose cause is gone."""


class Ending(StrEnum):
    """How a treatment's running part ended."""

    COMPLETED = "completed"
    ENDED_EARLY = "ended_early"
    BROKEN_OFF = "broken_off"


class RunView(Model):
    """The part of a treatment in which the pen works."""

    phase: str
    """See `pen_host.progress.Phase`."""
    message: str
    """For the operator: what is going on, or what to do."""
    waiting: Waiting = Waiting.NOTHING
    zones: tuple[ZoneView, ...] = ()
    active: int = -1
    """Index of the zone under treatment, or asked about; -1 for none."""
    cause: str | None = None
    """Of the stop that is to be acknowledged."""
    trips: int = 0
    session_id: str | None = None
    ending: Ending | None = None
    error: str | None = None
    """Why it was broken off."""


class StepState(Model):
    """One step for the row of steps on top of the page."""

    step: TreatmentStep
    done: bool
    current: bool


class TreatmentView(Model):
    """The open treatment; `step` is None when there is none."""

    step: TreatmentStep | None = None
    steps: tuple[StepState, ...] = ()
    operator: str | None = None
    patient: PatientView | None = None
    answers: dict[str, bool] = Field(default_factory=dict)
    reasons: dict[str, str] = Field(default_factory=dict)
    findings: tuple[FindingView, ...] = ()
    """Of screening, plan and interval; shown where they arise and before consent."""
    plan: PlanView | None = None
    consent: ConsentView | None = None
    cartridge: CartridgeView | None = None
    run: RunView | None = None
    visit_id: str | None = None
    """From the consent on."""
    next_eligible: str | None = None
    """ISO date from which the area may be treated again; known once a session was opened."""
    next_why: str | None = None


# --- requests -------------------------------------------------------------------------------------------------------------


class ChoosePatient(ConsoleRef):
    """Step 1."""

    reference: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
    """The patient's pseudonym in the clinic's record."""


class Screen(ConsoleRef):
    """Step 2: an answer to every question, and why a finding that may be passed is passed."""

    answers: dict[Id, bool | Answer]
    """True for yes, or a reply with its days."""
    reasons: dict[Id, Line] = Field(default_factory=dict)


class ZoneEdit(Model):
    """One zone as the clinician wants it; every number within the caps of pen and program."""

    name: Id
    area_mm2: Annotated[int, Field(ge=AREA_MIN_MM2, le=AREA_MAX_MM2)]
    depth_um: Annotated[
        int, Field(ge=limits.DEPTH_STEP_UM, le=limits.DEPTH_STOP_UM, multiple_of=limits.DEPTH_STEP_UM)
    ]
    rate_mhz: Annotated[int, Field(ge=limits.RATE_MIN_MHZ, le=limits.RATE_MAX_MHZ)]
    passes: Annotated[int, Field(ge=1, le=PASSES_MAX)]
    hold_s: Annotated[int, Field(ge=1, le=HOLD_MAX_S)]
    target_low: Annotated[int, Field(ge=1, le=TARGET_MAX_PER_CM2)]
    target_high: Annotated[int, Field(ge=1, le=TARGET_MAX_PER_CM2)]


class UnlockEdit(Model):
    """Leave to go beyond the default cap."""

    reason: UnlockReason
    statement: Line


class ChoosePlan(ConsoleRef):
    """Step 3: a preset, or its zones changed."""

    preset: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
    zones: Annotated[tuple[ZoneEdit, ...], Field(min_length=1, max_length=ZONES_MAX)] | None = None
    needles: Annotated[int, Field(ge=1, le=NEEDLES_MAX)] | None = None
    interval_days: Annotated[int, Field(ge=1, le=INTERVAL_MAX_DAYS)] | None = None
    unlock: UnlockEdit | None = None
    reasons: dict[Id, Line] = Field(default_factory=dict)
    """Why findings on the plan that may be passed are passed."""


class GiveConsent(ConsoleRef):
    """Step 4: the patient agreed to this very text, and the operator witnessed it."""

    text_sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """Of the text that was shown; another text is refused."""
    agreed: bool
    off_label_said: bool = False
    """The patient was told that the use is not cleared; wanted where the plan is off-label."""
    signed_by: Line | None = None
    """Who signed; the patient when not given."""
    relation: Relation = Relation.PATIENT
    signed_on: SignedOn = SignedOn.PAPER


class CheckCartridge(ConsoleRef):
    """Step 5: the cartridge in the pen, and what was scanned from its package if anything was."""

    scanned: Line | None = None


class Prepare(ConsoleRef):
    """Step 6: whom, and by which plan, as the screen showed it to the person who begins."""

    reference: Annotated[str, StringConstraints(max_length=40)]
    plan_digest: Annotated[str, StringConstraints(max_length=64)]


class ZoneDecision(ConsoleRef):
    """Step 7, zone by zone."""

    decision: Proceed
    zone: Id
    """The zone that is asked about: an answer to an older question is refused."""


class Applied(Model):
    """What was applied after the last stroke, if anything; nothing is suggested."""

    topical: Line | None = None
    topical_substance: Substance = Substance.OTHER
    topical_minutes_after: Annotated[int, Field(ge=0, le=1_440)] | None = None


class CloseTreatment(Applied, ConsoleRef):
    """Step 8."""

    endpoint: Endpoint
    aftercare_given: bool
    notes: Words | None = None
    next_day: date | None = None
    """Of the next visit; the first day that the rules allow when not given."""
    earlier_reason: Line | None = None
    """Why it is earlier than the rules allow."""
    pin: Pin
    """Signs it."""


class Cleaned(ConsoleRef):
    """Between patients: the pen was cleaned."""

    method: CleaningMethod
    sheath_changed: bool


class Cancel(ConsoleRef):
    """Give the open treatment up before its first stroke."""

    why: Line
