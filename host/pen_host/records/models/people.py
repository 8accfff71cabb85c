"""Patients and the people who treat them. A name stands here and in no entry of the chain."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from pen_host.models import LongText, Model, Text
from pen_protocol import limits

Key = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""A row's own key: a random UUID, so that rows of several stations never collide."""
Name = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=120, strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$"
    ),
]
PatientId = Annotated[str, StringConstraints(pattern=r"^P-[0-9A-Y]{5}-[0-9A-Y]{5}$")]
"""The pseudonym: all that the chain, the pen and an export ever see of a patient."""

TIMES_A_WEEK_MAX = 21
"""Three times a day; more is a slip of the keyboard. (J)"""


class Person(Model):
    """Who did something, as the record signs it.

    Attributes:
        name: As it stands in every entry.
        role: In what role: clinician, physician, engineer, admin.
    """

    name: Name
    role: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,39}$")] = "clinician"


class Sex(StrEnum):
    """As the patient says; some published scales are for one of them."""

    FEMALE = "female"
    MALE = "male"
    OTHER = "other"


class Demographics(Model):
    """Who a patient is. Kept apart from the chain and erasable.

    Attributes:
        full_name: As on their papers.
        birth_date: For the age rule, and against mixing people up.
        sex: None where it was not said.
        phone: To reach them when a lot is recalled.
        email: The same.
        file_number: The clinic's own number for them.
    """

    full_name: Name
    birth_date: date
    sex: Sex | None = None
    phone: Annotated[str, StringConstraints(pattern=r"^\+?[0-9 ()/.-]{3,40}$")] | None = None
    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]{1,120}@[^@\s]{1,120}$")] | None = None
    file_number: (
        Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,40}$", strip_whitespace=True)]
        | None
    ) = None


class Patient(Model):
    """A patient of the clinic.

    Attributes:
        patient_id: The pseudonym.
        demographics: Newest version; None once they were erased.
        version: Number of that version, from 1; 0 once erased.
        added_at: When, UTC.
        added_by: By whom.
        erased_at: When the demographics were erased; None for everyone else.
    """

    patient_id: PatientId
    demographics: Demographics | None
    version: Annotated[int, Field(ge=0)]
    added_at: datetime
    added_by: Person
    erased_at: datetime | None = None

    @property
    def label(self) -> str:
        """What a screen calls this patient."""
        return self.demographics.full_name if self.demographics else f"{self.patient_id} (erased)"


class Note(Model):
    """A remark about a patient; it is never changed, only amended by a later one.

    Attributes:
        note_id: Its key.
        patient_id: The patient.
        visit_id: The visit it belongs to, if any.
        text: What was written.
        amends: The note it replaces.
        at: When.
        by: Who.
    """

    note_id: Key
    patient_id: PatientId
    visit_id: Key | None
    text: LongText
    amends: Key | None
    at: datetime
    by: Person


class HomeToolKind(StrEnum):
    """What a patient uses on their own skin between visits."""

    ROLLER = "roller"
    STAMP = "stamp"
    PEN = "home_pen"


class HomeTool(Model):
    """A needling tool used at home. It counts in the interval rules like a session of its needle length.

    Attributes:
        tool: What it is.
        needle_um: Its needle length or setting.
        times_a_week: How often, 0 when it is used no more.
        last_used: The day; None while it is in use and nobody can say: then it counts as used today.
        since: From when on it was used, if known.
    """

    tool: HomeToolKind
    needle_um: Annotated[int, Field(ge=50, le=limits.DEPTH_STOP_UM)]
    times_a_week: Annotated[int, Field(ge=0, le=TIMES_A_WEEK_MAX)]
    last_used: date | None = None
    since: date | None = None

    @model_validator(mode="after")
    def _ended_when(self) -> Self:
        if self.times_a_week == 0 and self.last_used is None:
            raise ValueError("a tool that is used no more needs the day it was last used")
        return self


class Substance(StrEnum):
    """Adjuncts that are recorded. The program never asks for one to be applied."""

    MINOXIDIL = "minoxidil"
    PRP = "platelet_rich_plasma"
    TOPICAL_STEROID = "topical_steroid"
    FINASTERIDE_GEL = "finasteride_gel"
    ORAL_DRUG = "oral_drug"
    VITAMIN_C = "vitamin_c"
    OTHER = "other"


class TopicalUse(Model):
    """Something that was applied or taken, and when.

    Attributes:
        substance: Which.
        detail: Product, strength and amount in words.
        used_at: When, with its time zone.
    """

    substance: Substance
    detail: Text | None = None
    used_at: datetime

    @model_validator(mode="after")
    def _zoned(self) -> Self:
        if self.used_at.tzinfo is None:
            raise ValueError("used_at has no time zone, so nobody can say when it was")
        return self
