"""Requests: exactly one answer each, in every state; repeats, stale and reused sequences; every limit at its edge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pen_protocol import codec, limits, messages
from pen_protocol.faults import Event, Fault, Refusal
from pen_protocol.messages import BY_NAME, SCHEMA_HASH, TABLE, Kind
from pen_protocol.states import Condition, Flag, ServiceAction, State
from pen_sim.eeprom import Cartridge
from tests.firmware.hands import DEPTH_UM, NONCE, RATE_MHZ, Hands

REQUESTS = [m for m in TABLE if m.kind in (Kind.QUERY, Kind.COMMAND, Kind.LINK) and m.name != "HEARTBEAT"]
COMMANDS = [m for m in REQUESTS if m.kind == Kind.COMMAND]

STATES: dict[int, Callable[[Hands], Hands]] = {
    State.BOOT: lambda hands: hands,
    State.IDLE: Hands.until_open,
    State.ARMING: Hands.until_arming,
    State.ARMED: Hands.until_armed,
    State.STROKING: Hands.until_stroking,
    State.STOPPED: Hands.until_stopped,
    State.SERVICE: lambda hands: into_service(hands),
}


def into_service(hands: Hands) -> Hands:
    hands.until_idle()
    hands.do("SERVICE", ServiceAction.ENTER_REPL, hands.firmware.boot_id)
    assert hands.state == State.SERVICE
    return hands


def values_of(message: messages.Message, hands: Hands) -> list[Any]:
    """Values that fit the table and, where they can, the pen."""
    fitting = {
        "schema_hash": SCHEMA_HASH,
        "boot_id": hands.firmware.boot_id,
        "nonce": 99,
        "serial": bytes(hands.firmware.cartridge.serial),
        "depth_um": DEPTH_UM,
        "rate_mhz": RATE_MHZ,
        "version": 1,
        "cause": max(hands.firmware.supervisor.first_cause, 1),
        "event_id": hands.firmware.supervisor.cause_event,
        "action": ServiceAction.CLEAR_QUARANTINE,
        "depth_cap_um": 1_000,
        "rate_max_mhz": 140_000,
        "unlock_reason": 0,
    }
    return [
        fitting.get(field.name, b"" if field.holds_bytes else max(field.low, 1)) for field in message.fields
    ]


@pytest.mark.parametrize("message", REQUESTS, ids=lambda m: m.name)
@pytest.mark.parametrize("state", STATES)
def test_every_request_in_every_state_gets_exactly_one_answer(state: int, message: messages.Message) -> None:
    """Of the kind the table names, or REFUSED; at most one ACCEPTED before it."""
    hands = STATES[state](Hands())
    assert hands.state == state
    hands.run(20)
    hands.frames.clear()
    sequence = hands.send(message.name, *values_of(message, hands))
    hands.run(3_000)
    finals = hands.finals(sequence)
    assert len(finals) == 1, hands.answers(sequence)
    (answer,) = finals
    assert answer.name in (messages.BY_NUMBER[message.answer].name, "REFUSED")
    if answer.name in ("DONE", "REFUSED"):
        assert answer.values["request"] == message.number
    others = [frame for frame in hands.answers(sequence) if frame is not answer]
    assert [frame.name for frame in others] in ([], ["ACCEPTED"])


@pytest.mark.parametrize("message", REQUESTS, ids=lambda m: m.name)
def test_while_stopped_only_what_the_table_allows_is_done(message: messages.Message) -> None:
    hands = Hands().until_stopped()
    answer = hands.call(message.name, *values_of(message, hands))
    if message.stopped_ok:
        assert answer.values.get("reason") != Refusal.STOPPED
    else:
        assert answer.values["reason"] == Refusal.STOPPED
        assert answer.values["detail"] == Fault.STOP_COMMAND
    if message.name not in ("CLEAR_FAULT", "SERVICE"):
        assert hands.state == State.STOPPED


@pytest.mark.parametrize("message", REQUESTS, ids=lambda m: m.name)
@pytest.mark.parametrize("extra", [-1, 1])
def test_a_wrong_length_is_malformed(message: messages.Message, extra: int) -> None:
    hands = Hands().until_open()
    size = message.size + extra
    if size < 0:
        return
    body = bytearray(codec.HEADER_SIZE + size)
    codec.put_header(body, message.number, 777, NONCE)
    before = hands.session_state()
    hands.raw(bytes(body))
    hands.run(50)
    (answer,) = hands.finals(777)
    assert (answer.name, answer.values["reason"]) == ("REFUSED", Refusal.MALFORMED)
    if message.name != "STOP":
        assert hands.session_state() == before


def test_a_stop_of_the_wrong_length_stops_all_the_same() -> None:
    hands = Hands().until_stroking()
    body = bytearray(codec.HEADER_SIZE + 9)
    codec.put_header(body, messages.STOP, 777, 0)
    hands.raw(bytes(body))
    hands.run(10)
    assert hands.state == State.STOPPED


@pytest.mark.parametrize("message", [m for m in REQUESTS if m.fields], ids=lambda m: m.name)
def test_every_field_beyond_its_range_is_refused_by_its_index(message: messages.Message) -> None:
    """With bytes no honest host can send."""
    hands = Hands().until_open()
    for index, field in enumerate(message.fields):
        if field.holds_bytes:
            continue
        for value in (field.low - 1, field.high + 1):
            values = values_of(message, hands)
            values[index] = value
            try:
                payload = messages.struct.pack(message.struct_format, *values)
            except messages.struct.error:
                continue
            hands.sequence += 1
            body = bytearray(codec.HEADER_SIZE)
            codec.put_header(body, message.number, hands.sequence, NONCE)
            before = hands.session_state()
            hands.raw(bytes(body) + payload)
            hands.run(20)
            (answer,) = hands.finals(hands.sequence)
            if message.name == "STOP":
                hands.clear()
                continue
            assert answer.values["reason"] == Refusal.OUT_OF_RANGE, (field.name, value)
            assert answer.values["detail"] == index
            assert hands.session_state() == before


@pytest.mark.parametrize("number", [0x00, 0x09, 0x1D, 0x3F, 0x60, 0xFF])
def test_an_unknown_message_is_refused(number: int) -> None:
    hands = Hands().until_idle()
    body = bytearray(codec.HEADER_SIZE + 3)
    codec.put_header(body, number, 777, 0)
    hands.raw(bytes(body))
    hands.run(20)
    (answer,) = hands.finals(777)
    assert answer.values == {"request": number, "reason": Refusal.UNKNOWN_MESSAGE, "detail": 0}


@pytest.mark.parametrize(
    "message", [m for m in TABLE if m.kind in (Kind.ANSWER, Kind.NOTICE)], ids=lambda m: m.name
)
def test_the_pens_own_messages_are_not_answered(message: messages.Message) -> None:
    """An echo on the line must not start a conversation."""
    hands = Hands().until_idle()
    body = bytearray(codec.HEADER_SIZE + message.size)
    codec.put_header(body, message.number, 777, 0)
    hands.raw(bytes(body))
    hands.run(50)
    assert hands.answers(777) == []
    assert hands.firmware.commands.strays == 1


def test_another_version_is_dropped_and_counted_but_hello_is_answered() -> None:
    hands = Hands().until_idle()
    for name in ("GET_STATUS", "STOP", "HELLO"):
        message = BY_NAME[name]
        body = bytearray(codec.HEADER_SIZE + message.size)
        codec.put_header(body, message.number, 700 + message.number, 0)
        body[0] = 9
        if name == "HELLO":
            body[codec.HEADER_SIZE + 4] = 7
        hands.raw(bytes(body))
    hands.run(50)
    assert hands.firmware.commands.other_version == 2
    assert hands.state == State.IDLE
    assert [f.name for f in hands.frames if 700 < f.sequence < 800] == ["IDENTITY"]


def test_the_pen_is_silent_until_greeted() -> None:
    hands = Hands()
    hands.run(1_000)
    assert hands.frames == []
    hands.do("HELLO", SCHEMA_HASH, 5)
    hands.frames.clear()
    hands.run(1_000)
    assert 9 <= len([f for f in hands.frames if f.name == "STATUS" and f.sequence == 0]) <= 11


def test_a_host_of_another_schema_may_look_and_stop_but_not_act() -> None:
    hands = Hands().until_idle()
    hands.do("HELLO", SCHEMA_HASH ^ 1, 5)
    assert hands.refused("OPEN_SESSION", NONCE, 9, 1_000, 0) == (Refusal.SCHEMA_MISMATCH, 0)
    assert hands.status()["state"] == State.IDLE
    hands.do("STOP", 0)
    assert hands.state == State.STOPPED


# --- sequences ------------------------------------------------------------------------------------------------------------


def session_state(hands: Hands) -> tuple[Any, ...]:
    """What a request that was not executed must not change."""
    pen = hands.firmware
    s = pen.session
    return (
        *(s.nonce, s.depth_um, s.depth_set, s.rate_mhz, s.rate_set, s.depth_cap_um, s.rate_max_mhz),
        *(s.armed_max_s, s.stroking_max_ms, pen.supervisor.state, pen.settings.values(), pen.events.next_id),
    )


Hands.session_state = session_state  # type: ignore[attr-defined]


def test_a_repeated_command_is_answered_again_and_not_executed() -> None:
    hands = Hands().until_open()
    sequence = hands.send("SET_RATE", 90_000)
    hands.run(20)
    before = session_state(hands)
    for _ in range(3):
        hands.send("SET_RATE", 90_000, sequence=sequence)
    hands.run(50)
    answers = hands.finals(sequence)
    assert len(answers) == 4
    assert len(set(map(str, answers))) == 1
    assert session_state(hands) == before


def test_a_refusal_is_repeated_too_even_when_it_would_now_be_done() -> None:
    """Refused is decided: the host has been told so."""
    hands = Hands().until_open()
    sequence = hands.send("SET_DEPTH", 500)
    hands.run(20)
    hands.do("HOME", sequence=sequence + 1)
    hands.send("SET_DEPTH", 500, sequence=sequence)
    hands.run(20)
    first, again = hands.finals(sequence)
    assert first == again
    assert first.values["reason"] == Refusal.NOT_HOMED


def test_a_repeat_while_under_way_is_accepted_again_and_done_once() -> None:
    hands = Hands().until_open()
    sequence = hands.send("HOME")
    hands.run(100)
    for _ in range(2):
        hands.send("HOME", sequence=sequence)
        hands.run(20)
    hands.run(5_000)
    assert [f.name for f in hands.answers(sequence)] == ["ACCEPTED"] * 3 + ["DONE"]
    assert len([e for e in hands.pull_events() if e[2] == Event.HOMED]) == 1


def test_an_answer_of_an_earlier_session_answers_nothing_in_this_one() -> None:
    """A host that starts anew counts from the beginning: the same frame is a new request in a new session."""
    hands = Hands().until_open()
    hands.do("SET_RATE", 90_000, sequence=500)
    hands.do("CLOSE_SESSION", sequence=501)
    hands.do("OPEN_SESSION", NONCE + 1, 9, 1_500, 0, sequence=499)
    hands.session = NONCE + 1
    hands.frames.clear()
    hands.do("SET_RATE", 90_000, sequence=500)
    assert hands.status()["flags"] & Flag.RATE_SET


def test_other_content_with_a_used_sequence_is_refused() -> None:
    hands = Hands().until_open()
    sequence = hands.send("SET_RATE", 90_000)
    hands.run(20)
    hands.frames.clear()
    assert hands.refused("SET_RATE", 91_000, sequence=sequence)[0] == Refusal.SEQUENCE_REUSED
    assert hands.firmware.session.rate_mhz == 90_000


def test_a_stale_sequence_is_refused_once_its_answer_is_forgotten() -> None:
    hands = Hands().until_open()
    sequence = hands.send("SET_RATE", 90_000)
    hands.run(20)
    for rate in range(5):
        hands.do("SET_RATE", 100_000 + rate)
    hands.frames.clear()
    reason, detail = hands.refused("SET_RATE", 90_000, sequence=sequence)
    assert (reason, detail) == (Refusal.STALE_SEQUENCE, hands.sequence)
    assert hands.firmware.session.rate_mhz == 100_004


@pytest.mark.parametrize("start", [1, 0x7FFF, 0x8000, 0xFFFD, 0xFFFF])
def test_sequences_wrap(start: int) -> None:
    hands = Hands().until_idle()
    hands.do("OPEN_SESSION", NONCE, 9, 1_500, 0, sequence=start, session=0)
    hands.session = NONCE
    sequence = start
    for step in range(1, 6):
        sequence = sequence % 0xFFFF + 1
        hands.do("SET_RATE", 90_000 + step, sequence=sequence)
    assert hands.firmware.session.rate_mhz == 90_005


@pytest.mark.parametrize(
    ("ahead", "newer"), [(0, False), (1, True), (0x7FFF, True), (0x8000, False), (0xFFFF, False)]
)
def test_what_is_newer(ahead: int, newer: bool) -> None:
    hands = Hands().until_idle()
    hands.do("OPEN_SESSION", NONCE, 9, 1_500, 0, sequence=1_000, session=0)
    hands.session = NONCE
    answer = hands.call("SET_RATE", 90_000, sequence=(1_000 + ahead) & 0xFFFF)
    assert (answer.name == "DONE") == newer


def test_wrong_or_no_session_is_refused_and_not_recorded() -> None:
    hands = Hands().until_idle()
    assert hands.refused("SET_RATE", 90_000) == (Refusal.NO_SESSION, 0)
    hands.do("OPEN_SESSION", NONCE, 9, 1_500, 0)
    last = hands.firmware.session.last_sequence
    assert hands.refused("SET_RATE", 90_000, session=NONCE + 1) == (Refusal.WRONG_SESSION, 0)
    assert hands.refused("SET_RATE", 90_000, session=0) == (Refusal.WRONG_SESSION, 0)
    assert hands.firmware.session.last_sequence == last


def test_answers_echo_sequence_and_session() -> None:
    hands = Hands().until_open()
    answer = hands.do("SET_RATE", 90_000)
    assert (answer.sequence, answer.session) == (hands.sequence, NONCE)


def test_a_repeated_close_is_answered_again_after_the_session_has_gone() -> None:
    hands = Hands().until_open()
    sequence = hands.send("CLOSE_SESSION")
    hands.run(20)
    hands.send("CLOSE_SESSION", sequence=sequence)
    hands.run(20)
    first, again = hands.finals(sequence)
    assert first == again
    assert first.name == "DONE"
    assert len([e for e in hands.pull_events() if e[2] == Event.SESSION_CLOSED]) == 1


frames = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 5), st.sampled_from([NONCE, NONCE, NONCE, 0, 17])),
    max_size=30,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(frames)
def test_no_sequence_is_ever_executed_twice(sequence: list[tuple[int, int, int]]) -> None:
    """Frames repeated, reordered and mixed up: each sequence number sets at most one rate, and each gets its answers."""
    hands = Hands().until_open()
    base = hands.sequence
    executed: dict[int, int] = {}
    for offset, rate, session in sequence:
        before = hands.firmware.events.next_id
        hands.send("SET_RATE", 50_000 + rate, sequence=base + offset, session=session)
        count = len(hands.finals(base + offset))
        hands.run(10)
        assert len(hands.finals(base + offset)) == count + 1
        if hands.firmware.events.next_id != before:
            assert base + offset not in executed
            assert session == NONCE
            assert all(base + offset > other for other in executed)
            executed[base + offset] = rate


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


# --- cartridge, settings, service -----------------------------------------------------------------------------------------------


def test_another_cartridge_than_named_is_not_burned() -> None:
    hands = Hands().until_open()
    assert hands.refused("CARTRIDGE_USE", b"12345678")[0] == Refusal.CARTRIDGE
    assert hands.status()["conditions"] >> Condition.CARTRIDGE_NOT_BURNED & 1


def test_using_a_cartridge_twice_burns_it_once() -> None:
    hands = Hands().until_open()
    hands.use_cartridge()
    hands.use_cartridge()
    assert len([e for e in hands.pull_events() if e[2] == Event.CARTRIDGE_BURNED]) == 1


def test_a_used_cartridge_is_refused_in_the_next_session() -> None:
    hands = Hands().until_open()
    hands.use_cartridge()
    serial = hands.firmware.cartridge.serial
    hands.do("CLOSE_SESSION")
    hands.do("OPEN_SESSION", NONCE + 1, 9, 1_500, 0)
    hands.session = NONCE + 1
    assert hands.refused("CARTRIDGE_USE", serial) == (Refusal.CARTRIDGE, Condition.CARTRIDGE_USED)


def test_a_cartridge_is_read_by_itself_when_latched() -> None:
    hands = Hands(eeprom=None).until_idle()
    assert hands.present(Condition.CARTRIDGE_UNLATCHED)
    inserted = hands.bench.insert_cartridge(Cartridge(number=42))
    hands.run(1_500)
    assert not hands.present(Condition.CARTRIDGE_ABSENT)
    assert bytes(hands.firmware.cartridge.serial) == inserted.serial


def write(hands: Hands, version: int, cap_um: int = 1_200) -> Any:
    return hands.call("SETTINGS_WRITE", version, cap_um, 149_000, 2_000, 0, 50, 6_000, 1_800, 60_000)


def test_settings_are_written_once_and_survive_power() -> None:
    hands = Hands().until_idle()
    assert write(hands, 1).values["value"] == 1
    assert write(hands, 1).values["event_id"] == 0
    conflict = write(hands, 1, cap_um=1_300)
    assert (conflict.values["reason"], conflict.values["detail"]) == (Refusal.VERSION_CONFLICT, 1)
    assert write(hands, 3).values["reason"] == Refusal.VERSION_CONFLICT
    hands.sim.power_cycle()
    hands.until_idle()
    assert hands.do("SETTINGS_READ").values["depth_cap_um"] == 1_200
    assert hands.status()["depth_cap_um"] == 1_200


def test_settings_do_not_change_under_a_session() -> None:
    hands = Hands().until_open()
    assert write(hands, 1).values["reason"] == Refusal.SESSION_OPEN


def test_service_names_the_boot_and_needs_the_session_closed() -> None:
    hands = Hands().until_open()
    boot_id = hands.firmware.boot_id
    assert hands.refused("SERVICE", ServiceAction.ENTER_REPL, boot_id ^ 1)[0] == Refusal.WRONG_STATE
    assert hands.refused("SERVICE", ServiceAction.ENTER_REPL, boot_id)[0] == Refusal.SERVICE_LOCKED
    assert hands.refused("SERVICE", ServiceAction.CLEAR_QUARANTINE, boot_id)[0] == Refusal.SERVICE_LOCKED


@pytest.mark.parametrize("state", [State.IDLE, State.STROKING, State.STOPPED])
def test_a_reboot_is_no_fault_and_loses_no_stroke(state: int) -> None:
    hands = STATES[state](Hands())
    hands.do("SERVICE", ServiceAction.REBOOT, hands.firmware.boot_id)
    hands.beating = False
    hands.bench.release_trigger()
    strokes = sum(1 for _, signal, level in hands.sim.trace if signal == "coil" and level)
    hands.run(1_000)
    assert hands.sim.resets == 1
    hands.until_idle()
    assert hands.status()["strokes_total"] == strokes


def test_a_reboot_keeps_the_events_nobody_has_read() -> None:
    hands = Hands().until_open()
    hands.do("SET_RATE", 90_000)
    hands.do("SERVICE", ServiceAction.REBOOT, hands.firmware.boot_id)
    hands.run(1_000)
    hands.until_idle()
    codes = [event[2] for event in hands.pull_events()]
    assert Event.RATE_SET in codes
    assert Event.SERVICE in codes
    assert not hands.status()["flags"] & Flag.EVENTS_LOST


def test_the_prompt_is_reached_through_a_reset_that_starts_no_watchdog() -> None:
    """The watchdog cannot be stopped, and would reset an engineer's prompt."""
    hands = Hands().until_idle()
    hands.do("SERVICE", ServiceAction.ENTER_REPL, hands.firmware.boot_id)
    hands.run(1_000)
    assert hands.sim.at_prompt
    hands.run(3 * limits.WATCHDOG_MS)
    assert hands.sim.resets == 1
    hands.sim.reset()
    hands.run(1_000)
    assert hands.state == State.IDLE


def test_quarantine_is_cleared_by_an_engineer_only_and_only_when_dry() -> None:
    hands = Hands().until_idle()
    hands.bench.wet()
    hands.run(200)
    assert hands.firmware.supervisor.first_cause == Condition.FLUID
    boot_id = hands.firmware.boot_id
    assert hands.refused("SERVICE", ServiceAction.CLEAR_QUARANTINE, boot_id)[0] == Refusal.CAUSE_PRESENT
    hands.bench.dry()
    hands.run(3_000)
    assert hands.clear().values["reason"] == Refusal.CAUSE_PRESENT
    hands.sim.power_cycle()
    hands.run(500)
    hands.do("HELLO", SCHEMA_HASH, 5)
    assert hands.firmware.supervisor.first_cause == Condition.FLUID
    hands.do("SERVICE", ServiceAction.CLEAR_QUARANTINE, hands.firmware.boot_id)
    assert hands.clear().name == "DONE"


def test_telemetry_comes_at_the_rate_asked_for() -> None:
    hands = Hands().until_idle()
    hands.do("SET_TELEMETRY", 50)
    hands.frames.clear()
    hands.run(2_000)
    count = len([f for f in hands.frames if f.name == "TELEMETRY"])
    assert 80 <= count <= 101
    hands.do("SET_TELEMETRY", 0)
    hands.frames.clear()
    hands.run(500)
    assert not [f for f in hands.frames if f.name == "TELEMETRY"]


def test_a_stop_amid_service_is_not_cleared_before_the_reset() -> None:
    hands = into_service(Hands())
    stopped = hands.do("STOP", 0).values
    assert stopped["state"] == State.STOPPED
    cause = (stopped["first_cause"], stopped["cause_event"])
    assert hands.refused("CLEAR_FAULT", *cause, 1) == (Refusal.SERVICE_LOCKED, State.STOPPED)
    hands.run(2_000)
    assert hands.sim.resets == 1
