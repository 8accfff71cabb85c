"""The one set of numbers that every program of the benchmark runs with; the guests read them from a module written for them."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from pen_firmware import pins, pio_programs, steps
from pen_protocol import limits


@dataclass(frozen=True)
class Settings:
    """What the bench and the guests agree on. Pads beyond those of the pen carry the guests' marks."""

    COIL_GPIO: int = pins.gpio("NEEDLE")
    STEP_GPIO: int = pins.gpio("STEP")
    COLLECT_GPIO: int = 19
    """The bench lifts it: the pen's firmware collects its heap once."""
    LOADED_GPIO: int = 20
    """High while a program is measured."""
    HUNG_GPIO: int = 21
    """Rises when a program hangs."""
    LACKS_GPIO: int = 22
    """High when the image lacks what the program needs."""
    COLLECTING_GPIO: int = 23
    """High during a collection."""

    RATE_HZ: int = 120
    ON_MS: int = 2
    """Coil on-time of the peers, whose timers count whole ms; ours has what its firmware gives."""
    HARD: int = 0
    """Timer callbacks are hard interrupts."""
    WATCHDOG_MS: int = limits.WATCHDOG_MS
    """0: none."""
    OBJECTS: int = 1_000
    """Small objects held while the heap is collected. With the modules of our board a collection and a pass then take 15 ms."""
    PAUSE_US: int = 5_000
    """Between two collections: a pass of the pen's firmware under strokes takes about this on the emulated chip."""
    WARM_MS: int = 100
    LOAD_MS: int = 850
    STROKES: int = 20
    """Before a program that times its strokes itself hangs."""
    STEPS: int = 240
    STEP_US: int = steps.FAST_US
    STEP_LEAST_US: int = pio_programs.STEP_PERIOD_BASE_US
    COLLECT_EVERY_STEPS: int = 16
    """Under collections: one for so many steps."""

    def source(self) -> bytes:
        """The module as the guests import it."""
        return "".join(f"{name} = {value}\n" for name, value in asdict(self).items()).encode()
