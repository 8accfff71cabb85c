"""An outcome measure as one number with its unit, or as a word where it is none. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from pen_host.records.cohort import per_unit
from pen_host.records.models import (
    GoodmanBaron,
    HairCount,
    HairDensity,
    HairDiameter,
    Measured,
    Norwood,
    PainScale,
    PatientRating,
    Salt,
    SevenPoint,
    Shedding,
    Sinclair,
    WrinkleGrade,
)


@dataclass(frozen=True, slots=True)
class Value:
    """A measure as one number, where it is one.

    Attributes:
        name: What and where.
        unit: In which unit; empty for a score.
        scale: Lowest and highest grade of a scale of whole grades.
        number: The value; None for a type that is no number.
        text: It in words.
    """

    name: str
    unit: str
    number: float | None
    text: str
    scale: tuple[int, int] | None = None

    @property
    def label(self) -> str:
        """Name and unit."""
        return f"{self.name}, {self.unit}" if self.unit else self.name


def value(measured: Measured) -> Value:
    """A measure as a number with its unit."""
    match measured:
        case HairCount() | HairDensity():
            name = "hair count" if isinstance(measured, HairCount) else "hair density"
            number = float(per_unit(measured))
            unit = f"{measured.hairs} hairs per {measured.area_unit}"
            return Value(f"{name}, {_words(measured.site)}", unit, number, f"{number:.1f}")
        case HairDiameter():
            return _number(f"hair diameter, {_words(measured.site)}", "um", measured.diameter_nm / 1000)
        case SevenPoint():
            return Value("seven-point scale, -3 to +3", "", measured.score, f"{measured.score:+d}", (-3, 3))
        case PatientRating():
            return _number("patient's own rating", "% better", measured.improvement_percent)
        case PainScale():
            return _number("pain", "mm of 100", measured.pain_mm)
        case Salt():
            return _number("SALT", "% of the scalp without hair", measured.salt_tenths / 10)
        case Sinclair():
            return _number("Sinclair grade, 1 to 5", "", measured.grade)
        case Shedding():
            return _number("shedding, 1 to 6", "", measured.score)
        case GoodmanBaron():
            return _number("Goodman-Baron grade, 1 to 4", "", measured.grade)
        case WrinkleGrade():
            return _number(f"Lemperle class, {_words(measured.site)}, 0 to 5", "", measured.grade)
        case Norwood():
            return Value("Norwood-Hamilton type", "", None, _words(measured.type).upper())


def _number(name: str, unit: str, number: float) -> Value:
    return Value(name, unit, number, f"{number:g}")


def _words(name: str) -> str:
    return name.replace("_", " ")
