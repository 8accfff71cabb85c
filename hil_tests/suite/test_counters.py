"""Clocks and counters wrap: on every bench that can, they begin just below, and here a run crosses the clock's."""

from __future__ import annotations

import pytest

from hil_tests.benches import Ability, Hand, Signal
from hil_tests.evidence.recorder import Evidence
from hil_tests.host import DEPTH_UM, RATE_MHZ, Station
from hil_tests.stages import Stage
from hil_tests.suite.strokes import MS, WARM_UP_MS, stroke
from hil_tests.waves import periods_us, rises
from pen_firmware import pio_programs
from pen_firmware.hal import CLOCK_WRAP
from pen_host.names import State
from pen_host.outcomes import Refused

HALF_AN_HOUR_MS = 30 * 60 * 1_000
JUMP_MS = 6 * 60 * 1_000
"""One jump: less than half of what a clock shows before it wraps, so its direction can be told."""
PASSES_MS = 30
"""Between two jumps the firmware looks at its clock."""
BEFORE_WRAP_MS = 900
"""Left after the jumps: self-test and arming fit in."""
AFTER_WRAP_MS = 80


def jump_to_wrap(station: Station) -> int:
    """Jump half an hour's worth and more, to shortly before the microsecond clock wraps; when it will, on the time line."""
    bench = station.bench
    left_ms = (CLOCK_WRAP - bench.clock_us()) / 1_000 - BEFORE_WRAP_MS
    while left_ms < HALF_AN_HOUR_MS:
        left_ms += CLOCK_WRAP / 1_000
    while left_ms > 0:
        bench.jump_clock_ms(min(left_ms, JUMP_MS))
        left_ms -= JUMP_MS
        station.let_pass(PASSES_MS)
        left_ms -= PASSES_MS
    return bench.now_ns + (CLOCK_WRAP - bench.clock_us()) * 1_000


@pytest.mark.stage(Stage.PREPARED)
@pytest.mark.needs(Ability.CLOCK)
@pytest.mark.covers("CLOCK")
def test_a_clock_that_jumps_blocks_arming_and_strokes_cross_its_wrap_unharmed(
    station: Station, evidence: Evidence
) -> None:
    """The counters of edges begin just below their own wrap on this bench, so they cross it too."""
    bench = station.bench
    wrap_ns = jump_to_wrap(station)
    assert "CLOCK" in station.status().condition_names, "a clock that jumped is not believed"
    assert isinstance(station.pen.arm(DEPTH_UM, RATE_MHZ), Refused)
    station.done(station.pen.self_test())
    station.arm()
    if bench.now_ns < wrap_ns - 2 * WARM_UP_MS * MS:
        station.let_pass((wrap_ns - bench.now_ns) / MS - 2 * WARM_UP_MS)
    stroke(station)
    evidence.at_least("strokes begun before the clock's wrap", (wrap_ns - bench.now_ns) / MS, 0, "ms")
    station.let_pass((wrap_ns - bench.now_ns) / MS + AFTER_WRAP_MS)
    bench.hand(Hand.TRIGGER, closed=False)
    station.let_pass(WARM_UP_MS)
    edges = bench.edges(Signal.COIL)
    assert edges[-1].t_ns > wrap_ns, "strokes went on after the wrap"
    period_us = pio_programs.needle_period_us(RATE_MHZ)
    worst_us = max(abs(one - period_us) for one in periods_us(edges))
    evidence.at_most("stroke period across the clock's wrap", worst_us, bench.resolution_ns / 1_000, "us")
    status = station.status()
    assert status.state is State.ARMED
    evidence.equal(
        "strokes counted across the counter's wrap", status.strokes_total, len(rises(edges)), "strokes"
    )


@pytest.mark.stage(Stage.ARMED)
@pytest.mark.needs(Ability.CLOCK)
@pytest.mark.covers("STROKE_MISMATCH")
def test_an_edge_counter_that_jumps_stops_the_pen(station: Station, evidence: Evidence) -> None:
    """A minute's worth of strokes at once is no count: the pen stops rather than believe it."""
    bench = station.bench
    stroke(station)
    bench.miscount(6_000)
    station.let_pass(60)
    evidence.equal("stopped after a counter jumped", int(station.status().stopped), 1, "")
