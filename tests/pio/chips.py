"""An RP2040 of which only machines and pads are asked, made in a quarter of the time."""

from __future__ import annotations

from rp2040py.rp2040 import RP2040


class BareChip(RP2040):
    """A chip without a simulator around it, whose flash nobody reads: erasing 16 MB is most of a whole one's making."""

    def __init__(self) -> None:
        super().__init__()
        self.simulator = object()  # without it a machine would run by itself

    def reset(self, *, preserve_flash: bool = True, from_watchdog: bool = False) -> None:
        """Everything but the flash."""
        del preserve_flash
        super().reset(preserve_flash=True, from_watchdog=from_watchdog)
