"""What the pen must not forget: totals and unread events, in two record slots and in the words that survive a reset.

Record content: boots, reserved event id, next event id, strokes, contact, truncated, id behind a hole, id of an event
not yet read that says "unsure" (u32 each), armed, 0, first and count of the ring (u8 each), then the ring itself.
"""

import struct

from pen_firmware.counters import Counters, Mark
from pen_firmware.events import IDS_LEFT_LOW, IDS_LEFT_MIN, RING_SIZE, Events
from pen_firmware.hal import ResetCause, Slot
from pen_firmware.slots import Load, TwoSlots
from pen_protocol.faults import Event, Fault
from pen_protocol.limits import WORD_MAX

_MAGIC = 0x52435044  # "DPCR"
_LAYOUT = 1
_HEAD = "<IIIIIIIIBBBB"
_HEAD_SIZE = struct.calcsize(_HEAD)

RESERVE_DISARMED = 256
"""Ids reserved by a record written disarmed."""
RESERVE_ARMED = 8192
"""Ids reserved by the record written before arming: none can be reserved until disarmed again."""
RESUME_DAMAGED = 1 << 29
"""Ids go on here when no record is whole: far above any a pen has plausibly given out."""


class Ledger:
    """Owns `counters` and `events`, writes them to the record and recovers them after a reset."""

    def __init__(self, board):
        self._slots = TwoSlots(board, Slot.RECORD_A, Slot.RECORD_B, _MAGIC, _LAYOUT, _HEAD_SIZE + RING_SIZE)
        self.counters = Counters(board)
        self.events = Events(self._slots.content[_HEAD_SIZE:])
        self.boots = 0
        self.marks = 0
        """`Mark`s that `mirror` copies."""
        self.for_service = False
        """This start leads to the interpreter's prompt."""
        self._unsure_id = 0
        self._was_armed = False
        self._written = False
        self._saved_id = 0
        self._saved_count = 0

    def recover(self, reset_cause):
        """Take over what was before the reset, log and save it; return the `Fault` to latch, 0 for none."""
        found = self._slots.load()
        if found == Load.FOUND:
            self._unpack()
        self._was_armed = self._was_armed and found == Load.FOUND
        if found == Load.DAMAGED:
            self.events.resume_at(RESUME_DAMAGED, True)
        warm = reset_cause == ResetCause.WATCHDOG and self.counters.survived()
        sure = found != Load.DAMAGED
        if warm:
            marks = self.counters.surviving_marks()
            self.counters.restore()
            self.events.resume_at(self.counters.surviving_next_event(), True)
            # a hung chip's last strokes came after the last copy of the totals
            sure = sure and marks & (Mark.STROKING | Mark.EXCEPTION) != Mark.STROKING
            fault = _fault_of(marks)
            self.for_service = marks == Mark.SERVICE
        else:
            lost = self._slots.newer_lost
            # a newer record was written with an id reserved by this one, and may have reserved as many again
            ahead = RESERVE_ARMED if lost else 0
            self.events.resume_at(min(self.events.reserved_id + ahead, WORD_MAX), self._was_armed or lost)
            sure = sure and not (self._was_armed or lost)
            fault = Fault.POWER_LOSS_WHILE_ARMED if self._was_armed else Fault.NONE
        self.boots = (self.boots + 1) & WORD_MAX
        self._append(Event.BOOTED, reset_cause, self.boots, 0)
        if warm or not sure:
            recovered_id = self._append(Event.RECOVERED, 1 if sure else 0, 0, 0)
            if not sure:
                self._unsure_id = recovered_id
        self.save(False)
        # not before: a reset during the write must find the words as they were, and come to the same again
        self.mirror()
        return fault

    def unsure(self):
        """True while strokes may be missing in the totals and no host has acknowledged the event that says so."""
        return self._unsure_id > 0

    def acknowledge(self, next_id):
        """A host holds every event below `next_id`."""
        self.events.acknowledge(next_id)
        if next_id > self._unsure_id and next_id <= self.events.next_id:
            self._unsure_id = 0

    def log(self, code, arg, value, time_ms):
        """Add an event with the totals of now; return its id. The surviving words know it before anybody else does."""
        event_id = self._append(code, arg, value, time_ms)
        self.mirror()
        return event_id

    def _append(self, code, arg, value, time_ms):
        counters = self.counters
        return self.events.append(code, arg, value, time_ms, counters.strokes_total, counters.contact_total)

    def mirror(self):
        """Copy what must survive a reset. Every pass, allocates nothing."""
        self.counters.mirror(self.events.next_id, self.marks)

    def save(self, armed):
        """Write the record; True when it was. Only disarmed: it waits for the flash.

        `armed` marks it, so that a power loss from now on is noticed, and reserves ids for a whole session.
        """
        events = self.events
        counters = self.counters
        reserved_id = min(events.next_id + (RESERVE_ARMED if armed else RESERVE_DISARMED), WORD_MAX)
        struct.pack_into(
            _HEAD,
            self._slots.content,
            0,
            self.boots,
            reserved_id,
            events.next_id,
            counters.strokes_total,
            counters.contact_total,
            counters.truncated_total,
            events.hole_id,
            self._unsure_id,
            1 if armed else 0,
            0,
            events.first,
            events.count,
        )
        if not self._slots.save():
            return False
        events.reserved_id = reserved_id
        self._was_armed = armed
        self._written = True
        self._saved_id = events.next_id
        self._saved_count = events.count
        return True

    def stale(self):
        """True when the record differs from what is held: write it soon, disarmed."""
        events = self.events
        if not self._written or self._was_armed:
            return True
        return self._saved_id != events.next_id or self._saved_count != events.count

    def reservation_low(self):
        """True when most of the reserved ids are given out: write the record before `numbering_sound` fails."""
        return self.events.ids_left() < IDS_LEFT_LOW

    def numbering_sound(self):
        """False when an id given out now might repeat after a power loss."""
        return self._written and self.events.ids_left() >= IDS_LEFT_MIN

    def intact(self):
        """True when the record in force reads back whole."""
        return self._slots.intact()

    def _unpack(self):
        events = self.events
        counters = self.counters
        (
            self.boots,
            events.reserved_id,
            events.next_id,
            counters.strokes_total,
            counters.contact_total,
            counters.truncated_total,
            events.hole_id,
            self._unsure_id,
            armed,
            _,
            events.first,
            events.count,
        ) = struct.unpack_from(_HEAD, self._slots.content, 0)
        self._was_armed = armed == 1


def _fault_of(marks):
    if marks & Mark.EXCEPTION:
        return Fault.FIRMWARE_EXCEPTION
    if marks & Mark.ARMED:
        return Fault.RESET_WHILE_ARMED
    return Fault.NONE
