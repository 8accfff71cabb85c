"""Arming and stopping: what must be so before the needle may move, and the one way out of a stop."""

from __future__ import annotations

import pytest

from pen_protocol import messages
from pen_protocol.faults import Event, Fault, Refusal
from pen_protocol.states import Condition, Flag, State
from tests.firmware.hands import DEPTH_UM, RATE_MHZ, Hands
from tests.firmware.requests import COMMANDS, STATES, values_of

# --- arming -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("depth_um", "rate_mhz", "index"), [(DEPTH_UM + 50, RATE_MHZ, 0), (DEPTH_UM, RATE_MHZ + 1, 1)]
)
def test_arm_names_depth_and_rate_again(depth_um: int, rate_mhz: int, index: int) -> None:
    hands = Hands().until_ready()
    assert hands.refused("ARM", depth_um, rate_mhz, 5) == (Refusal.PLAN_MISMATCH, index)
    assert hands.state == State.IDLE


def test_arm_without_a_burned_cartridge_is_refused() -> None:
    hands = Hands().until_open()
    hands.do("HOME")
    hands.do("SET_DEPTH", DEPTH_UM)
    hands.do("SET_RATE", RATE_MHZ)
    assert hands.refused("ARM", DEPTH_UM, RATE_MHZ, 5) == (Refusal.CARTRIDGE, Condition.CARTRIDGE_NOT_BURNED)


def test_arm_without_a_home_is_refused() -> None:
    hands = Hands().until_open()
    hands.use_cartridge()
    assert hands.refused("ARM", 0, 25_000, 5) == (Refusal.NOT_HOMED, 0)


def test_arm_with_unread_events_is_refused_until_they_are_read() -> None:
    hands = Hands().until_ready()
    for step in range(110):
        hands.do("SET_RATE", RATE_MHZ - 110 + step)
    hands.do("SET_RATE", RATE_MHZ)
    assert hands.refused("ARM", DEPTH_UM, RATE_MHZ, 5)[0] == Refusal.EVENTS_UNREAD
    hands.pull_events()
    hands.do("ARM", DEPTH_UM, RATE_MHZ, 5)


def test_events_that_are_overwritten_are_said_to_be_lost() -> None:
    hands = Hands().until_open()
    for step in range(135):
        hands.do("SET_RATE", 50_000 + step)
    assert hands.status()["flags"] & Flag.EVENTS_LOST
    hands.pull_events()
    assert not hands.status()["flags"] & Flag.EVENTS_LOST


def test_a_busy_host_never_runs_the_event_numbers_dry() -> None:
    """Requests without a pause leave no quiet moment to write the record; it is written all the same."""
    hands = Hands().until_open()
    for step in range(600):
        hands.do("SET_RATE", 50_000 + step)
        assert not hands.present(Condition.CLOCK)
    events = hands.firmware.events
    assert events.next_id < events.reserved_id


def test_acknowledging_events_that_do_not_exist_is_refused_and_loses_none() -> None:
    hands = Hands().until_open()
    count = hands.firmware.events.count
    assert hands.refused("PULL_EVENTS", hands.firmware.events.next_id + 1) == (Refusal.OUT_OF_RANGE, 0)
    assert hands.firmware.events.count == count


@pytest.mark.parametrize(
    "message", [m for m in COMMANDS if m.name not in ("DISARM", "CLOSE_SESSION")], ids=lambda m: m.name
)
def test_a_command_beside_a_running_one_is_busy(message: messages.Message) -> None:
    hands = Hands().until_open()
    hands.send("HOME")
    hands.run(50)
    assert hands.refused(message.name, *values_of(message, hands)) == (Refusal.BUSY, messages.HOME)


@pytest.mark.parametrize("name", ["DISARM", "CLOSE_SESSION", "STOP"])
def test_what_ends_a_running_command_refuses_it_as_aborted(name: str) -> None:
    hands = Hands().until_open()
    sequence = hands.send("HOME")
    hands.run(50)
    hands.do(name, *([0] if name == "STOP" else []))
    (answer,) = hands.finals(sequence)
    assert answer.values["reason"] == Refusal.ABORTED
    assert answer.values["detail"] == (Fault.STOP_COMMAND if name == "STOP" else 0)
    assert not hands.firmware.depth.busy


# --- stop and its way out -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", STATES)
def test_stop_needs_nothing_and_says_stopped_at_once(state: int) -> None:
    """No session, no sequence, any state; the answer already says STOPPED, the first cause is kept."""
    hands = STATES[state](Hands())
    answer = hands.do("STOP", 1, session=12_345, sequence=1)
    assert answer.values["state"] == State.STOPPED
    assert answer.values["first_cause"] == Fault.STOP_COMMAND
    assert answer.values["cause_event"] > 0


def test_a_stop_in_the_middle_of_strokes_is_over_within_the_pass() -> None:
    hands = Hands().until_stroking()
    hands.run(400)
    sent_us = hands.sim.now_us
    hands.send("STOP", 0)
    hands.run(200)
    coil = [t for t, signal, level in hands.sim.trace if signal == "coil" and level and t > sent_us + 10_000]
    assert coil == []


def test_clearing_names_cause_and_event() -> None:
    hands = Hands().until_stopped()
    event = hands.firmware.supervisor.cause_event
    assert hands.refused("CLEAR_FAULT", Fault.AXIS_STALL, event, 9) == (
        Refusal.WRONG_CAUSE,
        Fault.STOP_COMMAND,
    )
    assert hands.refused("CLEAR_FAULT", Fault.STOP_COMMAND, event - 1, 9) == (
        Refusal.WRONG_CAUSE,
        Fault.STOP_COMMAND,
    )
    assert hands.state == State.STOPPED
    first = hands.do("CLEAR_FAULT", Fault.STOP_COMMAND, event, 9)
    assert hands.state == State.IDLE
    again = hands.do("CLEAR_FAULT", Fault.STOP_COMMAND, event, 9)
    assert again.values == first.values
    assert len([e for e in hands.pull_events() if e[2] == Event.FAULT_CLEARED]) == 1


def test_a_stale_clear_cannot_clear_a_later_stop() -> None:
    hands = Hands().until_stopped()
    event = hands.firmware.supervisor.cause_event
    hands.do("CLEAR_FAULT", Fault.STOP_COMMAND, event, 9)
    hands.do("STOP", 0)
    assert hands.refused("CLEAR_FAULT", Fault.STOP_COMMAND, event, 9)[0] == Refusal.WRONG_CAUSE


def test_a_cause_still_present_is_not_cleared() -> None:
    hands = Hands().until_open()
    hands.bench.open_estop()
    hands.run(20)
    assert hands.clear().values["reason"] == Refusal.CAUSE_PRESENT
    hands.bench.close_estop()
    hands.run(100)
    assert hands.clear().name == "DONE"


def test_after_clearing_the_pen_must_be_homed_and_set_again() -> None:
    hands = Hands().until_stroking()
    hands.do("STOP", 0)
    hands.bench.release_trigger()
    hands.run(100)
    assert hands.clear().name == "DONE"
    flags = hands.status()["flags"]
    assert not flags & (Flag.HOMED | Flag.DEPTH_SET | Flag.RATE_SET)
    assert hands.refused("ARM", DEPTH_UM, RATE_MHZ, 5) == (Refusal.NOT_HOMED, 0)
