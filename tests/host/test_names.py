"""Names on the host: every number of the protocol has one, and an unknown number is shown, not refused."""

from __future__ import annotations

from enum import IntEnum, IntFlag

import pytest

from pen_host import names
from pen_protocol import faults, messages, states


def numbers(shared: type) -> dict[str, int]:
    return {name: value for name, value in vars(shared).items() if name.isupper()}


@pytest.mark.parametrize(
    ("mirrored", "shared"),
    [
        (names.State, states.State),
        (names.Condition, states.Condition),
        (names.Fault, faults.Fault),
        (names.Refusal, faults.Refusal),
        (names.EventCode, faults.Event),
        (names.Flag, states.Flag),
        (names.UnlockReason, states.UnlockReason),
        (names.ServiceAction, states.ServiceAction),
    ],
)
def test_every_number_of_the_protocol_has_a_name_on_the_host(
    mirrored: type[IntEnum] | type[IntFlag], shared: type
) -> None:
    assert {member.name: member.value for member in mirrored} == numbers(shared)


def test_names_agree_with_the_tables_the_firmware_prints() -> None:
    assert [names.state_name(n) for n in range(len(states.STATE_NAMES))] == list(states.STATE_NAMES)
    assert [names.refusal_name(n) for n in range(len(faults.REFUSAL_NAMES))] == list(faults.REFUSAL_NAMES)
    assert {n: names.event_name(n) for n in faults.EVENT_NAMES} == faults.EVENT_NAMES
    assert {n: names.cause_name(n) for n in faults.FAULT_NAMES} == faults.FAULT_NAMES
    assert [names.cause_name(n) for n in range(1, 30)] == list(states.CONDITION_NAMES[1:])


def test_a_number_of_newer_firmware_is_shown_as_a_number() -> None:
    assert names.cause_name(99) == "cause 99"
    assert names.refusal_name(250) == "refusal 250"
    assert names.event_name(77) == "event 77"
    assert names.state_name(9) == "state 9"
    assert names.message_name(0x7F) == "message 0x7f"
    assert names.message_name(messages.ARM) == "ARM"


def test_a_condition_mask_is_named_lowest_number_first() -> None:
    mask = 1 << states.Condition.FLUID | 1 << states.Condition.ESTOP_OPEN
    assert names.condition_names(mask) == ("ESTOP_OPEN", "FLUID")
    assert names.condition_names(0) == ()
