"""The depth axis: homing, protrusion verified step by step, steps no faster than its ramp."""

from __future__ import annotations

import pytest

from hil_tests.benches import Signal
from hil_tests.evidence.recorder import Evidence
from hil_tests.host import Station
from hil_tests.stages import Stage
from hil_tests.waves import periods_us, rises
from pen_firmware import depth, steps
from pen_host.outcomes import Refused
from pen_protocol import limits

SHALLOW_UM, DEEP_UM = 300, 500


@pytest.mark.stage(Stage.GREETED)
@pytest.mark.covers("HAZ-01")
def test_homing_and_protrusion_are_made_of_counted_steps(station: Station, evidence: Evidence) -> None:
    bench, pen = station.bench, station.pen
    station.open()
    station.done(pen.home())
    station.done(pen.set_depth(SHALLOW_UM))
    begun_ns = bench.now_ns
    reached = station.done(pen.set_depth(DEEP_UM))
    moved = bench.edges(Signal.STEP, begun_ns)

    wanted = depth.steps_of(DEEP_UM) - depth.steps_of(SHALLOW_UM)
    evidence.equal("measured protrusion", int(reached.value), DEEP_UM, "um", hazard="HAZ-01")
    evidence.equal(
        f"steps from {SHALLOW_UM} to {DEEP_UM} um", len(rises(moved)), wanted, "steps", hazard="HAZ-01"
    )
    evidence.at_least("shortest step", min(periods_us(moved)), steps.FAST_US - 1, "us")
    evidence.waveform(bench, "protrusion deeper", [Signal.STEP], begun_ns, bench.now_ns)


@pytest.mark.stage(Stage.PREPARED)
@pytest.mark.covers("HAZ-01")
def test_deeper_than_the_cap_is_refused_and_nothing_moves(station: Station, evidence: Evidence) -> None:
    bench = station.bench
    asked_ns = bench.now_ns
    outcome = station.pen.set_depth(limits.DEPTH_CAP_UM + limits.DEPTH_STEP_UM)
    station.let_pass(30)
    assert isinstance(outcome, Refused)
    evidence.equal(
        "steps after a refusal", len(bench.edges(Signal.STEP, asked_ns)), 0, "edges", hazard="HAZ-01"
    )
