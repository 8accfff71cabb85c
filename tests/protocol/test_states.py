"""Numbers and their names line up, masks fit the chip's small integers, and the masks say what the safety rules say."""

from __future__ import annotations

import pytest

from pen_protocol import faults, limits, states
from pen_protocol.faults import Event, Fault, Refusal
from pen_protocol.states import Condition, Flag, ServiceAction, State, UnlockReason

MASKS = {
    name: value
    for name, value in vars(states).items()
    if name.startswith(("STOPS_", "BLOCKS_", "ALL_")) and isinstance(value, int)
}


def numbers(kind: type) -> dict[str, int]:
    return {name: value for name, value in vars(kind).items() if name.isupper()}


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (State, dict(enumerate(states.STATE_NAMES))),
        (Condition, {i: name for i, name in enumerate(states.CONDITION_NAMES) if name}),
        (Refusal, dict(enumerate(faults.REFUSAL_NAMES))),
        (Fault, faults.FAULT_NAMES),
        (Event, faults.EVENT_NAMES),
    ],
)
def test_names_line_up_with_the_numbers(kind: type, names: dict[int, str]) -> None:
    assert {name: number for number, name in names.items()} == numbers(kind)


def test_conditions_are_1_to_29_without_a_gap() -> None:
    assert sorted(numbers(Condition).values()) == list(range(1, 30))


def test_a_fault_code_is_never_a_conditions_number() -> None:
    assert all(code == 0 or 30 < code <= 0xFF for code in numbers(Fault).values())


@pytest.mark.parametrize("kind", [Refusal, Event, State])
def test_codes_fit_one_byte(kind: type) -> None:
    codes = list(numbers(kind).values())
    assert len(set(codes)) == len(codes)
    assert all(0 <= code <= 0xFF for code in codes)


@pytest.mark.parametrize("name", MASKS)
def test_a_mask_stays_below_2_to_the_30(name: str) -> None:
    assert 0 < MASKS[name] <= limits.WORD_MAX
    assert MASKS[name] & ~states.ALL_CONDITIONS == 0


def test_bits_is_one_bit_per_condition() -> None:
    assert states.bits() == 0
    assert states.bits(1, 29) == 2 | 1 << 29
    assert states.bits(*numbers(Condition).values()) == states.ALL_CONDITIONS


def test_flags_are_single_bits_of_a_16_bit_word() -> None:
    flags = list(numbers(Flag).values())
    assert all(flag.bit_count() == 1 and flag <= 0xFFFF for flag in flags)
    assert len(set(flags)) == len(flags)


def test_the_more_dangerous_the_state_the_more_stops() -> None:
    assert states.STOPS_ALWAYS & ~states.STOPS_ARMED == 0
    assert states.STOPS_ARMED & ~states.STOPS_STROKING == 0


def test_the_stop_button_stops_in_every_state() -> None:
    assert states.STOPS_ALWAYS & states.bits(Condition.ESTOP_OPEN)


def test_whatever_stops_a_running_needle_also_keeps_it_from_starting() -> None:
    assert states.STOPS_STROKING & ~states.BLOCKS_STROKE == 0


def test_whatever_stops_an_armed_pen_also_refuses_arm_but_the_lease_that_starts_with_it() -> None:
    assert states.bits(Condition.HOST_LEASE) == states.STOPS_ARMED & ~states.BLOCKS_ARM


def test_unknown_is_blocked() -> None:
    """A condition is raised until its absence was seen: at boot, with all raised, nothing may move."""
    for mask in (states.BLOCKS_ARM, states.BLOCKS_STROKE, states.BLOCKS_MOTION):
        assert states.ALL_CONDITIONS & mask


@pytest.mark.parametrize(
    "condition",
    [
        Condition.ESTOP_OPEN,
        Condition.ESTOP_MISSING,
        Condition.CARTRIDGE_UNLATCHED,
        Condition.CHARGER,
        Condition.FLUID,
    ],
)
def test_nothing_moves_with_hands_or_power_where_they_should_not_be(condition: int) -> None:
    assert states.BLOCKS_MOTION & states.bits(condition)
    assert states.BLOCKS_ARM & states.bits(condition)


def test_homing_is_not_refused_for_what_only_homing_can_end() -> None:
    assert states.BLOCKS_MOTION & states.bits(Condition.NOT_HOMED, Condition.STEP_MISMATCH) == 0


def test_reasons_and_actions_fit_the_ranges_of_their_fields() -> None:
    from pen_protocol.messages import BY_NAME

    reason = next(part for part in BY_NAME["OPEN_SESSION"].fields if part.name == "unlock_reason")
    action = next(part for part in BY_NAME["SERVICE"].fields if part.name == "action")
    state = next(part for part in BY_NAME["STATUS"].fields if part.name == "state")
    condition = next(part for part in BY_NAME["CARTRIDGE"].fields if part.name == "condition")
    assert sorted(numbers(UnlockReason).values()) == list(range(reason.low, reason.high + 1))
    assert sorted(numbers(ServiceAction).values()) == list(range(action.low, action.high + 1))
    assert sorted(numbers(State).values()) == list(range(state.low, state.high + 1))
    assert condition.high == max(numbers(Condition).values())
