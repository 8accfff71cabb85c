"""Each condition, from the reading that raises it to what the pen may still do; each fault; and the way out."""

from __future__ import annotations

from typing import Any

import pytest

from pen_firmware.interlocks import Readings, collect, lowest
from pen_firmware.supervisor import Action, Signal, Supervisor
from pen_protocol import limits
from pen_protocol.faults import FAULT_NAMES, Fault
from pen_protocol.states import (
    BLOCKS_ARM,
    BLOCKS_MOTION,
    BLOCKS_STROKE,
    CONDITION_NAMES,
    STOPS_ALWAYS,
    STOPS_ARMED,
    STOPS_STROKING,
    Condition,
    State,
    bits,
)

covers = pytest.mark.covers
SIGNALS = [value for name, value in vars(Signal).items() if name.isupper()]
STATES = range(7)


def healthy() -> Readings:
    """Readings of a pen that may stroke."""
    readings = Readings()
    good: dict[str, Any] = {
        "estop_closed": True,
        "estop_present": True,
        "latched": True,
        "charger": False,
        "sensors_ready": True,
        "coil_fault": False,
        "coil_cc": 3_000,
        "supply_mv": 5_000,
        "cartridge": 0,
        "burned": True,
        "homed": True,
        "settings_valid": True,
        "self_test_passed": True,
        "clock_sound": True,
        "armed_left_ms": 1_000,
        "stroking_left_ms": 1_000,
        "setpoints": True,
    }
    for name, value in good.items():
        assert hasattr(readings, name), name
        setattr(readings, name, value)
    return readings


def in_state(state: int) -> Supervisor:
    pen = Supervisor()
    pen.state = state
    return pen


CASES = [
    pytest.param(
        "ESTOP_OPEN", "estop_closed", False, marks=covers("ESTOP_OPEN", "REQ-0308"), id="ESTOP_OPEN"
    ),
    pytest.param(
        "ESTOP_MISSING", "estop_present", False, marks=covers("ESTOP_MISSING", "REQ-0310"), id="ESTOP_MISSING"
    ),
    pytest.param(
        "CARTRIDGE_ABSENT",
        "cartridge",
        Condition.CARTRIDGE_ABSENT,
        marks=covers("CARTRIDGE_ABSENT", "REQ-0503"),
        id="CARTRIDGE_ABSENT",
    ),
    pytest.param(
        "CARTRIDGE_UNLATCHED",
        "latched",
        False,
        marks=covers("CARTRIDGE_UNLATCHED", "REQ-0801"),
        id="CARTRIDGE_UNLATCHED",
    ),
    pytest.param(
        "CARTRIDGE_USED",
        "cartridge",
        Condition.CARTRIDGE_USED,
        marks=covers("CARTRIDGE_USED", "REQ-0502"),
        id="CARTRIDGE_USED",
    ),
    pytest.param(
        "CARTRIDGE_EXPIRED",
        "cartridge",
        Condition.CARTRIDGE_EXPIRED,
        marks=covers("CARTRIDGE_EXPIRED", "REQ-0602"),
        id="CARTRIDGE_EXPIRED",
    ),
    pytest.param(
        "CARTRIDGE_UNREADABLE",
        "cartridge",
        Condition.CARTRIDGE_UNREADABLE,
        marks=covers("CARTRIDGE_UNREADABLE", "REQ-0503"),
        id="CARTRIDGE_UNREADABLE",
    ),
    pytest.param(
        "CARTRIDGE_NOT_BURNED",
        "burned",
        False,
        marks=covers("CARTRIDGE_NOT_BURNED", "REQ-0501"),
        id="CARTRIDGE_NOT_BURNED",
    ),
    pytest.param("NOT_HOMED", "homed", False, marks=covers("NOT_HOMED", "REQ-0104"), id="NOT_HOMED"),
    pytest.param(
        "STEP_MISMATCH", "step_mismatch", True, marks=covers("STEP_MISMATCH", "REQ-0106"), id="STEP_MISMATCH"
    ),
    pytest.param(
        "AXIS_MOVING", "axis_moving", True, marks=covers("AXIS_MOVING", "REQ-0312"), id="AXIS_MOVING"
    ),
    pytest.param(
        "TRIGGER_STUCK",
        "trigger_held_ms",
        limits.TRIGGER_STUCK_MS,
        marks=covers("TRIGGER_STUCK", "REQ-0302"),
        id="TRIGGER_STUCK",
    ),
    pytest.param(
        "HOST_LEASE", "host_lease_expired", True, marks=covers("HOST_LEASE", "REQ-0304"), id="HOST_LEASE"
    ),
    pytest.param(
        "FIRMWARE_LEASE", "late_pass", True, marks=covers("FIRMWARE_LEASE", "REQ-1302"), id="FIRMWARE_LEASE"
    ),
    pytest.param("RATE_DROOP", "droop", True, marks=covers("RATE_DROOP", "REQ-0201"), id="RATE_DROOP"),
    pytest.param(
        "STROKE_MISMATCH",
        "stroke_mismatch",
        True,
        marks=covers("STROKE_MISMATCH", "REQ-0203"),
        id="STROKE_MISMATCH",
    ),
    pytest.param(
        "COIL_HOT", "coil_cc", limits.COIL_TRIP_CC, marks=covers("COIL_HOT", "REQ-1601"), id="COIL_HOT"
    ),
    pytest.param(
        "COIL_SENSOR", "coil_fault", True, marks=covers("COIL_SENSOR", "REQ-1602"), id="COIL_SENSOR"
    ),
    pytest.param(
        "OVER_CURRENT", "over_current", True, marks=covers("OVER_CURRENT", "REQ-0403"), id="OVER_CURRENT"
    ),
    pytest.param(
        "SUPPLY_LOW",
        "supply_mv",
        limits.SUPPLY_MIN_MV - 1,
        marks=covers("SUPPLY_LOW", "REQ-0204"),
        id="SUPPLY_LOW",
    ),
    pytest.param("CHARGER", "charger", True, marks=covers("CHARGER", "REQ-1603"), id="CHARGER"),
    pytest.param("FLUID", "fluid", True, marks=covers("FLUID", "REQ-0701"), id="FLUID"),
    pytest.param(
        "SETTINGS_INVALID",
        "settings_valid",
        False,
        marks=covers("SETTINGS_INVALID", "REQ-1305"),
        id="SETTINGS_INVALID",
    ),
    pytest.param(
        "SELF_TEST", "self_test_passed", False, marks=covers("SELF_TEST", "REQ-0309"), id="SELF_TEST"
    ),
    pytest.param("CLOCK", "clock_sound", False, marks=covers("CLOCK", "REQ-1306"), id="CLOCK"),
    pytest.param(
        "SESSION_TIME", "armed_left_ms", 0, marks=covers("SESSION_TIME", "REQ-1001"), id="SESSION_TIME"
    ),
    pytest.param(
        "STROKING_TIME", "stroking_left_ms", 0, marks=covers("STROKING_TIME", "REQ-1002"), id="STROKING_TIME"
    ),
    pytest.param("SETPOINTS", "setpoints", False, marks=covers("SETPOINTS", "REQ-0312"), id="SETPOINTS"),
    pytest.param("GATE_STUCK", "gate_stuck", True, marks=covers("GATE_STUCK", "REQ-0309"), id="GATE_STUCK"),
]

every_condition = pytest.mark.parametrize(("name", "reading", "value"), CASES)


def raised(name: str, reading: str, value: Any) -> tuple[int, int]:
    """The condition's number, and the mask of a healthy pen with this one reading."""
    readings = healthy()
    setattr(readings, reading, value)
    return getattr(Condition, name), collect(readings)


def test_every_condition_is_among_the_cases() -> None:
    assert {param.values[0] for param in CASES} == set(CONDITION_NAMES) - {""}


def test_a_healthy_pen_has_no_condition() -> None:
    assert collect(healthy()) == 0


@every_condition
def test_a_reading_raises_its_condition_and_no_other(name: str, reading: str, value: Any) -> None:
    number, mask = raised(name, reading, value)
    assert mask == bits(number)


@every_condition
def test_a_condition_stops_strokes_with_itself_as_first_cause(name: str, reading: str, value: Any) -> None:
    number, mask = raised(name, reading, value)
    pen = in_state(State.STROKING)
    actions = pen.step(mask, 0, 0)
    if number == Condition.AXIS_MOVING:
        assert (actions, pen.state) == (0, State.STROKING), "a shallower move may go on under strokes"
        return
    assert (pen.state, pen.first_cause) == (State.STOPPED, number)
    assert actions & Action.NEEDLE_OFF
    assert actions & Action.AXIS_HOLD


@every_condition
def test_a_condition_stops_an_armed_pen_or_holds_back_its_first_stroke(
    name: str, reading: str, value: Any
) -> None:
    number, mask = raised(name, reading, value)
    for state in (State.ARMING, State.ARMED):
        pen = in_state(state)
        pen.step(mask, Signal.TRIGGER_DOWN, 0)
        stops = number not in (Condition.AXIS_MOVING, Condition.SETPOINTS)
        assert pen.state == (State.STOPPED if stops else state)


@every_condition
def test_a_condition_refuses_arm(name: str, reading: str, value: Any) -> None:
    number, mask = raised(name, reading, value)
    pen = in_state(State.IDLE)
    pen.step(mask, Signal.ARM, 0)
    if mask & STOPS_ALWAYS:
        assert pen.state == State.STOPPED
    else:
        assert pen.state == (State.ARMING if number == Condition.HOST_LEASE else State.IDLE)


@pytest.mark.parametrize(
    ("name", "reading", "value"),
    [case for case in CASES if case.id in ("ESTOP_OPEN", "FLUID", "OVER_CURRENT", "GATE_STUCK")],
)
def test_what_is_dangerous_by_itself_stops_in_every_state(name: str, reading: str, value: Any) -> None:
    number, mask = raised(name, reading, value)
    for state in STATES:
        if state != State.STOPPED:
            pen = in_state(state)
            pen.step(mask, 0, 0)
            assert (pen.state, pen.first_cause) == (State.STOPPED, number), state


@covers("REQ-0310", "REQ-0801", "REQ-1603")
def test_no_axis_moves_without_stop_button_with_open_latch_or_on_a_charger() -> None:
    for condition in (Condition.ESTOP_MISSING, Condition.CARTRIDGE_UNLATCHED, Condition.CHARGER):
        assert BLOCKS_MOTION & bits(condition)


@covers("REQ-1307")
def test_before_the_first_readings_everything_is_raised_that_they_could_deny() -> None:
    mask = collect(Readings())
    for name in (
        *("ESTOP_OPEN", "ESTOP_MISSING", "CARTRIDGE_ABSENT", "CARTRIDGE_UNLATCHED", "CARTRIDGE_NOT_BURNED"),
        *("NOT_HOMED", "COIL_SENSOR", "SUPPLY_LOW", "CHARGER", "SETTINGS_INVALID", "SELF_TEST", "CLOCK"),
        *("SESSION_TIME", "STROKING_TIME", "SETPOINTS"),
    ):
        assert mask & bits(getattr(Condition, name)), name
    assert mask & BLOCKS_ARM
    assert mask & BLOCKS_MOTION
    assert mask & BLOCKS_STROKE


@covers("REQ-1602", "COIL_SENSOR")
def test_a_broken_temperature_sensor_is_never_a_cool_coil() -> None:
    readings = healthy()
    readings.coil_fault = True
    readings.coil_cc = 2_500
    assert collect(readings) == bits(Condition.COIL_SENSOR)


@covers("REQ-0403", "OVER_CURRENT")
def test_a_measured_current_above_the_limit_counts_like_the_comparator() -> None:
    readings = healthy()
    readings.coil_ma = limits.COIL_CURRENT_MAX_MA
    assert collect(readings) == 0
    readings.coil_ma += 1
    assert collect(readings) == bits(Condition.OVER_CURRENT)


@covers("REQ-0204", "SUPPLY_LOW", "REQ-1601", "COIL_HOT")
def test_limits_act_at_their_own_value() -> None:
    readings = healthy()
    readings.supply_mv = limits.SUPPLY_MIN_MV
    readings.coil_cc = limits.COIL_TRIP_CC - 1
    assert collect(readings) == 0
    readings.supply_mv -= 1
    readings.coil_cc += 1
    assert collect(readings) == bits(Condition.SUPPLY_LOW, Condition.COIL_HOT)


@covers("REQ-1701")
def test_a_needle_held_back_by_hair_stops_by_whichever_sign_comes_first() -> None:
    for sign in ("over_current", "droop", "stroke_mismatch"):
        readings = healthy()
        setattr(readings, sign, True)
        pen = in_state(State.STROKING)
        pen.step(collect(readings), 0, 0)
        assert pen.state == State.STOPPED, sign


# --- faults ----------------------------------------------------------------------------------------------------------
FAULTS = [
    pytest.param("FIRMWARE_EXCEPTION", marks=covers("FIRMWARE_EXCEPTION")),
    pytest.param("RESET_WHILE_ARMED", marks=covers("RESET_WHILE_ARMED")),
    pytest.param("POWER_LOSS_WHILE_ARMED", marks=covers("POWER_LOSS_WHILE_ARMED")),
    pytest.param("AXIS_STALL", marks=covers("AXIS_STALL", "REQ-0106")),
    pytest.param("HOMING_FAILED", marks=covers("HOMING_FAILED", "REQ-0106")),
    pytest.param("NEEDLE_TRIPPED", marks=covers("NEEDLE_TRIPPED", "REQ-0314")),
]


def test_every_fault_is_among_the_cases() -> None:
    assert {param.values[0] for param in FAULTS} == set(FAULT_NAMES.values()) - {"NONE", "STOP_COMMAND"}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_latches_from_every_state_with_its_code(name: str) -> None:
    code = getattr(Fault, name)
    for state in STATES:
        if state != State.STOPPED:
            pen = in_state(state)
            actions = pen.step(0, Signal.FAULT, code)
            assert (pen.state, pen.first_cause) == (State.STOPPED, code), state
            assert actions & Action.NEEDLE_OFF


@covers("STOP_COMMAND", "REQ-0307")
@pytest.mark.parametrize("state", [state for state in STATES if state != State.STOPPED])
def test_stop_latches_from_every_state_whatever_else_is_asked(state: int) -> None:
    for company in (0, *SIGNALS):
        pen = in_state(state)
        actions = pen.step(0, Signal.STOP | company, Fault.AXIS_STALL)
        assert (pen.state, pen.first_cause) == (State.STOPPED, Fault.STOP_COMMAND)
        assert actions & Action.NEEDLE_OFF


# --- how strokes begin and a stop ends -------------------------------------------------------------------------------
@covers("REQ-0301")
def test_one_signal_leads_to_strokes_and_from_one_state_only() -> None:
    for state in STATES:
        for signal in (0, *SIGNALS):
            pen = in_state(state)
            pen.step(0, signal, Fault.AXIS_STALL)
            begins = state == State.ARMED and signal == Signal.TRIGGER_DOWN
            assert (pen.state == State.STROKING and state != State.STROKING) == begins, (state, signal)


@covers("REQ-0301")
def test_a_trigger_held_while_arming_starts_nothing_until_it_was_released() -> None:
    pen = in_state(State.IDLE)
    pen.step(0, Signal.ARM, 0)
    for _ in range(50):
        pen.step(0, Signal.TRIGGER_DOWN, 0)
        assert pen.state == State.ARMING
    pen.step(0, Signal.TRIGGER_UP, 0)
    assert pen.state == State.ARMED
    pen.step(0, Signal.TRIGGER_DOWN, 0)
    assert pen.state == State.STROKING


@covers("REQ-0303")
def test_a_released_trigger_turns_the_needle_off_in_the_same_step() -> None:
    pen = in_state(State.STROKING)
    assert pen.step(0, Signal.TRIGGER_UP, 0) & Action.NEEDLE_OFF
    assert pen.state == State.ARMED


@covers("REQ-0311")
def test_the_first_cause_is_kept_while_stopped() -> None:
    pen = in_state(State.STROKING)
    pen.step(bits(Condition.RATE_DROOP), 0, 0)
    pen.cause_event = 40
    for mask, signal in (
        (bits(Condition.ESTOP_OPEN), 0),
        (0, Signal.STOP),
        (0, Signal.FAULT),
        (0, Signal.ARM),
    ):
        assert pen.step(mask, signal, Fault.AXIS_STALL) == 0
        assert (pen.state, pen.first_cause, pen.cause_event) == (State.STOPPED, Condition.RATE_DROOP, 40)


@covers("REQ-0311")
def test_a_stop_is_named_by_cause_and_event_and_cleared_only_when_the_cause_is_gone() -> None:
    pen = in_state(State.STROKING)
    pen.step(bits(Condition.COIL_HOT), 0, 0)
    pen.cause_event = 40
    assert pen.names_cause(Condition.COIL_HOT, 40)
    assert not pen.names_cause(Condition.COIL_HOT, 39), "a copy from an earlier stop"
    assert not pen.names_cause(Condition.OVER_CURRENT, 40)
    assert pen.may_clear(bits(Condition.COIL_HOT)) == Condition.COIL_HOT
    assert pen.may_clear(bits(Condition.ESTOP_OPEN)) == Condition.ESTOP_OPEN
    assert pen.may_clear(0) == 0
    pen.step(0, Signal.CLEAR, 0)
    assert pen.state == State.IDLE


@covers("REQ-0311")
def test_no_signal_but_clear_and_service_leaves_a_stop() -> None:
    for signal in SIGNALS:
        pen = in_state(State.STOPPED)
        pen.step(0, signal, Fault.AXIS_STALL)
        expected = {Signal.CLEAR: State.IDLE, Signal.SERVICE: State.SERVICE}.get(signal, State.STOPPED)
        assert pen.state == expected


def test_the_masks_are_those_the_cases_were_written_for() -> None:
    assert lowest(STOPS_STROKING) == lowest(STOPS_ARMED) == Condition.ESTOP_OPEN
