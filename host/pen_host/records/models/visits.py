"""Visits: one treatment of one patient, from the open door to the signature."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from pen_host.models import Endpoint, Id, LongText, Model, Plan, Text
from pen_host.records.models.people import Key, Name, PatientId, Person, TopicalUse
from pen_host.records.models.screenings import Override

SessionId = Annotated[str, StringConstraints(pattern=r"^[a-z][0-9a-z_-]{0,39}$")]


class VisitState(StrEnum):
    """Where a visit stands."""

    OPEN = "open"
    CLOSED = "closed"
    """Signed."""
    ABANDONED = "abandoned"
    """Ended without a signature, with a reason."""


class VisitSession(Model):
    """A pen session that belongs to a visit; after a broken-off one there may be another.

    Attributes:
        session_id: As the journal knows it.
        pen_serial: The pen.
        at: When it was opened.
    """

    session_id: SessionId
    pen_serial: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    at: datetime


class Signature(Model):
    """Name, time and meaning under something.

    Attributes:
        signer: Who.
        meaning: What the signature says, for example `treated and reviewed`.
        at: When.
    """

    signer: Person
    meaning: Text
    at: datetime


class Next(Model):
    """When the area may be treated again.

    Attributes:
        day: The first day.
        rule_id: The rule that gave it.
        sentence: Why, in words.
        reason: Why it is earlier than the rule says; None where it is not.
    """

    day: date
    rule_id: Id
    sentence: str
    reason: Text | None = None


class Closing(Model):
    """What is recorded at the end of a visit.

    Attributes:
        endpoint: What was seen on the skin.
        topicals: What was applied and when; recorded, never asked for.
        after_care_at: When the after-care sheet was given.
        next_day: Day of the next visit; None takes the first day that the rules allow.
        earlier_reason: Why `next_day` is earlier than the rules allow.
        note: Anything else.
        meaning: What the signature says.
    """

    endpoint: Endpoint
    topicals: Annotated[tuple[TopicalUse, ...], Field(max_length=20)] = ()
    after_care_at: datetime | None = None
    next_day: date | None = None
    earlier_reason: Text | None = None
    note: LongText | None = None
    meaning: Text = "treated and reviewed"


class Visit(Model):
    """A visit on record.

    Attributes:
        visit_id: Its key.
        patient_id: The patient.
        day: Calendar day of the clinic.
        state: Where it stands.
        preset_id: The preset its plan came from; None for an own plan.
        preset_digest: Of the version of an own preset; None for one that comes with the program, and for visits of before.
        plan: What was planned.
        screening_id: The screening it rests on.
        consent_id: The consent it rests on.
        overrides: Findings on plan and interval that were gone past.
        sessions: Pen sessions, in order.
        opened_at: When.
        opened_by: By whom.
        closed_at: When it was signed or abandoned.
        endpoint: What was seen.
        after_care_at: When the after-care sheet was given.
        next: When the area may be treated again; None until closed.
        signature: Under it; None until closed.
        abandoned_reason: Why it was abandoned.
    """

    visit_id: Key
    patient_id: PatientId
    day: date
    state: VisitState
    preset_id: Id | None
    preset_digest: str | None = None
    plan: Plan
    screening_id: Key
    consent_id: Key
    overrides: tuple[Override, ...]
    sessions: tuple[VisitSession, ...]
    opened_at: datetime
    opened_by: Person
    closed_at: datetime | None = None
    endpoint: Endpoint | None = None
    after_care_at: datetime | None = None
    next: Next | None = None
    signature: Signature | None = None
    abandoned_reason: Text | None = None

    @property
    def authorised(self) -> bool:
        """Whether a clinician authorised an interval shorter than the depth asks for."""
        return any(one.rule_id == "interval_planned" for one in self.overrides)

    @property
    def reasons(self) -> dict[str, str]:
        """Reasons by rule, as a session wants them; whoever authorised the interval has given the reason for it."""
        given = {one.rule_id: one.reason for one in self.overrides}
        if "interval_planned" in given:
            given.setdefault("interval_short", given["interval_planned"])
        return given


class Due(Model):
    """A patient who may come again.

    Attributes:
        patient_id: The patient.
        patient_name: Their name.
        last_day: Day of the last visit.
        next_day: First day of the next one.
        overdue_days: Days since then; negative before it.
        preset_id: The course they are in, None for an own plan.
        visits: Closed visits in that course.
        sessions: Sessions the course has; None where it has no fixed number.
    """

    patient_id: PatientId
    patient_name: Name
    last_day: date
    next_day: date
    overdue_days: int
    preset_id: Id | None
    visits: Annotated[int, Field(ge=1)]
    sessions: Annotated[int, Field(ge=1)] | None


class TimelineItem(Model):
    """One thing that happened to a patient.

    Attributes:
        at: When.
        kind: visit, consent, screening, outcome, reaction, note, topical, cartridge, home_tool.
        key: Key of the row it stands for.
        title: For a list.
        by: Who.
        details: The model of that kind, as JSON.
    """

    at: datetime
    kind: Id
    key: Key
    title: str
    by: Person
    details: dict[str, Any]
