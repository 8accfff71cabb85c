"""What a record is furnished with before its first treatment: a consent text, and people to practise on where nobody is real."""

from __future__ import annotations

from datetime import date

from ..records import Clinic
from ..records.models import Demographics, Person
from .visiting import CONSENT_NAME, LANGUAGE

PROGRAM = Person(name="derma-pen", role="program")
CONSENT_TITLE = "Consent to microneedling"
CONSENT_BODY = """\
What is done: fine needles make small channels in the skin, to the protrusion setting and on the zones that I was shown.

Common and passing: redness, swelling, pinpoint bleeding, dryness, itching. Less common: infection, herpes coming back, a change
of colour, scars. Substances put on the skin go deeper than on closed skin; only what the clinician allows may be put on it.

The area must not be treated again before the day that I am told. A new sterile cartridge is opened for me and discarded after.

If I was told that this use is off-label, I understand that no authority has cleared the pen for it and that its benefit is
less well known.

I was told of benefits, risks and alternatives and could ask what I wanted. I may stop at any time."""
TRAINEES = (
    Demographics(full_name="Training Patient One", birth_date=date(1985, 4, 12)),
    Demographics(full_name="Training Patient Two", birth_date=date(1992, 9, 3)),
    Demographics(full_name="Training Patient Three", birth_date=date(1978, 1, 27)),
)


def furnish(clinic: Clinic, *, training: bool) -> None:
    """Make a new record fit for a first treatment; a record that has a consent text keeps it.

    Args:
        clinic: The record.
        training: Add patients who are not real.

    Raises:
        PenError: The record cannot be written.
    """
    if not any(text.name == CONSENT_NAME for text in clinic.consents.texts()):
        clinic.consents.publish(CONSENT_NAME, LANGUAGE, CONSENT_TITLE, CONSENT_BODY, PROGRAM)
    if training and not clinic.patients.find("", limit=1):
        for who in TRAINEES:
            clinic.patients.add(who, PROGRAM)
