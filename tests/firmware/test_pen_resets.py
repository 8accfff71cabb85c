"""The whole pen over resets and power: what is latched, what is counted, what survives."""

from __future__ import annotations

from pen_protocol import limits
from pen_protocol.faults import Event, Fault
from pen_protocol.messages import SCHEMA_HASH
from pen_protocol.states import Flag, State
from tests.firmware.hands import (
    Hands,
    coil_edges,
    coil_off_after_us,
    first_cause,
)


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
