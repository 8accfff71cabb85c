"""Numbered events in one ring: kept until a host acknowledges them, ids rise for ever and never repeat."""

import struct

from pen_protocol.limits import WORD_MAX
from pen_protocol.messages import EVENT_CODES, EVENT_SIZE, EVENTS_PER_FRAME

CAPACITY = 128
"""Events the ring holds."""
RING_SIZE = CAPACITY * EVENT_SIZE
FREE_TO_ARM = 32
"""Fewer free places than this refuse ARM: arming could lose events nobody has read."""
IDS_LEFT_LOW = 128
"""Fewer reserved ids than this and more should be reserved."""
IDS_LEFT_MIN = 64
"""Fewer reserved ids than this and the pen blocks: an id that came again would merge two events in a record."""


class Events:
    """The ring in `buffer` (`RING_SIZE` bytes). `next_id` is the next event's id, `count` the unread ones."""

    def __init__(self, buffer):
        self._buffer = buffer
        self.first = 0
        self.count = 0
        self.next_id = 1
        self.reserved_id = 1
        """Ids below this may be given out: the record says so. After a power loss numbering goes on from here."""
        self.hole_id = 0
        """First id behind a hole: unread events were lost and no host has acknowledged one behind them. 0: none."""

    def append(self, code, arg, value, time_ms, strokes_total, contact_total):
        """Add an event; return its id. When the ring is full the oldest unread one is lost, which `hole_id` says."""
        if self.count == CAPACITY:
            self._drop_oldest()
            self.hole_id = self.oldest_id()
        event_id = self.next_id
        at = (self.first + self.count) % CAPACITY * EVENT_SIZE
        struct.pack_into(
            EVENT_CODES, self._buffer, at, event_id, time_ms, code, arg, value, strokes_total, contact_total
        )
        self.count += 1
        if event_id < WORD_MAX:
            self.next_id = event_id + 1
        return event_id

    def oldest_id(self):
        """Id of the oldest unread event; `next_id` when all are read."""
        if self.count == 0:
            return self.next_id
        return struct.unpack_from("<I", self._buffer, self.first * EVENT_SIZE)[0]

    def acknowledge(self, next_id):
        """A host holds every event below `next_id`: they are dropped. Ids not given out yet acknowledge nothing."""
        if next_id > self.next_id:
            return
        while self.count and self.oldest_id() < next_id:
            self._drop_oldest()
        if next_id > self.hole_id:
            self.hole_id = 0

    def copy_oldest(self, buffer, offset):
        """Copy the oldest unread events to `buffer` at `offset`, zeros behind them; return how many (at most 4)."""
        count = self.count if self.count < EVENTS_PER_FRAME else EVENTS_PER_FRAME
        for index in range(count):
            start = (self.first + index) % CAPACITY * EVENT_SIZE
            for at in range(start, start + EVENT_SIZE):
                buffer[offset] = self._buffer[at]
                offset += 1
        for _ in range((EVENTS_PER_FRAME - count) * EVENT_SIZE):
            buffer[offset] = 0
            offset += 1
        return count

    def free(self):
        """Places left before an unread event is overwritten."""
        return CAPACITY - self.count

    def ids_left(self):
        """Ids that may be given out before the record must reserve more."""
        return self.reserved_id - self.next_id

    def resume_at(self, next_id, hole):
        """After a reset: go on with `next_id`. `hole`: the ids between were given out and their events are gone."""
        if next_id > self.next_id:
            self.next_id = next_id
            if hole:
                self.hole_id = next_id

    def consistent(self):
        """True when the ids in the ring rise and end below `next_id`."""
        last_id = 0
        for index in range(self.count):
            at = (self.first + index) % CAPACITY * EVENT_SIZE
            event_id = struct.unpack_from("<I", self._buffer, at)[0]
            if event_id <= last_id:
                return False
            last_id = event_id
        return last_id < self.next_id or self.next_id == WORD_MAX

    def _drop_oldest(self):
        self.first = (self.first + 1) % CAPACITY
        self.count -= 1
