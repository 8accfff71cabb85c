"""Photographs come in: a file is decoded and encoded anew in the workshop's process, then taken into the record."""

from __future__ import annotations

from datetime import date

from ..records import Clinic
from ..records.models import Consent, ConsentText, Person, Photo, View
from ..records.photo_access import CONSENT
from ..records.photo_files import encoded_bytes
from .problems import wrong_field
from .visiting import LANGUAGE
from .workshop import Workshop

NAME = "The file"
"""What a photograph is called in the sentence that refuses it: names of files may tell who is on it."""


class PhotoDesk:
    """See the module. Waits for the disk.

    Args:
        clinic: The clinic's record.
        workshop: Where pictures are decoded.
    """

    def __init__(self, clinic: Clinic, workshop: Workshop) -> None:
        self._clinic = clinic
        self._workshop = workshop

    def add(
        self,
        patient_id: str,
        raw: bytes,
        view: View,
        day: date,
        by: Person,
        *,
        visit_id: str | None = None,
        note: str | None = None,
    ) -> Photo:
        """Take a photograph in.

        Args:
            patient_id: Of whom.
            raw: The file's content.
            view: From where it was taken.
            day: When.
            by: Who enters it.
            visit_id: The visit at which it was taken.
            note: Anything about it.

        Raises:
            PenError: It is no photograph, no consent stands, the day is in the future, or it is there already.
        """
        self._clinic.photos.must_be_allowed(patient_id, day)
        kept = self._workshop.make(encoded_bytes, raw, NAME)
        return self._clinic.photos.keep(patient_id, kept, view, day, by, visit_id=visit_id, note=note)

    def text(self) -> ConsentText | None:
        """What a patient signs before being photographed; None where the clinic has published nothing."""
        texts = [text for text in self._clinic.consents.texts() if text.name == CONSENT]
        return min(texts, key=lambda one: one.language != LANGUAGE, default=None)

    def standing(self, patient_id: str) -> Consent | None:
        """The patient's consent to photographs, if it stands."""
        return self._clinic.consents.standing(patient_id, CONSENT)

    def consent(self, patient_id: str, text_sha256: str, by: Person) -> Consent:
        """The patient signed this very text.

        Raises:
            PenError: There is no text, it is another by now, or it cannot be recorded.
        """
        text = self.text()
        if text is None or text.digest != text_sha256:
            raise wrong_field("text_sha256", "The text has changed since it was shown; read it again.")
        patient = self._clinic.patients.get(patient_id)
        return self._clinic.consents.sign(patient.patient_id, text.text_id, patient.label, by)
