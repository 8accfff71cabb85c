"""A simulated pen whose time passes as fast as this computer can make it, and only while somebody listens to it.

The pen's time is simulated time, so a slow computer makes a treatment last longer and never makes the pen miss a heartbeat.
For demonstrations of weeks and for whatever else must not take as long as it says.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pen_sim.bench import Bench
from pen_sim.eeprom import Cartridge
from pen_sim.rig import SimPen

from ..errors import TransportLostError

SLICE_US = 1_000
"""How finely an answer's arrival is looked for."""
_LOOK_S = 0.5
"""How often somebody who waits looks whether the line was closed meanwhile."""


def simulated_pen(seed: int) -> SimPen:
    """A simulated pen without a cartridge, for as many lines as come and go."""
    # as on the chip, an exception of the firmware resets the pen; it does not end this program
    sim = SimPen(seed=seed, strict=False)
    sim.bench.take_cartridge()
    return sim


def simulated_cartridge(number: int, lot: str) -> Cartridge:
    """A new cartridge; two with one number are one."""
    return Cartridge(number=number, lot=lot.encode())


class UnpacedTransport:
    """A line to a simulated pen; the worker's `read` makes its time pass.

    Args:
        sim: The pen. It stays its owner's: when this line is closed, the pen's time stands still.
    """

    def __init__(self, sim: SimPen) -> None:
        self.sim = sim
        self._lock = threading.RLock()
        self._passed = threading.Condition(self._lock)
        self._woken = False
        self._closed = False

    @property
    def name(self) -> str:
        """What it is called."""
        return "sim:"

    def clock(self) -> float:
        """Seconds as the pen lives them."""
        return self.sim.now_us / 1e6

    def pause(self, duration_s: float) -> None:
        """Until this many of the pen's seconds have passed, or the line was closed."""
        end_us = self.sim.now_us + round(duration_s * 1e6)
        with self._passed:
            while self.sim.now_us < end_us and not self._closed:
                self._passed.wait(_LOOK_S)

    @contextmanager
    def hands(self) -> Iterator[Bench]:
        """The operator's hands at the pen, now: time stands still inside."""
        with self._lock:
            yield self.sim.bench

    def change_cartridge(self, following: Cartridge, after_ms: int) -> None:
        """Hands take out what is in and put another one in after a while."""
        with self._lock:
            bench = self.sim.bench
            bench.take_cartridge()
            self.sim.at_ms(after_ms, lambda: bench.insert_cartridge(following))

    def read(self, timeout_s: float) -> bytes:
        """Bytes that arrived; makes time pass until some do, somebody wakes it, or the timeout is over."""
        end_us = self.sim.now_us + max(1, round(timeout_s * 1e6))
        while True:
            with self._passed:
                self._alive()
                self.sim.advance_to(min(end_us, self.sim.now_us + SLICE_US))
                self._passed.notify_all()
                data = self.sim.stream.read()
                if data or self._woken or self.sim.now_us >= end_us:
                    self._woken = False
                    return data
            # whoever waits for the interpreter gets it now, not only when its turn of 5 ms is over
            time.sleep(0)

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        with self._lock:
            self._alive()
            self.sim.stream.write(data)

    def wake(self) -> None:
        """End a waiting `read`."""
        self._woken = True

    def close(self) -> None:
        """Let go; simulated time stands still from here on."""
        with self._passed:
            self._closed = True
            self._passed.notify_all()

    def _alive(self) -> None:
        if self._closed:
            raise TransportLostError(self.name, "the simulated pen was closed")
