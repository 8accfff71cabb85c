"""What several tests do at an armed pen: hold the trigger, and judge how the coil went off."""

from __future__ import annotations

from collections.abc import Sequence

from hil_tests.benches import Bench, Hand, Signal
from hil_tests.evidence.recorder import Evidence
from hil_tests.evidence.waveform import Delay, Mark
from hil_tests.host import Station
from hil_tests.waves import off_after_ns, rises

BEFORE_NS = 30_000_000
"""How much of the strokes before a cause is drawn."""
WARM_UP_MS = 60
"""From the trigger to steady strokes."""
MS = 1_000_000


def stroke(station: Station, duration_ms: float = WARM_UP_MS) -> int:
    """Hold the trigger until strokes run; their number so far."""
    station.bench.hand(Hand.TRIGGER, closed=True)
    station.let_pass(duration_ms)
    made = len(rises(station.bench.edges(Signal.COIL)))
    assert made > 2, "no strokes under a held trigger"
    return made


def judge_off(
    station: Station, evidence: Evidence, name: str, cause_ns: int, budget_ms: float, hazard: str = "HAZ-03"
) -> None:
    """The coil went off within its budget, never rose outside SAFE, and its end is in the evidence as a picture."""
    bench = station.bench
    edges = bench.edges(Signal.COIL)
    off_us = off_after_ns(edges, cause_ns) / 1_000
    evidence.at_most(f"coil off after {name}", off_us, budget_ms * 1_000, "us", hazard=hazard)
    evidence.equal(f"coil rises outside SAFE, {name}", bench.unsafe_coil_edges, 0, "rises", hazard=hazard)
    off_ns = cause_ns + round(off_us * 1_000)
    budget_ns = round(budget_ms * MS)
    draw(
        bench,
        evidence,
        name,
        [Mark(cause_ns, name)],
        [Delay(Signal.COIL, cause_ns, off_ns, budget_ns, "coil off")],
        cause_ns + max(budget_ns, off_ns - cause_ns),
    )


def draw(
    bench: Bench, evidence: Evidence, name: str, marks: Sequence[Mark], delays: Sequence[Delay], end_ns: int
) -> None:
    """A picture of what happened around the first mark, until some time after `end_ns`."""
    signals = [Signal.TRIGGER, Signal.ESTOP, Signal.LATCH, Signal.SAFE, Signal.COIL]
    first_ns = marks[0].t_ns
    margin_ns = max(2 * MS, (end_ns - first_ns) // 3)
    from_ns = max(0, first_ns - max(BEFORE_NS, margin_ns))
    evidence.waveform(bench, name, signals, from_ns, end_ns + margin_ns, marks, delays)
