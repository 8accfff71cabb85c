"""What stops the whole pen: its cause is named, its effect is not taken for it, and it is cleared when it has gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pen_protocol import limits
from pen_protocol.faults import Event, Fault, Refusal
from pen_protocol.messages import SCHEMA_HASH
from pen_protocol.states import CONDITION_NAMES, Condition, Flag, State
from tests.firmware.hands import (
    DEPTH_UM,
    RATE_MHZ,
    Hands,
    coil_edges,
    coil_off_after_us,
    events_of,
    first_cause,
)

HAND_STOPS: dict[str, tuple[Callable[[Hands], object], int]] = {
    "stop pressed": (lambda h: h.bench.open_estop(), Condition.ESTOP_OPEN),
    "stop unplugged": (lambda h: h.bench.remove_estop(), Condition.ESTOP_MISSING),
    "latch opened": (lambda h: h.bench.unlatch(), Condition.CARTRIDGE_UNLATCHED),
    "charger plugged in": (lambda h: h.bench.connect_charger(), Condition.CHARGER),
    "fluid": (lambda h: h.bench.wet(), Condition.FLUID),
    "host silent": (lambda h: setattr(h, "beating", False), Condition.HOST_LEASE),
    "cable pulled": (lambda h: h.bench.unplug_usb(), Condition.HOST_LEASE),
}


@pytest.mark.parametrize("name", HAND_STOPS)
@pytest.mark.parametrize("state", ["armed", "stroking"])
def test_what_hands_can_do_stops_the_pen(name: str, state: str) -> None:
    hands = Hands()
    if state == "armed":
        hands.until_armed()
    else:
        hands.until_stroking()
    act, cause = HAND_STOPS[name]
    act(hands)
    since_us = hands.sim.now_us
    hands.run(400)
    assert (hands.state, first_cause(hands)) == (State.STOPPED, cause)
    assert coil_off_after_us(hands, since_us) <= limits.BUDGET_HOST_SILENT_MS * 1_000
    hands.bench.plug_usb()
    hands.bench.release_trigger()
    hands.run(50)
    assert hands.status()["strokes_total"] == coil_edges(hands)


@pytest.mark.parametrize(
    ("closes_again", "cause"), [(False, Condition.ESTOP_OPEN), (True, Fault.NEEDLE_TRIPPED)]
)
@pytest.mark.parametrize("before", ["conditions", "signals", "begin_pass"])
@pytest.mark.covers("ESTOP_OPEN", "NEEDLE_TRIPPED")
def test_a_stop_contact_that_opens_amid_a_pass_is_named_and_not_its_effect(
    before: str, closes_again: bool, cause: int
) -> None:
    """A pass takes milliseconds on the chip: the needle has latched off before the next one reads the contact."""
    hands = Hands().until_stroking()
    board, lookout = hands.sim.board, hands.sim.pen.lookout
    step = getattr(lookout, before)

    def opened_first(*arguments: Any) -> Any:
        setattr(lookout, before, step)
        hands.bench.open_estop()
        board.run_to(board.clock.now_us + 10_000)  # a stroke is due meanwhile
        if closes_again:
            hands.bench.close_estop()
        return step(*arguments)

    setattr(lookout, before, opened_first)
    hands.run(20)
    assert first_cause(hands) == cause


def test_each_stop_is_an_event_with_its_cause() -> None:
    hands = Hands().until_stroking()
    hands.bench.connect_charger()
    hands.run(100)
    stopped, ended = events_of(hands, Event.STOPPED, Event.RUN_ENDED)
    assert (stopped[2], stopped[3]) == (Event.STOPPED, Condition.CHARGER)
    assert (ended[2], ended[3]) == (Event.RUN_ENDED, Condition.CHARGER)
    assert ended[5] == coil_edges(hands)
    assert stopped[0] == hands.firmware.supervisor.cause_event


def test_heartbeats_of_another_session_or_replayed_ones_do_not_keep_it_alive() -> None:
    hands = Hands().until_stroking()
    hands.beating = False
    for count in range(10):
        hands.send("HEARTBEAT", 1_000_000 + count, sequence=0, session=hands.session + 1)
        hands.send("HEARTBEAT", 2_000_000 + count, sequence=0, session=0)
        hands.send("HEARTBEAT", hands._beats, sequence=0)
        hands.run(40)
    assert first_cause(hands) == Condition.HOST_LEASE


def test_the_stop_button_at_the_start_is_seen_and_can_be_released() -> None:
    hands = Hands(boot=False)
    hands.bench.open_estop()
    hands.sim.power_on()
    hands.run(500)
    assert (hands.state, first_cause(hands)) == (State.STOPPED, Condition.ESTOP_OPEN)
    hands.bench.close_estop()
    hands.run(500)
    hands.do("HELLO", SCHEMA_HASH, 5)
    assert hands.clear().name == "DONE"
    hands.run(300)
    assert not hands.present(Condition.SELF_TEST)


def test_a_stop_that_was_never_pressed_does_not_latch_at_the_start() -> None:
    for seed in range(5):
        hands = Hands(seed=seed)
        hands.run(500)
        assert hands.state == State.IDLE
        assert hands.firmware.self_test.passed


def test_after_a_pressed_stop_strokes_run_again() -> None:
    """The opened contact has latched the lease machine too: clearing starts the machines anew."""
    hands = Hands().until_stroking()
    hands.bench.open_estop()
    hands.run(100)
    hands.bench.close_estop()
    hands.bench.release_trigger()
    hands.run(100)
    assert hands.clear().name == "DONE"
    hands.beating = False
    hands.do("HOME")
    hands.do("SET_DEPTH", DEPTH_UM)
    hands.do("SET_RATE", RATE_MHZ)
    hands.arm()
    hands.run(50)
    before = coil_edges(hands)
    hands.bench.press_trigger()
    hands.run(500)
    assert hands.state == State.STROKING
    assert coil_edges(hands) > before + 30
    hands.bench.release_trigger()
    hands.run(50)
    assert hands.status()["strokes_total"] == coil_edges(hands)


def test_a_late_pass_under_strokes_is_a_stop() -> None:
    hands = Hands().until_stroking()
    hands.bench.inject("tick_slow")
    hands.run(200)
    assert (hands.state, first_cause(hands)) == (State.STOPPED, Condition.FIRMWARE_LEASE)


FAULTS_UNDER_STROKES = {
    "coil_short": (Condition.OVER_CURRENT,),
    # the transistor that will not let go shows first as a stroke that does not end
    "gate_stuck": (Condition.GATE_STUCK, Condition.STROKE_MISMATCH, Condition.OVER_CURRENT),
    "sensor_open": (Condition.COIL_SENSOR,),
    "sensor_short": (Condition.COIL_SENSOR,),
    "edge_counter": (Condition.STROKE_MISMATCH,),
    "hall_lost": (Condition.RATE_DROOP, Condition.STROKE_MISMATCH),
    "droop": (Condition.RATE_DROOP, Condition.STROKE_MISMATCH),
    "supply_low": (Condition.SUPPLY_LOW,),
    "step_counter": (Condition.STEP_MISMATCH,),
}


@pytest.mark.parametrize("name", FAULTS_UNDER_STROKES)
def test_a_fault_under_strokes_stops_for_its_own_cause(name: str) -> None:
    hands = Hands().until_stroking()
    hands.bench.inject(name)
    hands.run(400)
    assert hands.state == State.STOPPED
    assert CONDITION_NAMES[first_cause(hands)] in [CONDITION_NAMES[c] for c in FAULTS_UNDER_STROKES[name]]


@pytest.mark.parametrize("name", [*FAULTS_UNDER_STROKES, "charger"])
def test_what_a_fault_stopped_can_be_cleared_once_it_has_gone(name: str) -> None:
    """A stop nobody can leave makes people take the pen apart."""
    hands = Hands().until_stroking()
    hands.bench.inject(name)
    hands.run(400)
    hands.bench.clear(name)
    hands.bench.release_trigger()
    hands.run(1_000)
    assert hands.clear().name == "DONE"
    hands.run(200)
    assert hands.state == State.IDLE


def test_a_gate_that_conducts_at_rest_is_noticed_at_rest() -> None:
    hands = Hands().until_idle()
    hands.bench.inject("gate_stuck")
    hands.run(500)
    assert (hands.state, first_cause(hands)) == (State.STOPPED, Condition.GATE_STUCK)


@pytest.mark.parametrize(
    ("name", "fault"), [("axis_stall", Fault.HOMING_FAILED), ("home_switch_stuck", Fault.HOMING_FAILED)]
)
def test_a_homing_that_fails_is_refused_and_stops_the_pen(name: str, fault: int) -> None:
    hands = Hands().until_open()
    hands.bench.inject(name)
    assert hands.refused("HOME") == (Refusal.MOTION_FAILED, fault)
    hands.run(20)
    assert (hands.state, first_cause(hands)) == (State.STOPPED, fault)
    assert hands.clear().name == "DONE"


def test_a_burn_that_fails_is_refused() -> None:
    hands = Hands().until_open()
    serial = hands.do("CARTRIDGE_READ").values["serial"]
    hands.bench.inject("burn_fails")
    assert hands.refused("CARTRIDGE_USE", serial)[0] == Refusal.BURN_FAILED
    assert hands.present(Condition.CARTRIDGE_NOT_BURNED)


def test_a_flash_that_fails_refuses_arm_and_settings() -> None:
    """Without the mark in the record a power loss while armed would go unnoticed."""
    hands = Hands().until_ready()
    hands.bench.inject("flash_fails")
    assert hands.refused("ARM", DEPTH_UM, RATE_MHZ, 5)[0] == Refusal.FLASH_FAILED
    assert hands.state == State.IDLE
    hands.bench.clear("flash_fails")
    hands.do("ARM", DEPTH_UM, RATE_MHZ, 5)


def test_power_cut_in_the_write_that_arms_leaves_a_whole_record() -> None:
    hands = Hands().until_ready()
    strokes = hands.firmware.counters.strokes_total
    hands.bench.inject("flash_cut")
    hands.send("ARM", DEPTH_UM, RATE_MHZ, 5)
    hands.run(2_000)
    assert hands.sim.power_losses == 1
    hands.until_idle()
    assert hands.status()["strokes_total"] == strokes
    assert not hands.status()["flags"] & Flag.COUNTERS_UNSURE
