"""Whether a photograph's picture is given out, and why not: the one rule, asked by whatever gives pictures out.

A picture is given out only while a consent of the patient to photographs stands. Row, digest, view and day are told in any
case, for they are the record; the picture stays in it and goes along in its backups, which are the record itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pen_host.findings import Finding, Level
from pen_host.records.models import Consent

CONSENT = "photographs"
"""Name of the consent without which nobody is photographed, and no picture is given out."""
STANDS = f"""EXISTS (SELECT 1 FROM consents c JOIN consent_texts t ON t.id = c.text_id
               WHERE c.patient_id = p.patient_id AND c.withdrawn_at IS NULL AND t.name = '{CONSENT}')"""  # noqa: S608
"""The rule of `stands` in SQL, for a row `p` that has a patient."""


class Absence(StrEnum):
    """Why a picture is not given out."""

    NO_CONSENT = "no_consent"
    """The patient took the consent back, or none is on record."""
    NOT_HERE = "not_here"
    """This record has never had the file."""


@dataclass(frozen=True, slots=True)
class NotShown:
    """A picture that is not given out.

    Attributes:
        reason: Why.
        sentence: The same for people: what, what it means, what to do.
    """

    reason: Absence
    sentence: str

    @property
    def finding(self) -> Finding:
        """The same as what forbids a step."""
        return Finding(Level.BLOCK, f"photograph_{self.reason}", self.sentence, "the clinical record")


def stands(signed: Iterable[tuple[str, object]]) -> bool:
    """Whether pictures of a patient may be given out.

    Args:
        signed: What the patient signed: the text's name, and when it was taken back; None where it was not.
    """
    return any(name == CONSENT and taken_back is None for name, taken_back in signed)


def not_agreed(consents: Sequence[Consent]) -> NotShown | None:
    """Why no picture of a patient is given out, from everything that they signed; None where they are."""
    if stands((one.name, one.withdrawn_at) for one in consents):
        return None
    days = [one.withdrawn_at for one in consents if one.name == CONSENT and one.withdrawn_at is not None]
    what = f"was withdrawn on {max(days):%Y-%m-%d}" if days else "is not on record"
    return NotShown(
        Absence.NO_CONSENT,
        f"The consent to photographs {what}: they stay in the record and are shown to nobody. Have a new consent signed if the "
        "patient agrees again.",
    )
