"""Requirements at the whole pen: real firmware on the simulated board, spoken to over the wire, looked at from outside."""

from __future__ import annotations

from typing import Any

import pytest

from pen_protocol import limits
from pen_protocol.faults import Fault, Refusal
from pen_protocol.messages import BY_NAME, SCHEMA_HASH
from pen_protocol.states import STOPS_STROKING, Condition, State, UnlockReason, bits
from tests.firmware.hands import DEPTH_UM, NONCE, RATE_MHZ, Hands

covers = pytest.mark.covers


def coil_edges(pen: Hands) -> int:
    """Actuations so far, from the board itself."""
    edges: int = pen.sim.board.needle_edges()
    return edges


def moving_after(pen: Hands, settle_ms: int, watch_ms: int = 500) -> bool:
    """Whether the coil was actuated again once `settle_ms` had passed."""
    pen.run(settle_ms)
    before = coil_edges(pen)
    pen.run(watch_ms)
    return coil_edges(pen) != before


# --- HAZ-01 ----------------------------------------------------------------------------------------------------------
@covers("REQ-0101")
def test_depths_beyond_stop_cap_and_step_are_refused_and_nothing_moves() -> None:
    pen = Hands().until_open()
    pen.do("HOME")
    beyond_stop = bytes([1, BY_NAME["SET_DEPTH"].number, 0xF0, 0]) + NONCE.to_bytes(4, "little") + b"\xc5\x09"
    pen.sequence = 0xF0
    pen.raw(beyond_stop)
    pen.run(20)
    (answer,) = pen.finals(0xF0)
    assert answer.values["reason"] == Refusal.OUT_OF_RANGE
    assert pen.refused("SET_DEPTH", 1550) == (Refusal.ABOVE_CAP, limits.DEPTH_CAP_UM)
    assert pen.refused("SET_DEPTH", 760) == (Refusal.OFF_STEP, limits.DEPTH_STEP_UM)
    assert pen.status()["depth_measured_um"] == 0


@covers("REQ-0102")
def test_the_cap_is_passed_with_a_reason_only_and_tightened_only() -> None:
    pen = Hands().until_idle()
    deep = limits.DEPTH_CAP_UM + 50
    refused = pen.refused("OPEN_SESSION", 5, 9, deep, UnlockReason.NONE, session=0)
    assert refused == (Refusal.ABOVE_CAP, limits.DEPTH_CAP_UM)
    pen.do("OPEN_SESSION", 6, 9, deep, UnlockReason.BENCH_TEST, session=0)
    pen.session = 6
    assert pen.status()["depth_cap_um"] == deep
    pen.do("TIGHTEN_LIMITS", 500, limits.RATE_MAX_MHZ, limits.SESSION_ARMED_MAX_S, limits.STROKING_MAX_MS)
    assert pen.status()["depth_cap_um"] == 500
    loosened = (550, limits.RATE_MAX_MHZ, limits.SESSION_ARMED_MAX_S, limits.STROKING_MAX_MS)
    assert pen.refused("TIGHTEN_LIMITS", *loosened) == (Refusal.WOULD_LOOSEN, 0)


@covers("REQ-0103", "STEP_MISMATCH")
@pytest.mark.parametrize("wait_ms", [0, 5, 100, 300])
def test_a_depth_the_step_counter_does_not_confirm_is_never_done(wait_ms: int) -> None:
    """Steps nobody asked for: in the pass of the request, in the one behind it, and during the move."""
    pen = Hands().until_open()
    pen.do("HOME")
    sequence = pen.send("SET_DEPTH", 1_500)
    pen.run(wait_ms)
    pen.bench.inject("step_counter", value=60)
    pen.run(2_000)
    (answer,) = pen.finals(sequence)
    assert answer.name == "REFUSED"
    assert (pen.state, pen.firmware.supervisor.first_cause) == (State.STOPPED, Condition.STEP_MISMATCH)
    assert not pen.firmware.session.depth_set


@covers("REQ-0104", "NOT_HOMED")
def test_nothing_is_set_or_armed_before_homing() -> None:
    pen = Hands().until_open()
    assert pen.refused("SET_DEPTH", 500) == (Refusal.NOT_HOMED, 0)
    pen.do("SET_RATE", RATE_MHZ)
    pen.use_cartridge()
    assert pen.refused("ARM", 0, RATE_MHZ, 0)[0] == Refusal.NOT_HOMED


@covers("REQ-0105")
def test_deeper_is_refused_while_stroking_and_shallower_taken() -> None:
    pen = Hands().until_stroking(depth_um=750)
    assert pen.refused("SET_DEPTH", 800) == (Refusal.DEEPER_WHILE_STROKING, 750)
    pen.do("SET_DEPTH", 700)
    assert pen.state == State.STROKING


@covers("REQ-0106", "AXIS_STALL", "HOMING_FAILED")
@pytest.mark.parametrize("fault", ["axis_stall", "home_switch_stuck"])
def test_an_axis_that_fails_latches_a_stop(fault: str) -> None:
    pen = Hands().until_open()
    pen.bench.inject(fault)
    assert pen.refused("HOME")[0] == Refusal.MOTION_FAILED
    pen.run(20)
    assert pen.state == State.STOPPED
    assert pen.firmware.supervisor.first_cause in (Fault.AXIS_STALL, Fault.HOMING_FAILED)


# --- HAZ-02 ----------------------------------------------------------------------------------------------------------
@covers("REQ-0202")
def test_a_rate_below_the_slowest_is_refused() -> None:
    pen = Hands().until_open()
    body = bytes([1, BY_NAME["SET_RATE"].number, 0xF0, 0]) + NONCE.to_bytes(4, "little")
    pen.raw(body + (limits.RATE_MIN_MHZ - 1).to_bytes(4, "little"))
    pen.run(20)
    (answer,) = pen.finals(0xF0)
    assert answer.values["reason"] == Refusal.OUT_OF_RANGE
    assert pen.status()["rate_requested_mhz"] == 0


# --- HAZ-03 ----------------------------------------------------------------------------------------------------------
@covers("REQ-0301")
def test_the_pen_strokes_while_the_trigger_is_held_and_at_no_other_time() -> None:
    pen = Hands().until_armed()
    assert not moving_after(pen, 0)
    pen.bench.press_trigger()
    assert moving_after(pen, 100)
    pen.bench.release_trigger()
    assert not moving_after(pen, 20)


@covers("REQ-0301")
def test_a_trigger_held_from_before_arming_starts_nothing() -> None:
    pen = Hands().until_arming()
    assert not moving_after(pen, 0, 2_000)
    assert pen.state == State.ARMING


@covers("REQ-0302", "TRIGGER_STUCK")
def test_a_trigger_that_is_never_released_while_arming_is_stuck() -> None:
    pen = Hands().until_arming()
    pen.run(limits.TRIGGER_STUCK_MS + 50)
    assert (pen.state, pen.firmware.supervisor.first_cause) == (State.STOPPED, Condition.TRIGGER_STUCK)


def coil_off_after_us(pen: Hands, end: Any, wait_ms: int) -> int:
    """Does `end` amid the strokes; time from then to the last coil edge, in us."""
    edges: list[int] = []
    began = pen.sim.now_us
    end()
    until = began + wait_ms * 1_000
    while pen.sim.now_us < until:
        high = pen.sim.board.inputs() & 256
        pen.sim.advance_us(50)
        if high or pen.sim.board.inputs() & 256:
            edges.append(pen.sim.now_us)
    return max(edges, default=began) - began


@covers("REQ-0303")
@pytest.mark.parametrize("phase_us", [0, 700, 1_900, 3_300, 4_900, 6_100])
def test_a_released_trigger_leaves_the_coil_off_within_its_budget(phase_us: int) -> None:
    pen = Hands().until_stroking()
    pen.sim.advance_us(phase_us)
    assert coil_off_after_us(pen, pen.bench.release_trigger, 100) <= limits.BUDGET_TRIGGER_MS * 1_000


@covers("REQ-0304", "HOST_LEASE")
@pytest.mark.parametrize("phase_us", [0, 2_600, 4_900])
def test_a_silent_host_leaves_the_coil_off_within_its_budget(phase_us: int) -> None:
    pen = Hands().until_stroking()
    pen.beat()
    pen.sim.advance_us(5_000 + phase_us)
    pen.beating = False
    off_us = coil_off_after_us(pen, pen.bench.unplug_usb, 600)
    assert off_us <= limits.BUDGET_HOST_SILENT_MS * 1_000
    assert pen.firmware.supervisor.first_cause == Condition.HOST_LEASE


@covers("REQ-0305")
@pytest.mark.parametrize("phase_us", [0, 1_300, 2_600, 3_900, 4_900])
def test_a_hung_firmware_leaves_the_coil_off_within_its_lease(phase_us: int) -> None:
    pen = Hands().until_stroking()
    pen.sim.advance_us(phase_us)
    assert coil_off_after_us(pen, lambda: pen.bench.inject("hang"), 200) <= limits.LEASE_MS * 1_000


@covers("REQ-1301", "RESET_WHILE_ARMED")
def test_a_pen_that_hung_while_stroking_comes_back_stopped_with_that_cause() -> None:
    pen = Hands().until_stroking()
    pen.bench.inject("hang")
    pen.sim.advance_ms(limits.WATCHDOG_MS + 1_000)
    assert pen.sim.resets == 1
    assert (pen.state, pen.firmware.supervisor.first_cause) == (State.STOPPED, Fault.RESET_WHILE_ARMED)
    assert not moving_after(pen, 0)


@covers("REQ-0308", "ESTOP_OPEN")
def test_the_stop_contact_ends_strokes_at_once_even_with_the_firmware_hung() -> None:
    for hung in (False, True):
        pen = Hands().until_stroking()
        if hung:
            pen.bench.inject("hang")
        off_us = coil_off_after_us(pen, pen.bench.open_estop, 100)
        assert off_us <= 100, "the watch looks every 50 us; the programs' own 10 us are measured in tests/pio"


@covers("REQ-0307", "STOP_COMMAND")
@pytest.mark.parametrize(
    "way", ["until_idle", "until_open", "until_ready", "until_arming", "until_armed", "until_stroking"]
)
def test_stop_acts_without_session_sequence_or_heartbeat_in_every_state(way: str) -> None:
    pen = getattr(Hands(), way)()
    pen.send("STOP", 1, sequence=1, session=0)
    pen.run(20)
    assert (pen.state, pen.firmware.supervisor.first_cause) == (State.STOPPED, Fault.STOP_COMMAND)
    assert not moving_after(pen, 10)


@covers("REQ-0307")
def test_stop_acts_before_hello_and_from_a_host_of_other_tables() -> None:
    pen = Hands()
    pen.sim.run_until(lambda: pen.state == State.IDLE, 2_000)
    pen.send("STOP", 1)
    pen.run(20)
    assert pen.state == State.STOPPED
    other = Hands()
    other.sim.run_until(lambda: other.state == State.IDLE, 2_000)
    other.do("HELLO", SCHEMA_HASH ^ 1, 3)
    other.do("STOP", 1)
    assert other.state == State.STOPPED


@covers("REQ-0309", "GATE_STUCK")
def test_a_driver_that_conducts_by_itself_stops_an_idle_pen() -> None:
    pen = Hands().until_idle()
    pen.bench.inject("gate_stuck")
    pen.run(500)
    assert pen.state == State.STOPPED
    assert pen.firmware.supervisor.first_cause in (Condition.GATE_STUCK, Condition.OVER_CURRENT)


@covers("REQ-0311")
def test_a_cleared_stop_leads_to_idle_and_set_points_must_be_given_again() -> None:
    pen = Hands().until_stroking()
    pen.do("STOP", 1)
    pen.bench.release_trigger()
    pen.run(100)
    event = pen.firmware.supervisor.cause_event
    assert pen.refused("CLEAR_FAULT", Fault.STOP_COMMAND, event - 1, 9)[0] == Refusal.WRONG_CAUSE
    assert pen.refused("CLEAR_FAULT", Fault.AXIS_STALL, event, 9)[0] == Refusal.WRONG_CAUSE
    pen.do("CLEAR_FAULT", Fault.STOP_COMMAND, event, 9)
    assert pen.state == State.IDLE
    assert pen.refused("ARM", DEPTH_UM, RATE_MHZ, 0)[0] in (Refusal.NOT_HOMED, Refusal.BLOCKED)


@covers("REQ-0314", "NEEDLE_TRIPPED")
def test_a_needle_that_latched_off_under_a_held_trigger_is_a_stop() -> None:
    pen = Hands().until_stroking()
    pen.sim.board.lease_feed(0)
    pen.run(50)
    assert pen.state == State.STOPPED
    assert pen.firmware.supervisor.first_cause in (
        Fault.NEEDLE_TRIPPED,
        Condition.STROKE_MISMATCH,
        Condition.RATE_DROOP,
    )


# --- HAZ-05, HAZ-06, HAZ-08 ------------------------------------------------------------------------------------------
@covers("REQ-0501", "CARTRIDGE_NOT_BURNED")
def test_a_cartridge_that_was_not_burned_in_this_session_does_not_arm() -> None:
    pen = Hands().until_open()
    pen.do("HOME")
    pen.do("SET_DEPTH", DEPTH_UM)
    pen.do("SET_RATE", RATE_MHZ)
    assert pen.refused("ARM", DEPTH_UM, RATE_MHZ, 0) == (Refusal.CARTRIDGE, Condition.CARTRIDGE_NOT_BURNED)


@covers("REQ-0502", "CARTRIDGE_USED")
def test_a_cartridge_of_an_earlier_session_is_used_also_after_a_power_cycle() -> None:
    pen = Hands().until_ready()
    pen.do("CLOSE_SESSION")
    pen.session = 0
    pen.sim.power_cycle()
    pen.until_open(nonce=99)
    pen.run(500)
    serial = pen.do("CARTRIDGE_READ").values["serial"]
    assert pen.refused("CARTRIDGE_USE", serial) == (Refusal.CARTRIDGE, Condition.CARTRIDGE_USED)


@covers("REQ-0801", "CARTRIDGE_UNLATCHED")
def test_an_opened_latch_ends_strokes_and_forbids_motion() -> None:
    pen = Hands().until_stroking()
    pen.bench.unlatch()
    assert not moving_after(pen, 20)
    assert pen.state == State.STOPPED
    idle = Hands().until_open()
    idle.bench.unlatch()
    idle.run(50)
    assert idle.refused("HOME") == (Refusal.BLOCKED, Condition.CARTRIDGE_UNLATCHED)


# --- HAZ-10, HAZ-12, HAZ-18 ------------------------------------------------------------------------------------------
@covers("REQ-1002", "STROKING_TIME")
def test_stroking_ends_after_its_time() -> None:
    pen = Hands().until_ready()
    pen.do("TIGHTEN_LIMITS", 1_500, limits.RATE_MAX_MHZ, 60, 500)
    pen.arm()
    pen.run(60)
    pen.bench.press_trigger()
    pen.run(600)
    assert (pen.state, pen.firmware.supervisor.first_cause) == (State.STOPPED, Condition.STROKING_TIME)


@covers("REQ-1001", "SESSION_TIME")
def test_an_armed_session_ends_after_its_time() -> None:
    pen = Hands().until_ready()
    pen.do("TIGHTEN_LIMITS", 1_500, limits.RATE_MAX_MHZ, 2, 1_000)
    pen.arm()
    pen.run(2_200)
    assert (pen.state, pen.firmware.supervisor.first_cause) == (State.STOPPED, Condition.SESSION_TIME)


@covers("REQ-1003")
def test_the_pens_total_is_what_the_board_counted() -> None:
    pen = Hands().until_stroking()
    pen.run(700)
    pen.bench.release_trigger()
    pen.run(200)
    assert pen.status()["strokes_total"] == coil_edges(pen) > 50


@covers("REQ-1202")
def test_a_recorded_heartbeat_keeps_nothing_alive() -> None:
    pen = Hands().until_stroking()
    pen.beating = False
    recorded = pen.encode("HEARTBEAT", pen._beats, sequence=0, session=NONCE)
    for _ in range(60):
        pen.sim.stream.write(recorded)
        pen.run(10)
    assert (pen.state, pen.firmware.supervisor.first_cause) == (State.STOPPED, Condition.HOST_LEASE)


@covers("REQ-1203")
def test_a_host_of_other_tables_opens_nothing() -> None:
    pen = Hands()
    pen.sim.run_until(lambda: pen.state == State.IDLE, 2_000)
    assert pen.do("HELLO", SCHEMA_HASH ^ 1, 3).values["schema_hash"] == SCHEMA_HASH
    assert pen.refused("OPEN_SESSION", 5, 9, 1_500, 0, session=0)[0] == Refusal.SCHEMA_MISMATCH


@covers("REQ-1206")
def test_a_repeated_command_is_answered_again_and_executed_once() -> None:
    pen = Hands().until_open()
    sequence = pen.send("SET_RATE", RATE_MHZ)
    pen.run(20)
    events = pen.status()["next_event"]
    for _ in range(3):
        pen.send("SET_RATE", RATE_MHZ, sequence=sequence)
        pen.run(20)
    answers = pen.finals(sequence)
    assert len(answers) == 4
    assert len({str(answer.values) for answer in answers}) == 1
    assert pen.status()["next_event"] == events
    assert pen.refused("SET_RATE", 50_000, sequence=sequence)[0] == Refusal.SEQUENCE_REUSED
    assert pen.refused("SET_RATE", 50_000, sequence=sequence - 1)[0] in (
        Refusal.STALE_SEQUENCE,
        Refusal.SEQUENCE_REUSED,
    )


@covers("REQ-1801", "REQ-1206")
def test_frames_of_another_session_or_boot_do_nothing() -> None:
    pen = Hands().until_open()
    recorded = pen.encode("HOME", sequence=pen.sequence + 1, session=NONCE)
    pen.do("CLOSE_SESSION")
    assert pen.refused("OPEN_SESSION", NONCE, 9, 1_500, 0, session=0)[0] == Refusal.NONCE_USED
    pen.do("OPEN_SESSION", NONCE + 1, 9, 1_500, 0, session=0)
    pen.session = NONCE + 1
    pen.sim.stream.write(recorded)
    pen.run(50)
    assert not pen.firmware.depth.busy
    boot_id = pen.status()["boot_id"]
    assert pen.refused("SERVICE", 1, boot_id ^ 1)[0] == Refusal.WRONG_STATE


# --- the faults of the simulator -------------------------------------------------------------------------------------
RUNNING = {
    "droop": ("RATE_DROOP", "STROKE_MISMATCH"),
    "hall_lost": ("RATE_DROOP", "STROKE_MISMATCH"),
    "edge_counter": ("STROKE_MISMATCH",),
    "coil_short": ("OVER_CURRENT",),
    "sensor_open": ("COIL_SENSOR",),
    "sensor_short": ("COIL_SENSOR",),
    "supply_low": ("SUPPLY_LOW",),
    "charger": ("CHARGER",),
    "fluid": ("FLUID",),
    "estop_missing": ("ESTOP_OPEN", "ESTOP_MISSING"),
}


@covers(
    "REQ-0201", "REQ-0203", "REQ-0204", "REQ-0310", "REQ-0403", "REQ-0701", "REQ-1602", "REQ-1603", "REQ-1701"
)
@pytest.mark.parametrize("fault", RUNNING)
def test_a_fault_under_strokes_stops_them_and_names_its_cause(fault: str) -> None:
    pen = Hands().until_stroking()
    pen.bench.inject(fault)
    pen.run(1_000)
    assert pen.state == State.STOPPED
    assert pen.firmware.supervisor.first_cause in [getattr(Condition, name) for name in RUNNING[fault]]
    assert not moving_after(pen, 0)


@covers("REQ-0503", "CARTRIDGE_ABSENT", "CARTRIDGE_UNREADABLE")
@pytest.mark.parametrize("fault", ["cartridge_garbage", "cartridge_no_presence", "wire_broken"])
def test_a_cartridge_that_cannot_be_read_is_never_a_new_one(fault: str) -> None:
    pen = Hands(boot=False)
    pen.bench.inject(fault)
    pen.sim.power_on()
    pen.until_open()
    pen.run(1_500)
    answer = pen.do("CARTRIDGE_READ").values
    assert answer["condition"] in (Condition.CARTRIDGE_ABSENT, Condition.CARTRIDGE_UNREADABLE)
    assert pen.refused("CARTRIDGE_USE", answer["serial"])[0] == Refusal.CARTRIDGE


def test_the_table_above_asks_only_for_conditions_that_stop_strokes() -> None:
    for names in RUNNING.values():
        for name in names:
            assert STOPS_STROKING & bits(getattr(Condition, name))
