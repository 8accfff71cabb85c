"""Where everything of a waveform's picture goes, in inches and on its axis of time; no ink."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hil_tests.evidence.waveform import Delay, Lane, Mark, Waveform

WIDTH_IN = 11.0
LANE_IN = 0.55
ROW_IN = 0.34
"""Height of a row with a delay's arrow."""
FLAG_IN = 0.23
"""Height of a row with names of moments."""
FOOT_IN = 0.55
LEFT_IN = 1.05
RIGHT_IN = 0.3
AXIS_IN = WIDTH_IN - LEFT_IN - RIGHT_IN
CHARACTER_IN = 0.075
"""Width of a letter in the name of a moment."""
BOLD_IN = 0.095
"""Width of a letter beside an arrow."""

COLUMNS = 2_000
"""Edges closer together than this part of the window are one column of ink: no screen shows more."""
HAIR = 1 / 40
"""A delay shorter than this part of the window is drawn close up as well."""
CLOSE_UP_MARGIN = 0.35
"""Of the close-up's span, on each side."""
CLOSE_UP_NS = 1_000
"""No close-up is closer than this."""

UNITS = ((1_000, 1, "ns"), (1_000_000, 1_000, "µs"), (1_000_000_000, 1_000_000, "ms"))
"""Below this many ns, divide by, unit."""
SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Scale:
    """Time on the picture's axis."""

    zero_ns: int
    divisor: int
    unit: str

    def of(self, t_ns: int) -> float:
        """A moment in the axis' unit."""
        return (t_ns - self.zero_ns) / self.divisor


@dataclass(frozen=True, slots=True)
class Row:
    """A lane, or the arrow of a delay below its lane.

    Attributes:
        top_in: From the panel's top.
        height_in: Its height.
        lane: The lane.
        delay: The delay, None for the lane itself.
    """

    top_in: float
    height_in: float
    lane: Lane
    delay: Delay | None = None

    @property
    def middle_in(self) -> float:
        """Its middle, from the panel's top."""
        return self.top_in + self.height_in / 2


@dataclass(frozen=True, slots=True)
class Flag:
    """The name of a moment: in which row above the lanes, and on which side of its line."""

    mark: Mark
    row: int
    left: bool


def duration(span_ns: float) -> str:
    """A time with the unit a person would take."""
    for below, divisor, unit in UNITS:
        if abs(span_ns) < below:
            return f"{span_ns / divisor:.4g} {unit}"
    return f"{span_ns / SECOND_NS:.4g} s"


def scale_of(waveform: Waveform) -> Scale:
    """The axis in the unit of its length, counted from the waveform's zero."""
    for below, divisor, unit in UNITS:
        if waveform.to_ns - waveform.from_ns < 2 * below:
            return Scale(waveform.zero_ns, divisor, unit)
    return Scale(waveform.zero_ns, SECOND_NS, "s")


def close_up(waveform: Waveform) -> Waveform | None:
    """The first delay that would be a hair, with what was allowed for it if that is short as well; None for none."""
    hair_ns = (waveform.to_ns - waveform.from_ns) * HAIR
    for delay in waveform.delays:
        length_ns = delay.to_ns - delay.from_ns
        if length_ns >= hair_ns:
            continue
        limit_ns = delay.limit_ns if delay.limit_ns is not None and delay.limit_ns < hair_ns else 0
        span_ns = max(length_ns, limit_ns, CLOSE_UP_NS)
        margin_ns = round(span_ns * CLOSE_UP_MARGIN)
        from_ns, to_ns = delay.from_ns - margin_ns, delay.from_ns + span_ns + margin_ns
        lanes = tuple(_cut(lane, from_ns, to_ns) for lane in waveform.lanes)
        return replace(waveform, from_ns=from_ns, to_ns=to_ns, lanes=lanes, delays=(delay,))
    return None


def _cut(lane: Lane, from_ns: int, to_ns: int) -> Lane:
    before = [edge for edge in lane.edges if edge.t_ns < from_ns]
    inside = tuple(edge for edge in lane.edges if from_ns <= edge.t_ns <= to_ns)
    return replace(lane, initial=before[-1].level if before else lane.initial, edges=inside)


def rows_of(waveform: Waveform) -> list[Row]:
    """Lanes from top to bottom, each followed by its delays."""
    rows = []
    top_in = _flags_in(waveform)
    for lane in waveform.lanes:
        rows.append(Row(top_in, LANE_IN, lane))
        top_in += LANE_IN
        for delay in waveform.delays:
            if delay.signal.value == lane.name:
                rows.append(Row(top_in, ROW_IN, lane, delay))
                top_in += ROW_IN
    return rows


def panel_in(waveform: Waveform) -> float:
    """Height of a panel, with its axis."""
    last = rows_of(waveform)[-1]
    return last.top_in + last.height_in + FOOT_IN


def flags_of(waveform: Waveform) -> list[Flag]:
    """Moments inside the window, in rows so that no name lies on another."""
    letter_ns = CHARACTER_IN * (waveform.to_ns - waveform.from_ns) / AXIS_IN
    free_from_ns: list[float] = []
    placed = []
    for mark in sorted(waveform.marks, key=lambda mark: mark.t_ns):
        if not waveform.from_ns <= mark.t_ns <= waveform.to_ns:
            continue
        width_ns = (len(mark.text) + 2) * letter_ns
        left = mark.t_ns + width_ns > waveform.to_ns
        starts_ns = mark.t_ns - width_ns if left else mark.t_ns
        row = next(
            (row for row, free_ns in enumerate(free_from_ns) if free_ns <= starts_ns), len(free_from_ns)
        )
        free_from_ns[row:] = [starts_ns + width_ns, *free_from_ns[row + 1 :]]
        placed.append(Flag(mark, row, left))
    return placed


def _flags_in(waveform: Waveform) -> float:
    flags = flags_of(waveform)
    return (max(flag.row for flag in flags) + 1) * FLAG_IN + 0.05 if flags else 0.0


def beside(limits: tuple[float, float], start: float, end: float, words: str) -> tuple[float, str, int]:
    """Where the words of an arrow have room: right of it, left of it, else on it.

    Args:
        limits: Ends of the axis.
        start: The arrow's, on the axis.
        end: The same.
        words: What is to be written.

    Returns:
        Place on the axis, alignment, shift in points.
    """
    left, right = limits
    needed = (len(words) + 3) * BOLD_IN * (right - left) / AXIS_IN
    if end + needed <= right:
        return end, "left", 8
    if start - needed >= left:
        return start, "right", -8
    return min(max((start + end) / 2, left + needed / 2), right - needed / 2), "center", 0


def points_of(lane: Lane, waveform: Waveform) -> list[tuple[int, int]]:
    """The line as (time, level) from the window's begin to its end, at most four points in a column of ink."""
    points = [(waveform.from_ns, lane.initial)]
    for group in _columns([edge.t_ns for edge in lane.edges], waveform):
        kept = [*group[:2], *group[-2:]] if len(group) > 4 else group
        points += [(lane.edges[index].t_ns, lane.edges[index].level) for index in kept]
    return [*points, (waveform.to_ns, points[-1][1])]


def moments_of(lane: Lane, waveform: Waveform) -> list[int]:
    """Moments of a line that has no levels, one in a column of ink."""
    return [lane.edges[group[0]].t_ns for group in _columns([edge.t_ns for edge in lane.edges], waveform)]


def _columns(times: Sequence[int], waveform: Waveform) -> Iterator[list[int]]:
    """Indices of times by column of ink."""
    column_ns = max((waveform.to_ns - waveform.from_ns) // COLUMNS, 1)
    for _, group in itertools.groupby(range(len(times)), key=lambda index: times[index] // column_ns):
        yield list(group)
