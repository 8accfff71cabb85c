"""Outcome measures as series, changes and words: every number with its unit, and nothing put together that is not alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from pen_host.records.cohort import per_unit
from pen_host.records.models import (
    GoodmanBaron,
    HairCount,
    HairDensity,
    HairDiameter,
    Measured,
    Norwood,
    Outcome,
    PainScale,
    PatientRating,
    Rating,
    Salt,
    SevenPoint,
    Shedding,
    Sinclair,
    WrinkleGrade,
)
from pen_host.reports import words
from pen_host.reports.plots import Series


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
            return Value(f"{name}, {words.named(measured.site)}", unit, number, f"{number:.1f}")
        case HairDiameter():
            return _number(f"hair diameter, {words.named(measured.site)}", "um", measured.diameter_nm / 1000)
        case SevenPoint():
            return Value(
                "seven-point scale, -3 to +3", "", measured.score, f"{measured.score:+d}", (-3, 3)
            )
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
            return _number(f"Lemperle class, {words.named(measured.site)}, 0 to 5", "", measured.grade)
        case Norwood():
            return Value("Norwood-Hamilton type", "", None, words.named(measured.type).upper())


def series(outcomes: Sequence[Outcome]) -> tuple[Series, ...]:
    """Measures with at least two values, each in one unit, in the order they were first taken."""
    found = []
    for label, group in _grouped(outcomes).items():
        numbers = [(one.day, known.number) for one in group if (known := value(one.measured)).number is not None]
        if len(numbers) < 2:
            continue
        baseline = next((value(one.measured).number for one in group if one.baseline), None)
        days: tuple[date, ...] = tuple(day for day, _ in numbers)
        values = tuple(number for _, number in numbers if number is not None)
        found.append(Series(label, days, values, baseline, value(group[0].measured).scale))
    return tuple(found)


def changes(outcomes: Sequence[Outcome]) -> tuple[tuple[str, ...], ...]:
    """Baseline, newest and change of every measure that has both, as texts."""
    rows = []
    for label, group in _grouped(outcomes).items():
        first = next((one for one in group if one.baseline), None)
        last = group[-1]
        if first is None or last is first:
            continue
        before, after = value(first.measured), value(last.measured)
        if before.number is None or after.number is None:
            continue
        rater, blinded = _rated(last.measured)
        change = f"{after.number - before.number:+.1f}"
        rows.append((label, before.text, after.text, change, rater, blinded))
    return tuple(rows)


def _number(name: str, unit: str, number: float) -> Value:
    return Value(name, unit, number, f"{number:g}")


def _grouped(outcomes: Sequence[Outcome]) -> Mapping[str, list[Outcome]]:
    """By what is alike: a count per square inch is never in one line with one per cm2."""
    groups: dict[str, list[Outcome]] = {}
    for one in outcomes:
        groups.setdefault(value(one.measured).label, []).append(one)
    return groups


def _rated(measured: Measured) -> tuple[str, str]:
    if not isinstance(measured, Rating):
        return "patient", "no"
    return measured.rater, "yes" if measured.blinded else "no"
