"""Who is treated in the demonstration's course, and what is measured, seen and felt from week to week.

All of it is invented: it shows what a record of a course holds, and says nothing about what needling does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from ..presets import ZoneChoice
from ..records.models import (
    AreaUnit,
    CountMethod,
    Demographics,
    HairCount,
    HairDiameter,
    Hairs,
    Landmark,
    Measured,
    NewReaction,
    Norwood,
    NorwoodType,
    PainScale,
    PatientRating,
    Person,
    ReactionKind,
    SevenPoint,
    Severity,
    Sex,
)

FIRST_DAY = date(2026, 1, 5)
PRESET = "hair_weekly_dhurat_2013"
INTERVAL_DAYS = 7
PHYSICIAN = Person(name="Dr. Demo", role="physician")
RATER = "N. Rater"
PATIENT = Demographics(
    full_name="Alex Demonstration",
    birth_date=date(1988, 4, 2),
    sex=Sex.MALE,
    phone="+1 555 0100",
    file_number="DEMO-1",
)
ZONES = (ZoneChoice(name="midscalp", area_mm2=400), ZoneChoice(name="vertex", area_mm2=600))
"""Small ones: the demonstration strokes for seconds, not for minutes."""
OVERRIDE = "interval_planned"
OVERRIDE_REASON = "Weekly sessions as published (Dhurat 2013), explained to the patient and agreed."
TRIP_WEEK = 4
"""In this week the cartridge comes off amid a zone."""
LOT_CHANGE_WEEK = 7
LOTS = ("LOT-2025-117", "LOT-2026-004")
REACTIONS = {
    1: (ReactionKind.REDNESS, Severity.MILD, 2),
    5: (ReactionKind.ITCHING, Severity.MILD, 1),
    9: (ReactionKind.REDNESS, Severity.MODERATE, 3),
}
"""By week: what, how strong, for how many days."""
MEASURED_WEEKS = (0, 4, 8, 12)
PHOTO_WEEKS = (0, 6, 12)
TREATMENT_TEXT = (
    "Needling of the scalp against hair loss is off-label: no authority has cleared any pen for it. It may bring redness, "
    "swelling, infection, scars and changes of colour. What it does for hair is not settled: trials differ, and all of them "
    "added a drug."
)
PHOTO_TEXT = (
    "Photographs of the treated area are kept with the record and shown to nobody but those who treat."
)
_COUNTS = {0: 148, 4: 151, 8: 158, 12: 163}
_DIAMETERS_NM = {0: 46_000, 4: 46_500, 8: 48_000, 12: 49_000}
_SCORES = {4: 0, 8: 1, 12: 1}
_RATINGS = {4: 5, 8: 15, 12: 20}
_PAIN_MM = (34, 31, 33, 38, 28, 30, 27, 25, 29, 26, 24, 25)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something measured.

    Attributes:
        measured: What.
        baseline: Later ones are compared with it.
    """

    measured: Measured
    baseline: bool = False


def findings(week: int) -> list[Finding]:
    """What is measured at the end of a week; 0 is before the first treatment."""
    if week not in MEASURED_WEEKS:
        return []
    first = week == 0
    count = HairCount(
        site="vertex",
        landmark=Landmark.TATTOO,
        rater=RATER,
        blinded=True,
        method=CountMethod.AUTOMATIC_CORRECTED,
        hairs=Hairs.TERMINAL,
        count=_COUNTS[week],
        area_thousandths=1_000,
        area_unit=AreaUnit.CM2,
    )
    diameter = HairDiameter(
        site="vertex",
        landmark=Landmark.TATTOO,
        rater=RATER,
        blinded=True,
        method=CountMethod.AUTOMATIC_CORRECTED,
        hairs=Hairs.TERMINAL,
        diameter_nm=_DIAMETERS_NM[week],
        hairs_measured=60,
    )
    found = [Finding(count, first), Finding(diameter, first)]
    if first:
        found.append(Finding(Norwood(type=NorwoodType.III_VERTEX, rater=RATER, blinded=False), baseline=True))
    else:
        found.append(Finding(SevenPoint(score=_SCORES[week], rater=RATER, blinded=True)))
        found.append(Finding(PatientRating(improvement_percent=_RATINGS[week])))
    return found


def pain(week: int) -> PainScale:
    """Pain during the treatment of a week, from 1."""
    return PainScale(pain_mm=_PAIN_MM[(week - 1) % len(_PAIN_MM)])


def reaction(week: int, day: date) -> tuple[NewReaction, int] | None:
    """What the skin does after a week's treatment, and for how many days."""
    found = REACTIONS.get(week)
    if found is None:
        return None
    kind, severity, days = found
    return NewReaction(kind=kind, onset=day, severity=severity, site="vertex"), days


def lot(week: int) -> str:
    """The lot that is on the shelf in a week."""
    return LOTS[week >= LOT_CHANGE_WEEK]


def hairs_drawn(week: int) -> int:
    """Hairs in the picture that is drawn for a week."""
    nearest = max(known for known in _COUNTS if known <= week)
    return 3 * _COUNTS[nearest]
