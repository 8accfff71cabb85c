"""How reports write numbers, days and names; one way for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from fractions import Fraction

from pen_host.dose import ZoneDose, rounded_up
from pen_host.findings import Level
from pen_host.models import Source
from pen_host.records.models import Patient, Person
from pen_host.records.seals import Seal
from pen_host.reports.blocks import Badge, Note, Tone

NOT_CLEARED = "This pen is no cleared medical device. What is called protrusion is the needle's setting, not its depth in tissue."
NONE = "none"
NOT_KNOWN = "not known"


def day(value: date | None) -> str:
    """A day, the same in every country."""
    return NOT_KNOWN if value is None else f"{value:%Y-%m-%d}"


def moment(value: datetime | None) -> str:
    """A moment in UTC."""
    return NOT_KNOWN if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def mm(depth_um: int | None) -> str:
    """A needle protrusion setting."""
    return NOT_KNOWN if depth_um is None else f"{depth_um / 1000:.2f} mm"


def hz(rate_mhz: int | None) -> str:
    """A stroke rate."""
    return NOT_KNOWN if rate_mhz is None else f"{rate_mhz / 1000:.1f} Hz"


def cm2(area_mm2: int | None) -> str:
    """An area."""
    return NOT_KNOWN if area_mm2 is None else f"{area_mm2 / 100:g} cm2"


def estimate(total: Fraction | None) -> str:
    """An estimated maximum, rounded up."""
    return NOT_KNOWN if total is None else f"{rounded_up(total)}"


def treated(doses: Iterable[ZoneDose]) -> str:
    """The zones in which there were strokes, and whether there were any outside."""
    zones = [named(one.zone or "outside any zone") for one in doses if one.strokes]
    return ", ".join(zones) or "no strokes"


def named(word: str) -> str:
    """A value of an enumeration as a person writes it."""
    return word.replace("_", " ")


def who(person: Person) -> str:
    """A person with their role."""
    return f"{person.name}, {named(person.role)}"


def patient_name(patient: Patient) -> str:
    """A patient by name, as far as the record still knows it."""
    return patient.demographics.full_name if patient.demographics else "(erased)"


def patient_facts(patient: Patient) -> tuple[tuple[str, str], ...]:
    """Who it is, so that a sheet is not put into another file."""
    known = patient.demographics
    if known is None:
        return (("Patient id", patient.patient_id), ("Patient", "erased on " + day_of(patient.erased_at)))
    rows = [
        ("Patient", known.full_name),
        ("Patient id", patient.patient_id),
        ("Date of birth", day(known.birth_date)),
    ]
    return (*rows, ("Clinic's file", known.file_number or NONE))


def day_of(value: datetime | None) -> str:
    """The day of a moment."""
    return NOT_KNOWN if value is None else day(value.astimezone(UTC).date())


def off_label_badge(*, off_label: bool) -> tuple[Badge, ...]:
    """The mark that no sheet of an off-label use goes without."""
    return (Badge("off-label use", Tone.WARN),) if off_label else ()


def level_word(level: Level) -> str:
    """A finding's level."""
    return level.name.lower()


def sources(found: Sequence[Source]) -> tuple[str, ...]:
    """Sources as lines."""
    return tuple(one.citation for one in found)


def sealed(seal: Seal) -> str:
    """The chain's head at the bottom of a page."""
    return f"chain {seal.text}"


def seal_note(seal: Seal) -> Note:
    """What the head means, once a document."""
    return Note(
        "Chain head",
        (
            f"Station {seal.head.station_id}, entry {seal.head.seq}, {moment(seal.at)}. Every entry up to this one is covered by "
            "the hash at the bottom of each page. Whoever holds this sheet can have it compared: pen log verify.",
        ),
    )
