"""Frames on a stream that takes what it likes: whole or not at all, in order, answers before notices."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_firmware.replies import Replies
from pen_protocol import messages
from pen_protocol.faults import Refusal
from pen_protocol.framing import Decoder
from pen_protocol.messages import SCHEMA_HASH
from tests.firmware.hands import Frame, Hands, parse


class Stream:
    """Takes at most `room` bytes a call."""

    def __init__(self) -> None:
        self.room = 10_000
        self.taken = b""

    def stream_write(self, buffer: bytearray, length: int) -> int:
        count = min(length, self.room)
        self.taken += bytes(buffer[:count])
        return count


def frames_in(data: bytes) -> list[Frame]:
    decoder = Decoder()
    found = []
    at = 0
    while at < len(data):
        at = decoder.feed(data, at, len(data))
        if decoder.length:
            found.append(parse(bytes(decoder.frame[: decoder.length])))
    assert decoder.errors() == 0
    return found


@given(st.lists(st.tuples(st.integers(1, 0xFFFF), st.integers(0, 60), st.booleans()), max_size=40))
def test_whatever_the_stream_takes_frames_arrive_whole_and_in_order(
    steps: list[tuple[int, int, bool]],
) -> None:
    """A frame is sent whole, later, or dropped whole and counted; never in part, never twice."""
    stream = Stream()
    replies = Replies(stream)
    sent = []
    for sequence, room, push in steps:
        stream.room = room
        if push:
            replies.push()
        dropped = replies.dropped
        replies.done(sequence, 5, messages.HOME, -sequence, 9)
        if replies.dropped == dropped:
            sent.append(sequence)
    stream.room = 10_000
    replies.push()
    assert replies.idle()
    assert [frame.sequence for frame in frames_in(stream.taken)] == sent
    assert replies.frames == len(steps)
    assert replies.dropped == len(steps) - len(sent)


def test_a_full_stream_keeps_at_least_four_of_the_longest_answers() -> None:
    stream = Stream()
    stream.room = 0
    replies = Replies(stream)
    for sequence in range(1, 60):
        replies.refused(sequence, 5, messages.HOME, Refusal.BUSY, 3)
    stream.room = 10_000
    replies.push()
    kept = [frame.sequence for frame in frames_in(stream.taken)]
    assert kept == list(range(1, len(kept) + 1))
    assert 4 <= len(kept) < 59
    assert replies.dropped == 59 - len(kept)


@pytest.mark.parametrize("value", [-(1 << 30) + 1, -1, 0, 1, (1 << 30) - 1])
def test_done_carries_any_value_of_the_wire(value: int) -> None:
    stream = Stream()
    Replies(stream).done(7, 8, messages.HOME, value, 9)
    (frame,) = frames_in(stream.taken)
    assert frame == Frame("DONE", 7, 8, {"request": messages.HOME, "value": value, "event_id": 9})


def test_a_host_that_does_not_read_delays_notices_and_loses_no_stop() -> None:
    """Nothing is built while something waits; what is read then is fresh; STOP acts though it cannot be answered."""
    hands = Hands().until_idle()
    hands.do("SET_TELEMETRY", 100)
    stream_write = hands.sim.board.stream_write
    hands.sim.board.stream_write = lambda buffer, length: 0  # the stream is full
    hands.send("STOP", 0)
    hands.sim.advance_ms(3_000)
    assert hands.state == 5
    hands.sim.board.stream_write = stream_write
    uptime_ms = hands.firmware.lookout.uptime_ms
    hands.frames.clear()
    hands.run(100)
    late = [f for f in hands.frames if f.values.get("uptime_ms", uptime_ms) < uptime_ms - 20]
    assert len(late) <= 2, "the answer to STOP and one notice were waiting"
    assert hands.do("HELLO", SCHEMA_HASH, 5).name == "IDENTITY"
