"""Readings to conditions: each reading moves its own condition and no other; what is unknown blocks."""

from __future__ import annotations

from typing import Any

import pytest

from pen_firmware.interlocks import Readings, collect, lowest
from pen_protocol import limits
from pen_protocol.states import CONDITION_NAMES, STOPS_ALWAYS, Condition, bits

GOOD: dict[str, Any] = {
    "estop_closed": True,
    "estop_present": True,
    "latched": True,
    "charger": False,
    "sensors_ready": True,
    "coil_fault": False,
    "coil_cc": 2_500,
    "coil_trip_cc": limits.COIL_TRIP_CC,
    "coil_ma": 0,
    "supply_mv": 5_000,
    "over_current": False,
    "fluid": False,
    "gate_stuck": False,
    "cartridge": 0,
    "burned": True,
    "homed": True,
    "step_mismatch": False,
    "axis_moving": False,
    "trigger_held_ms": 0,
    "host_lease_expired": False,
    "late_pass": False,
    "droop": False,
    "stroke_mismatch": False,
    "settings_valid": True,
    "self_test_passed": True,
    "clock_sound": True,
    "armed_left_ms": 1,
    "stroking_left_ms": 1,
    "setpoints": True,
}

# one reading at the edge of what is good -> the condition it raises
BAD = [
    ("estop_closed", False, Condition.ESTOP_OPEN),
    ("estop_present", False, Condition.ESTOP_MISSING),
    ("latched", False, Condition.CARTRIDGE_UNLATCHED),
    ("charger", True, Condition.CHARGER),
    ("coil_fault", True, Condition.COIL_SENSOR),
    ("coil_cc", limits.COIL_TRIP_CC, Condition.COIL_HOT),
    ("coil_trip_cc", 2_500, Condition.COIL_HOT),
    ("coil_ma", limits.COIL_CURRENT_MAX_MA + 1, Condition.OVER_CURRENT),
    ("supply_mv", limits.SUPPLY_MIN_MV - 1, Condition.SUPPLY_LOW),
    ("over_current", True, Condition.OVER_CURRENT),
    ("fluid", True, Condition.FLUID),
    ("gate_stuck", True, Condition.GATE_STUCK),
    ("cartridge", Condition.CARTRIDGE_ABSENT, Condition.CARTRIDGE_ABSENT),
    ("cartridge", Condition.CARTRIDGE_USED, Condition.CARTRIDGE_USED),
    ("cartridge", Condition.CARTRIDGE_EXPIRED, Condition.CARTRIDGE_EXPIRED),
    ("cartridge", Condition.CARTRIDGE_UNREADABLE, Condition.CARTRIDGE_UNREADABLE),
    ("burned", False, Condition.CARTRIDGE_NOT_BURNED),
    ("homed", False, Condition.NOT_HOMED),
    ("step_mismatch", True, Condition.STEP_MISMATCH),
    ("axis_moving", True, Condition.AXIS_MOVING),
    ("trigger_held_ms", limits.TRIGGER_STUCK_MS, Condition.TRIGGER_STUCK),
    ("host_lease_expired", True, Condition.HOST_LEASE),
    ("late_pass", True, Condition.FIRMWARE_LEASE),
    ("droop", True, Condition.RATE_DROOP),
    ("stroke_mismatch", True, Condition.STROKE_MISMATCH),
    ("settings_valid", False, Condition.SETTINGS_INVALID),
    ("self_test_passed", False, Condition.SELF_TEST),
    ("clock_sound", False, Condition.CLOCK),
    ("armed_left_ms", 0, Condition.SESSION_TIME),
    ("stroking_left_ms", 0, Condition.STROKING_TIME),
    ("setpoints", False, Condition.SETPOINTS),
]

STILL_GOOD = [
    ("coil_cc", limits.COIL_TRIP_CC - 1),
    ("coil_ma", limits.COIL_CURRENT_MAX_MA),
    ("supply_mv", limits.SUPPLY_MIN_MV),
    ("trigger_held_ms", limits.TRIGGER_STUCK_MS - 1),
]


def readings(**changes: Any) -> Readings:
    made = Readings()
    for name, value in (GOOD | changes).items():
        assert hasattr(made, name), name
        setattr(made, name, value)
    return made


def test_good_readings_raise_nothing() -> None:
    assert collect(readings()) == 0


def test_the_table_of_good_readings_is_whole() -> None:
    assert set(GOOD) == set(vars(Readings()))


@pytest.mark.parametrize(("name", "value", "condition"), BAD)
def test_each_reading_raises_its_own_condition_only(name: str, value: Any, condition: int) -> None:
    assert collect(readings(**{name: value})) == 1 << condition


def test_every_condition_has_a_reading_that_raises_it() -> None:
    assert {condition for _, _, condition in BAD} == set(range(1, len(CONDITION_NAMES)))


@pytest.mark.parametrize(("name", "value"), STILL_GOOD)
def test_the_edge_itself_is_still_good(name: str, value: Any) -> None:
    assert collect(readings(**{name: value})) == 0


def test_what_has_never_been_read_blocks() -> None:
    """A new Readings raises every condition it cannot rule out; only the e-stop among them stops at once."""
    mask = collect(Readings())
    for condition in (
        Condition.ESTOP_OPEN,
        Condition.CARTRIDGE_ABSENT,
        Condition.CARTRIDGE_NOT_BURNED,
        Condition.NOT_HOMED,
        Condition.COIL_SENSOR,
        Condition.SUPPLY_LOW,
        Condition.CHARGER,
        Condition.SETTINGS_INVALID,
        Condition.SELF_TEST,
        Condition.CLOCK,
        Condition.SETPOINTS,
    ):
        assert mask >> condition & 1, CONDITION_NAMES[condition]
    assert mask & STOPS_ALWAYS == bits(Condition.ESTOP_OPEN)


def test_analog_values_count_only_once_all_were_read() -> None:
    mask = collect(readings(sensors_ready=False, coil_cc=9_999, coil_ma=4_000, supply_mv=9_999))
    assert mask == bits(Condition.COIL_SENSOR, Condition.SUPPLY_LOW)


def test_lowest_names_the_lowest_bit() -> None:
    assert lowest(0) == 0
    assert [lowest(1 << n) for n in range(30)] == list(range(30))
    assert lowest(bits(Condition.GATE_STUCK, Condition.NOT_HOMED)) == Condition.NOT_HOMED
