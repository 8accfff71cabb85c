"""Rig and pen as two emulated chips, their pins joined: the bench of a real pen measures a real firmware's strokes."""

from __future__ import annotations

import pytest

from hil_tests.benches import Hand, Signal
from hil_tests.benches.rig import RigBench
from hil_tests.doctor import examine
from hil_tests.host import RATE_MHZ, Station
from hil_tests.rig import programs
from hil_tests.rig.doctor import Verdict
from hil_tests.rig.emulated import Pair
from hil_tests.waves import off_after_ns, periods_us, pulses, rises
from pen_firmware import pio_programs
from pen_host.names import State
from pen_protocol import limits

pytestmark = [pytest.mark.chip, pytest.mark.timeout(3_600), pytest.mark.xdist_group("rig pair")]
LOOK_NS = 400


def test_the_doctor_finds_the_wiring_good(
    pair_bench: RigBench, pair: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    findings = examine(pair_bench, reset=False)
    with capsys.disabled():
        print("", *(finding.sentence() for finding in findings), sep="\n")
    assert not [finding for finding in findings if finding.verdict is Verdict.BAD]
    tried = {finding.line for finding in findings if finding.verdict is Verdict.OK}
    assert tried >= {"ESTOP", "TRIGGER", "LATCH", "COIL", "LEASE", "SAFE", "STEP", "DIRECTION", "COIL_HOT"}
    assert pair.pen.wiring.edges.needle_rise_ns == []


def test_the_rig_measures_the_pens_strokes_and_its_stop(
    pair_bench: RigBench, pair: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = pair_bench
    station = Station(bench)
    station.worker.connect()
    status = station.status()
    if status.state is State.STOPPED:
        station.done(station.pen.clear_fault(status.first_cause, status.cause_event, 7))
    assert station.reaches(State.IDLE, 3)
    station.prepare(depth_um=100).arm(depth_um=100)

    bench.hand(Hand.TRIGGER, True)
    station.let_pass(120)
    released_ns = bench.hand(Hand.TRIGGER, False)
    station.let_pass(40)
    edges = bench.edges(Signal.COIL)
    true = pair.pen.wiring.edges.changes["NEEDLE"]
    assert len(edges) == len(true) > 10
    offset_ns = true[0][0] - edges[0].t_ns
    assert all(
        abs(t_ns - edge.t_ns - offset_ns) <= LOOK_NS for (t_ns, _level), edge in zip(true, edges, strict=True)
    )
    period_us = pio_programs.needle_period_us(RATE_MHZ)
    assert all(abs(one - period_us) <= LOOK_NS / 1000 for one in periods_us(edges))
    assert off_after_ns(edges, released_ns) <= limits.BUDGET_TRIGGER_MS * 1_000_000
    assert station.status().strokes_total == len(rises(edges))
    whole = [pulse for pulse in pulses(edges) if pulse.length_us > programs.HALL_LEAST_US]
    assert len(rises(bench.edges(Signal.HALL))) == len(whole), "one for each that was not cut short"
    assert bench.unsafe_coil_edges == 0

    bench.hand(Hand.TRIGGER, True)
    bench.hand_amid_stroke(Hand.ESTOP, False, 300)
    station.let_pass(60)
    opened = bench.edges(Signal.ESTOP)[-1]
    last = pulses(bench.edges(Signal.COIL))[-1]
    assert abs(opened.t_ns - last.rise_ns - 300_000) <= LOOK_NS + 200
    off_ns = off_after_ns(bench.edges(Signal.COIL), opened.t_ns)
    assert 0 < off_ns <= limits.BUDGET_ESTOP_US * 1_000
    assert bench.level(Signal.SAFE) == 0
    assert station.status().state is State.STOPPED
    assert len(pulses(bench.edges(Signal.STEP))) == pair.pen.wiring.edges.steps
    with capsys.disabled():
        print(f"\nstop contact to coil off, measured by the rig: {off_ns / 1000:.1f} us")


def test_the_doctor_finds_a_wire_that_came_off(pair_bench: RigBench, pair: Pair) -> None:
    for line in ("TRIGGER", "COIL"):
        pair.break_wire(line)
    findings = examine(pair_bench, reset=False)
    bad = {finding.line: finding.text for finding in findings if finding.verdict is Verdict.BAD}
    assert set(bad) == {"TRIGGER", "COIL"}
    assert all("check" in text for text in bad.values())


def test_run_pulled_low_resets_the_pens_chip(pair_bench: RigBench, pair: Pair) -> None:
    connected = pair.pen.connected
    pair_bench.reset()
    assert pair.pen.until(lambda: pair.pen.connected > connected, 2_000)
