"""From power to a pen that says who it is: no output moves anything by itself."""

from __future__ import annotations

import pytest

from hil_tests.benches import Ability, Signal
from hil_tests.evidence.recorder import Evidence
from hil_tests.host import Station
from hil_tests.stages import Stage
from hil_tests.waves import rises
from pen_host.names import State
from pen_protocol import messages


@pytest.mark.stage(Stage.GREETED)
@pytest.mark.needs(Ability.BOOT)
@pytest.mark.covers("REQ-0306")
def test_from_power_to_idle_neither_coil_nor_axis_moves(station: Station, evidence: Evidence) -> None:
    """The self-test feeds one lease, so SAFE rises once; strokes and steps there are none."""
    bench = station.bench
    evidence.equal(
        "coil pulses from power to idle", len(bench.edges(Signal.COIL)), 0, "pulses", hazard="HAZ-03"
    )
    evidence.equal(
        "steps from power to idle", len(rises(bench.edges(Signal.STEP))), 0, "steps", hazard="HAZ-03"
    )
    evidence.equal("resets from power to idle", bench.resets, 0, "resets")
    evidence.waveform(bench, "boot to idle", [Signal.COIL, Signal.SAFE, Signal.STEP], 0, bench.now_ns)


@pytest.mark.stage(Stage.GREETED)
def test_the_pen_says_who_it_is_and_speaks_this_release(station: Station, evidence: Evidence) -> None:
    identity = station.pen.identity()
    evidence.note("pen", f"{identity.serial}, firmware {identity.firmware_text}, {identity.runtime}")
    assert identity.schema_hash == messages.SCHEMA_HASH
    assert identity.boot_id > 0
    assert station.status().state is State.IDLE
