"""What every way to a pen offers."""

from __future__ import annotations

from typing import Protocol

WRITE_TIMEOUT_S = 0.1
"""A pen that takes no bytes for this long is treated as deaf: a full USB pipe would block for ever."""


class WriteBlockedError(Exception):
    """The other side takes no bytes; what was written of the frame is lost."""


class Transport(Protocol):
    """A stream of bytes to one pen. One thread reads, writes and closes; any thread may call `wake`."""

    @property
    def name(self) -> str:
        """What to call it in a sentence: the port or URL."""

    def read(self, timeout_s: float) -> bytes:
        """Bytes that arrived, at once when there are any, else after at most `timeout_s`; empty when none came.

        Raises:
            TransportLostError: The connection broke.
        """

    def write(self, data: bytes) -> None:
        """Send all of `data`.

        Raises:
            TransportLostError: The connection broke.
            WriteBlockedError: The other side took no bytes within `WRITE_TIMEOUT_S`.
        """

    def wake(self) -> None:
        """End a `read` that waits in another thread, now or the next one. Never waits."""

    def close(self) -> None:
        """Let go of the port; closing twice is harmless."""
