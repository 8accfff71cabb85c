"""What ends strokes from outside: stop contact, STOP, cartridge, silence. The coil is off within its budget, and stays off."""

from __future__ import annotations

import pytest

from hil_tests.benches import Ability, Hand, Signal
from hil_tests.evidence.recorder import Evidence
from hil_tests.host import ARMED_S, Station
from hil_tests.stages import Stage
from hil_tests.suite.strokes import judge_off, stroke
from hil_tests.waves import rises
from pen_host.names import Condition, Fault, State
from pen_protocol import limits

AFTER_MS = 60
"""How long a stopped pen is watched."""


@pytest.mark.stage(Stage.ARMED)
@pytest.mark.needs(Ability.PLACE_EDGE)
@pytest.mark.parametrize("after_us", [100, 700, 1_400, 4_000])
@pytest.mark.covers("REQ-0308", "ESTOP_OPEN")
def test_the_stop_contact_cuts_a_stroke_at_once_and_nothing_comes_back(
    station: Station, evidence: Evidence, after_us: int
) -> None:
    """Amid the on-time or between two strokes; closing the contact again brings no stroke, fed or not."""
    bench = station.bench
    stroke(station)
    bench.hand_amid_stroke(Hand.ESTOP, closed=False, after_us=after_us)
    station.let_pass(AFTER_MS)
    opened_ns = next(edge.t_ns for edge in reversed(bench.edges(Signal.ESTOP)) if not edge.level)
    judge_off(
        station,
        evidence,
        f"stop contact, {after_us} us into a stroke",
        opened_ns,
        limits.BUDGET_ESTOP_US / 1_000,
    )

    made = len(rises(bench.edges(Signal.COIL)))
    bench.hand(Hand.ESTOP, closed=True)
    station.let_pass(AFTER_MS)
    again = len(rises(bench.edges(Signal.COIL))) - made
    evidence.equal("strokes after the contact closed again", again, 0, "strokes", hazard="HAZ-03")
    status = station.status()
    assert status.state is State.STOPPED
    assert status.first_cause == Condition.ESTOP_OPEN
    assert status.strokes_total == made, "the stroke that was cut is counted"


@pytest.mark.stage(Stage.ARMED)
@pytest.mark.covers("STOP_COMMAND")
def test_stop_from_the_host_is_confirmed_in_time(station: Station, evidence: Evidence) -> None:
    bench = station.bench
    stroke(station)
    sent_ns = bench.now_ns
    ticket = station.worker.stop()
    station.worker.run(lambda: station.worker.snapshot().status.stopped, limits.STOP_CONFIRM_MS / 1_000)  # type: ignore[union-attr]
    evidence.at_most("STOP confirmed after", (bench.now_ns - sent_ns) / 1e6, limits.STOP_CONFIRM_MS, "ms")
    station.let_pass(AFTER_MS)
    judge_off(station, evidence, "STOP", sent_ns, limits.STOP_CONFIRM_MS)
    assert ticket.wait(0).confirmed
    assert station.status().first_cause == Fault.STOP_COMMAND


@pytest.mark.spends_tip
@pytest.mark.stage(Stage.ARMED)
@pytest.mark.covers("CARTRIDGE_UNLATCHED")
def test_a_cartridge_pulled_under_strokes_stops_the_pen(station: Station, evidence: Evidence) -> None:
    bench = station.bench
    stroke(station)
    pulled_ns = bench.hand(Hand.LATCH, closed=False)
    station.let_pass(AFTER_MS)
    judge_off(station, evidence, "cartridge unlatched", pulled_ns, limits.BUDGET_TRIGGER_MS, hazard="HAZ-08")
    assert station.status().first_cause == Condition.CARTRIDGE_UNLATCHED


@pytest.mark.stage(Stage.ARMED)
@pytest.mark.covers("HOST_LEASE")
def test_a_host_that_falls_silent_loses_the_needle(station: Station, evidence: Evidence) -> None:
    """As when its process is killed or the cable is pulled: no byte more, the trigger still held."""
    bench = station.bench
    stroke(station)
    silent_ns = bench.now_ns
    station.fall_silent(limits.BUDGET_HOST_SILENT_MS + AFTER_MS)
    judge_off(station, evidence, "host silent", silent_ns, limits.BUDGET_HOST_SILENT_MS)
    assert station.reaches(State.STOPPED, ARMED_S)
    assert station.status().first_cause == Condition.HOST_LEASE


@pytest.mark.stage(Stage.ARMED)
@pytest.mark.covers("CHARGER")
def test_a_charger_plugged_in_under_strokes_stops_the_pen(station: Station, evidence: Evidence) -> None:
    bench = station.bench
    stroke(station)
    plugged_ns = bench.hand(Hand.CHARGER, closed=True)
    station.let_pass(AFTER_MS)
    judge_off(station, evidence, "charger connected", plugged_ns, limits.LEASE_MS, hazard="HAZ-16")
    assert station.status().first_cause == Condition.CHARGER
