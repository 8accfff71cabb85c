"""A waveform as a picture: one lane for each line, moments with their names, delays as arrows beside their limits.

A delay that would be a hair in the whole window gets a second panel of its own, close up.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hil_tests.benches.contract import Signal
from hil_tests.evidence.layout import (
    FLAG_IN,
    FOOT_IN,
    LEFT_IN,
    RIGHT_IN,
    WIDTH_IN,
    Row,
    Scale,
    beside,
    close_up,
    duration,
    flags_of,
    moments_of,
    panel_in,
    points_of,
    rows_of,
    scale_of,
)
from hil_tests.evidence.waveform import Delay, Waveform

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#1f2a36"
FAINT = "#5c6976"
GRID = "#edf0f3"
COLORS = {
    Signal.COIL: "#a61e4d",
    Signal.SAFE: "#2b6a30",
    Signal.STEP: "#364fc7",
    Signal.HALL: "#0b7285",
    Signal.ESTOP: "#8f5a00",
    Signal.TRIGGER: "#5f3dc4",
    Signal.LATCH: "#495057",
}
"""Of lines: the same in every picture."""
WITHIN = "#2b8a3e"
OUTSIDE = "#c92a2a"
MARK = "#343a40"
LENS: dict[str, Any] = {
    "facecolor": "#ffe8a1",
    "edgecolor": "#e0a800",
    "linewidth": 5,
    "alpha": 0.5,
    "zorder": 0,
}
"""What the close-up shows, in the whole."""
PAPER = {"facecolor": "white", "edgecolor": "none", "alpha": 0.93, "pad": 1.2}
"""Behind words that lie on lines."""
HEAD_IN = 0.75
DPI = 120
LOW, HIGH = 0.1, 0.8
"""Levels within a lane."""
BAND_IN = 0.06
"""Free above and below a limit's band."""


def draw(waveform: Waveform, path: Path) -> Path:
    """Draw into `path` (PNG, SVG or PDF by its ending) and return the path.

    Raises:
        OSError: The file cannot be written.
    """
    # Late: drawing costs half a second that a run without a folder need not wait for. A figure of its own, not one of
    # pyplot's, which would be kept.
    from matplotlib.figure import Figure

    near = close_up(waveform)
    panels = [waveform] if near is None else [waveform, near]
    total_in = HEAD_IN + sum(panel_in(panel) for panel in panels)
    figure = Figure(figsize=(WIDTH_IN, total_in), dpi=DPI, facecolor="white")
    _head(figure, waveform, total_in, near is not None)
    top_in = HEAD_IN
    drawn = []
    for panel in panels:
        drawn.append(_panel(figure, panel, top_in, total_in))
        top_in += panel_in(panel)
    if near is not None:
        scale = scale_of(waveform)
        drawn[0].axvspan(scale.of(near.from_ns), scale.of(near.to_ns), **LENS)
    figure.savefig(path)
    return path


def _head(figure: Figure, waveform: Waveform, total_in: float, closer: bool) -> None:
    edges = sum(len(lane.edges) for lane in waveform.lanes)
    words = f"{duration(waveform.to_ns - waveform.from_ns)} of the bench's time, {edges} edges"
    if closer:
        words += "; below, the yellow moment close up"
    left = 0.14 / WIDTH_IN
    figure.text(
        left,
        1 - 0.15 / total_in,
        waveform.title,
        fontsize=13,
        fontweight="bold",
        color=INK,
        va="top",
        parse_math=False,
    )
    figure.text(left, 1 - 0.46 / total_in, words, fontsize=9, color=FAINT, va="top")


def _panel(figure: Figure, waveform: Waveform, top_in: float, total_in: float) -> Axes:
    """One panel; its vertical axis is in inches from its top, so that rows keep their height."""
    height_in = panel_in(waveform) - FOOT_IN
    axes = figure.add_axes(
        (
            LEFT_IN / WIDTH_IN,
            1 - (top_in + height_in) / total_in,
            1 - (LEFT_IN + RIGHT_IN) / WIDTH_IN,
            height_in / total_in,
        )
    )
    scale = scale_of(waveform)
    axes.set_xlim(scale.of(waveform.from_ns), scale.of(waveform.to_ns))
    axes.set_ylim(height_in, 0)
    rows = rows_of(waveform)
    for row in rows:
        if row.delay is None:
            _lane(axes, row, waveform, scale)
        else:
            _delay(axes, row, row.delay, scale)
    _flags(axes, waveform, scale, height_in)
    _style(axes, waveform, scale, [row for row in rows if row.delay is None])
    return axes


def _color(row: Row) -> str:
    return COLORS[Signal(row.lane.name)]


def _lane(axes: Axes, row: Row, waveform: Waveform, scale: Scale) -> None:
    low, high = row.top_in + row.height_in * (1 - LOW), row.top_in + row.height_in * (1 - HIGH)
    color = _color(row)
    axes.axhline(low, color=GRID, linewidth=1, zorder=0)
    if row.lane.passages:
        moments = [scale.of(t_ns) for t_ns in moments_of(row.lane, waveform)]
        axes.vlines(moments, low, high, color=color, linewidth=1.3)
        axes.plot(moments, [high] * len(moments), "^", color=color, markersize=3.5)
        return
    points = points_of(row.lane, waveform)
    times = [scale.of(t_ns) for t_ns, _ in points]
    heights = [high if level else low for _, level in points]
    axes.fill_between(times, heights, low, step="post", color=color, alpha=0.18, linewidth=0, zorder=1)
    axes.step(times, heights, where="post", color=color, linewidth=1.4, solid_joinstyle="miter", zorder=2)


def _delay(axes: Axes, row: Row, delay: Delay, scale: Scale) -> None:
    """The arrow, its value, and what was allowed for it as a band behind."""
    color = OUTSIDE if _too_long(delay) else WITHIN
    start, end = scale.of(delay.from_ns), scale.of(delay.to_ns)
    _, right = axes.get_xlim()
    if delay.limit_ns is not None:
        limit = scale.of(delay.from_ns + delay.limit_ns)
        band = (row.top_in + BAND_IN, row.top_in + row.height_in - BAND_IN)
        axes.fill_betweenx(band, start, min(limit, right), color=WITHIN, alpha=0.13, linewidth=0, zorder=0)
        if limit <= right:
            axes.plot([limit, limit], band, color=WITHIN, linewidth=1.6, zorder=1)
    middle = row.middle_in
    arrow = {"arrowstyle": "<|-|>", "color": color, "linewidth": 1.5, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (end, middle), (start, middle), arrowprops=arrow | {"mutation_scale": 9}, zorder=3)
    axes.plot([start, end], [middle, middle], "|", color=color, markersize=9, zorder=3)
    words = _delay_words(delay)
    at, align, shift = beside(axes.get_xlim(), start, end, words)
    axes.annotate(
        words,
        (at, middle),
        xytext=(shift, 0),
        textcoords="offset points",
        ha=align,
        va="center",
        fontsize=9,
        fontweight="bold",
        color=color,
        bbox=PAPER,
        zorder=4,
        parse_math=False,
    )


def _too_long(delay: Delay) -> bool:
    return delay.limit_ns is not None and delay.to_ns - delay.from_ns > delay.limit_ns


def _delay_words(delay: Delay) -> str:
    words = f"{delay.text} {duration(delay.to_ns - delay.from_ns)}".strip()
    if delay.limit_ns is None:
        return words
    return f"{words}   ({'TOO LONG, limit' if _too_long(delay) else 'limit'} {duration(delay.limit_ns)})"


def _flags(axes: Axes, waveform: Waveform, scale: Scale, height_in: float) -> None:
    for flag in flags_of(waveform):
        at, top = scale.of(flag.mark.t_ns), flag.row * FLAG_IN + 0.02
        axes.plot([at, at], [top, height_in], color=MARK, linewidth=1, linestyle=(0, (4, 2)), zorder=3)
        axes.annotate(
            flag.mark.text,
            (at, top),
            xytext=(-4 if flag.left else 4, -1),
            textcoords="offset points",
            ha="right" if flag.left else "left",
            va="top",
            fontsize=9,
            color=MARK,
            bbox=PAPER,
            zorder=4,
            parse_math=False,
        )


def _style(axes: Axes, waveform: Waveform, scale: Scale, lanes: Sequence[Row]) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    middles = [row.top_in + row.height_in * (1 - (LOW + HIGH) / 2) for row in lanes]
    axes.set_yticks(middles, [row.lane.name for row in lanes])
    axes.tick_params(axis="y", length=0, labelsize=10)
    for label, row in zip(axes.get_yticklabels(), lanes, strict=True):
        label.set_color(_color(row))
        label.set_fontweight("bold")
    axes.tick_params(axis="x", labelsize=9, colors=INK)
    axes.grid(axis="x", color=GRID)
    axes.set_axisbelow(True)
    axes.ticklabel_format(axis="x", style="plain", useOffset=False)
    begins = [mark.text for mark in waveform.marks if mark.t_ns == scale.zero_ns]
    since = begins[0] if begins else "the beginning of this waveform"
    axes.set_xlabel(f"time since: {since}, {scale.unit}", fontsize=9, color=INK, parse_math=False)
