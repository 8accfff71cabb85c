"""The bench of a real pen and its doctor, run on the rig's firmware and the simulated pen, in CI."""

from __future__ import annotations

import pytest

from hil_tests.benches import Ability, Hand, Sensor, Signal, Unable
from hil_tests.benches.rig import RigBench, patiently
from hil_tests.doctor import examine
from hil_tests.host import RATE_MHZ, Station
from hil_tests.rig.client import RESTING
from hil_tests.rig.doctor import Finding, Verdict
from hil_tests.rig.link import RigLostError
from hil_tests.waves import off_after_ns, periods_us, pulses, rises
from pen_firmware import pio_programs
from pen_host.errors import NoPenError
from pen_host.names import State
from pen_protocol import limits
from tests.rig.soft_pair import SoftPair


@pytest.fixture
def pair() -> SoftPair:
    return SoftPair()


@pytest.fixture
def bench(pair: SoftPair) -> RigBench:
    return pair.rig_bench()


def armed(bench: RigBench) -> Station:
    station = Station(bench)
    station.worker.connect()
    status = station.status()
    if status.state is State.STOPPED:
        station.done(station.pen.clear_fault(status.first_cause, status.cause_event, 7))
    assert station.reaches(State.IDLE, 5)
    return station.prepare().arm()


def test_hands_rest_after_the_start_and_every_hand_moves_when_it_says(
    bench: RigBench, pair: SoftPair
) -> None:
    bench.run_ms(5)
    assert {name for name in ("ESTOP", "ESTOP_PRESENT", "LATCH") if pair.board.bench_hand(name)} == RESTING
    for hand in Hand:
        name = hand.value.upper()
        before = pair.board.bench_hand(name)
        moved_ns = bench.hand(hand, not before)
        assert pair.board.bench_hand(name) is not before
        assert 0 <= bench.now_ns - moved_ns < 20_000_000
        assert bench.hand(hand, not before) >= moved_ns, "moving it again is harmless"
        bench.hand(hand, before)


def test_strokes_are_measured_as_the_pen_makes_them(bench: RigBench, pair: SoftPair) -> None:
    station = armed(bench)
    bench.hand(Hand.TRIGGER, True)
    station.let_pass(150)
    released_ns = bench.hand(Hand.TRIGGER, False)
    station.let_pass(60)
    edges = bench.edges(Signal.COIL)
    true = pair.bench.edges(Signal.COIL)
    assert len(edges) == len(true) > 10
    offset_ns = true[0].t_ns - edges[0].t_ns
    assert all(abs(t.t_ns - e.t_ns - offset_ns) <= 200 for t, e in zip(true, edges, strict=True))
    period_us = pio_programs.needle_period_us(RATE_MHZ)
    assert all(abs(one - period_us) <= bench.resolution_ns / 1000 for one in periods_us(edges))
    assert off_after_ns(edges, released_ns) <= limits.BUDGET_TRIGGER_MS * 1_000_000
    assert station.status().strokes_total == len(rises(edges))
    assert bench.unsafe_coil_edges == 0
    assert len(rises(bench.edges(Signal.HALL))) == len(pair.bench.edges(Signal.HALL)) >= len(rises(edges)) - 1
    assert len(pulses(bench.edges(Signal.STEP))) == len(pulses(pair.bench.edges(Signal.STEP)))
    assert bench.level(Signal.SAFE) == pair.bench.level(Signal.SAFE)


def test_the_stop_contact_opens_amid_a_stroke_where_it_was_asked_to(bench: RigBench) -> None:
    station = armed(bench)
    bench.hand(Hand.TRIGGER, True)
    station.let_pass(40)
    bench.hand_amid_stroke(Hand.ESTOP, False, 300)
    station.let_pass(60)
    (opened,) = [edge for edge in bench.edges(Signal.ESTOP) if not edge.level]
    stroke = [pulse for pulse in pulses(bench.edges(Signal.COIL)) if pulse.rise_ns < opened.t_ns][-1]
    assert abs(opened.t_ns - stroke.rise_ns - 300_000) <= 1_000
    assert off_after_ns(bench.edges(Signal.COIL), opened.t_ns) <= limits.BUDGET_ESTOP_US * 1_000
    assert station.status().state is State.STOPPED


def test_a_hand_that_waits_for_a_stroke_that_never_comes_holds_up_no_other(bench: RigBench) -> None:
    bench.hand_amid_stroke(Hand.ESTOP, False, 300)
    bench.run_ms(50)
    bench.hand(Hand.LATCH, False)
    assert bench.level(Signal.LATCH) == 0
    assert bench.level(Signal.ESTOP) == 1


def test_sensors_have_the_values_they_have_and_no_others(bench: RigBench) -> None:
    for sensor, value in ((Sensor.COIL_C, 200.0), (Sensor.COIL_C, -20.0)):
        with pytest.raises(Unable, match="stand-ins"):
            bench.sensor(sensor, value)


def test_what_the_bench_cannot_do_it_says(bench: RigBench) -> None:
    with pytest.raises(Unable, match="hang"):
        bench.require(Ability.INJECT)


def test_close_leaves_hands_at_rest_and_end_lets_go_of_the_pen(bench: RigBench, pair: SoftPair) -> None:
    bench.hand(Hand.TRIGGER, True)
    bench.close()
    bench.run_ms(10)
    assert not pair.board.bench_hand("TRIGGER")
    assert pair.board.bench_hand("ESTOP")
    bench.end()
    assert not pair.board.bench_hand("ESTOP")
    assert pair.board.bench_hand("CHARGER")


def test_the_pens_port_is_awaited_after_power_but_not_for_ever() -> None:
    waited: list[float] = []

    def opened(after: int) -> object:
        if len(waited) < after:
            raise NoPenError("no port")
        return "port"

    assert patiently(lambda: opened(3), waited.append) == "port"
    assert len(waited) == 3
    waited.clear()
    with pytest.raises(NoPenError):
        patiently(lambda: opened(100), waited.append)
    assert 4_000 < sum(waited) < 6_000


# --- a rig that lost its state ----------------------------------------------------------------------------------------------


def test_a_rig_that_was_reset_is_noticed_and_goes_on_only_in_a_new_run(
    bench: RigBench, pair: SoftPair
) -> None:
    bench.run_ms(20)
    pair.restart_rig()
    assert not pair.board.bench_hand("ESTOP")
    with pytest.raises(RigLostError, match="start the run anew"):
        bench.hand(Hand.TRIGGER, True)
    with pytest.raises(RigLostError):
        bench.edges(Signal.COIL)
    with pytest.raises(RigLostError):
        _ = bench.now_ns
    bench.restart()
    bench.run_ms(10)
    assert bench.level(Signal.ESTOP) == 1


def test_a_rig_that_falls_silent_is_noticed(bench: RigBench, pair: SoftPair) -> None:
    pair.firmware = None
    bench.run_ms(1_200)
    with pytest.raises(RigLostError, match="said nothing"):
        bench.edges(Signal.COIL)


CONSEQUENCES = {"CHARGER": {"SUPPLY_LOW"}, "COIL_WIRE": {"COIL_WARM", "COIL_HOT"}}
"""A pen on its charger has its supply from there; a sensor whose wire is broken shows no warmth."""

# --- doctor -----------------------------------------------------------------------------------------------------------------


def verdicts(findings: list[Finding]) -> dict[str, Verdict]:
    return {finding.line: finding.verdict for finding in findings}


def test_the_doctor_finds_a_good_bench_good(bench: RigBench, capsys: pytest.CaptureFixture[str]) -> None:
    findings = examine(bench, tell=lambda finding: print(finding.sentence()))
    found = verdicts(findings)
    assert Verdict.BAD not in found.values(), capsys.readouterr().out
    tried = {line for line, verdict in found.items() if verdict is Verdict.OK}
    assert tried == {
        *("ESTOP", "ESTOP_PRESENT", "TRIGGER", "LATCH", "CONTACT", "CHARGER"),
        *("COIL", "LEASE", "SAFE", "STEP", "DIRECTION"),
        *("COIL_WARM", "COIL_HOT", "COIL_WIRE", "SUPPLY_LOW", "PEN_RUN"),
    }
    assert rises(bench.edges(Signal.COIL)) == [], "the doctor strokes nothing"


@pytest.mark.parametrize(
    "line",
    [
        *("ESTOP", "ESTOP_PRESENT", "TRIGGER", "LATCH", "CONTACT", "CHARGER"),
        *("COIL", "LEASE", "SAFE", "STEP", "DIRECTION"),
        *("COIL_WARM", "COIL_HOT", "COIL_WIRE", "SUPPLY_LOW", "PEN_RUN"),
    ],
)
def test_the_doctor_finds_each_broken_wire(line: str) -> None:
    cut = frozenset({line, "ALIVE"} if line == "LEASE" else {line})
    bench = SoftPair(cut).rig_bench()
    found = examine(bench)
    bad = {finding.line for finding in found if finding.verdict is Verdict.BAD}
    assert bad - CONSEQUENCES.get(line, set()) == {line}, [finding.sentence() for finding in found]
    assert "check" in next(finding.text for finding in found if finding.line == line)


def test_the_doctor_finds_two_swapped_wires() -> None:
    pair = SoftPair()
    pair.board.swapped = {"TRIGGER": "LATCH", "LATCH": "TRIGGER"}
    found = {finding.line: finding for finding in examine(pair.rig_bench())}
    assert found["TRIGGER"].verdict is found["LATCH"].verdict is Verdict.BAD
    assert "LATCH" in found["TRIGGER"].text
