"""The USB serial stream between host and pen, with a bad cable on request.

Each write is one piece that arrives after the latency. `LaneFaults` says how a lane mistreats pieces. The chip keeps at
most 512 received bytes; what does not fit waits at the host, as on USB, and is not lost.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass

from pen_sim.clock import SimClock

LATENCY_US = 400
"""Way of one piece. A full-speed host gives a bulk pipe what is free in each 1 ms frame, so a short piece waits for a part of
one. Assumed, not measured: a pen on a bench will tell."""
CHIP_BUFFER = 512
"""Receive ring of the firmware's stream."""
CHIP_SEND_BUFFER = 256
"""What the chip can hand over while no host takes it."""
HOST_BUFFER = 65_536
"""What the host's operating system keeps while no program reads."""


@dataclass
class LaneFaults:
    """How one direction mistreats pieces; chances are 0..1 per piece."""

    lose: float = 0.0
    corrupt: float = 0.0
    """One bit of the piece flips."""
    duplicate: float = 0.0
    split: float = 0.0
    """The piece arrives in two parts, the second up to `delay_us` later."""
    reorder: float = 0.0
    """The piece may be overtaken by the next."""
    delay_us: int = 0
    """Each piece takes up to this much longer, in order."""

    @property
    def harmless(self) -> bool:
        """Nothing is mistreated."""
        return not (
            self.lose or self.corrupt or self.duplicate or self.split or self.reorder or self.delay_us
        )


class Lane:
    """One direction: pieces in, bytes out when their time has come."""

    def __init__(self, clock: SimClock, seed: int) -> None:
        self.faults = LaneFaults()
        self.latency_us = LATENCY_US
        self.pieces: deque[tuple[int, bytes]] = deque()
        self.bytes_in = 0
        self._clock = clock
        self._rng = random.Random(seed)  # noqa: S311 - a bad cable, repeatable for a seed
        self._last_us = 0

    def send(self, data: bytes) -> None:
        """Put one piece on the way."""
        self.bytes_in += len(data)
        due_us = self._clock.now_us + self.latency_us
        if self.faults.harmless:
            self._add(due_us, data)
            return
        if self._chance(self.faults.lose):
            return
        if self._chance(self.faults.corrupt) and data:
            data = self._corrupted(data)
        due_us += self._delay()
        if self._chance(self.faults.split) and len(data) > 1:
            cut = self._rng.randrange(1, len(data))
            self._add(due_us, data[:cut])
            due_us += self._delay()
            data = data[cut:]
        self._add(due_us, data)
        if self._chance(self.faults.duplicate):
            self._add(due_us + self._delay(), data)

    def take(self, limit: int) -> bytes:
        """At most `limit` bytes that have arrived."""
        taken = bytearray()
        while self.pieces and self.pieces[0][0] <= self._clock.now_us and len(taken) < limit:
            due_us, data = self.pieces.popleft()
            room = limit - len(taken)
            taken += data[:room]
            if len(data) > room:
                self.pieces.appendleft((due_us, data[room:]))
        return bytes(taken)

    @property
    def waiting(self) -> int:
        """Bytes on the way or not yet taken."""
        return sum(len(data) for _, data in self.pieces)

    @property
    def due_us(self) -> int | None:
        """When the next piece arrives; None when nothing is on the way."""
        return self.pieces[0][0] if self.pieces else None

    def clear(self) -> None:
        """Everything on the way is lost."""
        self.pieces.clear()

    def _add(self, due_us: int, data: bytes) -> None:
        overtakes = len(self.pieces) > 0 and self._chance(self.faults.reorder)
        if overtakes:
            last = self.pieces.pop()
            self.pieces.append((last[0], data))
            self.pieces.append(last)
            return
        due_us = max(due_us, self._last_us)
        self._last_us = due_us
        self.pieces.append((due_us, data))

    def _chance(self, share: float) -> bool:
        return share > 0 and self._rng.random() < share

    def _delay(self) -> int:
        return self._rng.randrange(self.faults.delay_us + 1)

    def _corrupted(self, data: bytes) -> bytes:
        broken = bytearray(data)
        broken[self._rng.randrange(len(broken))] ^= 1 << self._rng.randrange(8)
        return bytes(broken)


class SimStream:
    """Both directions. The host's side is `write` and `read`, the chip's `chip_read` and `chip_write`."""

    def __init__(self, clock: SimClock, seed: int = 0) -> None:
        self.to_pen = Lane(clock, seed)
        self.to_host = Lane(clock, seed + 1)
        self.plugged = True
        self._received = bytearray()

    # --- host -------------------------------------------------------------------------------------------------------

    def write(self, data: bytes) -> int:
        """Send to the pen; return the bytes taken, 0 while unplugged."""
        if not self.plugged:
            return 0
        self.to_pen.send(bytes(data))
        return len(data)

    def read(self, limit: int = HOST_BUFFER) -> bytes:
        """What has arrived from the pen, at most `limit` bytes; empty while unplugged."""
        return self.to_host.take(limit) if self.plugged else b""

    def unplug(self) -> None:
        """Pull the cable: what is on the way is lost; the chip cannot tell."""
        self.plugged = False
        self.to_pen.clear()
        self.to_host.clear()

    def plug(self) -> None:
        """Put the cable back. The chip's unsent bytes of before are gone."""
        if not self.plugged:
            self.to_host.clear()
        self.plugged = True

    def set_faults(self, faults: LaneFaults) -> None:
        """Mistreat both directions alike."""
        self.to_pen.faults = faults
        self.to_host.faults = faults

    # --- chip -------------------------------------------------------------------------------------------------------

    def chip_read(self, buffer: bytearray) -> int:
        """Firmware takes what has arrived, at most the buffer's length."""
        if self.to_pen.pieces:
            self._received += self.to_pen.take(CHIP_BUFFER - len(self._received))
        if not self._received:
            return 0
        count = min(len(buffer), len(self._received))
        buffer[:count] = self._received[:count]
        del self._received[:count]
        return count

    def chip_write(self, data: bytes) -> int:
        """Firmware sends; what fits is taken, nothing when nobody takes bytes."""
        room = (HOST_BUFFER if self.plugged else CHIP_SEND_BUFFER) - self.to_host.waiting
        taken = data[: max(0, room)]
        if taken:
            self.to_host.send(taken)
        return len(taken)

    def chip_reset(self) -> None:
        """The chip restarted: its buffers are empty and what it had on the way is gone."""
        self._received.clear()
        self.to_pen.clear()
        self.to_host.clear()
