"""The whole firmware on a simulated pen: what ends strokes, how fast, what is counted, what survives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pen_firmware.hal import Input
from pen_protocol import limits
from pen_protocol.faults import Event, Fault, Refusal
from pen_protocol.messages import SCHEMA_HASH
from pen_protocol.states import CONDITION_NAMES, Condition, Flag, State
from pen_sim.eeprom import Cartridge
from tests.firmware.hands import DEPTH_UM, RATE_MHZ, Hands

SECOND_MS = 1_000


def coil_edges(hands: Hands) -> int:
    """Rising edges of the coil since the simulation began: the truth the totals are held against."""
    return sum(1 for _, signal, level in hands.sim.trace if signal == "coil" and level)


def coil_off_after_us(hands: Hands, since_us: int) -> int:
    """How long after an instant the coil was last on, in us."""
    last_us = since_us
    for time_us, signal, level in hands.sim.trace:
        if signal == "coil" and not level and time_us > last_us:
            last_us = time_us
    return last_us - since_us


def first_cause(hands: Hands) -> int:
    cause: int = hands.firmware.supervisor.first_cause
    return cause


def events_of(hands: Hands, *codes: int) -> list[tuple[int, ...]]:
    return [event for event in hands.pull_events() if event[2] in codes]


# --- a run ----------------------------------------------------------------------------------------------------------------


def test_strokes_run_while_the_trigger_is_held_and_are_all_counted() -> None:
    hands = Hands().until_armed()
    hands.bench.touch_skin()
    hands.run(100)
    hands.bench.press_trigger()
    hands.run(2 * SECOND_MS)
    hands.bench.release_trigger()
    hands.run(50)
    status = hands.status()
    assert status["state"] == State.ARMED
    assert status["strokes_total"] == coil_edges(hands)
    assert abs(status["strokes_total"] - 2 * RATE_MHZ // 1_000) <= 4
    assert status["contact_total"] == status["strokes_total"]


def test_strokes_without_skin_are_no_contact_strokes() -> None:
    hands = Hands().until_stroking()
    hands.bench.release_trigger()
    hands.run(50)
    assert hands.status()["strokes_total"] > 20
    assert hands.status()["contact_total"] == 0


def test_each_run_is_an_event_with_final_totals() -> None:
    """RUN_ENDED carries every edge of its run, so that the host's difference is exact."""
    hands = Hands().until_armed()
    for _ in range(5):
        hands.bench.press_trigger()
        hands.run(235)
        hands.bench.release_trigger()
        hands.run(65)
        ended = events_of(hands, Event.RUN_STARTED, Event.RUN_ENDED)
        assert [event[2] for event in ended] == [Event.RUN_STARTED, Event.RUN_ENDED]
        assert ended[0][4] == DEPTH_UM
        assert ended[1][3] == Fault.NONE
        assert ended[1][5] == coil_edges(hands)


@pytest.mark.parametrize("phase_us", range(0, 10_000, 700))
def test_releasing_the_trigger_ends_strokes_within_its_budget(phase_us: int) -> None:
    """At any phase of stroke and pass; the state follows and nothing is latched."""
    hands = Hands().until_stroking()
    hands.sim.advance_us(phase_us)
    released_us = hands.sim.now_us
    hands.bench.release_trigger()
    hands.run(100)
    assert coil_off_after_us(hands, released_us) <= limits.BUDGET_TRIGGER_MS * 1_000
    assert hands.state == State.ARMED
    assert hands.status()["strokes_total"] == coil_edges(hands)


@pytest.mark.parametrize("name", ["release_trigger", "open_estop", "unlatch", "connect_charger"])
def test_strokes_end_before_a_pass_does_anything_else(name: str) -> None:
    """Reading the host, and whatever its frames cost, comes after the needle was switched off."""
    hands = Hands().until_stroking()
    board = hands.sim.board
    needle = hands.firmware.needle
    stream_read = board.stream_read
    running = []

    def watched(buffer: bytearray) -> int:
        running.append(needle.running)
        count: int = stream_read(buffer)
        return count

    board.stream_read = watched
    hands.sim.advance_ms(20)
    assert running
    assert all(running)
    running.clear()
    getattr(hands.bench, name)()
    hands.sim.advance_ms(20)
    assert running
    assert not any(running)


def test_what_permits_must_be_so_in_both_readings_of_a_pass() -> None:
    """A stop contact that opened between the two is open."""
    lookout = Hands().until_idle().firmware.lookout
    for permits in (Input.ESTOP_CLOSED, Input.ESTOP_PRESENT, Input.TRIGGER, Input.LATCH):
        lookout.raw = (1 << 11) - 1 - permits
        lookout.take_inputs((1 << 11) - 1)
        assert not lookout.inputs & permits
        lookout.raw = (1 << 11) - 1
        lookout.take_inputs((1 << 11) - 1 - permits)
        assert not lookout.inputs & permits
    for forbids in (Input.CHARGER, Input.OVER_CURRENT):
        lookout.raw = forbids
        lookout.take_inputs(0)
        assert lookout.inputs & forbids


def test_a_trigger_held_while_arming_starts_nothing_until_released_and_pressed_again() -> None:
    hands = Hands().until_arming()
    hands.run(3 * SECOND_MS)
    assert hands.state == State.ARMING
    assert coil_edges(hands) == 0
    hands.bench.release_trigger()
    hands.run(50)
    assert hands.state == State.ARMED
    hands.bench.press_trigger()
    hands.run(100)
    assert coil_edges(hands) > 0


def test_a_trigger_never_released_is_stuck() -> None:
    hands = Hands().until_arming()
    hands.run(limits.TRIGGER_STUCK_MS)
    assert (hands.state, first_cause(hands)) == (State.STOPPED, Condition.TRIGGER_STUCK)
    assert coil_edges(hands) == 0


def test_a_bouncing_trigger_is_no_release_while_arming() -> None:
    hands = Hands().until_arming()
    for _ in range(20):
        hands.bench.release_trigger()
        hands.run(5)
        hands.bench.press_trigger()
        hands.run(25)
    assert hands.state == State.ARMING


def test_strokes_end_after_the_longest_hold() -> None:
    hands = Hands().until_ready()
    hands.do("TIGHTEN_LIMITS", 1_500, 149_000, 1_800, 2_000)
    hands.arm()
    hands.run(50)
    hands.bench.press_trigger()
    hands.run(2_100)
    assert (hands.state, first_cause(hands)) == (State.STOPPED, Condition.STROKING_TIME)


def test_the_armed_time_of_a_session_is_used_up_once() -> None:
    """Disarming does not give it back, a new session does."""
    hands = Hands().until_ready()
    hands.do("TIGHTEN_LIMITS", 1_500, 149_000, 2, 60_000)
    hands.arm()
    hands.run(1_500)
    hands.do("DISARM")
    assert hands.state == State.IDLE
    hands.run(5 * SECOND_MS)
    hands.arm()
    hands.run(600)
    assert (hands.state, first_cause(hands)) == (State.STOPPED, Condition.SESSION_TIME)
    assert hands.clear().name == "REFUSED"
    hands.do("CLOSE_SESSION")
    hands.run(20)
    assert hands.clear().name == "DONE"


# --- what stops -----------------------------------------------------------------------------------------------------------

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


# --- resets and power -------------------------------------------------------------------------------------------------------


def test_a_watchdog_reset_under_strokes_is_latched_and_counted() -> None:
    hands = Hands().until_stroking()
    hands.beating = False
    hands.sim.reset()
    hands.bench.release_trigger()
    hands.run(1_000)
    assert (hands.state, first_cause(hands)) == (State.STOPPED, Fault.RESET_WHILE_ARMED)
    hands.do("HELLO", SCHEMA_HASH, 5)
    status = hands.status()
    assert 0 <= coil_edges(hands) - status["strokes_total"] <= 1
    assert status["flags"] & Flag.COUNTERS_UNSURE
    codes = [event[2] for event in hands.pull_events()]
    assert codes[-4:-1] == [Event.BOOTED, Event.RECOVERED, Event.STOPPED]
    assert not hands.status()["flags"] & Flag.COUNTERS_UNSURE


def test_an_exception_under_strokes_makes_safe_counts_and_resets() -> None:
    hands = Hands().until_stroking()
    hands.beating = False
    hands.bench.inject("exception")
    since_us = hands.sim.now_us
    hands.run(1_000)
    assert hands.sim.resets == 1
    assert first_cause(hands) == Fault.FIRMWARE_EXCEPTION
    assert coil_off_after_us(hands, since_us) <= limits.LEASE_MS * 1_000
    hands.bench.release_trigger()
    hands.do("HELLO", SCHEMA_HASH, 5)
    assert hands.status()["strokes_total"] == coil_edges(hands)


def test_power_lost_while_armed_is_latched() -> None:
    hands = Hands().until_armed()
    hands.beating = False
    hands.sim.power_cycle()
    hands.run(500)
    assert (hands.state, first_cause(hands)) == (State.STOPPED, Fault.POWER_LOSS_WHILE_ARMED)
    hands.do("HELLO", SCHEMA_HASH, 5)
    assert hands.status()["flags"] & Flag.COUNTERS_UNSURE


def test_power_lost_soon_after_disarming_loses_nothing() -> None:
    """The record is written while the pen rests."""
    hands = Hands().until_stroking()
    hands.bench.release_trigger()
    hands.run(50)
    hands.do("DISARM")
    hands.beating = False
    hands.run(3_000)
    strokes = coil_edges(hands)
    hands.sim.power_cycle()
    hands.until_idle()
    status = hands.status()
    assert status["strokes_total"] == strokes
    assert not status["flags"] & Flag.COUNTERS_UNSURE


def test_event_ids_rise_over_resets_and_power() -> None:
    hands = Hands()
    last_id = 0
    for step in range(8):
        hands.until_idle()
        events = hands.pull_events()
        ids = [event[0] for event in events if event[0] > last_id]
        assert ids, "a start is an event"
        assert min(ids) > last_id
        last_id = max(ids)
        if step % 2:
            hands.sim.power_cycle()
        else:
            hands.sim.reset()
        hands.run(1_000)


def test_a_session_does_not_outlive_a_reset() -> None:
    hands = Hands().until_ready()
    hands.sim.reset()
    hands.run(1_000)
    hands.until_idle()
    status = hands.status()
    assert status["session_nonce"] == 0
    assert not status["flags"] & (Flag.HOMED | Flag.DEPTH_SET | Flag.RATE_SET)


def test_a_hang_is_ended_by_the_watchdog() -> None:
    hands = Hands().until_stroking()
    hands.beating = False
    hands.bench.inject("hang")
    since_us = hands.sim.now_us
    hands.run(limits.WATCHDOG_MS + 500)
    assert hands.sim.resets == 1
    assert coil_off_after_us(hands, since_us) <= limits.LEASE_MS * 1_000


# --- axis and cartridge -------------------------------------------------------------------------------------------------------


def test_an_open_latch_ends_a_move() -> None:
    hands = Hands().until_open()
    sequence = hands.send("HOME")
    hands.run(200)
    hands.bench.unlatch()
    hands.run(50)
    (answer,) = hands.finals(sequence)
    assert (answer.values["reason"], answer.values["detail"]) == (
        Refusal.BLOCKED,
        Condition.CARTRIDGE_UNLATCHED,
    )
    assert not hands.firmware.depth.busy
    assert hands.state == State.IDLE


def test_a_cartridge_taken_off_after_use_is_never_taken_again() -> None:
    hands = Hands().until_open()
    hands.use_cartridge()
    cartridge = hands.bench.take_cartridge()
    hands.run(500)
    assert cartridge is not None
    hands.bench.insert_cartridge(cartridge)
    hands.run(2_000)
    assert hands.present(Condition.CARTRIDGE_USED)
    assert len(events_of(hands, Event.CARTRIDGE_REMOVED)) == 1


def test_another_cartridge_may_follow_in_the_same_session() -> None:
    hands = Hands().until_open()
    hands.use_cartridge()
    hands.bench.take_cartridge()
    hands.run(500)
    hands.bench.insert_cartridge(Cartridge(number=77))
    hands.run(2_000)
    hands.use_cartridge()
    assert not hands.present(Condition.CARTRIDGE_NOT_BURNED)


def test_uptime_and_clocks_go_on_across_the_wrap() -> None:
    """The simulation starts just below the wrap of both clocks."""
    hands = Hands().until_idle()
    start_us = hands.sim.now_us - hands.status()["uptime_ms"] * 1_000
    hands.run(20 * SECOND_MS)
    assert abs(hands.sim.now_us - start_us - hands.status()["uptime_ms"] * 1_000) <= 10_000
    assert not hands.present(Condition.CLOCK)
