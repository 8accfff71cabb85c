"""Who is who in an export: as in the record, or de-identified by keyed hashes and shifted days that nobody can turn back.

De-identified means here: no name, contact, file number, free text, photograph or exact date of birth; patients, visits,
persons and stations by keyed hashes; all days of one patient moved by the same number of days. The key is drawn for one
export and thrown away. What stays: lots, pens, settings, counts, measures. A rare course can still be recognised by who
knows it; this is no anonymisation.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from datetime import date, datetime, timedelta

SHIFT_DAYS = 182
"""Days are moved by up to so many, back or forth. (J)"""
LETTERS = 16


class Identity:
    """Everything as in the record."""

    deidentified = False

    def patient(self, patient_id: str) -> str:
        """A patient."""
        return patient_id

    def key(self, key: str | None) -> str | None:
        """Any other key."""
        return key

    def person(self, name: str | None) -> str | None:
        """Somebody of the clinic."""
        return name

    def text(self, text: str | None) -> str | None:
        """Something that a person typed."""
        return text

    def day(self, _patient_id: str, value: date | None) -> date | None:
        """A day in a patient's life."""
        return value

    def moment(self, _patient_id: str, value: datetime | None) -> datetime | None:
        """A moment in a patient's life."""
        return value

    def birth(self, value: date | None) -> str | None:
        """A date of birth."""
        return None if value is None else value.isoformat()


class Deidentified(Identity):
    """Nobody by name.

    Args:
        key: Drawn when not given, and kept nowhere.
    """

    deidentified = True

    def __init__(self, key: Callable[[], bytes] = lambda: secrets.token_bytes(32)) -> None:
        self._key = key()

    def patient(self, patient_id: str) -> str:
        """See `Identity`."""
        return f"D-{self._hash('patient', patient_id)}"

    def key(self, key: str | None) -> str | None:
        """See `Identity`. With letters in front: a spreadsheet takes one hash in eight hundred for a number, and rounds it."""
        return None if key is None else f"K-{self._hash('key', key)}"

    def person(self, name: str | None) -> str | None:
        """See `Identity`."""
        return None if name is None else f"person-{self._hash('person', name)[:8]}"

    def text(self, text: str | None) -> str | None:  # noqa: ARG002
        """See `Identity`. Nobody knows what somebody typed."""
        return None

    def day(self, patient_id: str, value: date | None) -> date | None:
        """See `Identity`."""
        return None if value is None else value + timedelta(days=self._shift(patient_id))

    def moment(self, patient_id: str, value: datetime | None) -> datetime | None:
        """See `Identity`."""
        return None if value is None else value + timedelta(days=self._shift(patient_id))

    def birth(self, value: date | None) -> str | None:
        """The decade only."""
        return None if value is None else f"{value.year // 10 * 10}s"

    def _shift(self, patient_id: str) -> int:
        """Never 0: a course that was not moved would look as if it were."""
        drawn = int(self._hash("shift", patient_id), 16) % (2 * SHIFT_DAYS)
        return drawn - SHIFT_DAYS if drawn < SHIFT_DAYS else drawn - SHIFT_DAYS + 1

    def _hash(self, use: str, text: str) -> str:
        return hmac.new(self._key, f"{use}:{text}".encode(), hashlib.sha256).hexdigest()[:LETTERS]
