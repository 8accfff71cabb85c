"""The whole firmware on a simulated pen: what ends strokes, how fast, and what is counted."""

from __future__ import annotations

import pytest

from pen_firmware.hal import Input
from pen_protocol import limits
from pen_protocol.faults import Event, Fault, Refusal
from pen_protocol.states import Condition, State
from pen_sim.eeprom import Cartridge
from tests.firmware.hands import (
    DEPTH_UM,
    RATE_MHZ,
    Hands,
    coil_edges,
    coil_off_after_us,
    events_of,
    first_cause,
)

SECOND_MS = 1_000


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
