"""The wire between host and emulated chip with a watch on it, finer than the hosts that use it."""

from __future__ import annotations

from hil_tests.chip.emulator import ChipPen

LOOK_MS = 0.1
"""How finely arrivals are timed."""
NS_PER_MS = 1_000_000


class Stopwatch:
    """Carries bytes and remembers when the first of a request left and when the last of its answer came, by the chip's clock."""

    def __init__(self, chip: ChipPen) -> None:
        self.chip = chip
        self._buffer = bytearray()
        self._sent_ns: int | None = None
        self._heard_ns: dict[int, int] = {}

    def begin(self) -> None:
        """The next byte sent is the first of a request."""
        self._sent_ns = None
        self._heard_ns.clear()

    def send(self, data: bytes) -> None:
        """Send to the chip."""
        if self._sent_ns is None:
            self._sent_ns = self.chip.now_ns
        self.chip.write(data)

    def live(self, duration_ms: float) -> None:
        """Let the chip live, and take what it says as it says it."""
        end_ns = self.chip.now_ns + round(duration_ms * NS_PER_MS)
        while self.chip.now_ns < end_ns:
            self.chip.run_ms(min(LOOK_MS, (end_ns - self.chip.now_ns) / NS_PER_MS))
            self._take()

    def _take(self) -> None:
        data = self.chip.read()
        self._buffer += data
        for byte in set(data):
            self._heard_ns[byte] = self.chip.now_ns

    @property
    def waiting(self) -> int:
        """Bytes that came and were not taken."""
        return len(self._buffer)

    def take(self, count: int | None = None) -> bytes:
        """Bytes that came, all or at most `count`."""
        count = len(self._buffer) if count is None else count
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    @property
    def elapsed_ms(self) -> float:
        """From the first byte sent until now.

        Raises:
            ValueError: Nothing was sent.
        """
        return self._since(self.chip.now_ns)

    def elapsed_to_ms(self, byte: int) -> float:
        """From the first byte sent until this byte last came.

        Raises:
            ValueError: Nothing was sent, or it did not come.
        """
        if byte not in self._heard_ns:
            raise ValueError(f"byte {byte:#04x} did not come: the exchange has no end to time")
        return self._since(self._heard_ns[byte])

    def _since(self, at_ns: int) -> float:
        if self._sent_ns is None:
            raise ValueError("nothing was sent: there is no exchange to time")
        return (at_ns - self._sent_ns) / NS_PER_MS
