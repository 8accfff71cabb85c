"""Strokes under a hand on the trigger: period, count, what they are counted by."""

from __future__ import annotations

import pytest

from hil_tests.benches import Hand, Signal
from hil_tests.evidence.recorder import Evidence
from hil_tests.host import DEPTH_UM, RATE_MHZ, Station
from hil_tests.stages import Stage
from hil_tests.suite.strokes import judge_off, stroke
from hil_tests.waves import periods_us, pulses, rises
from pen_firmware import pio_programs
from pen_host.names import State
from pen_host.outcomes import Done
from pen_protocol import limits

STROKES = 6
SETTLE_MS = 60


def judge_strokes(station: Station, evidence: Evidence, rate_mhz: int) -> None:
    """Strokes of one run: exact period, on-time below its cap, and one number of strokes whoever counts."""
    bench = station.bench
    edges = bench.edges(Signal.COIL)
    period_us = pio_programs.needle_period_us(rate_mhz)
    resolution_us = bench.resolution_ns / 1_000
    rate = f"{rate_mhz / 1_000:g} Hz"
    worst_us = max(abs(one - period_us) for one in periods_us(edges))
    evidence.at_most(
        f"stroke period off its {period_us} us at {rate}", worst_us, resolution_us, "us", hazard="HAZ-04"
    )
    longest_us = max(one.length_us for one in pulses(edges))
    evidence.at_most(
        f"coil on-time at {rate}", longest_us, pio_programs.NEEDLE_ON_MAX_US, "us", hazard="HAZ-04"
    )
    status = station.status()
    evidence.equal(f"strokes the pen counts at {rate}", status.strokes_total, len(rises(edges)), "strokes")


@pytest.mark.stage(Stage.ARMED)
@pytest.mark.covers("REQ-0402")
def test_strokes_keep_their_period_and_end_with_the_trigger(station: Station, evidence: Evidence) -> None:
    bench = station.bench
    stroke(station, STROKES * 1e6 / RATE_MHZ + SETTLE_MS)
    released_ns = bench.hand(Hand.TRIGGER, closed=False)
    station.let_pass(SETTLE_MS)
    judge_off(station, evidence, "trigger release", released_ns, limits.BUDGET_TRIGGER_MS)
    judge_strokes(station, evidence, RATE_MHZ)
    assert station.status().state is State.ARMED


@pytest.mark.stage(Stage.PREPARED)
@pytest.mark.parametrize("rate_mhz", [limits.RATE_MIN_MHZ, 60_000, limits.RATE_MAX_MHZ])
@pytest.mark.covers("REQ-0402")
def test_every_rate_has_its_exact_period(station: Station, evidence: Evidence, rate_mhz: int) -> None:
    station.done(station.pen.set_rate(rate_mhz))
    station.arm(DEPTH_UM, rate_mhz)
    stroke(station, STROKES * 1e6 / rate_mhz + SETTLE_MS)
    station.bench.hand(Hand.TRIGGER, closed=False)
    station.let_pass(SETTLE_MS)
    judge_strokes(station, evidence, rate_mhz)


@pytest.mark.stage(Stage.ARMED)
def test_without_a_hand_on_the_trigger_an_armed_pen_does_not_stroke(
    station: Station, evidence: Evidence
) -> None:
    station.let_pass(100)
    evidence.equal(
        "strokes without the trigger", len(station.bench.edges(Signal.COIL)), 0, "edges", hazard="HAZ-03"
    )


@pytest.mark.stage(Stage.PREPARED)
def test_a_trigger_held_before_arming_gives_no_strokes(station: Station, evidence: Evidence) -> None:
    bench = station.bench
    bench.hand(Hand.TRIGGER, closed=True)
    station.let_pass(20)
    outcome = station.pen.arm(DEPTH_UM, RATE_MHZ)
    station.let_pass(120)
    evidence.note("arming under a held trigger", type(outcome).__name__)
    evidence.equal(
        "strokes of a trigger never released", len(bench.edges(Signal.COIL)), 0, "edges", hazard="HAZ-03"
    )
    if isinstance(outcome, Done):
        assert station.status().state is State.ARMING
