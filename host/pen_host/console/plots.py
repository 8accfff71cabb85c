"""Drawings of the record: a treatment's measured values in lanes over time, and a patient's measures over the treatments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from ..reports.plots import Series
from .texts import Catalogue

WIDTH = 1100
LANE = 120
LEFT = 128
BOTTOM = 34
COLUMNS = 480
"""Points along a line: each stands for the least and the greatest of its stretch."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One line: its name in the catalogue, its column in the record, and how a value becomes what is shown."""

    key: str
    column: str
    requested: str | None
    scale: float
    digits: int


LANES = (
    Lane("rate", "rate_measured_mhz", "rate_requested_mhz", 1 / 1000, 0),
    Lane("depth", "depth_measured_um", "depth_requested_um", 1 / 1000, 2),
    Lane("coil", "coil_cc", None, 1 / 100, 0),
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """One lane, ready to be drawn in the view box.

    Attributes:
        key: Name in the catalogue.
        top: Upper edge.
        measured: The measured line, as SVG writes paths; broken where nothing is known.
        requested: What was set, empty where nothing is set.
        high: The value at the upper edge, as shown.
    """

    key: str
    top: int
    measured: str
    requested: str
    high: str


@dataclass(frozen=True, slots=True)
class Plot:
    """The whole drawing.

    Attributes:
        lanes: From top to bottom.
        ticks: Place and text of the times below.
        height: Of the view box.
    """

    lanes: tuple[Drawn, ...]
    ticks: tuple[tuple[float, str], ...]
    height: int


def plot_of(columns: Sequence[str], rows: Sequence[Sequence[float | None]], text: Catalogue) -> Plot | None:
    """The drawing of a session's samples; None where there are none.

    Args:
        columns: Names of the values in a row; the first is the time in ms.
        rows: One each sample.
        text: For the times.
    """
    if not rows:
        return None
    place = {name: index for index, name in enumerate(columns)}
    times = [float(row[0] or 0) for row in rows]
    span = max(times[-1] - times[0], 1.0)
    wide = WIDTH - LEFT - 16
    xs = [LEFT + wide * (time - times[0]) / span for time in times]
    lanes: list[Drawn] = []
    for lane in LANES:
        if lane.column not in place:
            continue
        top = len(lanes) * LANE + 8
        measured = [_scaled(row[place[lane.column]], lane.scale) for row in rows]
        wanted = (
            [_scaled(row[place[lane.requested]], lane.scale) for row in rows]
            if lane.requested in place
            else []
        )
        high = max((value for value in [*measured, *wanted] if value is not None), default=0.0) or 1.0
        lanes.append(
            Drawn(
                lane.key,
                top,
                _line(xs, measured, top, high),
                _line(xs, wanted, top, high),
                f"{high:.{lane.digits}f}",
            )
        )
    ticks = tuple(
        (LEFT + wide * part / 5, text("records.seconds", n=f"{span * part / 5000:.0f}")) for part in range(6)
    )
    return Plot(tuple(lanes), ticks, len(lanes) * LANE + BOTTOM)


TREND = 132
"""Height of one measure's lane."""
TREND_LABELS = 5
"""Dates below the lanes."""


@dataclass(frozen=True, slots=True)
class Point:
    """One value: its place and what is written at it."""

    x: float
    y: float
    said: str


@dataclass(frozen=True, slots=True)
class TrendLane:
    """One measure over the days.

    Attributes:
        name: What it is, with its unit.
        top: Upper edge.
        points: From left to right.
        line: Through them, as SVG writes paths.
        baseline: Height of the value that later ones are compared with; None where there is none.
    """

    name: str
    top: int
    points: tuple[Point, ...]
    line: str
    baseline: float | None


@dataclass(frozen=True, slots=True)
class Trend:
    """Measures over time, above each other, each on its own scale.

    Attributes:
        lanes: From top to bottom.
        treated: Places of the days on which the patient was treated.
        days: Place and text of dates below.
        height: Of the view box.
    """

    lanes: tuple[TrendLane, ...]
    treated: tuple[float, ...]
    days: tuple[tuple[float, str], ...]
    height: int


def trend_of(found: Sequence[Series], treated: Sequence[date]) -> Trend | None:
    """The drawing of measures over treatments; None where no measure has two values.

    Args:
        found: Measures, each in one unit.
        treated: Days of treatment.
    """
    if not found:
        return None
    days = [day for one in found for day in one.days] + list(treated)
    first, span = min(days), max((max(days) - min(days)).days, 1)
    wide = WIDTH - 64

    def place(day: date) -> float:
        return round(32 + wide * (day - first).days / span, 1)

    lanes = tuple(_lane(one, index * TREND, place) for index, one in enumerate(found))
    step = max(1, span // (TREND_LABELS - 1))
    told = [date.fromordinal(first.toordinal() + step * part) for part in range(TREND_LABELS)]
    return Trend(
        lanes,
        tuple(place(day) for day in sorted(set(treated))),
        tuple((place(day), day.isoformat()) for day in told if (day - first).days <= span),
        len(found) * TREND + BOTTOM,
    )


def _lane(one: Series, top: int, place: Callable[[date], float]) -> TrendLane:
    known = [*one.values, *([one.baseline] if one.baseline is not None else []), *(one.scale or ())]
    low, high = min(known), max(known)
    # a flat line lies in the middle
    room = (high - low) or 1.0
    floor, tall = top + TREND - 22, TREND - 74

    def level(value: float) -> float:
        return round(floor - tall * ((value - low) / room if high > low else 0.5), 1)

    points = tuple(
        Point(place(day), level(value), f"{value:g}") for day, value in zip(one.days, one.values, strict=True)
    )
    line = "M" + "L".join(f"{point.x} {point.y}" for point in points)
    baseline = None if one.baseline is None else level(one.baseline)
    return TrendLane(one.name, top, points, line, baseline)


def _scaled(value: float | None, scale: float) -> float | None:
    return None if value is None else value * scale


def _line(xs: Sequence[float], values: Sequence[float | None], top: int, high: float) -> str:
    """A path, each stretch by its least and greatest value, so that no spike is lost; a gap stays a gap."""
    tall, step = LANE - 24, max(1, len(values) // COLUMNS)
    path, pen = [], "M"
    for begin in range(0, len(values), step):
        stretch = values[begin : begin + step]
        known = [value for value in stretch if value is not None]
        if not known:
            pen = "M"
            continue
        for value in (min(known), max(known)):
            path.append(f"{pen}{xs[begin]:.1f} {top + tall - tall * value / high:.1f}")
            pen = "L"
        if None in stretch:
            pen = "M"
    return "".join(path)
