"""Two board slots as one record: the newest whole one counts, a write goes to the other one.

Layout: magic u32, layout u8, three zero bytes, generation u32, content, CRC-32 of all before it; little-endian. A power
cut during a write damages the slot written to, never the one in force. Slot A is always the first ever written, so a
damaged A beside an empty B is a first write that was cut: the same as nothing written yet.
"""

import binascii
import struct

HEAD_SIZE = 12
"""Bytes in front of the content."""
CRC_SIZE = 4

_HEAD = "<IBBHI"
_ERASED = 0xFFFFFFFF
"""Four bytes of flash that were erased and not written since."""


class Load:
    """What `TwoSlots.load` found."""

    EMPTY = 0
    """Nothing was ever written whole."""
    FOUND = 1
    """`content` holds the newest record."""
    DAMAGED = 2
    """Something was written and none of it is whole."""


class TwoSlots:
    """One record of `size` content bytes in two slots. `content` is a view of what is held and will be saved."""

    def __init__(self, board, slot_a, slot_b, magic, layout, size):
        self._board = board
        self._slots = (slot_a, slot_b)
        self._magic = magic
        self._layout = layout
        self._length = HEAD_SIZE + size + CRC_SIZE
        self._held = bytearray(self._length)
        self.content = memoryview(self._held)[HEAD_SIZE : HEAD_SIZE + size]
        # what is read goes here, so that a bad read never touches what is held; one byte more than a record, so that
        # a slot holding too much is seen to be none of ours
        self._seen = bytearray(self._length + 1)
        self._seen_record = memoryview(self._seen)[: self._length]
        self.generation = 0
        self.newer_lost = False
        """The other slot does not read back, and not because a write to it was cut: it may have been in force."""
        self._next = 0

    def load(self):
        """Read the newest whole record into `content`; return a `Load` value. Content is zero unless FOUND."""
        generation_a = self._read(0)
        generation_b = self._read(1)
        newest = 0 if generation_a > generation_b else 1
        self.generation = self._read(newest)
        self.newer_lost = False
        if self.generation > 0:
            self._held[:] = self._seen_record
            self._next = 1 - newest
            other = generation_b if newest == 0 else generation_a
            self.newer_lost = other == 0 and not self._unfinished(1 - newest)
            return Load.FOUND
        self._held[:] = bytes(self._length)
        self._next = 0
        b_untouched = self._board.slot_read(self._slots[1], self._seen) == 0
        return Load.EMPTY if b_untouched else Load.DAMAGED

    def save(self):
        """Write `content` to the slot not in force; True when it was written and reads back whole. Waits for the flash.

        When it fails the record in force stays in force, and the next save goes to the same slot again.
        """
        generation = self.generation + 1
        struct.pack_into(_HEAD, self._held, 0, self._magic, self._layout, 0, 0, generation)
        struct.pack_into("<I", self._held, self._length - CRC_SIZE, self._crc(self._held))
        if not self._board.slot_write(self._slots[self._next], self._held, self._length):
            return False
        if self._read(self._next) != generation:
            return False
        self.generation = generation
        self._next = 1 - self._next
        return True

    def intact(self):
        """True when the record in force still reads back whole, or none was ever written."""
        return self.generation == 0 or self._read(1 - self._next) == self.generation

    def _read(self, index):
        """Generation of a slot's record, now in `_seen`; 0 when it is empty, damaged or of another layout."""
        if self._board.slot_read(self._slots[index], self._seen) != self._length:
            return 0
        magic, layout, _, _, generation = struct.unpack_from(_HEAD, self._seen, 0)
        if magic != self._magic or layout != self._layout:
            return 0
        if self._crc(self._seen) != struct.unpack_from("<I", self._seen, self._length - CRC_SIZE)[0]:
            return 0
        return generation

    def _unfinished(self, index):
        """True when a slot was never written whole: still empty, or cut by a power loss before its check sum."""
        length = self._board.slot_read(self._slots[index], self._seen)
        if length == 0:
            return self.generation == 1
        if length != self._length or struct.unpack_from("<I", self._seen, 0)[0] != self._magic:
            return False
        return struct.unpack_from("<I", self._seen, length - CRC_SIZE)[0] == _ERASED

    def _crc(self, buffer):
        return binascii.crc32(memoryview(buffer)[: self._length - CRC_SIZE]) & 0xFFFFFFFF
