"""Consents are signed and taken back; one that an open treatment rests on takes the treatment with it, STOP first."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from ..records import Clinic
from ..records.consents import TREATMENT
from ..records.models import Consent, ConsentText, Person, Relation, SignedOn
from .models import Line, Model, Pin
from .problems import wrong_field
from .treatment import TreatmentDesk
from .visiting import LANGUAGE

WITHDRAWN = "the patient withdrew the consent"
"""Why the treatment was given up; the patient's own words stay with the consent."""


class SignConsent(Model):
    """A patient, or their guardian, signed this very text."""

    text_sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    signed_by: Line
    relation: Relation = Relation.PATIENT
    signed_on: SignedOn = SignedOn.PAPER


class WithdrawConsent(Model):
    """The patient took a consent back."""

    reason: Line
    """In the patient's words."""
    pin: Pin
    """Of who is signed in, who signs for having heard it."""


class ConsentDesk:
    """See the module. Waits for the disk.

    Args:
        clinic: The clinic's record.
        treatment: What may be open.
    """

    def __init__(self, clinic: Clinic, treatment: TreatmentDesk) -> None:
        self._clinic = clinic
        self._treatment = treatment

    def texts(self) -> tuple[ConsentText, ...]:
        """What can be signed: the newest text of each name, in the console's language where there is one."""
        found: dict[str, ConsentText] = {}
        for text in self._clinic.consents.texts():
            if text.name not in found or text.language == LANGUAGE:
                found[text.name] = text
        return tuple(found.values())

    def sign(self, patient_id: str, asked: SignConsent, by: Person) -> Consent:
        """Record a signature.

        Raises:
            PenError: There is no such patient, the text is another by now, or it cannot be recorded.
        """
        text = next((one for one in self.texts() if one.digest == asked.text_sha256), None)
        if text is None:
            raise wrong_field("text_sha256", "The text has changed since it was shown; read it again.")
        return self._clinic.consents.sign(
            patient_id, text.text_id, asked.signed_by, by, relation=asked.relation, signed_on=asked.signed_on
        )

    def withdraw(self, consent_id: str, reason: str, by: Person) -> Consent:
        """Record that a consent was taken back. The signature was checked by the caller.

        Raises:
            PenError: There is no such consent, it was withdrawn before, or it cannot be recorded. An open treatment that
                rests on it is over all the same.
        """
        known = self._clinic.consents.get(consent_id)
        # first of all: whatever becomes of the record, nobody is needled who has just said no
        self._give_up(known, by)
        taken_back = self._clinic.consents.withdraw(consent_id, reason, by)
        # once more: a visit may have been opened on it before the record had that
        self._give_up(known, by)
        return taken_back

    def _give_up(self, known: Consent, by: Person) -> None:
        if known.name == TREATMENT:
            self._treatment.withdrawn(known.patient_id, by, WITHDRAWN)
