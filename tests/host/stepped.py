"""The real firmware under a worker, in simulated time that passes only when a test lets it.

Nothing here sleeps or waits for the wall clock: time runs while a test asks something (`do`) or lets some pass (`let_pass`).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from pen_host.errors import TransportLostError
from pen_host.outcomes import Done, Outcome
from pen_host.pen import Pen
from pen_host.transport import WriteBlockedError
from pen_host.worker import PenWorker
from pen_sim.rig import SimPen

T = TypeVar("T")
STEP_US = 500


class SteppedTransport:
    """A transport whose time is the simulation's and runs on request."""

    name = "stepped"

    def __init__(self, sim: SimPen) -> None:
        self.sim = sim
        self.cut = False
        self.blocked = False
        self.written: list[bytes] = []
        self._changed = threading.Condition()
        self._free = False
        self._until_us = sim.now_us
        self._woken = False
        self._parked = False
        self._closed = False

    def clock(self) -> float:
        return self.sim.now_us / 1e6

    def read(self, timeout_s: float) -> bytes:
        end_us = self.sim.now_us + math.ceil(timeout_s * 1e6)  # never rounded down to no time at all
        while True:
            self._await_time()
            if self.cut:
                raise TransportLostError(self.name, "cable pulled")
            data = self.sim.stream.read()
            if data or self._woken or self.sim.now_us >= end_us:
                self._woken = False
                return data
            limit_us = end_us if self._free else min(end_us, self._until_us)
            if limit_us > self.sim.now_us:
                self.sim.advance_to(min(limit_us, self.sim.now_us + STEP_US))

    def write(self, data: bytes) -> None:
        if self.cut:
            raise TransportLostError(self.name, "cable pulled")
        if self.blocked:
            raise WriteBlockedError("takes no bytes")
        self.written.append(data)
        self.sim.stream.write(data)

    def wake(self) -> None:
        with self._changed:
            self._woken = True
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    # --- for the test ---------------------------------------------------------------------------------------------------

    def flow(self, free: bool) -> None:
        """Let time run, or hold it and wait until it stands."""
        with self._changed:
            self._free = free
            self._until_us = self.sim.now_us
            self._changed.notify_all()
            if not free:
                self._await_stand()

    def hold(self) -> None:
        """Time stands; called where time is made to pass."""
        with self._changed:
            self._free = False
            self._until_us = self.sim.now_us

    def let_pass(self, duration_us: int) -> None:
        """Let this much time pass, then hold it."""
        with self._changed:
            self._until_us = self.sim.now_us + duration_us
            self._changed.notify_all()
            self._await_stand()

    def _await_stand(self) -> None:
        stands = lambda: self._closed or (self._parked and self.sim.now_us >= self._until_us)  # noqa: E731
        assert self._changed.wait_for(stands, 60), "simulated time did not stop"

    def _await_time(self) -> None:
        with self._changed:
            while not (self._free or self._woken or self.cut or self.sim.now_us < self._until_us):
                self._parked = True
                self._changed.notify_all()
                self._changed.wait()
            self._parked = False


class Rig:
    """A simulated pen, a worker and a client on it."""

    def __init__(
        self, dumps: Path | None = None, seed: int = 1, greet: bool = True, sim: SimPen | None = None
    ) -> None:
        self.sim = sim or SimPen(seed=seed)
        self.transport = SteppedTransport(self.sim)
        self.worker = PenWorker(self.transport, self.transport.clock, dumps, self.transport.clock)
        self.pen = Pen(self.worker)
        if greet:
            self.do(lambda: self.worker.connect(30))
            self.let_pass(1_500)

    def do(self, act: Callable[[], T]) -> T:
        """Do something that waits for the pen while time runs."""
        self.transport.flow(True)
        try:
            return act()
        finally:
            self.transport.flow(False)

    def let_pass(self, duration_ms: float) -> None:
        """Let time pass."""
        self.transport.let_pass(round(duration_ms * 1000))

    def done(self, act: Callable[[], Outcome]) -> Done:
        """Do something that must be Done."""
        outcome = self.do(act)
        assert isinstance(outcome, Done), outcome
        return outcome

    def armed(self, depth_um: int = 500, rate_mhz: int = 100_000) -> Rig:
        """Everything up to a pen that strokes when its trigger is held."""
        pen = self.pen
        self.done(lambda: pen.open_session(operator=7, nonce=77))
        self.done(pen.home)
        self.done(lambda: pen.set_depth(depth_um))
        self.done(lambda: pen.set_rate(rate_mhz))
        serial = self.do(pen.cartridge_read).serial
        self.done(lambda: pen.cartridge_use(serial))
        self.done(lambda: pen.arm(depth_um, rate_mhz))
        self.let_pass(100)
        return self

    def close(self) -> None:
        self.transport.flow(True)
        self.worker.close()

    def __enter__(self) -> Rig:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
