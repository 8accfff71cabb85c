"""What a pass of the firmware costs on the pen's chip: time, memory."""

from __future__ import annotations

import pytest

from hil_tests.benches import Ability, Hand, Misdeed
from hil_tests.evidence.recorder import Evidence
from hil_tests.host import Station
from hil_tests.stages import Stage
from hil_tests.suite.strokes import stroke
from pen_protocol import limits

STROKED_MS = 220
WRAPPED_MS = 130
"""The bench's counters have wrapped after so many strokes; before, MicroPython makes an object of each reading."""
FREE_LEAST = 32_768
"""Heap that must be left while the pen runs: a page of everything a session allocates, many times over. (J)"""


@pytest.mark.stage(Stage.ARMED)
@pytest.mark.needs(Ability.FIGURES)
def test_passes_leave_time_and_memory(station: Station, evidence: Evidence) -> None:
    """Emulated time: no cache misses, a silent USB host; a lower bound of what silicon takes."""
    bench = station.bench
    stroke(station, STROKED_MS)
    bench.hand(Hand.TRIGGER, closed=False)
    station.let_pass(60)
    station.done(station.pen.disarm())
    figures = bench.figures()
    for state, (passes, median_us, p99_us, worst_us) in figures.pass_us.items():
        evidence.figure(f"pass {state}: passes", passes, "passes")
        evidence.figure(f"pass {state}: p50", median_us, "us")
        evidence.figure(f"pass {state}: p99", p99_us, "us")
        if state == "stroking":
            evidence.at_most("pass stroking: worst", worst_us, limits.LEASE_MS * 500, "us", hazard="HAZ-13")
        else:
            evidence.figure(f"pass {state}: worst", worst_us, "us")
    evidence.at_least("free heap", figures.free_bytes, FREE_LEAST, "bytes")
    evidence.at_least("free heap when armed", figures.free_armed_bytes, FREE_LEAST, "bytes", hazard="HAZ-13")


@pytest.mark.stage(Stage.ARMED)
@pytest.mark.needs(Ability.FIGURES)
def test_a_steady_pass_under_strokes_allocates_nothing(station: Station, evidence: Evidence) -> None:
    """Heap before and after each pass; passes with a frame in or out are told apart and may take a little."""
    bench = station.bench
    stroke(station, WRAPPED_MS)
    bench.inject(Misdeed.WATCH_HEAP)
    station.let_pass(STROKED_MS)
    bench.hand(Hand.TRIGGER, closed=False)
    station.let_pass(60)
    station.done(station.pen.disarm())
    figures = bench.figures()
    evidence.at_least("steady passes watched", figures.allocated_passes, 5, "passes")
    evidence.equal("heap taken by steady passes", figures.allocated_bytes, 0, "bytes", hazard="HAZ-13")
