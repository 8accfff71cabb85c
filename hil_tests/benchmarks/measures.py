"""Arithmetic on what was measured: no chip, no clock."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from hil_tests.benches.contract import Edge
from hil_tests.waves import pulses, rises

NS_PER_US = 1_000
NS_PER_MS = 1_000_000


@dataclass(frozen=True)
class Spread:
    """Samples in short: nearest-rank percentiles, so each is one of the samples."""

    count: int
    p50: float
    p99: float
    worst: float


@dataclass(frozen=True)
class StrokeFigures:
    """Strokes under collections. Deviations are from the period the program asked its mechanism for."""

    strokes: int
    missing: int
    """Strokes the grid has and the pad has not."""
    period_p50_us: float
    off_p99_us: float
    """|period - asked|, 99th hundredth."""
    off_worst_us: float
    late_worst_us: float
    """Latest edge against a grid of the asked period through the earliest one."""
    on_asked_us: float
    on_excess_us: float
    """Longest on-time beyond the one asked for."""
    collect_ms: Spread | None


@dataclass(frozen=True)
class OffFigures:
    """What the coil did after a hang."""

    off_ms: float
    """From the hang to the last moment the coil was on; when it never went off, how long it was watched."""
    ended: bool
    strokes: int
    """Strokes that began after the hang."""


@dataclass(frozen=True)
class StepFigures:
    """Steps that should be equally far apart."""

    steps: int
    asked_us: float
    """0: as fast as can be."""
    rate_per_s: float
    off_p99_us: float
    off_worst_us: float


@dataclass(frozen=True)
class Figures:
    """All that one program gave."""

    program: str
    strokes: StrokeFigures | None = None
    off: OffFigures | None = None
    steps: dict[str, StepFigures] = field(default_factory=dict)
    trips_ms: dict[str, Spread] = field(default_factory=dict)
    lacks: str = ""
    """Why there is nothing: a sentence."""
    facts: dict[str, str] = field(default_factory=dict)
    chip_ms: float = 0.0
    wall_s: float = 0.0


def spread(samples: Sequence[float]) -> Spread:
    """Number, median, 99th hundredth and largest.

    Raises:
        ValueError: There are no samples.
    """
    if not samples:
        raise ValueError("nothing was measured: the program made no edges in its measured part")
    ordered = sorted(samples)

    def rank(share: float) -> float:
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

    return Spread(len(ordered), rank(0.5), rank(0.99), ordered[-1])


def periods(times_ns: Sequence[int]) -> list[float]:
    """Times between successive moments, in us."""
    return [(later - earlier) / NS_PER_US for earlier, later in itertools.pairwise(times_ns)]


def lateness(times_ns: Sequence[int], period_us: float) -> tuple[float, int]:
    """Worst lateness in us against a grid of this period through the earliest edge, and how many of the grid are missing.

    An edge belongs to the next place of the grid, or when edges are missing, to the last place it is not too early for: so a
    lost stroke counts as missing and not as a lateness of all that follow.
    """
    period_ns = period_us * NS_PER_US
    missing = max(0, round((times_ns[-1] - times_ns[0]) / period_ns) + 1 - len(times_ns))
    offsets = []
    place = -1
    skipped = 0
    for at_ns in times_ns:
        place += 1
        if skipped < missing:
            reached = math.floor((at_ns - times_ns[0]) / period_ns)
            ahead = min(max(0, reached - place), missing - skipped)
            skipped += ahead
            place += ahead
        offsets.append(at_ns - place * period_ns)
    return (max(offsets) - min(offsets)) / NS_PER_US, missing


def within(edges: Sequence[Edge], window: tuple[int, int]) -> list[Edge]:
    """Edges of a window (from, to), in ns."""
    return [edge for edge in edges if window[0] <= edge.t_ns <= window[1]]


def stroke_figures(
    coil: Sequence[Edge],
    window: tuple[int, int],
    period_us: float,
    on_us: float,
    collections: Sequence[Edge] = (),
) -> StrokeFigures:
    """Strokes within a window. Pulses count whole when they began in it, also if they end behind it."""
    times_ns = rises(within(coil, window))
    measured_us = periods(times_ns)
    period = spread(measured_us)
    off = spread([abs(one - period_us) for one in measured_us])
    late_us, missing = lateness(times_ns, period_us)
    on_us_all = [pulse.length_us for pulse in pulses(coil) if window[0] <= pulse.rise_ns <= window[1]]
    collected_ms = [pulse.length_us / 1_000 for pulse in pulses(within(collections, window))]
    return StrokeFigures(
        strokes=len(times_ns),
        missing=missing,
        period_p50_us=period.p50,
        off_p99_us=off.p99,
        off_worst_us=off.worst,
        late_worst_us=late_us,
        on_asked_us=on_us,
        on_excess_us=max(0.0, max(on_us_all) - on_us),
        collect_ms=spread(collected_ms) if collected_ms else None,
    )


def off_figures(coil: Sequence[Edge], hung_ns: int, watched_to_ns: int, ended: bool) -> OffFigures:
    """The coil after a hang.

    Args:
        coil: Edges of the coil.
        hung_ns: When the program hung.
        watched_to_ns: When the bench stopped looking.
        ended: The strokes had come to their end by then; otherwise how long they were watched is all that is known.
    """
    began = [at_ns for at_ns in rises(coil) if hung_ns < at_ns <= watched_to_ns]
    falls = [edge.t_ns for edge in coil if not edge.level and hung_ns < edge.t_ns <= watched_to_ns]
    last_ns = (falls[-1] if falls else hung_ns) if ended else watched_to_ns
    return OffFigures((last_ns - hung_ns) / NS_PER_MS, ended, len(began))


def step_figures(times_ns: Sequence[int], asked_us: float) -> StepFigures:
    """Steps at these moments, asked for `asked_us` apart (0: as fast as can be, compared with their own median)."""
    measured_us = periods(times_ns)
    due_us = asked_us or spread(measured_us).p50
    off = spread([abs(one - due_us) for one in measured_us])
    rate = 1e9 * len(measured_us) / (times_ns[-1] - times_ns[0])
    return StepFigures(len(times_ns), asked_us, rate, off.p99, off.worst)
