"""What a test measured, against its limit.

Records travel as pytest's `user_properties`: pairs of a name and a JSON text, which pass a worker process, a forked child
and a JUnit file as they are.
"""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

NO_HAZARD = ""


class Kind(enum.StrEnum):
    """How a value is judged."""

    AT_MOST = "at most"
    AT_LEAST = "at least"
    EQUAL = "equal"
    WITHIN = "within"
    FIGURE = "figure"
    """Not judged: there is no limit."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What a value must keep to.

    Attributes:
        kind: How it is judged.
        low: The least it may be, for `AT_LEAST`, `EQUAL` and `WITHIN`.
        high: The most it may be, for `AT_MOST`, `EQUAL` and `WITHIN`.
    """

    kind: Kind
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        wanted = {
            Kind.AT_MOST: (False, True),
            Kind.AT_LEAST: (True, False),
            Kind.FIGURE: (False, False),
        }.get(self.kind, (True, True))
        if wanted != (self.low is not None, self.high is not None):
            raise ValueError(f"a limit of the kind {self.kind} from {self.low} to {self.high} is none")
        for bound in (self.low, self.high):
            if bound is not None and not math.isfinite(bound):
                raise ValueError(f"{bound} is no limit")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"a limit from {self.low} to {self.high} is upside down")

    def holds(self, value: float) -> bool:
        """Whether a value keeps to it; every value keeps to a figure's."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def words(self, unit: str) -> str:
        """The limit as a person writes it, empty for a figure."""
        if self.kind is Kind.FIGURE:
            return ""
        if self.kind is Kind.WITHIN:
            return with_unit(f"{number(self.low)} to {number(self.high)}", unit)
        bound = self.low if self.kind is Kind.AT_LEAST else self.high
        return f"{self.kind.value} {with_unit(number(bound), unit)}"


@dataclass(frozen=True, slots=True)
class Measurement:
    """One measured value.

    Attributes:
        name: What was measured, as a person reads it: "coil off after the stop contact opened".
        value: The value, finite.
        unit: Its unit, empty for a count.
        limit: What it must keep to.
        hazard: Id in firmware/SAFETY.md, empty for none.
    """

    name: str
    value: float
    unit: str
    limit: Limit
    hazard: str = NO_HAZARD

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ValueError(f"{self.name}: {self.value} is not a measured value")

    @property
    def passed(self) -> bool:
        """Whether the value keeps to its limit."""
        return self.limit.holds(self.value)

    @property
    def used(self) -> float | None:
        """How much of the limit is used up: 0 nothing, 1 all, above 1 outside; None where a share means nothing."""
        low, high = self.limit.low, self.limit.high
        if self.limit.kind is Kind.AT_MOST and high is not None and high > 0:
            return max(self.value / high, 0.0)
        if self.limit.kind is Kind.AT_LEAST and low is not None and low > 0:
            return low / self.value if self.value > 0 else math.inf
        if self.limit.kind is Kind.WITHIN and low is not None and high is not None and low < high:
            return abs(2 * (self.value - low) / (high - low) - 1)
        return None

    @property
    def graded(self) -> bool:
        """Whether it tells more than that it holds: how much of its limit is left, or that it does not hold."""
        return self.used is not None or not self.passed

    @property
    def sentence(self) -> str:
        """Name, value and limit in one sentence."""
        value = f"{self.name}: {with_unit(number(self.value), self.unit)}"
        if self.limit.kind is Kind.FIGURE:
            return value
        return f"{value}, {'and may be' if self.passed else 'but must be'} {self.limit.words(self.unit)}"


@dataclass(frozen=True, slots=True)
class Note:
    """Words of a test about its run, such as what it stepped around and why."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A waveform that was kept.

    Attributes:
        title: What it shows.
        png: The picture, relative to the run's folder.
        vcd: The same edges for a waveform viewer, likewise.
    """

    title: str
    png: str
    vcd: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Who was tested: what a bench or a pen says of itself. `about` is "bench" or "pen"."""

    about: str
    facts: Mapping[str, str]


Record = Measurement | Note | Picture | Facts
_RECORDS: Mapping[str, type[Record]] = {
    "measurement": Measurement,
    "note": Note,
    "waveform": Picture,
    "facts": Facts,
}


def to_properties(records: Iterable[Record]) -> list[tuple[str, str]]:
    """Records as pytest's user properties: name of the kind, JSON text."""
    names = {kind: name for name, kind in _RECORDS.items()}
    return [
        (names[type(record)], json.dumps(asdict(record), ensure_ascii=False, allow_nan=False))
        for record in records
    ]


def from_properties(properties: Iterable[Sequence[object]]) -> list[Record]:
    """Records among user properties, in their order; properties of other plugins are left out.

    Raises:
        ValueError: A record is damaged.
    """
    found = []
    for name, text in properties:
        if name in _RECORDS:
            try:
                found.append(_record(str(name), json.loads(str(text))))
            except (TypeError, KeyError, ValueError, AttributeError) as error:
                raise ValueError(f"a damaged {name} in a test report: {text}") from error
    return found


def _record(name: str, content: dict[str, Any]) -> Record:
    if name == "measurement":
        limit = content.pop("limit")
        content["limit"] = Limit(Kind(limit["kind"]), limit["low"], limit["high"])
    return _RECORDS[name](**content)


def number(value: float | None) -> str:
    """A number as a person writes it: whole ones without a point, others to six digits."""
    if value is None:
        return "-"
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.6g}"


def with_unit(text: str, unit: str) -> str:
    """A value and its unit."""
    return f"{text} {unit}" if unit else text
