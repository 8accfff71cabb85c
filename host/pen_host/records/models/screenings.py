"""What a patient answered, what followed from it, and who went past what."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from pen_host.findings import Finding, forbidding
from pen_host.models import Id, Model, Text
from pen_host.records.models.people import Key, PatientId, Person
from pen_host.screening import Answer


class Override(Model):
    """A finding that a named person went past.

    Attributes:
        rule_id: Which.
        reason: Why, for the record.
        by: Who signs for it.
    """

    rule_id: Id
    reason: Text
    by: Person


class Screened(Model):
    """A screening on record.

    Attributes:
        screening_id: Its key.
        patient_id: The patient.
        day: For which day it holds; windows are counted to it.
        answers: As given.
        overrides: Findings that were gone past.
        findings: What the answers mean.
        session_answers: Yes or no by rule, as a session wants it; a rule that nobody can answer is not in it, and a
            session blocks on that as well.
        at: When.
        by: Who asked.
    """

    screening_id: Key
    patient_id: PatientId
    day: date
    answers: dict[Id, Answer]
    overrides: tuple[Override, ...]
    findings: tuple[Finding, ...]
    session_answers: dict[Id, bool]
    at: datetime
    by: Person

    @property
    def reasons(self) -> Mapping[str, str]:
        """Reasons by rule, as a session wants them."""
        return {one.rule_id: one.reason for one in self.overrides}

    @property
    def forbids(self) -> tuple[Finding, ...]:
        """What still forbids the treatment; nothing when it may go on."""
        return tuple(forbidding(self.findings, self.reasons))
