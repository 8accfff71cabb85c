"""A cartridge slot on a simulated board, and new cartridges for it."""

from __future__ import annotations

from collections.abc import Callable

from pen_firmware import cartridge_layout as layout
from pen_firmware.cartridge import Cartridge
from pen_sim.board import SimBoard
from pen_sim.clock import SimClock
from pen_sim.eeprom import Cartridge as SimCartridge

LOT = b"LOT-2026-001"
EXPIRY_DAYS = 4_000


def fresh(number: int = 7, **more: object) -> SimCartridge:
    return SimCartridge(number=number, memory=bytearray(layout.build_memory(LOT, EXPIRY_DAYS, 12)), **more)  # type: ignore[arg-type]


class Bench:
    """A cartridge slot: ticks of 5 ms, each of which must leave most of its time to others."""

    def __init__(self, device: SimCartridge | None = None) -> None:
        self.board = SimBoard(SimClock())
        self.part = Cartridge(self.board)
        self.board.wire.cartridge = device
        self.longest_us = 0

    def tick(self, latched: bool = True) -> None:
        begun_us = self.board.clock.now_us
        self.part.tick(self.board.now_ms(), latched)
        spent_us = self.board.clock.now_us - begun_us
        self.longest_us = max(self.longest_us, spent_us)
        self.board.wait_us(5_000 - spent_us)

    def finish(self, before_tick: Callable[[int], None] = lambda passes: None) -> int:
        for passes in range(1_000):
            if not self.part.busy:
                return self.part.result
            before_tick(passes)
            self.tick()
        raise AssertionError("the request never ended")

    def read(self) -> int:
        """Condition after a reading."""
        assert self.part.request_read()
        self.finish()
        return self.part.condition

    def burn(self, serial: bytes | None = None) -> int:
        device = self.board.wire.cartridge
        assert device is not None
        assert self.part.request_burn(device.serial if serial is None else serial)
        return self.finish()

    def change(self, device: SimCartridge | None) -> None:
        """Latch opened, cartridge changed, latch closed."""
        for _ in range(20):
            self.tick(latched=False)
        self.board.wire.cartridge = device
        self.tick()
