"""The whole simulated pen: the real firmware homes, arms and strokes on it; resets and cuts behave as on a chip."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pen_firmware.hal import CLOCK_WRAP, ResetCause
from pen_protocol import limits
from pen_protocol.faults import FAULT_NAMES, Refusal
from pen_protocol.states import CONDITION_NAMES, Flag, State
from pen_sim.clock import SimClock
from pen_sim.eeprom import Cartridge
from pen_sim.faults import FAULTS
from pen_sim.flash import FileFlash, MemoryFlash
from pen_sim.rig import SimPen
from tests.sim.raw_host import RawHost


def armed(seed: int = 0) -> tuple[SimPen, RawHost]:
    pen = SimPen(seed=seed)
    host = RawHost(pen)
    host.ready()
    assert host.status["state"] == State.ARMED
    return pen, host


def cause(host: RawHost) -> str:
    number = host.status["first_cause"]
    return CONDITION_NAMES[number] if number < 30 else FAULT_NAMES[number]


def test_the_firmware_comes_up_homes_arms_and_makes_the_strokes_it_counts() -> None:
    pen, host = armed()
    assert abs(pen.board.plant.axis.protrusion_um - 750) <= limits.DEPTH_TOLERANCE_UM
    assert host.status["depth_measured_um"] == 750
    pen.bench.touch_skin()
    host.stroke_ms(1_000)
    host.ask("GET_STATUS")
    assert 90 <= host.status["strokes_total"] <= 101
    assert host.status["strokes_total"] == len(pen.trace.rises("coil"))
    assert abs(pen.board.plant.needle.arrivals - host.status["strokes_total"]) <= 1
    assert host.status["contact_total"] > 80
    assert pen.crashes == []
    assert pen.board.overflows == 0


def test_the_cartridge_is_burned_before_the_first_stroke() -> None:
    pen, _ = armed()
    assert pen.bench.cartridge is not None
    assert pen.bench.cartridge.marked
    assert pen.trace.rises("coil") == []


def test_both_firmware_clocks_wrap_during_a_run_without_a_stop() -> None:
    pen, host = armed()
    pen.bench.press_trigger()
    host.run_ms(5_000)
    assert host.status["state"] == State.STROKING
    assert pen.board.now_ms() < CLOCK_WRAP // 2, "the millisecond clock has wrapped"
    assert pen.board.now_us() < CLOCK_WRAP // 2, "the microsecond clock has wrapped"


@pytest.mark.parametrize("phase_us", [0, 300, 1_000, 1_900, 2_100, 6_000, 9_990])
def test_the_stop_contact_ends_a_stroke_within_its_budget_at_any_phase(phase_us: int) -> None:
    pen, host = armed()
    pen.bench.press_trigger()
    host.run_ms(200)
    pen.at_ms(10 + phase_us / 1_000, pen.bench.open_estop)
    host.run_ms(500)
    opened_us = pen.trace.of("estop")[0].t_us
    assert all(edge.t_us <= opened_us + limits.BUDGET_ESTOP_US for edge in pen.trace.of("coil"))
    assert pen.trace.level("coil", pen.now_us) == 0
    assert host.status["state"] == State.STOPPED
    assert cause(host) == "ESTOP_OPEN"


def test_a_hung_firmware_ends_strokes_within_the_lease_and_the_watchdog_resets_it() -> None:
    pen, host = armed()
    pen.bench.press_trigger()
    host.run_ms(300)
    pen.bench.inject("hang")
    hung_us = pen.now_us
    pen.advance_ms(1_600)
    assert pen.resets == 1
    falls = [edge.t_us for edge in pen.trace.of("coil")]
    assert max(falls) <= hung_us + limits.LEASE_MS * 1_000 + limits.BUDGET_ESTOP_US
    pen.bench.release_trigger()
    host.beating = False
    before = len(pen.trace.rises("coil"))
    host.run_ms(2_000)
    host.hello()
    assert host.status["state"] == State.STOPPED
    assert cause(host) == "RESET_WHILE_ARMED"
    # the words still queued when the firmware hung were made, but nobody was there to count them: the pen says so
    assert 0 <= before - host.status["strokes_total"] <= 3
    assert host.status["flags"] & Flag.COUNTERS_UNSURE


def test_an_exception_in_the_firmware_resets_it_and_names_the_cause() -> None:
    pen, host = armed()
    pen.bench.press_trigger()
    host.run_ms(300)
    pen.bench.inject("exception", value="analog")
    pen.advance_ms(100)
    assert pen.resets == 1
    assert pen.trace.level("coil", pen.now_us) == 0
    assert len(pen.crashes) == 1
    pen.bench.release_trigger()
    host.beating = False
    host.run_ms(1_000)
    host.hello()
    assert cause(host) == "FIRMWARE_EXCEPTION"


def test_an_exception_no_fault_injected_reaches_the_caller() -> None:
    class Broken:
        def __init__(self, _board: object) -> None:
            self.passes = 0

        def boot(self) -> None:
            pass

        def tick(self) -> None:
            raise ZeroDivisionError

        def fail(self) -> None:
            raise AssertionError("not in a strict run")

    pen = SimPen(firmware=Broken)
    with pytest.raises(ZeroDivisionError):
        pen.advance_ms(10)


def test_a_watchdog_reset_keeps_the_words_and_a_power_cycle_does_not() -> None:
    pen = SimPen()
    pen.board.words[2] = 77
    pen.reset()
    assert not pen.board.needle.level
    pen.advance_ms(1_000)
    assert pen.board.cause == ResetCause.WATCHDOG
    assert pen.pen is not None
    pen.board.word_write(2, 4242)
    words = list(pen.board.words)
    pen.board.halt()
    pen.board.start_chip(ResetCause.WATCHDOG)
    assert pen.board.words == words
    pen.board.start_chip(ResetCause.POWER)
    assert pen.board.words == [0, 0, 0, 0]


def test_a_power_cycle_keeps_the_records_in_a_directory(tmp_path: Path) -> None:
    directory = tmp_path / "pen"
    pen = SimPen(flash=FileFlash(directory))
    host = RawHost(pen)
    host.hello()
    host.open_session()
    host.done("CLOSE_SESSION")
    host.run_ms(5_000)
    events = host.status["next_event"]
    again = SimPen(flash=FileFlash(directory))
    other = RawHost(again)
    other.hello()
    assert other.status["next_event"] > events - 1


def test_power_that_fails_in_a_flash_write_leaves_a_pen_that_boots() -> None:
    flash = MemoryFlash()
    pen = SimPen(flash=flash)
    host = RawHost(pen)
    host.hello()
    flash.cut_next_write(7)
    host.open_session()
    host.done("HOME")
    host.run_ms(8_000)
    assert pen.power_losses == 1
    host.hello()
    assert host.status["state"] in (State.IDLE, State.STOPPED)


STOPS_STROKES = (
    "hall_lost",
    "droop",
    "needle_slow",
    "coil_short",
    "sensor_open",
    "sensor_short",
    "edge_counter",
    "supply_low",
    "charger",
    "fluid",
    "step_counter",
    "estop_missing",
    "tick_slow",
    "usb_unplugged",
)


@pytest.mark.parametrize("name", STOPS_STROKES)
def test_a_fault_while_stroking_stops_the_pen_with_the_cause_its_row_names(name: str) -> None:
    pen, host = armed()
    pen.bench.press_trigger()
    host.run_ms(1_000)
    pen.bench.inject(name)
    host.run_ms(1_500)
    assert pen.trace.level("coil", pen.now_us) == 0
    pen.bench.clear(name)
    host.run_ms(300)
    assert host.status["state"] == State.STOPPED
    assert cause(host) == FAULTS[name].provokes


@pytest.mark.parametrize("name", ["needle_drag", "usb_lossy"])
def test_a_harmless_fault_lets_strokes_go_on(name: str) -> None:
    assert FAULTS[name].provokes == ""
    pen, host = armed()
    pen.bench.press_trigger()
    host.run_ms(500)
    pen.bench.inject(name)
    host.run_ms(1_500)
    assert host.status["state"] == State.STROKING


@pytest.mark.parametrize("name", ["burn_fails", "burn_torn"])
def test_a_mark_that_does_not_burn_whole_makes_the_cartridge_a_used_one(name: str) -> None:
    pen = SimPen()
    host = RawHost(pen)
    host.hello()
    host.open_session()
    serial = host.done("CARTRIDGE_READ")["serial"]
    pen.bench.inject(name)
    answer, fields = host.ask("CARTRIDGE_USE", serial=serial)
    assert (answer, fields["reason"]) == ("REFUSED", Refusal.BURN_FAILED)
    assert CONDITION_NAMES[fields["detail"]] == FAULTS[name].provokes


def test_a_knocked_axis_is_found_at_the_home_switch() -> None:
    pen = SimPen()
    host = RawHost(pen)
    host.hello()
    host.open_session()
    host.done("HOME")
    host.done("SET_DEPTH", depth_um=600)
    pen.bench.inject("axis_knocked", distance_um=300)
    answer, fields = host.ask("SET_DEPTH", depth_um=0)
    assert answer == "REFUSED"
    assert FAULT_NAMES[fields["detail"]] == FAULTS["axis_knocked"].provokes


def test_a_trigger_that_never_opens_blocks() -> None:
    pen = SimPen()
    host = RawHost(pen)
    host.hello()
    pen.bench.inject("trigger_stuck")
    host.run_ms(11_000)
    assert host.status["conditions"] >> CONDITION_NAMES.index("TRIGGER_STUCK") & 1


def test_an_overheated_coil_stops_the_pen() -> None:
    pen, host = armed()
    pen.bench.press_trigger()
    host.run_ms(500)
    pen.bench.inject("overheat", celsius=61.0)
    host.run_ms(500)
    assert cause(host) == "COIL_HOT"


def test_a_stuck_driver_is_found_while_the_pen_rests() -> None:
    pen = SimPen()
    host = RawHost(pen)
    host.hello()
    pen.bench.inject("gate_stuck")
    host.run_ms(1_000)
    assert host.status["state"] == State.STOPPED
    assert cause(host) == "GATE_STUCK"


@pytest.mark.parametrize("name", ["axis_stall", "home_switch_stuck", "backlash_high"])
def test_homing_fails_with_a_stalled_axis_a_dead_switch_or_a_worn_nut(name: str) -> None:
    pen = SimPen()
    host = RawHost(pen)
    host.hello()
    host.open_session()
    pen.bench.inject(name)
    answer, fields = host.ask("HOME")
    assert answer == "REFUSED"
    assert FAULT_NAMES[fields["detail"]] == FAULTS[name].provokes


@pytest.mark.parametrize(
    ("cartridge", "condition"),
    [
        (None, "CARTRIDGE_UNLATCHED"),
        (Cartridge(used=True), "CARTRIDGE_USED"),
        (Cartridge(expiry_days=1), "CARTRIDGE_EXPIRED"),
        (Cartridge(garbage=True), "CARTRIDGE_UNREADABLE"),
        (Cartridge(present=False), "CARTRIDGE_ABSENT"),
    ],
)
def test_the_firmware_sees_what_is_wrong_with_a_cartridge(
    cartridge: Cartridge | None, condition: str
) -> None:
    pen = SimPen(eeprom=cartridge)
    host = RawHost(pen)
    host.hello()
    host.run_ms(1_000)
    assert host.status["conditions"] >> CONDITION_NAMES.index(condition) & 1


def test_the_same_seed_gives_the_same_run_and_two_pens_share_a_clock() -> None:
    def run(seed: int) -> list[object]:
        pen, host = armed(seed)
        host.stroke_ms(300)
        return list(pen.trace)

    assert run(5) == run(5)
    clock = SimClock()
    pens = [SimPen(seed=seed, clock=clock) for seed in (1, 2)]
    pens[0].advance_ms(50)
    pens[1].advance_to(clock.now_us)
    assert pens[0].board.unique_id() != pens[1].board.unique_id()


def test_strokes_are_simulated_far_faster_than_they_last() -> None:
    pen, host = armed()
    pen.trace.enabled = False
    began_s = time.process_time()
    for _ in range(3):
        host.stroke_ms(20_000)
    assert host.status["state"] == State.ARMED
    assert time.process_time() - began_s < 60 / 15, "an hour would take more than four minutes"
