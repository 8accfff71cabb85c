"""The emulated pen as a transport of the real host program, which then lives in the chip's time.

The emulator is far slower than the clock on the wall. So the host is given the chip's clock: its timeouts, leases and
heartbeats pass as fast as the chip computes, no faster. A read lets the chip live, in the reader's thread.
"""

from __future__ import annotations

import threading
from typing import Protocol

from pen_host.errors import TransportLostError

STEP_MS = 0.5
"""How far the chip lives between two looks at what it sent."""


class Chip(Protocol):
    """What is carried: an emulated pen, or one chip of several that are moved together."""

    @property
    def now_ms(self) -> float:
        """Its time."""

    def run_ms(self, duration_ms: float) -> None:
        """Let it live."""

    def write(self, data: bytes) -> None:
        """Send bytes to it."""

    def read(self) -> bytes:
        """What it has sent."""


class ChipTransport:
    """A `pen_host.transport.Transport` to an emulated pen; `clock` is the time to give the worker."""

    name = "emulated chip"

    def __init__(self, pen: Chip) -> None:
        self._pen = pen
        self._woken = threading.Event()
        self._closed = False

    def clock(self) -> float:
        """Seconds of the chip since it was started."""
        return self._pen.now_ms / 1_000

    def read(self, timeout_s: float) -> bytes:
        """Bytes that arrived; lets the chip live meanwhile."""
        if self._closed:
            raise TransportLostError(self.name, "it was closed")
        end_ms = self._pen.now_ms + timeout_s * 1_000
        while True:
            data = self._pen.read()
            if data or self._woken.is_set() or self._pen.now_ms >= end_ms:
                self._woken.clear()
                return data
            self._pen.run_ms(STEP_MS)

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        if self._closed:
            raise TransportLostError(self.name, "it was closed")
        self._pen.write(data)

    def wake(self) -> None:
        """End a read that waits."""
        self._woken.set()

    def close(self) -> None:
        """No byte more; the chip goes on belonging to whoever made it."""
        self._closed = True
