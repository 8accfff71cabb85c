"""The records the pen keeps through power loss: in memory or as files, and cut in mid-write when a test asks."""

from __future__ import annotations

from pathlib import Path

from pen_sim.resets import PowerLost

WRITE_US = 45_000
"""A sector erase and program, typical (data sheets: 30 to 400 ms)."""


class MemoryFlash:
    """Records by slot number, in memory."""

    def __init__(self, write_us: int = WRITE_US) -> None:
        self.write_us = write_us
        self.writes: dict[int, int] = {}
        """Completed and cut writes by slot."""
        self.fails = False
        """True: a write reports failure and changes nothing."""
        self._cut_at: int | None = None
        self._slots: dict[int, bytes] = {}

    def cut_next_write(self, after_bytes: int) -> None:
        """Power will fail when the next write has stored `after_bytes` bytes (0: nothing but the erased record)."""
        self._cut_at = after_bytes

    def cancel_cut(self) -> None:
        """The next write is not cut after all."""
        self._cut_at = None

    def read(self, slot: int) -> bytes:
        """The record, empty when there is none."""
        return self._slots.get(slot, b"")

    def write(self, slot: int, data: bytes) -> bool:
        """Replace a record; False when the flash is broken.

        Raises:
            PowerLost: `cut_next_write` was asked for; what was stored so far stays.
        """
        self.writes[slot] = self.writes.get(slot, 0) + 1
        if self.fails:
            return False
        if self._cut_at is not None:
            kept, self._cut_at = data[: self._cut_at], None
            self._store(slot, kept + b"\xff" * (len(data) - len(kept)))
            raise PowerLost
        self._store(slot, data)
        return True

    def corrupt(self, slot: int, offset: int = 0) -> None:
        """Flip one bit of a record."""
        record = bytearray(self.read(slot))
        if record:
            record[offset % len(record)] ^= 0x01
            self._store(slot, bytes(record))

    def erase(self) -> None:
        """Forget every record: a factory-new chip."""
        for slot in list(self._slots):
            self._store(slot, b"")

    def _store(self, slot: int, data: bytes) -> None:
        self._slots[slot] = data


class FileFlash(MemoryFlash):
    """Records as files `slot0` ... in a directory: a simulated pen that remembers between programs."""

    def __init__(self, directory: Path, write_us: int = WRITE_US) -> None:
        super().__init__(write_us)
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        for path in directory.glob("slot[0-9]"):
            self._slots[int(path.name[4:])] = path.read_bytes()

    def _store(self, slot: int, data: bytes) -> None:
        super()._store(slot, data)
        (self._directory / f"slot{slot}").write_bytes(data)
