"""Sensors: tables against their formulas, debouncing towards the dangerous side, unknown until read."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_firmware import sensors
from pen_firmware.hal import Analog, Board, Input
from pen_protocol import limits

CODES_10C_TO_120C = range(238, 3369)


class ScriptedBoard(Board):
    """Inputs and codes as a test sets them."""

    def __init__(self) -> None:
        self.mask = 0
        self.codes = {
            Analog.COIL_TEMPERATURE: 2048,
            Analog.COIL_CURRENT: 0,
            Analog.FLUID: 3600,
            Analog.SUPPLY: 2068,
        }

    def inputs(self) -> int:
        return self.mask

    def analog(self, channel: int) -> int:
        return self.codes[channel]


def ready() -> tuple[ScriptedBoard, sensors.Sensors]:
    board = ScriptedBoard()
    part = sensors.Sensors(board)
    tick(part, sensors.CHANNELS * sensors.HISTORY)
    return board, part


def tick(part: sensors.Sensors, passes: int = 1) -> None:
    for _ in range(passes):
        part.tick(0)


def ntc_celsius(code: float) -> float:
    return 1 / (1 / 298.15 + math.log(code / (4096 - code)) / 3435) - 273.15


def adc_code(celsius: float) -> float:
    ratio = math.exp(3435 * (1 / (celsius + 273.15) - 1 / 298.15))
    return 4096 * ratio / (1 + ratio)


def test_temperature_table_follows_the_formula() -> None:
    for code in CODES_10C_TO_120C:
        error_cc = sensors.coil_temperature_cc(code) - 100 * ntc_celsius(code)
        bound_cc = 10 if 800 <= code <= 3000 else 70
        assert abs(error_cc) <= bound_cc, code


def test_every_table_entry_is_the_rounded_formula() -> None:
    for index in range(1, len(sensors.NTC_TABLE_CC) - 1):
        assert sensors.NTC_TABLE_CC[index] == round(100 * ntc_celsius(index << sensors.NTC_SHIFT))


@given(st.integers(0, 4094))
def test_temperature_never_rises_with_the_code(code: int) -> None:
    assert sensors.coil_temperature_cc(code) >= sensors.coil_temperature_cc(code + 1)


@given(st.integers(0, 4095))
def test_temperature_fits_the_wire(code: int) -> None:
    assert -0x7FFF <= sensors.coil_temperature_cc(code) <= 0x7FFF


@given(st.integers(0, 4095))
def test_supply_and_current_follow_their_dividers(code: int) -> None:
    assert abs(sensors.supply_mv(code) - code / 4096 * 9900) <= 1
    assert abs(sensors.coil_ma(code) - code / 4096 * 3300 / 2) <= 1


@pytest.mark.parametrize(
    "code",
    [
        adc_code(limits.COIL_TRIP_CC / 100),
        adc_code(limits.COIL_WARN_CC / 100),
        limits.SUPPLY_MIN_MV / 9900 * 4096,
        limits.COIL_CURRENT_MAX_MA * 2 / 3300 * 4096,
        sensors.FLUID_WET_BELOW,
        sensors.FLUID_DRY_FROM,
    ],
)
def test_no_threshold_lies_near_a_code_where_the_converter_jumps(code: float) -> None:
    assert min(abs(code - trap) for trap in sensors.ADC_TRAPS) >= sensors.TRAP_CLEARANCE


@given(*[st.integers(0, 4095)] * 3)
def test_median_is_the_middle_one(a: int, b: int, c: int) -> None:
    assert sensors.median(a, b, c) == sorted((a, b, c))[1]


def test_nothing_is_known_before_every_channel_was_read() -> None:
    part = sensors.Sensors(ScriptedBoard())
    passes = 0
    while not part.ready:
        assert part.coil_fault or passes >= 8
        assert not part.fluid_wet, "a history still empty must not quarantine the pen"
        tick(part)
        passes += 1
    assert passes == sensors.CHANNELS * sensors.HISTORY
    assert not part.coil_fault
    assert part.coil_cc == 2500
    assert part.supply_mv == 4998


@pytest.mark.parametrize("code", [0, 50, 4095, 4000])
@pytest.mark.covers("REQ-1602", "COIL_SENSOR")
def test_open_or_shorted_temperature_sensor_is_a_fault(code: int) -> None:
    board, part = ready()
    board.codes[Analog.COIL_TEMPERATURE] = code
    tick(part, 8)
    assert part.coil_fault


def test_one_wrong_conversion_changes_nothing() -> None:
    board, part = ready()
    for code in (0, 4095):
        before = (part.coil_cc, part.supply_mv, part.fluid_wet, part.coil_fault)
        good = dict(board.codes)
        board.codes = dict.fromkeys(good, code)
        tick(part, sensors.CHANNELS)
        board.codes = good
        assert (part.coil_cc, part.supply_mv, part.fluid_wet, part.coil_fault) == before
        tick(part, sensors.CHANNELS * sensors.HISTORY)


@pytest.mark.covers("REQ-0701")
def test_wet_needs_a_clearly_dry_reading_to_end() -> None:
    board, part = ready()
    board.codes[Analog.FLUID] = sensors.FLUID_WET_BELOW - 1
    tick(part, 8)
    assert part.fluid_wet
    board.codes[Analog.FLUID] = sensors.FLUID_DRY_FROM - 1
    tick(part, 12)
    assert part.fluid_wet
    board.codes[Analog.FLUID] = sensors.FLUID_DRY_FROM
    tick(part, 12)
    assert not part.fluid_wet


# --- inputs -----------------------------------------------------------------------------------------------------------

PERMISSIVE_WHEN_SET = (Input.ESTOP_CLOSED, Input.ESTOP_PRESENT, Input.LATCH, Input.TRIGGER)
PERMISSIVE_WHEN_CLEAR = (Input.CHARGER, Input.CONTACT)


def reads(bit: int) -> int:
    return sensors.TRIGGER_READS if bit == Input.TRIGGER else sensors.SLOW_READS


@pytest.mark.parametrize("bit", PERMISSIVE_WHEN_SET)
@pytest.mark.covers("REQ-0303")
def test_closing_needs_consecutive_readings_and_opening_acts_at_once(bit: int) -> None:
    board, part = ready()
    board.mask = bit
    tick(part, reads(bit) - 1)
    assert not part.inputs & bit
    tick(part)
    assert part.inputs & bit
    board.mask = 0
    tick(part)
    assert not part.inputs & bit


@pytest.mark.parametrize("bit", PERMISSIVE_WHEN_CLEAR)
def test_charger_and_contact_are_believed_at_once_and_leave_slowly(bit: int) -> None:
    board, part = ready()
    board.mask = bit
    tick(part)
    assert part.inputs & bit
    board.mask = 0
    tick(part, reads(bit) - 1)
    assert part.inputs & bit
    tick(part)
    assert not part.inputs & bit


def test_before_the_first_readings_everything_is_as_if_forbidden() -> None:
    assert sensors.Sensors(ScriptedBoard()).inputs == Input.CHARGER | Input.CONTACT


@given(st.lists(st.integers(0, 2047), max_size=60))
def test_debouncing_equals_counting_each_input_by_itself(masks: list[int]) -> None:
    board = ScriptedBoard()
    part = sensors.Sensors(board)
    waited = dict.fromkeys((*PERMISSIVE_WHEN_SET, *PERMISSIVE_WHEN_CLEAR), 0)
    for mask in masks:
        board.mask = mask
        tick(part)
        for bit in waited:
            permits = bool(mask & bit) == (bit in PERMISSIVE_WHEN_SET)
            waited[bit] = waited[bit] + 1 if permits else 0
            permitted = waited[bit] >= reads(bit)
            assert bool(part.inputs & bit) == (permitted == (bit in PERMISSIVE_WHEN_SET))
        raw_bits = Input.HOME | Input.SAFE | Input.NEEDLE | Input.OVER_CURRENT | Input.LEASE
        assert part.inputs & raw_bits == mask & raw_bits
