"""Reactions: what the skin did after a treatment, day by day, and when somebody must look."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from pen_host.models import Model, Text
from pen_host.records.models.people import Key, PatientId, Person


class ReactionKind(StrEnum):
    """What was seen or felt."""

    REDNESS = "redness"
    SWELLING = "swelling"
    BRUISING = "bruising"
    OOZING = "oozing"
    PAIN = "pain"
    BURNING = "burning"
    ITCHING = "itching"
    INFECTION = "infection"
    PIGMENT_CHANGE = "pigment_change"
    SCARRING = "scarring"
    GRANULOMA = "granuloma"
    TRAM_TRACK = "tram_track"


class Severity(StrEnum):
    """How strong."""

    MILD = "mild"
    MODERATE = "moderate"
    SEVERE = "severe"


class NewReaction(Model):
    """A reaction as it is entered.

    Attributes:
        kind: What.
        onset: First day.
        severity: How strong on that day.
        site: Where.
        note: Anything else.
    """

    kind: ReactionKind
    onset: date
    severity: Severity
    site: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")] | None = None
    note: Text | None = None


class DiaryEntry(Model):
    """How it was on one day.

    Attributes:
        day: Which day.
        severity: How strong; None for a day on which it was gone.
        note: Anything else.
    """

    day: date
    severity: Severity | None
    note: Text | None = None


class Reaction(Model):
    """A reaction on record.

    Attributes:
        reaction_id: Its key.
        patient_id: The patient.
        visit_id: The treatment it is linked to.
        session_ids: That visit's pen sessions.
        pen_serials: The pens.
        lots: Lots of that visit's cartridges.
        kind: What.
        onset: First day.
        severity: The strongest so far.
        site: Where.
        note: As entered.
        diary: Day by day, oldest first.
        resolved: The day it was gone; None while it is there.
        expected_days: How long this kind is expected to last.
        expected_source: Where that comes from.
        escalated: Why somebody must look at it; None while nobody must.
        reviewed_at: When a clinician looked at it.
        reviewed_by: Who.
        at: When it was entered.
        by: By whom.
    """

    reaction_id: Key
    patient_id: PatientId
    visit_id: Key
    session_ids: tuple[str, ...]
    pen_serials: tuple[str, ...]
    lots: tuple[str, ...]
    kind: ReactionKind
    onset: date
    severity: Severity
    site: Annotated[str, StringConstraints(max_length=40)] | None
    note: Text | None
    diary: tuple[DiaryEntry, ...]
    resolved: date | None
    expected_days: Annotated[int, Field(ge=0)]
    expected_source: str
    escalated: str | None
    reviewed_at: datetime | None = None
    reviewed_by: Person | None = None
    at: datetime
    by: Person
