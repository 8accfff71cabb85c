"""What every bench offers, whatever kind of pen lies on it: hands and sensors, lines to measure, a way for the host to the pen.

A bench is moved by its caller: time passes in `run_ms` and while the host's transport reads. On a simulated or emulated pen
that is the pen's own time; on a real one it is the wall's. Everything measured lies on one time line, `now_ns`, hands
included, so a reaction is the difference of two edges of one bench.
"""

from __future__ import annotations

import abc
import enum
from collections.abc import Callable, Mapping
from typing import NamedTuple

from pen_host.transport import Transport

BOOT_MS = 3_000
"""From a reset to a firmware that answers, on any bench; some can tell sooner."""


class Ability(enum.StrEnum):
    """What a test may need of a bench beyond hands, lines and a host."""

    CARTRIDGE = "put cartridges of its own choice into the pen"
    SENSORS = "set temperature, current, supply and fluid"
    INJECT = "make the firmware hang, raise, hoard memory"
    SOFT_RESET = "restart the interpreter under the running firmware"
    RESET = "reset the chip or take its power away"
    SKIP = "let time pass without waiting for it"
    BOOT = "watch the outputs from the first moment of power"
    FLASH_CUT = "cut the power amid a flash write"
    FIGURES = "read pass times and free memory of the firmware"
    GUEST = "run other programs than the firmware on the pen's chip"
    PLACE_EDGE = "act at an exact moment of a stroke"
    CLOCK = "jump the clock and the counters of the pen"


class Signal(enum.StrEnum):
    """A line of the pen on the bench's time line."""

    COIL = "coil"
    """The needle's coil drive."""
    SAFE = "safe"
    """The SAFE node: stop contact closed and the lease's charge pump full."""
    STEP = "step"
    HALL = "hall"
    """High while the plunger passes its sensor."""
    ESTOP = "estop"
    """High while the stop contact conducts."""
    TRIGGER = "trigger"
    LATCH = "latch"


class Hand(enum.StrEnum):
    """What an operator's hands and the world do to the pen: contacts, closed or open."""

    ESTOP = "estop"
    """Stop contact conducts."""
    ESTOP_PRESENT = "estop_present"
    TRIGGER = "trigger"
    LATCH = "latch"
    CONTACT = "contact"
    """The tip touches skin."""
    CHARGER = "charger"


class Sensor(enum.StrEnum):
    """An analogue quantity of the pen, in the unit its name ends with."""

    COIL_C = "coil_c"
    SUPPLY_MV = "supply_mv"
    FLUID_WET = "fluid_wet"
    """1 wet, 0 dry."""
    COIL_OPEN = "coil_open"
    """1: the temperature sensor's wire is broken."""


class Misdeed(enum.StrEnum):
    """What the firmware is made to do wrong at its next pass."""

    HANG = "while True: pass"
    RAISE = "raise an exception"
    HOARD = "fill the heap with small objects and collect them in every pass"
    SOFT_RESET = "machine.soft_reset()"
    WATCH_HEAP = "look at the heap before and after every pass under strokes"


class Edge(NamedTuple):
    """A change of a signal: when, and its level from then on."""

    t_ns: int
    level: int


class Figures(NamedTuple):
    """What the firmware on the pen's chip says of itself."""

    pass_us: Mapping[str, tuple[int, int, int, int]]
    """For `idle` and `stroking`: number of passes, their median, 99th hundredth and longest."""
    free_bytes: int
    """Free heap after a collection, disarmed."""
    allocated_bytes: int
    """Heap taken by the steady passes of the last run without a frame in them."""
    allocated_passes: int
    """How many passes those were."""
    collection_us: int
    """The longest collection of the heap under strokes; 0 when there was none."""
    free_armed_bytes: int
    """Free heap when the pen was first armed, as it was then: what a treatment's frames may take."""


class Unable(RuntimeError):  # noqa: N818 - a reason to skip, not an error
    """The bench cannot do what was asked; the sentence says what it lacks."""


class Bench(abc.ABC):
    """One pen on one bench.

    Attributes:
        name: The bench's address, as given to `--pen`.
        abilities: What it can do beyond the contract.
        resolution_ns: How finely its edges are timed.
    """

    name: str
    abilities: frozenset[Ability] = frozenset()
    resolution_ns: int

    def require(self, *abilities: Ability) -> None:
        """Go on only when the bench can do all of this.

        Raises:
            Unable: It cannot.
        """
        lacking = [ability.value for ability in abilities if ability not in self.abilities]
        if lacking:
            raise Unable(f"the bench {self.name} cannot {' nor '.join(lacking)}")

    # --- time and host --------------------------------------------------------------------------------------------------

    @property
    @abc.abstractmethod
    def now_ns(self) -> int:
        """Now, on the bench's time line."""

    @abc.abstractmethod
    def run_ms(self, duration_ms: float) -> None:
        """Let the pen live for this long without a host at work."""

    @abc.abstractmethod
    def transport(self) -> Transport:
        """A way for the host to the pen; one at a time."""

    @abc.abstractmethod
    def clock(self) -> float:
        """Seconds for the host's timeouts and leases."""

    # --- hands ------------------------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def hand(self, hand: Hand, closed: bool) -> int:
        """Close or open a contact now; when that was, on the bench's time line."""

    def hand_amid_stroke(self, hand: Hand, closed: bool, after_us: int) -> None:
        """Close or open a contact `after_us` after the coil's next rise; its edge says when. Needs `PLACE_EDGE`."""
        raise Unable(
            f"the bench {self.name} cannot {Ability.PLACE_EDGE.value}: {hand} {closed} {after_us} us"
        )

    def sensor(self, sensor: Sensor, value: float) -> None:
        """Set what a sensor sees. Needs `SENSORS`."""
        raise Unable(f"the bench {self.name} cannot {Ability.SENSORS.value}: {sensor} {value}")

    def insert_cartridge(self, number: int) -> bytes:
        """Put a new cartridge in and close the latch; its serial. Needs `CARTRIDGE`."""
        raise Unable(f"the bench {self.name} cannot {Ability.CARTRIDGE.value}: number {number}")

    # --- measuring --------------------------------------------------------------------------------------------------------

    @abc.abstractmethod
    def edges(self, signal: Signal, since_ns: int = 0) -> list[Edge]:
        """Changes of a signal at or after a moment, in order of time."""

    @abc.abstractmethod
    def level(self, signal: Signal) -> int:
        """Level of a signal now."""

    @property
    @abc.abstractmethod
    def unsafe_coil_edges(self) -> int:
        """Times the coil drive rose while SAFE was low; none is allowed."""

    @property
    @abc.abstractmethod
    def resets(self) -> int:
        """Resets of the chip so far."""

    # --- misdeeds and figures, for benches that can ---------------------------------------------------------------------------

    def inject(self, misdeed: Misdeed) -> None:
        """Make the firmware misbehave at its next pass. Needs `INJECT` (`SOFT_RESET` for that one)."""
        raise Unable(f"the bench {self.name} cannot {Ability.INJECT.value}: {misdeed.value}")

    def end_misdeed(self) -> None:  # noqa: B027 - nothing to end where nothing can be injected
        """The firmware behaves again, as far as it can."""

    def reset(self) -> None:
        """Reset the chip. Needs `RESET`."""
        raise Unable(f"the bench {self.name} cannot {Ability.RESET.value}")

    def await_boot(self) -> None:
        """Let the pen live after a reset until its firmware runs and would answer a host."""
        self.run_ms(BOOT_MS)

    def skip_ms(self, duration_ms: float) -> None:
        """Let time pass with the firmware's core standing still. Needs `SKIP`."""
        raise Unable(f"the bench {self.name} cannot {Ability.SKIP.value}: {duration_ms} ms")

    def clock_us(self) -> int:
        """What the pen's microsecond clock shows, modulo `hal.CLOCK_WRAP`. Needs `CLOCK`."""
        raise Unable(f"the bench {self.name} cannot {Ability.CLOCK.value}")

    def jump_clock_ms(self, duration_ms: float) -> None:
        """The pen's clocks jump ahead; nothing happens meanwhile. Needs `CLOCK`."""
        raise Unable(f"the bench {self.name} cannot {Ability.CLOCK.value}: {duration_ms} ms")

    def miscount(self, edges: int) -> None:
        """The counter of the coil's edges jumps. Needs `CLOCK`."""
        raise Unable(f"the bench {self.name} cannot {Ability.CLOCK.value}: {edges} edges")

    def cut_next_flash_write(self, after_bytes: int) -> Callable[[], bool]:
        """Power fails that far into the next flash write; the answer says whether it did. Needs `FLASH_CUT`."""
        raise Unable(f"the bench {self.name} cannot {Ability.FLASH_CUT.value}: {after_bytes} bytes")

    def figures(self) -> Figures:
        """What the firmware says of its passes and memory. Needs `FIGURES`; the pen is disarmed."""
        raise Unable(f"the bench {self.name} cannot {Ability.FIGURES.value}")

    # --- identity -----------------------------------------------------------------------------------------------------------

    def facts(self) -> dict[str, str]:
        """What else identifies this bench in a record of evidence: image and its hash, emulator, rig."""
        return {}

    def close(self) -> None:  # noqa: B027 - a pen that ceases to be needs no leaving
        """Leave the bench as it may be left: coil off, contacts as a resting hand leaves them."""
