"""Requests: exactly one answer each, in every state; every field at its edge; nobody unknown is answered."""

from __future__ import annotations

import pytest

from pen_protocol import codec, messages
from pen_protocol.faults import Fault, Refusal
from pen_protocol.messages import BY_NAME, SCHEMA_HASH, TABLE, Kind
from pen_protocol.states import State
from tests.firmware.hands import NONCE, Hands
from tests.firmware.requests import REQUESTS, STATES, session_state, values_of


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
    before = session_state(hands)
    hands.raw(bytes(body))
    hands.run(50)
    (answer,) = hands.finals(777)
    assert (answer.name, answer.values["reason"]) == ("REFUSED", Refusal.MALFORMED)
    if message.name != "STOP":
        assert session_state(hands) == before


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
            before = session_state(hands)
            hands.raw(bytes(body) + payload)
            hands.run(20)
            (answer,) = hands.finals(hands.sequence)
            if message.name == "STOP":
                hands.clear()
                continue
            assert answer.values["reason"] == Refusal.OUT_OF_RANGE, (field.name, value)
            assert answer.values["detail"] == index
            assert session_state(hands) == before


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
