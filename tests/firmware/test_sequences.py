"""Sequences and sessions of requests: repeats, stale and reused ones, and nothing is ever executed twice."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pen_protocol.faults import Event, Refusal
from pen_protocol.states import Flag
from tests.firmware.hands import NONCE, Hands
from tests.firmware.requests import session_state


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
