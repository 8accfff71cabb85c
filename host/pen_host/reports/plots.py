"""Pictures in reports, drawn by matplotlib as SVG: the same values give the same bytes."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from pen_host import picture
from pen_host.dose import LABEL, REFERENCE, ZoneDose, rounded_up
from pen_host.picture import INK, MEASURED, REQUESTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_IN = 7.2
_BAND = "#cfe8d5"
_EDGE = "#2f7d4a"


@dataclass(frozen=True, slots=True)
class Series:
    """A measure over time.

    Attributes:
        name: With its unit.
        days: When.
        values: What.
        baseline: The value that later ones are compared with, if there is one.
        scale: Lowest and highest grade, for a scale of whole grades.
    """

    name: str
    days: tuple[date, ...]
    values: tuple[float, ...]
    baseline: float | None = None
    scale: tuple[int, int] | None = None


def treatment(shown: picture.Treatment) -> bytes:
    """Protrusion, rate and strokes over time."""
    import matplotlib

    with matplotlib.rc_context({"font.size": 8}):
        return _svg(picture.figure(shown, (WIDTH_IN, 5.2), picture.Margins(0.09, 0.985, 0.08, 0.965, 0.28)))


def doses(found: Sequence[ZoneDose]) -> bytes:
    """Estimated maximum of each zone against its target and the published band."""
    known = [one for one in found if one.total is not None and one.target is not None]
    axes = _figure(0.62 + 0.4 * len(known), below_in=0.45, left=0.13)
    top = max(
        [float(one.total or 0) for one in known] + [one.target.high for one in known if one.target] + [1]
    )
    for row, one in enumerate(known):
        assert one.target is not None, "chosen so above"
        assert one.total is not None, "chosen so above"
        axes.barh(
            row, one.target.high - one.target.low, left=one.target.low, height=0.8, color=_BAND, zorder=1
        )
        axes.barh(row, float(one.total), height=0.36, color=MEASURED, zorder=2)
        axes.text(
            float(one.total) + top * 0.01, row, f"{rounded_up(one.total)}", va="center", fontsize=8, color=INK
        )
    for edge in (REFERENCE.low, REFERENCE.high):
        axes.axvline(edge, color=_EDGE, linewidth=1, linestyle=":", zorder=3)
    axes.set_yticks(range(len(known)), [str(one.zone) for one in known], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, top * 1.12)
    axes.set_xlabel(
        f"{LABEL} of punctures per cm2 (green: target; dotted: published {REFERENCE.low}-{REFERENCE.high})"
    )
    _plain(axes)
    return _svg(_of(axes))


def trends(series: Sequence[Series], treated: Sequence[date]) -> bytes:
    """Measures over time, each with its own scale, over the days on which the patient was treated."""
    from matplotlib.figure import Figure

    height_in = 1.3 * len(series) + 0.4
    drawn = Figure(figsize=(WIDTH_IN, height_in))
    rows = drawn.subplots(len(series), 1, sharex=True, squeeze=False)[:, 0]
    drawn.subplots_adjust(0.06, 0.3 / height_in, 0.96, 1 - 0.22 / height_in, hspace=0.42)
    for axes, one in zip(rows, series, strict=True):
        for day in treated:
            axes.axvline(day, color="#d9d2ec", linewidth=2.2, zorder=0)
        if one.baseline is not None:
            axes.axhline(one.baseline, color=REQUESTED, linewidth=1, linestyle="--", zorder=1)
        axes.plot(one.days, one.values, color=MEASURED, marker="o", markersize=4, linewidth=1.6)
        for day, value in zip(one.days, one.values, strict=True):
            axes.annotate(
                f"{value:g}",
                (day, value),
                xytext=(0, 5),
                textcoords="offset points",
                ha="center",
                fontsize=7,
                color=INK,
            )
        axes.margins(y=0.35)
        if one.scale is not None:
            low, high = one.scale
            axes.set_ylim(low - 0.6, high + 0.9)
            axes.set_yticks(range(low, high + 1))
        axes.set_title(one.name, loc="left", fontsize=8.5, color=INK)
        _plain(axes)
    return _svg(drawn)


def bars(name: str, days: Sequence[date], values: Sequence[float], low: float, high: float) -> bytes:
    """One value a treatment against a band, for example the dose from visit to visit."""
    axes = _figure(1.8, below_in=0.22, left=0.06, above_in=0.2)
    axes.axhspan(low, high, color=_BAND, zorder=0)
    axes.bar(range(len(days)), values, width=0.55, color=MEASURED, zorder=2)
    axes.set_xticks(range(len(days)), [f"{day:%d %b}" for day in days], fontsize=7, rotation=0)
    axes.set_title(name, loc="left", fontsize=8.5, color=INK)
    _plain(axes)
    return _svg(_of(axes))


def photograph(jpeg: bytes, width_px: int, height_px: int) -> bytes:
    """A photograph in the form of the other pictures; its own bytes are in it unchanged."""
    coded = base64.b64encode(jpeg).decode()
    size = f'width="{width_px}" height="{height_px}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width_px} {height_px}" {size}>'
        f'<image {size} href="data:image/jpeg;base64,{coded}"/></svg>'
    ).encode()


def _figure(height_in: float, below_in: float, left: float, above_in: float = 0.05) -> Axes:
    """One pair of axes with margins of fixed size: a layout that measures every letter first takes twice as long."""
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(WIDTH_IN, height_in))
    drawn.subplots_adjust(left, below_in / height_in, 0.985, 1 - above_in / height_in)
    return drawn.subplots()


def _of(axes: Axes) -> Figure:
    """The whole picture that one pair of axes is in."""
    from matplotlib.figure import Figure

    drawn = axes.get_figure(root=True)
    assert isinstance(drawn, Figure), "axes made here lie in a figure"
    return drawn


def _plain(axes: Axes) -> None:
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#b8c4cc")
    axes.tick_params(labelsize=7.5, colors=INK, length=2)
    axes.xaxis.label.set_fontsize(8)
    axes.grid(axis="y", color="#eef1f3")
    axes.set_axisbelow(True)


def _svg(drawn: Figure) -> bytes:
    """As bytes that depend on nothing but what is drawn: no time, no random names."""
    import matplotlib

    out = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": "derma-pen", "font.family": "DejaVu Sans"}):
        drawn.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()
