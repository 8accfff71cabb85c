"""What a record is furnished with before its first treatment: consent texts, and people to practise on where nobody is real."""

from __future__ import annotations

from datetime import date

from ..records import Clinic
from ..records.models import Demographics, Person
from ..records.photo_access import CONSENT as PHOTO_CONSENT_NAME
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
PHOTO_TITLE = "Consent to photographs"
PHOTO_BODY = """\
Photographs of the treated area are taken from the same views before, during and after the course, so that they can be compared.

They are kept in the clinic's record with my other data, without any mark of place, time or camera. They are seen by those who
treat me and appear in my own course summary. They are not published and not given to anybody else without another consent.

I may withdraw this at any time; the treatment does not depend on it."""
TRAINEES = (
    Demographics(full_name="Training Patient One", birth_date=date(1985, 4, 12)),
    Demographics(full_name="Training Patient Two", birth_date=date(1992, 9, 3)),
    Demographics(full_name="Training Patient Three", birth_date=date(1978, 1, 27)),
)


def furnish(clinic: Clinic, *, training: bool) -> None:
    """Make a new record fit for a first treatment; a record that has its own consent texts keeps them.

    Args:
        clinic: The record.
        training: Add patients who are not real.

    Raises:
        PenError: The record cannot be written.
    """
    there = {text.name for text in clinic.consents.texts()}
    for name, title, body in (
        (CONSENT_NAME, CONSENT_TITLE, CONSENT_BODY),
        (PHOTO_CONSENT_NAME, PHOTO_TITLE, PHOTO_BODY),
    ):
        if name not in there:
            clinic.consents.publish(name, LANGUAGE, title, body, PROGRAM)
    if training and not clinic.patients.find("", limit=1):
        for who in TRAINEES:
            clinic.patients.add(who, PROGRAM)
