"""A waveform as a picture: one lane for each line, moments with their names, delays as arrows beside their limits.

A delay that would be a hair in the whole window gets a second panel of its own, close up.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hil_tests.evidence.waveform import Delay, Lane, Mark, Waveform

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK = "#1f2a36"
FAINT = "#8a96a3"
GRID = "#edf0f3"
LINES = ("#0b7285", "#5f3dc4", "#a61e4d", "#2b6a30", "#8f5a00", "#364fc7", "#495057")
WITHIN = "#2b8a3e"
OUTSIDE = "#c92a2a"
MARK = "#343a40"
_PAPER = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.2}
"""Behind words that lie on lines."""

WIDTH_IN = 11.0
LANE_IN = 0.55
ROW_IN = 0.34
"""Height of a row with a delay's arrow."""
FLAG_IN = 0.23
"""Height of a row with names of moments."""
HEAD_IN = 0.75
FOOT_IN = 0.55
LEFT_IN = 1.05
RIGHT_IN = 0.3
DPI = 120

COLUMNS = 2_000
"""Edges closer together than this part of the window are one column of ink: no screen shows more."""
HAIR = 1 / 40
"""A delay shorter than this part of the window is drawn close up as well."""
CLOSE_UP_MARGIN = 0.35
"""Of the close-up's span, on each side."""
LOW, HIGH = 0.1, 0.8
"""Levels within a lane."""
CHARACTER_IN = 0.075
"""Width of a letter, to keep the names of moments apart."""
BOLD_IN = 0.095
"""The same of a bold one."""

UNITS = ((1_000, 1, "ns"), (1_000_000, 1_000, "µs"), (1_000_000_000, 1_000_000, "ms"))
"""Below this many ns, divide by, unit."""
SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class _Row:
    """A place in a panel, from its top: a lane, or the arrow of a delay below its lane."""

    top_in: float
    height_in: float
    lane: Lane
    color: str
    delay: Delay | None = None


@dataclass(frozen=True, slots=True)
class _Scale:
    """Time on the picture's axis."""

    zero_ns: int
    divisor: int
    unit: str

    def of(self, t_ns: int) -> float:
        """A moment in the axis' unit."""
        return (t_ns - self.zero_ns) / self.divisor


def draw(waveform: Waveform, path: Path) -> Path:
    """Draw into `path` (PNG, SVG or PDF by its ending) and return the path.

    Raises:
        OSError: The file cannot be written.
    """
    # Late: drawing costs half a second that a run without a folder need not wait for. A figure of its own, not
    # pyplot's, which would keep it.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels = [waveform, *_close_up(waveform)]
    heights = [_panel_height_in(panel) for panel in panels]
    total_in = sum(heights) + HEAD_IN
    figure = Figure(figsize=(WIDTH_IN, total_in), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    left, width = LEFT_IN / WIDTH_IN, 1 - (LEFT_IN + RIGHT_IN) / WIDTH_IN
    figure.text(
        0.14 / WIDTH_IN,
        1 - 0.15 / total_in,
        waveform.title,
        fontsize=13,
        fontweight="bold",
        color=INK,
        va="top",
    )
    figure.text(
        0.14 / WIDTH_IN,
        1 - 0.46 / total_in,
        _subtitle(waveform, len(panels) > 1),
        fontsize=9,
        color=FAINT,
        va="top",
    )
    above_in = HEAD_IN
    for panel, height_in in zip(panels, heights, strict=True):
        above_in += height_in
        inner_in = height_in - FOOT_IN
        axes = figure.add_axes((left, 1 - (above_in - FOOT_IN) / total_in, width, inner_in / total_in))
        _panel(axes, panel, inner_in)
        if panel is waveform and len(panels) > 1:
            scale = _scale(waveform)
            shown = (scale.of(panels[1].from_ns), scale.of(panels[1].to_ns))
            axes.axvspan(*shown, facecolor="#ffe8a1", edgecolor="#e0a800", linewidth=5, alpha=0.5, zorder=0)
    figure.savefig(path)
    return path


def duration(span_ns: float) -> str:
    """A time with the unit a person would take."""
    for below, divisor, unit in UNITS:
        if abs(span_ns) < below:
            return f"{span_ns / divisor:.4g} {unit}"
    return f"{span_ns / SECOND_NS:.4g} s"


# --- what is shown ----------------------------------------------------------------------------------------------------------


def _close_up(waveform: Waveform) -> Iterator[Waveform]:
    """The first delay that would be a hair, and what was allowed for it, if the window shows little of either."""
    whole_ns = waveform.to_ns - waveform.from_ns
    for delay in waveform.delays:
        length_ns = delay.to_ns - delay.from_ns
        if length_ns >= whole_ns * HAIR:
            continue
        span_ns = length_ns
        if delay.limit_ns is not None and delay.limit_ns < whole_ns * HAIR:
            span_ns = max(length_ns, delay.limit_ns)
        span_ns = max(span_ns, 1_000)
        margin_ns = max(round(span_ns * CLOSE_UP_MARGIN), 1)
        from_ns, to_ns = delay.from_ns - margin_ns, delay.from_ns + span_ns + margin_ns
        lanes = tuple(_cut(lane, from_ns, to_ns) for lane in waveform.lanes)
        yield replace(waveform, from_ns=from_ns, to_ns=to_ns, lanes=lanes, delays=(delay,))
        return


def _cut(lane: Lane, from_ns: int, to_ns: int) -> Lane:
    before = [edge for edge in lane.edges if edge.t_ns < from_ns]
    inside = tuple(edge for edge in lane.edges if from_ns <= edge.t_ns <= to_ns)
    return replace(lane, initial=before[-1].level if before else lane.initial, edges=inside)


def _subtitle(waveform: Waveform, close_up: bool) -> str:
    edges = sum(len(lane.edges) for lane in waveform.lanes)
    words = f"{duration(waveform.to_ns - waveform.from_ns)} of the bench's time, {edges} edges"
    return f"{words}; below, the yellow moment close up" if close_up else words


def _scale(waveform: Waveform) -> _Scale:
    """The axis in the unit of its length; counted from the zero of the whole waveform, in a close-up as well."""
    span_ns = waveform.to_ns - waveform.from_ns
    zero_ns = waveform.zero_ns
    for below, divisor, unit in UNITS:
        if span_ns < 2 * below:
            return _Scale(zero_ns, divisor, unit)
    return _Scale(zero_ns, SECOND_NS, "s")


# --- layout -----------------------------------------------------------------------------------------------------------------


def _rows(waveform: Waveform) -> list[_Row]:
    rows = []
    top_in = _flags_in(waveform)
    for number, lane in enumerate(waveform.lanes):
        color = LINES[number % len(LINES)]
        rows.append(_Row(top_in, LANE_IN, lane, color))
        top_in += LANE_IN
        for delay in waveform.delays:
            if delay.signal.value == lane.name:
                rows.append(_Row(top_in, ROW_IN, lane, color, delay))
                top_in += ROW_IN
    return rows


def _panel_height_in(waveform: Waveform) -> float:
    last = _rows(waveform)[-1]
    return last.top_in + last.height_in + FOOT_IN


def _flags(waveform: Waveform) -> list[tuple[Mark, int]]:
    """Moments inside the window and the row of each name, so that no name lies on another."""
    span_ns = waveform.to_ns - waveform.from_ns
    inch_ns = span_ns / (WIDTH_IN - LEFT_IN - RIGHT_IN)
    free_from_ns: list[float] = []
    placed = []
    for mark in sorted(waveform.marks, key=lambda mark: mark.t_ns):
        if not waveform.from_ns <= mark.t_ns <= waveform.to_ns:
            continue
        width_ns = (len(mark.text) + 2) * CHARACTER_IN * inch_ns
        starts_ns = mark.t_ns - width_ns if _flag_left(waveform, mark, width_ns) else mark.t_ns
        row = next(
            (row for row, free_ns in enumerate(free_from_ns) if free_ns <= starts_ns), len(free_from_ns)
        )
        if row == len(free_from_ns):
            free_from_ns.append(0)
        free_from_ns[row] = starts_ns + width_ns
        placed.append((mark, row))
    return placed


def _flag_left(waveform: Waveform, mark: Mark, width_ns: float) -> bool:
    """Whether a name stands left of its moment, because the picture ends at its right."""
    return mark.t_ns + width_ns > waveform.to_ns


def _flags_in(waveform: Waveform) -> float:
    rows = [row for _, row in _flags(waveform)]
    return (max(rows) + 1) * FLAG_IN + 0.05 if rows else 0.0


# --- ink --------------------------------------------------------------------------------------------------------------------


def _panel(axes: Axes, waveform: Waveform, height_in: float) -> None:
    """One panel; its vertical axis is in inches from the top, so that rows keep their height."""
    scale = _scale(waveform)
    axes.set_xlim(scale.of(waveform.from_ns), scale.of(waveform.to_ns))
    axes.set_ylim(height_in, 0)
    rows = _rows(waveform)
    for row in rows:
        if row.delay is None:
            _draw_lane(axes, row, waveform, scale)
        else:
            _draw_delay(axes, row, row.delay, scale)
    _draw_marks(axes, waveform, scale, height_in)
    _style(axes, waveform, scale, [row for row in rows if row.delay is None])


def _draw_lane(axes: Axes, row: _Row, waveform: Waveform, scale: _Scale) -> None:
    low, high = row.top_in + row.height_in * (1 - LOW), row.top_in + row.height_in * (1 - HIGH)
    axes.axhline(low, color=GRID, linewidth=1, zorder=0)
    if row.lane.passages:
        moments = [scale.of(t_ns) for t_ns in _thinned([edge.t_ns for edge in row.lane.edges], waveform)]
        axes.vlines(moments, low, high, color=row.color, linewidth=1.3)
        axes.plot(moments, [high] * len(moments), "^", color=row.color, markersize=3.5)
        return
    points = _points(row.lane, waveform)
    times = [scale.of(t_ns) for t_ns, _ in points]
    heights = [high if level else low for _, level in points]
    axes.fill_between(times, heights, low, step="post", color=row.color, alpha=0.18, linewidth=0, zorder=1)
    axes.step(times, heights, where="post", color=row.color, linewidth=1.4, solid_joinstyle="miter", zorder=2)


def _points(lane: Lane, waveform: Waveform) -> list[tuple[int, int]]:
    """The line as (time, level) from the window's begin to its end, at most four points in a column of ink."""
    points = [(waveform.from_ns, lane.initial)]
    column_ns = max((waveform.to_ns - waveform.from_ns) // COLUMNS, 1)
    for _, group in itertools.groupby(lane.edges, key=lambda edge: edge.t_ns // column_ns):
        edges = list(group)
        kept = [*edges[:2], *edges[-2:]] if len(edges) > 4 else edges
        points += [(edge.t_ns, edge.level) for edge in kept]
    return [*points, (waveform.to_ns, points[-1][1])]


def _thinned(moments: Sequence[int], waveform: Waveform) -> list[int]:
    """One moment of each column of ink."""
    column_ns = max((waveform.to_ns - waveform.from_ns) // COLUMNS, 1)
    return [next(group) for _, group in itertools.groupby(moments, key=lambda t_ns: t_ns // column_ns)]


def _draw_delay(axes: Axes, row: _Row, delay: Delay, scale: _Scale) -> None:
    """The arrow, its value, and what was allowed for it as a band behind."""
    length_ns = delay.to_ns - delay.from_ns
    within = delay.limit_ns is None or length_ns <= delay.limit_ns
    color = WITHIN if within else OUTSIDE
    middle = row.top_in + row.height_in / 2
    start, end = scale.of(delay.from_ns), scale.of(delay.to_ns)
    _, right = axes.get_xlim()
    if delay.limit_ns is not None:
        limit = scale.of(delay.from_ns + delay.limit_ns)
        band = (row.top_in + 0.06, row.top_in + row.height_in - 0.06)
        axes.fill_betweenx(band, start, min(limit, right), color=WITHIN, alpha=0.13, linewidth=0, zorder=0)
        if limit <= right:
            axes.plot([limit, limit], band, color=WITHIN, linewidth=1.6, zorder=1)
    arrow = {
        "arrowstyle": "<|-|>",
        "color": color,
        "linewidth": 1.5,
        "shrinkA": 0,
        "shrinkB": 0,
        "mutation_scale": 9,
    }
    axes.annotate("", (end, middle), (start, middle), arrowprops=arrow, annotation_clip=False, zorder=3)
    axes.plot([start, end], [middle, middle], "|", color=color, markersize=9, zorder=3)
    at, align, shift = _beside(axes, start, end, _delay_words(delay))
    axes.annotate(
        _delay_words(delay),
        (at, middle),
        xytext=(shift, 0),
        textcoords="offset points",
        ha=align,
        va="center",
        fontsize=9,
        fontweight="bold",
        color=color,
        bbox=_PAPER,
        zorder=4,
    )


def _beside(axes: Axes, start: float, end: float, words: str) -> tuple[float, str, int]:
    """Where the words of an arrow have room: right of it, left of it, else on it. Place, alignment, shift in points."""
    left, right = axes.get_xlim()
    needed = (len(words) + 3) * BOLD_IN * (right - left) / (WIDTH_IN - LEFT_IN - RIGHT_IN)
    if end + needed <= right:
        return end, "left", 8
    if start - needed >= left:
        return start, "right", -8
    return min(max((start + end) / 2, left + needed / 2), right - needed / 2), "center", 0


def _delay_words(delay: Delay) -> str:
    length_ns = delay.to_ns - delay.from_ns
    words = f"{delay.text} {duration(length_ns)}".strip()
    if delay.limit_ns is None:
        return words
    verdict = "limit" if length_ns <= delay.limit_ns else "TOO LONG, limit"
    return f"{words}   ({verdict} {duration(delay.limit_ns)})"


def _draw_marks(axes: Axes, waveform: Waveform, scale: _Scale, height_in: float) -> None:
    span_ns = waveform.to_ns - waveform.from_ns
    inch_ns = span_ns / (WIDTH_IN - LEFT_IN - RIGHT_IN)
    for mark, row in _flags(waveform):
        left = _flag_left(waveform, mark, (len(mark.text) + 2) * CHARACTER_IN * inch_ns)
        top = row * FLAG_IN + 0.02
        axes.plot(
            [scale.of(mark.t_ns)] * 2,
            [top, height_in],
            color=MARK,
            linewidth=1,
            linestyle=(0, (4, 2)),
            zorder=3,
        )
        axes.annotate(
            mark.text,
            (scale.of(mark.t_ns), top),
            xytext=(-4 if left else 4, -1),
            textcoords="offset points",
            ha="right" if left else "left",
            va="top",
            fontsize=9,
            color=MARK,
            bbox=_PAPER,
            zorder=4,
        )


def _style(axes: Axes, waveform: Waveform, scale: _Scale, lanes: Sequence[_Row]) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.set_yticks(
        [row.top_in + row.height_in * (1 - (LOW + HIGH) / 2) for row in lanes],
        [row.lane.name for row in lanes],
    )
    axes.tick_params(axis="y", length=0, labelsize=10)
    for label, row in zip(axes.get_yticklabels(), lanes, strict=True):
        label.set_color(row.color)
        label.set_fontweight("bold")
    axes.tick_params(axis="x", labelsize=9, colors=INK)
    axes.grid(axis="x", color=GRID)
    axes.set_axisbelow(True)
    axes.ticklabel_format(axis="x", style="plain", useOffset=False)
    begins = [mark.text for mark in waveform.marks if mark.t_ns == scale.zero_ns]
    since = begins[0] if begins else "the beginning of this waveform"
    axes.set_xlabel(f"time since: {since}, {scale.unit}", fontsize=9, color=INK)
