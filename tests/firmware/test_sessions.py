"""A session and its limits: one at a time, tightened and never loosened, forgotten when it closes."""

from __future__ import annotations

import pytest

from pen_protocol import limits
from pen_protocol.faults import Event, Refusal
from pen_protocol.states import Condition, Flag, State
from tests.firmware.hands import DEPTH_UM, NONCE, RATE_MHZ, Hands
from tests.firmware.requests import session_state

# --- session ----------------------------------------------------------------------------------------------------------------


def test_the_same_nonce_again_is_done_again_and_opens_nothing() -> None:
    hands = Hands().until_open()
    event = hands.do("OPEN_SESSION", NONCE, 9, 1_500, 0).values["event_id"]
    assert event == hands.firmware.session.opened_event
    assert len([e for e in hands.pull_events() if e[2] == Event.SESSION_OPENED]) == 1


def test_a_used_nonce_opens_no_session() -> None:
    hands = Hands().until_open()
    hands.do("CLOSE_SESSION")
    assert hands.refused("OPEN_SESSION", NONCE, 9, 1_500, 0)[0] == Refusal.NONCE_USED


def test_a_second_session_is_refused() -> None:
    hands = Hands().until_open()
    assert hands.refused("OPEN_SESSION", NONCE + 1, 9, 1_500, 0)[0] == Refusal.SESSION_OPEN


@pytest.mark.parametrize(
    ("cap_um", "reason", "outcome"),
    [
        (1_500, 0, "DONE"),
        (1_550, 0, "REFUSED"),
        (2_500, 0, "REFUSED"),
        (2_500, 1, "DONE"),
        (1_550, 3, "DONE"),
    ],
)
def test_only_an_unlock_passes_the_default_cap(cap_um: int, reason: int, outcome: str) -> None:
    hands = Hands().until_idle()
    answer = hands.call("OPEN_SESSION", NONCE, 9, cap_um, reason)
    assert answer.name == outcome
    unlocked = bool(hands.status()["flags"] & Flag.UNLOCKED)
    assert unlocked == (outcome == "DONE" and cap_um > limits.DEPTH_CAP_UM)
    if outcome == "REFUSED":
        assert (answer.values["reason"], answer.values["detail"]) == (Refusal.ABOVE_CAP, limits.DEPTH_CAP_UM)


def test_an_unlock_does_not_pass_a_cap_an_engineer_has_lowered() -> None:
    hands = Hands().until_idle()
    hands.do("SETTINGS_WRITE", 1, 1_000, 149_000, 2_000, 0, 50, 6_000, 1_800, 60_000)
    assert hands.refused("OPEN_SESSION", NONCE, 9, 1_050, 1) == (Refusal.ABOVE_CAP, 1_000)
    hands.do("OPEN_SESSION", NONCE, 9, 1_000, 1)


def test_closing_forgets_limits_and_set_points() -> None:
    hands = Hands().until_open(cap_um=2_500, reason=1)
    hands.do("SET_RATE", 90_000)
    hands.do("TIGHTEN_LIMITS", 800, 100_000, 60, 1_000)
    hands.do("CLOSE_SESSION")
    status = hands.status()
    assert status["session_nonce"] == 0
    assert status["depth_cap_um"] == limits.DEPTH_CAP_UM
    assert not status["flags"] & (Flag.UNLOCKED | Flag.RATE_SET | Flag.DEPTH_SET)


def test_closing_brings_the_needle_back() -> None:
    hands = Hands().until_ready()
    hands.do("CLOSE_SESSION")
    hands.run(3_000)
    assert hands.status()["depth_measured_um"] == 0
    assert hands.state == State.IDLE


# --- limits -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("depth_um", "refusal"),
    [
        (25, (Refusal.OFF_STEP, limits.DEPTH_STEP_UM)),
        (1_249, (Refusal.OFF_STEP, limits.DEPTH_STEP_UM)),
        (1_050, (Refusal.ABOVE_CAP, 1_000)),
        (2_500, (Refusal.ABOVE_CAP, 1_000)),
    ],
)
def test_depth_outside_step_or_cap_is_refused(depth_um: int, refusal: tuple[int, int]) -> None:
    hands = Hands().until_open(cap_um=1_000)
    hands.do("HOME")
    assert hands.refused("SET_DEPTH", depth_um) == refusal
    hands.do("SET_DEPTH", 1_000)
    assert hands.status()["depth_measured_um"] == 1_000


def test_a_depth_needs_a_home() -> None:
    hands = Hands().until_open()
    assert hands.refused("SET_DEPTH", 500)[0] == Refusal.NOT_HOMED


def test_a_rate_above_the_sessions_limit_is_refused() -> None:
    hands = Hands().until_open()
    hands.do("TIGHTEN_LIMITS", 1_500, 100_000, 1_800, 60_000)
    assert hands.refused("SET_RATE", 100_001) == (Refusal.ABOVE_CAP, 100_000)
    hands.do("SET_RATE", 100_000)


@pytest.mark.parametrize("index", range(4))
def test_tightening_never_loosens(index: int) -> None:
    hands = Hands().until_open()
    tight = [1_000, 100_000, 600, 10_000]
    hands.do("TIGHTEN_LIMITS", *tight)
    looser = list(tight)
    looser[index] += 1
    before = session_state(hands)
    assert hands.refused("TIGHTEN_LIMITS", *looser) == (Refusal.WOULD_LOOSEN, index)
    assert session_state(hands) == before
    hands.do("TIGHTEN_LIMITS", *tight)


def test_a_cap_below_the_depth_set_takes_the_set_point_away() -> None:
    hands = Hands().until_ready()
    hands.do("TIGHTEN_LIMITS", DEPTH_UM - 50, 149_000, 1_800, 60_000)
    assert hands.refused("ARM", DEPTH_UM, RATE_MHZ, 5) == (Refusal.BLOCKED, Condition.SETPOINTS)


def test_deeper_waits_for_the_trigger_shallower_does_not() -> None:
    hands = Hands().until_stroking()
    reason, _ = hands.refused("SET_DEPTH", DEPTH_UM + 50)
    assert reason == Refusal.DEEPER_WHILE_STROKING
    hands.do("SET_DEPTH", DEPTH_UM - 250)
    assert hands.state == State.STROKING
    assert hands.status()["depth_measured_um"] == DEPTH_UM - 250
    hands.bench.release_trigger()
    hands.run(20)
    hands.do("SET_DEPTH", DEPTH_UM + 50)
    assert hands.state == State.ARMED


def test_a_trigger_pressed_during_a_move_strokes_only_after_arrival() -> None:
    """Between two depths there is no set-point, and nothing but a verified one lets the first stroke go."""
    hands = Hands().until_armed()
    sequence = hands.send("SET_DEPTH", DEPTH_UM + 500)
    hands.run(20)
    hands.bench.press_trigger()
    hands.run(60)
    assert hands.state == State.ARMED
    assert not hands.status()["flags"] & Flag.DEPTH_SET
    hands.run(1_500)
    (answer,) = hands.finals(sequence)
    assert answer.name == "DONE"
    assert hands.state == State.STROKING
    first_us = next(t for t, signal, level in hands.sim.trace if signal == "coil" and level)
    last_step_us = max(t for t, signal, level in hands.sim.trace if signal == "step" and level)
    assert first_us > last_step_us


def test_the_rate_may_change_under_strokes() -> None:
    hands = Hands().until_stroking()
    hands.do("SET_RATE", 60_000)
    hands.run(1_000)
    assert hands.state == State.STROKING
    assert abs(hands.status()["rate_measured_mhz"] - 60_000) < 600
