"""Outcome measures. Every number has its unit in its name or beside it; a count without an area cannot be written."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field

from pen_host.models import Model, Text
from pen_host.records.models.people import Key, Name, PatientId, Person

COUNT_MAX = 5_000
"""More hairs than any target area holds: a scalp has at most about 300 per cm2. (J)"""
AREA_MAX_THOUSANDTHS = 100_000
"""100 cm2 or square inches: a target area is about 1. (J)"""


class AreaUnit(StrEnum):
    """Unit of a target area. Trials used both, and their results differ by it (Dhurat 2013, Kumar 2018)."""

    CM2 = "cm2"
    INCH2 = "inch2"


class CountMethod(StrEnum):
    """How hairs were counted."""

    MANUAL = "manual"
    AUTOMATIC = "automatic"
    """Not validated; its error in terminal counts was 9 % (Skin Appendage Disord 8:382)."""
    AUTOMATIC_CORRECTED = "automatic_corrected"
    HAIR_TO_HAIR = "hair_to_hair"


class Hairs(StrEnum):
    """Which hairs were counted."""

    ALL = "all"
    TERMINAL = "terminal"
    VELLUS = "vellus"


class Landmark(StrEnum):
    """How the same spot is found again."""

    TATTOO = "tattoo"
    TEMPLATE = "template"
    ANATOMICAL = "anatomical"
    NONE = "none"


class Rating(Model):
    """Who rated, and whether they knew the treatment.

    Attributes:
        rater: Who.
        blinded: True when the rater did not know which treatment or time point it was.
    """

    rater: Name
    blinded: bool


class _Target(Rating):
    """What every measure of a target area needs.

    Attributes:
        site: Where, for example `vertex`.
        method: How.
        hairs: Which hairs.
        landmark: How the spot is found again.
    """

    site: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    method: CountMethod
    hairs: Hairs = Hairs.ALL
    landmark: Landmark


class HairCount(_Target):
    """Hairs counted in a target area.

    Attributes:
        count: How many.
        area_thousandths: Size of the area in thousandths of its unit.
        area_unit: Its unit.
    """

    kind: Literal["hair_count"] = "hair_count"
    count: Annotated[int, Field(ge=0, le=COUNT_MAX)]
    area_thousandths: Annotated[int, Field(ge=50, le=AREA_MAX_THOUSANDTHS)]
    area_unit: AreaUnit

    @property
    def per_unit(self) -> Fraction:
        """Hairs per one `area_unit`."""
        return Fraction(self.count * 1000, self.area_thousandths)


class HairDensity(_Target):
    """Hair density as an instrument reports it.

    Attributes:
        density_thousandths: Hairs per unit, in thousandths.
        area_unit: The unit.
    """

    kind: Literal["hair_density"] = "hair_density"
    density_thousandths: Annotated[int, Field(ge=0, le=1_000_000)]
    area_unit: AreaUnit


class HairDiameter(_Target):
    """Mean hair diameter.

    Attributes:
        diameter_nm: In nanometres: 60 um is 60,000.
        hairs_measured: Over how many hairs.
    """

    kind: Literal["hair_diameter"] = "hair_diameter"
    diameter_nm: Annotated[int, Field(ge=1_000, le=200_000)]
    hairs_measured: Annotated[int, Field(ge=1, le=COUNT_MAX)]


class SevenPoint(Rating):
    """Global photographs against baseline, -3 to +3 (Dhurat 2013).

    Attributes:
        score: From -3, greatly decreased, to +3, greatly increased.
    """

    kind: Literal["seven_point"] = "seven_point"
    score: Annotated[int, Field(ge=-3, le=3)]


class PatientRating(Model):
    """The patient's own estimate against baseline.

    Attributes:
        improvement_percent: From -100, to 100; negative is worse.
    """

    kind: Literal["patient_rating"] = "patient_rating"
    improvement_percent: Annotated[int, Field(ge=-100, le=100)]


class Sinclair(Rating):
    """Female pattern hair loss, grade 1 to 5 (Sinclair 2004)."""

    kind: Literal["sinclair"] = "sinclair"
    grade: Annotated[int, Field(ge=1, le=5)]


class Shedding(Model):
    """Sinclair's hair-shedding score by the patient, 1 to 6."""

    kind: Literal["shedding"] = "shedding"
    score: Annotated[int, Field(ge=1, le=6)]


class Salt(Rating):
    """Severity of Alopecia Tool: share of the scalp without hair, 0 to 100, in tenths."""

    kind: Literal["salt"] = "salt"
    salt_tenths: Annotated[int, Field(ge=0, le=1_000)]


class NorwoodType(StrEnum):
    """Norwood-Hamilton classification."""

    I = "i"  # noqa: E741 - the classification's own name
    II = "ii"
    II_A = "ii_a"
    III = "iii"
    III_A = "iii_a"
    III_VERTEX = "iii_vertex"
    IV = "iv"
    IV_A = "iv_a"
    V = "v"
    V_A = "v_a"
    VI = "vi"
    VII = "vii"


class Norwood(Rating):
    """Male pattern hair loss, at entry."""

    kind: Literal["norwood"] = "norwood"
    type: NorwoodType


class GoodmanBaron(Rating):
    """Post-acne scarring, qualitative grade 1 (macular) to 4 (severe) (Goodman and Baron 2006)."""

    kind: Literal["scar_goodman_baron"] = "scar_goodman_baron"
    grade: Annotated[int, Field(ge=1, le=4)]


class WrinkleGrade(Rating):
    """Wrinkles, class 0 (none) to 5 (very deep) (Lemperle 2001)."""

    kind: Literal["wrinkle_lemperle"] = "wrinkle_lemperle"
    site: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
    grade: Annotated[int, Field(ge=0, le=5)]


class PainScale(Model):
    """Pain on a visual analogue scale of 100 mm, by the patient."""

    kind: Literal["pain_vas"] = "pain_vas"
    pain_mm: Annotated[int, Field(ge=0, le=100)]


Measured = Annotated[
    HairCount
    | HairDensity
    | HairDiameter
    | SevenPoint
    | PatientRating
    | Sinclair
    | Shedding
    | Salt
    | Norwood
    | GoodmanBaron
    | WrinkleGrade
    | PainScale,
    Field(discriminator="kind"),
]
"""Any outcome measure; `kind` says which."""

OUTCOME_KINDS: dict[str, type[Model]] = {
    str(model.model_fields["kind"].default): model
    for model in (
        *(HairCount, HairDensity, HairDiameter, SevenPoint, PatientRating, Sinclair, Shedding),
        *(Salt, Norwood, GoodmanBaron, WrinkleGrade, PainScale),
    )
}
"""The measures by their names."""


class Outcome(Model):
    """A measure on record.

    Attributes:
        outcome_id: Its key.
        patient_id: The patient.
        visit_id: The visit at which it was taken, if any.
        day: When it was measured.
        measured: What.
        baseline: Whether later ones are compared with it.
        note: Anything about it.
        amends: The outcome it replaces.
        at: When it was entered.
        by: By whom.
    """

    outcome_id: Key
    patient_id: PatientId
    visit_id: Key | None
    day: date
    measured: Measured
    baseline: bool
    note: Text | None
    amends: Key | None
    at: datetime
    by: Person
