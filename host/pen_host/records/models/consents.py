"""Consent: texts in versions, and who signed which."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from pen_host.models import Id, LongText, Model, Text
from pen_host.records.models.people import Key, Name, PatientId, Person

Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")]
Body = Annotated[str, StringConstraints(min_length=1, max_length=40_000, strip_whitespace=True)]


class Relation(StrEnum):
    """In what relation the person who signed stands to the patient."""

    PATIENT = "patient"
    GUARDIAN = "guardian"


class SignedOn(StrEnum):
    """What was signed."""

    PAPER = "paper"
    SCREEN = "screen"


class ConsentText(Model):
    """One version of a text that patients sign; never changed, only followed by the next version.

    Attributes:
        text_id: Its key.
        name: What it is for, for example `microneedling` or `photographs`.
        language: For example `en`.
        version: From 1.
        title: Above it.
        body: The whole text.
        digest: SHA-256 of title and body; stands in the chain beside every signature.
        published_at: When.
        published_by: By whom.
    """

    text_id: Key
    name: Id
    language: Language
    version: Annotated[int, Field(ge=1)]
    title: Text
    body: Body
    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    published_at: datetime
    published_by: Person


class Consent(Model):
    """A consent that was given.

    Attributes:
        consent_id: Its key.
        patient_id: The patient.
        text: The version that was signed, without its body.
        signed_by: Name of the person who signed.
        relation: Patient or guardian.
        signed_on: Paper or screen.
        signed_at: When.
        witnessed_by: Who took it.
        withdrawn_at: When it was taken back; None while it stands.
        withdrawn_reason: Why, in the patient's words.
    """

    consent_id: Key
    patient_id: PatientId
    text_id: Key
    name: Id
    language: Language
    version: Annotated[int, Field(ge=1)]
    signed_by: Name
    relation: Relation
    signed_on: SignedOn
    signed_at: datetime
    witnessed_by: Person
    withdrawn_at: datetime | None = None
    withdrawn_reason: LongText | None = None

    @property
    def stands(self) -> bool:
        """Whether it was not withdrawn."""
        return self.withdrawn_at is None
