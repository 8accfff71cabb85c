"""Strokes under a hand on the trigger: count, period, what ends them."""

from __future__ import annotations

import pytest

from hil_tests.benches import Hand, Signal
from hil_tests.host import RATE_MHZ, Station
from hil_tests.stages import Stage
from hil_tests.waves import off_after_ns, periods_us, rises
from pen_firmware import pio_programs
from pen_host.names import State
from pen_protocol import limits

HELD_MS = 150


@pytest.mark.stage(Stage.ARMED)
def test_strokes_keep_their_period_and_end_with_the_trigger(station: Station) -> None:
    bench = station.bench
    bench.hand(Hand.TRIGGER, closed=True)
    station.let_pass(HELD_MS)
    released_ns = bench.hand(Hand.TRIGGER, closed=False)
    station.let_pass(60)

    edges = bench.edges(Signal.COIL)
    assert len(rises(edges)) > 5
    period_us = pio_programs.needle_period_us(RATE_MHZ)
    resolution_us = bench.resolution_ns / 1_000
    assert all(abs(one - period_us) <= resolution_us for one in periods_us(edges))
    assert off_after_ns(edges, released_ns) <= limits.BUDGET_TRIGGER_MS * 1_000_000
    status = station.status()
    assert status.state is State.ARMED
    assert status.strokes_total == len(rises(edges))
    assert bench.unsafe_coil_edges == 0
