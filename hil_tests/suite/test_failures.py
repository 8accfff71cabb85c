"""The firmware itself fails while strokes run: whatever it does, the needle stops with its lease and the outputs stay low."""

from __future__ import annotations

import pytest

from hil_tests.benches import Ability, Hand, Misdeed, Signal
from hil_tests.evidence.recorder import Evidence
from hil_tests.host import Station
from hil_tests.stages import Stage
from hil_tests.suite.strokes import MS, judge_off, stroke
from hil_tests.waves import periods_us, rises
from pen_firmware import pio_programs
from pen_host.names import Condition, Fault, State
from pen_protocol import limits

TAKEN_MS = 12
"""A pass begins, and the misdeed with it, within this of the asking: on the emulated chip a pass takes 5 to 11 ms."""
LEASE_LEFT_MS = limits.LEASE_MS + TAKEN_MS + pio_programs.NEEDLE_ON_MAX_US / 1_000
LATCHED_S = 3.0
STILL_MS = 40
COLLECTED_MS = 220
COLLECTED_MHZ = 60_000
"""Two periods outlast a pass with a collection in it, some 20 ms."""


def after_boot(station: Station) -> Station:
    """A new host at the pen that has reset itself and found out why."""
    station.bench.await_boot()
    again = station.reconnect()
    again.worker.connect()
    assert again.reaches(State.STOPPED, LATCHED_S), f"the reset was not noticed: {again.status()}"
    return again


@pytest.mark.stage(Stage.ARMED)
@pytest.mark.needs(Ability.INJECT)
@pytest.mark.covers("REQ-0305", "HAZ-13")
def test_a_firmware_that_hangs_loses_the_needle_and_the_watchdog_brings_it_back(
    station: Station, evidence: Evidence
) -> None:
    bench = station.bench
    made = stroke(station)
    hung_ns = bench.now_ns
    bench.inject(Misdeed.HANG)
    bench.run_ms(LEASE_LEFT_MS + 10)
    judge_off(station, evidence, "while True: pass", hung_ns, LEASE_LEFT_MS, hazard="HAZ-13")
    off_ns = bench.now_ns
    bench.skip_ms(limits.WATCHDOG_MS)
    evidence.equal("resets by the watchdog", bench.resets, 1, "resets", hazard="HAZ-13")
    again = after_boot(station)
    moved = bench.edges(Signal.COIL, off_ns) + bench.edges(Signal.STEP, off_ns)
    evidence.equal(
        "coil and step edges from the hang through reset and boot", len(moved), 0, "edges", hazard="HAZ-03"
    )
    status = again.status()
    assert status.first_cause == Fault.RESET_WHILE_ARMED
    lost = len(rises(bench.edges(Signal.COIL))) - status.strokes_total
    evidence.at_most("strokes after the last pass, missing from the totals", lost, 3, "strokes")
    assert status.strokes_total >= made - 1


@pytest.mark.stage(Stage.ARMED)
@pytest.mark.needs(Ability.INJECT)
@pytest.mark.covers("FIRMWARE_EXCEPTION", "HAZ-13")
def test_an_exception_makes_the_pen_safe_and_is_named_after_the_reset(
    station: Station, evidence: Evidence
) -> None:
    bench = station.bench
    stroke(station)
    raised_ns = bench.now_ns
    bench.inject(Misdeed.RAISE)
    bench.run_ms(TAKEN_MS + 30)
    judge_off(station, evidence, "exception", raised_ns, LEASE_LEFT_MS, hazard="HAZ-13")
    off_ns = bench.now_ns
    again = after_boot(station)
    evidence.equal(
        "coil edges after the exception", len(bench.edges(Signal.COIL, off_ns)), 0, "edges", hazard="HAZ-03"
    )
    assert again.status().first_cause == Fault.FIRMWARE_EXCEPTION
    assert again.status().strokes_total == len(rises(bench.edges(Signal.COIL))), "no stroke is lost"


@pytest.mark.stage(Stage.ARMED)
@pytest.mark.needs(Ability.INJECT, Ability.SOFT_RESET)
@pytest.mark.covers("REQ-0305", "REQ-0306")
def test_a_soft_reset_under_strokes_leaves_no_output_high(station: Station, evidence: Evidence) -> None:
    """MicroPython stops the machines where they are and leaves their pins as they were; the pump decays all the same."""
    bench = station.bench
    stroke(station)
    asked_ns = bench.now_ns
    bench.inject(Misdeed.SOFT_RESET)
    bench.run_ms(LEASE_LEFT_MS + 10)
    judge_off(station, evidence, "machine.soft_reset()", asked_ns, LEASE_LEFT_MS, hazard="HAZ-03")
    off_ns = bench.now_ns
    bench.run_ms(400)
    evidence.equal(
        "coil edges after the soft reset", len(bench.edges(Signal.COIL, off_ns)), 0, "edges", hazard="HAZ-03"
    )
    assert bench.level(Signal.SAFE) == 0


@pytest.mark.spends_tip
@pytest.mark.stage(Stage.ARMED)
@pytest.mark.needs(Ability.RESET)
@pytest.mark.covers("REQ-0306")
def test_a_reset_of_the_chip_under_strokes_takes_the_coil_down_at_once(
    station: Station, evidence: Evidence
) -> None:
    bench = station.bench
    stroke(station)
    reset_ns = bench.now_ns
    bench.reset()
    bench.run_ms(2 * STILL_MS)
    judge_off(station, evidence, "reset of the chip", reset_ns, 0.1, hazard="HAZ-03")
    moved = bench.edges(Signal.COIL, bench.now_ns - STILL_MS * MS)
    evidence.equal("coil edges after the reset", len(moved), 0, "edges", hazard="HAZ-03")


@pytest.mark.stage(Stage.PREPARED)
@pytest.mark.needs(Ability.INJECT, Ability.FIGURES)
@pytest.mark.covers("HAZ-13", "FIRMWARE_LEASE")
def test_collecting_a_full_heap_in_every_pass_delays_no_stroke_it_ends_them_in_time(
    station: Station, evidence: Evidence
) -> None:
    """The firmware itself collects nothing under strokes. When something does, each stroke is exact all the same.

    A pass that comes three quarters of a lease late is a stop by the firmware's own judgement: a collection of this heap
    may be as long as that. What must not happen is a stroke out of time, or one behind the lease.
    """
    bench = station.bench
    bench.inject(Misdeed.HOARD)  # before arming: making so many objects takes longer than a lease
    station.let_pass(60)
    station.done(station.pen.set_rate(COLLECTED_MHZ))
    station.arm(rate_mhz=COLLECTED_MHZ)
    bench.hand(Hand.TRIGGER, closed=True)
    station.let_pass(COLLECTED_MS)
    bench.hand(Hand.TRIGGER, closed=False)
    station.let_pass(COLLECTED_MS / 4)
    edges = bench.edges(Signal.COIL)
    period_us = pio_programs.needle_period_us(COLLECTED_MHZ)
    worst_us = max((abs(one - period_us) for one in periods_us(edges)), default=0)
    evidence.at_most("stroke period under garbage collection", worst_us, bench.resolution_ns / 1_000, "us")
    status = station.status()
    if status.stopped:
        evidence.note("under garbage collection", f"the firmware stopped: {status.cause_text}")
        assert status.first_cause == Condition.FIRMWARE_LEASE
    else:
        station.done(station.pen.disarm())
    evidence.figure("strokes under garbage collection", len(rises(edges)), "strokes")
    evidence.at_least("longest collection under strokes", bench.figures().collection_us, 1, "us")
    evidence.equal("coil rises outside SAFE, garbage collection", bench.unsafe_coil_edges, 0, "rises")
