"""The event ring against a list: same events, same order, nothing unread lost without saying so."""

from __future__ import annotations

import struct

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pen_firmware.events import CAPACITY, RING_SIZE, Events
from pen_protocol.limits import WORD_MAX
from pen_protocol.messages import EVENT_CODES, EVENT_SIZE, EVENTS_PER_FRAME


class RingAgainstList(RuleBasedStateMachine):
    """The model: a list of unread events, the next id, and where a hole ends."""

    def __init__(self) -> None:
        super().__init__()
        self.events = Events(bytearray(RING_SIZE))
        self.unread: list[tuple[int, ...]] = []
        self.next_id = 1
        self.hole_id = 0

    @rule(count=st.integers(1, 70), value=st.integers(-WORD_MAX, WORD_MAX))
    def append(self, count: int, value: int) -> None:
        for index in range(count):
            record = (self.next_id, index, 7, index % 256, value, 3 * self.next_id, self.next_id)
            assert (
                self.events.append(record[2], record[3], record[4], record[1], record[5], record[6])
                == record[0]
            )
            self.unread.append(record)
            self.next_id += 1
            if len(self.unread) > CAPACITY:
                self.unread.pop(0)
                self.hole_id = self.unread[0][0]

    @rule(ahead=st.integers(-5, 40))
    def acknowledge(self, ahead: int) -> None:
        first = self.unread[0][0] if self.unread else self.next_id
        next_id = max(first + ahead, 0)
        self.events.acknowledge(next_id)
        if next_id > self.next_id:
            return
        self.unread = [record for record in self.unread if record[0] >= next_id]
        if next_id > self.hole_id:
            self.hole_id = 0

    @rule(ahead=st.integers(0, 300), hole=st.booleans())
    def resume(self, ahead: int, hole: bool) -> None:
        self.events.resume_at(self.next_id + ahead, hole)
        if ahead:
            self.next_id += ahead
            if hole:
                self.hole_id = self.next_id

    @invariant()
    def same(self) -> None:
        events = self.events
        assert events.count == len(self.unread)
        assert events.free() == CAPACITY - len(self.unread)
        assert events.next_id == self.next_id
        assert events.oldest_id() == (self.unread[0][0] if self.unread else self.next_id)
        assert events.hole_id == self.hole_id
        assert events.consistent()
        page = bytearray(b"\xff" * (EVENTS_PER_FRAME * EVENT_SIZE + 2))
        count = events.copy_oldest(page, 1)
        assert count == min(len(self.unread), EVENTS_PER_FRAME)
        for index in range(count):
            assert struct.unpack_from(EVENT_CODES, page, 1 + index * EVENT_SIZE) == self.unread[index]
        assert page[1 + count * EVENT_SIZE : -1] == bytes((EVENTS_PER_FRAME - count) * EVENT_SIZE)
        assert page[0] == page[-1] == 0xFF


TestRing = RingAgainstList.TestCase
TestRing.settings = settings(max_examples=60, stateful_step_count=30)


def test_ids_stop_at_the_wires_largest_word_instead_of_wrapping() -> None:
    """It takes centuries; an id that came again would merge two events in the record."""
    events = Events(bytearray(RING_SIZE))
    events.next_id = WORD_MAX
    assert events.append(1, 0, 0, 0, 0, 0) == WORD_MAX
    assert events.next_id == WORD_MAX
    assert events.ids_left() <= 0


def test_a_ring_with_ids_out_of_order_is_inconsistent() -> None:
    ring = bytearray(RING_SIZE)
    events = Events(ring)
    for _ in range(3):
        events.append(1, 0, 0, 0, 0, 0)
    ring[EVENT_SIZE] = 200
    assert not events.consistent()
