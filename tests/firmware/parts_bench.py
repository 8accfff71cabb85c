"""A part of the firmware on a simulated board, ticked as the pen ticks it: every 5 ms, lease fed at the end."""

from __future__ import annotations

from collections.abc import Callable

from pen_firmware import pio_programs
from pen_firmware.depth import Depth
from pen_firmware.lease import FirmwareLease
from pen_firmware.needle import Needle
from pen_sim.board import SimBoard
from pen_sim.clock import SimClock

TICK_US = 5_000
ON_US = 1_800


def running_board(seed: int = 0) -> SimBoard:
    board = SimBoard(SimClock(), seed=seed)
    board.start_machines()
    return board


class NeedleBench:
    """A needle with a lease that is fed as long as `feeding`."""

    def __init__(self, rate_mhz: int = 100_000, seed: int = 0) -> None:
        self.board = running_board(seed)
        self.needle = Needle(self.board)
        self.lease = FirmwareLease(self.board)
        self.needle.set(pio_programs.needle_period_us(rate_mhz), ON_US)
        self.most_queued = 0

    def start(self) -> None:
        self.lease.feed()
        self.needle.start(self.board.now_ms())

    def tick(self, tick_us: int = TICK_US) -> None:
        self.needle.tick(self.board.now_ms())
        self.most_queued = max(self.most_queued, pio_programs.NEEDLE_QUEUE - self.board.needle_room())
        if self.needle.running:
            self.lease.feed()
        self.board.wait_us(tick_us)

    def run_ms(self, duration_ms: int) -> None:
        for _ in range(duration_ms * 1000 // TICK_US):
            self.tick()

    def run_until(self, seen: Callable[[], bool], limit_ms: int = 3_000) -> int:
        """Ticks until something is seen; returns the milliseconds it took."""
        for passes in range(limit_ms * 1000 // TICK_US):
            if seen():
                return passes * TICK_US // 1000
            self.tick()
        raise AssertionError(f"not seen within {limit_ms} ms")

    def stop(self) -> None:
        """Stop now, as in the middle of a pass; the counts are settled in the next one."""
        self.needle.stop()
        self.board.wait_us(TICK_US)
        self.tick()

    @property
    def now_ms(self) -> int:
        return self.board.now_ms()


class DepthBench:
    """An axis that remembers where the carriage has been and how it went there."""

    def __init__(self, seed: int = 0, home_offset_um: int = 100, backlash_um: int = 50) -> None:
        self.board = running_board(seed)
        self.axis = self.board.plant.axis
        self.depth = Depth(self.board)
        self.depth.configure(home_offset_um, backlash_um)
        self.deepest_um = 0.0
        self.last_outward = False

    def tick(self) -> None:
        before_nm = self.axis.motor_nm
        self.depth.tick(self.board.now_ms())
        self.board.wait_us(TICK_US)
        if self.axis.motor_nm != before_nm:
            self.last_outward = self.axis.motor_nm > before_nm
        self.deepest_um = max(self.deepest_um, self.axis.protrusion_um)

    def finish(self, limit_ms: int = 12_000) -> int:
        """Ticks until the request is over; returns its result."""
        for _ in range(limit_ms * 1000 // TICK_US):
            if not self.depth.busy:
                return self.depth.result
            self.tick()
        raise AssertionError(f"the axis was still busy after {limit_ms} ms")

    def home(self) -> int:
        self.depth.home()
        return self.finish()

    def move(self, depth_um: int) -> int:
        self.deepest_um = self.axis.protrusion_um
        self.depth.move(depth_um)
        return self.finish()
