"""Measures of one patient as series and changes; nothing is put together that is not alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from pen_host.records.measures import value
from pen_host.records.models import Measured, Outcome, Rating
from pen_host.reports.plots import Series


def series(outcomes: Sequence[Outcome]) -> tuple[Series, ...]:
    """Measures with at least two values, each in one unit, in the order they were first taken."""
    found = []
    for label, group in _grouped(outcomes).items():
        told = [(one.day, value(one.measured).number) for one in group]
        numbers = [(day, number) for day, number in told if number is not None]
        if len(numbers) < 2:
            continue
        baseline = next((value(one.measured).number for one in group if one.baseline), None)
        days: tuple[date, ...] = tuple(day for day, _ in numbers)
        values = tuple(number for _, number in numbers)
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
