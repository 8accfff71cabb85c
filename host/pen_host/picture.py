"""The picture of a treatment: protrusion, rate and strokes over time, drawn from its samples."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import nan
from pathlib import Path
from typing import TYPE_CHECKING

from .trace import Mark, Sample

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BETWEEN_ZONES = -1
STOPPED = "STOPPED"
INK = "#1f2a36"
MEASURED = "#0b7285"
REQUESTED = "#9aa5b1"
STROKES = "#5f3dc4"
CONTACT = "#b197fc"
TRIP = "#c92a2a"
ZONES = ("#e7f5ff", "#fff4e6", "#ebfbee", "#f8f0fc", "#fff9db", "#e6fcf5")
_PAPER = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 1}
"""Behind words that lie on lines."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """What the picture shows. `zones` are the zones' names by index."""

    title: str
    subtitle: str
    zones: Sequence[str]
    samples: Sequence[Sample]
    marks: Sequence[Mark]


def draw(treatment: Treatment, path: Path) -> Path:
    """Draw the treatment into `path` (PNG, SVG or PDF by its ending) and return the path.

    Raises:
        ValueError: there is not one sample to draw.
        OSError: the file cannot be written.
    """
    drawn = figure(treatment, _SIZE_IN, _MARGINS)
    drawn.suptitle(treatment.title, x=0.01, y=0.99, ha="left", fontsize=14, fontweight="bold", color=INK)
    drawn.text(0.012, 0.937, treatment.subtitle, ha="left", fontsize=9, color=INK)
    drawn.savefig(path, dpi=120)
    return path


@dataclass(frozen=True, slots=True)
class Margins:
    """Where the axes lie, as shares of the picture, and the room between them as a share of their height."""

    left: float
    right: float
    bottom: float
    top: float
    between: float


_SIZE_IN = (11, 7.6)
_MARGINS = Margins(left=0.085, right=0.985, bottom=0.07, top=0.89, between=0.19)
"""Of the picture of its own: room for its title, and for eight digits of strokes."""


def figure(treatment: Treatment, size_in: tuple[float, float], margins: Margins) -> "Figure":
    """The picture without title, for a page that has one of its own.

    Args:
        treatment: What it shows.
        size_in: Width and height in inches.
        margins: Where the axes lie. To find it by measuring every letter takes as long as drawing.

    Raises:
        ValueError: there is not one sample to draw.
    """
    if not treatment.samples:
        raise ValueError("The treatment has no samples, so there is no picture of it: nothing was measured.")
    # Imported late: drawing costs half a second, a stop must not wait for it. Without pyplot there is no state to close.
    from matplotlib.figure import Figure

    drawn = Figure(figsize=size_in)
    rows = drawn.subplots(3, 1, sharex=True)
    drawn.subplots_adjust(margins.left, margins.bottom, margins.right, margins.top, hspace=margins.between)
    _protrusion(rows[0], treatment.samples)
    _rate(rows[1], treatment.samples)
    _strokes(rows[2], treatment.samples)
    for row in rows:
        _shade_zones(row, treatment)
        _shade_stops(row, treatment.samples)
        _style(row)
    _name_zones(rows[0], treatment)
    _name_marks(rows, treatment.marks)
    rows[2].set_xlabel("time since the session was opened, s")
    return drawn


def _seconds(samples: Sequence[Sample]) -> list[float]:
    return [sample.t_ms / 1000 for sample in samples]


def _protrusion(axes: "Axes", samples: Sequence[Sample]) -> None:
    seconds = _seconds(samples)
    axes.step(
        seconds,
        [s.depth_requested_um / 1000 for s in samples],
        where="post",
        color=REQUESTED,
        linewidth=3,
        label="requested",
    )
    axes.plot(
        seconds,
        [nan if s.depth_measured_um is None else s.depth_measured_um / 1000 for s in samples],
        color=MEASURED,
        label="measured",
    )
    axes.set_ylabel("needle protrusion\nsetting, mm")
    highest_um = max(max(s.depth_requested_um, s.depth_measured_um or 0) for s in samples)
    axes.set_ylim(-0.05, max(highest_um / 1000, 0.1) * 1.35)  # room for the zones' names
    _legend(axes)


def _rate(axes: "Axes", samples: Sequence[Sample]) -> None:
    seconds = _seconds(samples)
    axes.step(
        seconds,
        [s.rate_requested_mhz / 1000 for s in samples],
        where="post",
        color=REQUESTED,
        linewidth=3,
        label="requested",
    )
    axes.step(
        seconds,
        [s.rate_measured_mhz / 1000 for s in samples],
        where="post",
        color=MEASURED,
        label="measured (hall)",
    )
    axes.set_ylabel("stroke rate, Hz")
    axes.set_ylim(bottom=0)
    _legend(axes)


def _strokes(axes: "Axes", samples: Sequence[Sample]) -> None:
    seconds = _seconds(samples)
    axes.plot(seconds, [s.strokes for s in samples], color=STROKES, label="strokes, pen's counter")
    axes.plot(
        seconds,
        [s.contact_strokes for s in samples],
        color=CONTACT,
        linestyle="--",
        label="of these in contact",
    )
    axes.set_ylabel("strokes")
    axes.set_ylim(bottom=0)
    _legend(axes)


def _spans(treatment: Treatment) -> list[tuple[int, float, float]]:
    """(zone, from, to) in seconds for every stretch of samples inside one zone."""
    spans = []
    for zone, group in groupby(treatment.samples, key=lambda sample: sample.zone):
        moments = _seconds(list(group))
        if zone != BETWEEN_ZONES:
            spans.append((zone, moments[0], moments[-1]))
    return spans


def _shade_zones(axes: "Axes", treatment: Treatment) -> None:
    for zone, start, end in _spans(treatment):
        axes.axvspan(start, end, color=ZONES[zone % len(ZONES)], zorder=0)


def _shade_stops(axes: "Axes", samples: Sequence[Sample]) -> None:
    """From each stop until it was cleared."""
    for state, group in groupby(samples, key=lambda sample: sample.state):
        if state == STOPPED:
            moments = _seconds(list(group))
            axes.axvspan(
                moments[0], moments[-1], facecolor="none", edgecolor=TRIP, hatch="////", alpha=0.25, zorder=1
            )


def _name_zones(axes: "Axes", treatment: Treatment) -> None:
    named: set[int] = set()
    for zone, start, _ in _spans(treatment):
        if zone in named:
            continue
        named.add(zone)
        axes.annotate(
            treatment.zones[zone],
            (start, 0.96),
            xycoords=axes.get_xaxis_transform(),
            xytext=(4, 0),
            textcoords="offset points",
            va="top",
            fontsize=9,
            color=INK,
            bbox=_PAPER,
        )


def _name_marks(rows: Sequence["Axes"], marks: Sequence[Mark]) -> None:
    for mark in marks:
        color = TRIP if mark.trip else INK
        for axes in rows:
            axes.axvline(mark.t_ms / 1000, color=color, linewidth=1, linestyle="-" if mark.trip else ":")
        rows[-1].annotate(
            mark.label,
            (mark.t_ms / 1000, 0.03),
            xycoords=rows[-1].get_xaxis_transform(),
            rotation=90,
            fontsize=8,
            color=color,
            ha="right",
            va="bottom",
            bbox=_PAPER,
        )


def _legend(axes: "Axes") -> None:
    """Above the axes, where it hides no values."""
    axes.legend(loc="lower right", bbox_to_anchor=(1, 0.98), ncols=2, frameon=False, fontsize=8)


def _style(axes: "Axes") -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.grid(axis="y", color="#e9ecef")
    axes.set_axisbelow(True)
