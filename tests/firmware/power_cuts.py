"""The flash of a board that dies or lies at any byte of a write."""

from __future__ import annotations

from pen_protocol.limits import WORD_MAX


class PowerCutError(Exception):
    """Power went during a write."""


class Flash:
    """The slots and words of a board; `cut_after` bytes of the next write power goes."""

    def __init__(self) -> None:
        self.slots: dict[int, bytes] = {}
        self.words = [0, 0, 0, 0]
        self.cut_after: int | None = None
        self.refuses = False
        self.writes = 0

    def slot_read(self, slot: int, buffer: bytearray) -> int:
        content = self.slots.get(slot, b"")[: len(buffer)]
        buffer[: len(content)] = content
        return len(content)

    def slot_write(self, slot: int, buffer: bytearray, length: int) -> bool:
        if self.refuses:
            return False
        self.writes += 1
        content = bytes(buffer[:length])
        if self.cut_after is not None:
            old = self.slots.get(slot, b"")
            self.slots[slot] = content[: self.cut_after] + old[self.cut_after :]
            raise PowerCutError
        self.slots[slot] = content
        return True

    def word_read(self, index: int) -> int:
        return self.words[index]

    def word_write(self, index: int, value: int) -> None:
        assert 0 <= value <= WORD_MAX
        self.words[index] = value
