"""Counts of many patients in one number, when they may be put into one: same measure, same unit, same hairs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt
from statistics import NormalDist, stdev

from pen_host.errors import UsageError
from pen_host.records.models import AreaUnit, HairCount, HairDensity, Hairs

CONFIDENCE = 0.95
"""Of every interval."""


class PoolError(UsageError):
    """Numbers were to be put together that are not of one kind.

    Args:
        why: What differs, as a clause.
    """

    def __init__(self, why: str) -> None:
        super().__init__(
            f"These counts were not put together: {why}. Their mean would mean nothing (a trial per square inch and one "
            "per cm2 differ by 6.45 before anything grows). Choose counts of one unit and one kind of hair."
        )


@dataclass(frozen=True, slots=True)
class Pooled:
    """Several counts in one number.

    Attributes:
        n: How many.
        mean: Per one `unit`.
        sd: Standard deviation, None for fewer than two.
        unit: Per what.
        hairs: Which hairs.
    """

    n: int
    mean: Fraction
    sd: float | None
    unit: AreaUnit
    hairs: Hairs

    @property
    def sentence(self) -> str:
        """It in words, with its unit."""
        spread = f", SD {self.sd:.2f}" if self.sd is not None else ""
        return f"mean {float(self.mean):.2f} {self.hairs} hairs per {self.unit} (n = {self.n}{spread})"


@dataclass(frozen=True, slots=True)
class Share:
    """Patients who responded, with Wilson's 95 % interval.

    Attributes:
        responders: How many.
        n: Of how many.
        low: Lower end of the interval, 0 to 1.
        high: Upper end.
    """

    responders: int
    n: int
    low: float
    high: float


def per_unit(measured: HairCount | HairDensity) -> Fraction:
    """Hairs per one of its area unit, from a count or a density."""
    if isinstance(measured, HairCount):
        return measured.per_unit
    return Fraction(measured.density_thousandths, 1000)


def change(baseline: HairCount | HairDensity, later: HairCount | HairDensity) -> Fraction:
    """Change of hairs per area unit from a baseline.

    Raises:
        PoolError: They are not of one unit, one kind of hair and one site.
    """
    must_be_alike([baseline, later])
    if baseline.site != later.site:
        raise PoolError(f"one was counted at {baseline.site} and one at {later.site}")
    return per_unit(later) - per_unit(baseline)


def pool(measured: Iterable[HairCount | HairDensity]) -> Pooled:
    """Mean of counts per one area unit.

    Raises:
        PoolError: There are none, or they are not of one unit and one kind of hair.
    """
    known = list(measured)
    if not known:
        raise PoolError("there are none")
    must_be_alike(known)
    values = [per_unit(one) for one in known]
    spread = stdev([float(value) for value in values]) if len(values) > 1 else None
    return Pooled(
        len(values), sum(values, Fraction()) / len(values), spread, known[0].area_unit, known[0].hairs
    )


def share(responders: int, n: int) -> Share:
    """Share of responders with its interval (Wilson 1927).

    Raises:
        ValueError: There is nobody, or there are more responders than people.
    """
    if n < 1 or not 0 <= responders <= n:
        raise ValueError(f"{responders} of {n} is no share")
    z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
    part = responders / n
    middle = (part + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(part * (1 - part) / n + z * z / (4 * n * n))
    return Share(responders, n, max(0.0, middle - half), min(1.0, middle + half))


def must_be_alike(measured: Sequence[HairCount | HairDensity]) -> None:
    """Whether counts may go into one number.

    Raises:
        PoolError: They are not of one unit and one kind of hair.
    """
    units = sorted({str(one.area_unit) for one in measured})
    if len(units) > 1:
        raise PoolError(f"some are per {units[0]} and some per {units[1]}")
    kinds = sorted({str(one.hairs) for one in measured})
    if len(kinds) > 1:
        raise PoolError(f"some count {kinds[0]} hairs and some {kinds[1]}")
