"""A cohort as a trial would table it: mean change with its interval, shares of responders, and who was left out. Pure.

Only patients with a baseline and a measure of the same kind, unit, hairs and site near the week asked for are counted; the
others are named by their number and reason, for a mean over who came back says nothing about who did not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from math import sqrt
from statistics import NormalDist, stdev

from pen_host.records.cohort import CONFIDENCE, PoolError, Share, change, must_be_alike, share
from pen_host.records.models import (
    AreaUnit,
    HairCount,
    HairDensity,
    Hairs,
    Outcome,
    PatientRating,
    SevenPoint,
)

TOLERANCE_DAYS = 14
"""A measure this far from the week still counts for it. (J)"""
RESPONDER_SCORE = 2
"""Seven-point scale: +2 and +3 are a response. (Dhurat 2013)"""
RESPONDER_PERCENT = 50
"""Patient's own rating: more than this is a response. (Dhurat 2013)"""
INTERVAL_MIN_N = 6
"""Fewer give no interval: it would be wider than any finding, and the approximation of t holds from here on."""


@dataclass(frozen=True, slots=True)
class MeanChange:
    """Change from baseline of several patients.

    Attributes:
        n: How many.
        mean: Per one `unit`.
        sd: Standard deviation; None for fewer than two.
        low: Lower end of the 95 % interval of the mean; None for too few.
        high: Upper end.
        unit: Per what.
        hairs: Which hairs.
    """

    n: int
    mean: Fraction
    sd: float | None
    low: float | None
    high: float | None
    unit: AreaUnit
    hairs: Hairs

    @property
    def sentence(self) -> str:
        """It in words, with its unit."""
        interval = (
            f", 95 % interval {self.low:+.1f} to {self.high:+.1f}"
            if self.low is not None
            else ", too few for an interval"
        )
        return f"{float(self.mean):+.1f} {self.hairs} hairs per {self.unit} (n = {self.n}{interval})"


@dataclass(frozen=True, slots=True)
class Arm:
    """One group of patients at one time.

    Attributes:
        name: Of the group.
        patients: How many there are.
        change: Mean change of hairs; None where nobody has both counts.
        blinded: Share with +2 or +3 on the seven-point scale, blinded ratings only; None where there is none.
        own: Share of patients who rate themselves more than 50 % better; None where nobody did.
        left_out: How many have no change, by reason.
    """

    name: str
    patients: int
    change: MeanChange | None
    blinded: Share | None
    own: Share | None
    left_out: Mapping[str, int]


def arm(
    name: str,
    outcomes: Mapping[str, Sequence[Outcome]],
    begun: Mapping[str, date],
    week: int,
    tolerance_days: int = TOLERANCE_DAYS,
) -> Arm:
    """One group at the end of a week.

    Args:
        name: Of the group.
        outcomes: Measures by patient, of everybody in the group.
        begun: First day of treatment by patient.
        week: Weeks since then.
        tolerance_days: How far from that day a measure may lie.

    Raises:
        PoolError: Counts of two units, kinds of hair or sites would go into one mean.
        KeyError: Somebody has no first day.
    """
    pairs: list[tuple[HairCount | HairDensity, HairCount | HairDensity]] = []
    scores: list[int] = []
    ratings: list[int] = []
    left_out: dict[str, int] = {}
    for patient, known in outcomes.items():
        due = begun[patient] + timedelta(weeks=week)
        near = [one for one in known if abs((one.day - due).days) <= tolerance_days and not one.baseline]
        scores += _newest(near, lambda one: isinstance(one.measured, SevenPoint) and one.measured.blinded)
        ratings += _newest(near, lambda one: isinstance(one.measured, PatientRating))
        pair = _pair(known, near, due)
        if isinstance(pair, str):
            left_out[pair] = left_out.get(pair, 0) + 1
        else:
            pairs.append(pair)
    return Arm(
        name,
        len(outcomes),
        _mean(pairs),
        _share(scores, lambda score: score >= RESPONDER_SCORE),
        _share(ratings, lambda percent: percent > RESPONDER_PERCENT),
        left_out,
    )


def mean_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % interval of a mean by Student's t; None for too few."""
    n = len(values)
    if n < INTERVAL_MIN_N:
        return None
    half = student_t(n - 1) * stdev(values) / sqrt(n)
    middle = sum(values) / n
    return middle - half, middle + half


def student_t(df: int) -> float:
    """The 97.5 % point of Student's t (Abramowitz and Stegun 26.7.5), within 0.005 from 5 degrees of freedom on."""
    z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / float(df) ** power for power, term in enumerate(terms, 1))


def _pair(
    known: Sequence[Outcome], near: Sequence[Outcome], due: date
) -> tuple[HairCount | HairDensity, HairCount | HairDensity] | str:
    """Baseline and later count of one patient, or why there is none."""
    baselines = [one for one in known if one.baseline and isinstance(one.measured, HairCount | HairDensity)]
    if not baselines:
        return "no baseline count"
    later = [one for one in near if isinstance(one.measured, HairCount | HairDensity)]
    if not later:
        return "no count near the week"
    last = min(later, key=lambda one: abs((one.day - due).days)).measured
    first = baselines[-1].measured
    assert isinstance(first, HairCount | HairDensity), "chosen so above"
    assert isinstance(last, HairCount | HairDensity), "chosen so above"
    return first, last


def _mean(pairs: Sequence[tuple[HairCount | HairDensity, HairCount | HairDensity]]) -> MeanChange | None:
    if not pairs:
        return None
    must_be_alike([one for pair in pairs for one in pair])
    sites = {pair[0].site for pair in pairs}
    if len(sites) > 1:
        raise PoolError(f"some were counted at {' and some at '.join(sorted(sites))}")
    values = [change(first, last) for first, last in pairs]
    numbers = [float(value) for value in values]
    low, high = mean_interval(numbers) or (None, None)
    return MeanChange(
        len(values),
        sum(values, Fraction()) / len(values),
        stdev(numbers) if len(numbers) > 1 else None,
        low,
        high,
        pairs[0][0].area_unit,
        pairs[0][0].hairs,
    )


def _newest(near: Iterable[Outcome], wanted: Callable[[Outcome], bool]) -> list[int]:
    """Score or percentage of the newest measure that is wanted, if there is one."""
    found = [one.measured for one in near if wanted(one)]
    if not found:
        return []
    last = found[-1]
    if isinstance(last, SevenPoint):
        return [last.score]
    return [last.improvement_percent] if isinstance(last, PatientRating) else []


def _share(values: Sequence[int], responds: Callable[[int], bool]) -> Share | None:
    return share(sum(1 for value in values if responds(value)), len(values)) if values else None
