"""The emulated pen on a bench: the real MicroPython and firmware on an emulated RP2040, in the chip's time."""

from __future__ import annotations

import hashlib
import importlib.metadata
import tempfile
from collections.abc import Callable
from pathlib import Path

from hil_tests.benches.contract import Ability, Bench, Edge, Figures, Hand, Misdeed, Sensor, Signal
from hil_tests.chip import image as chip_image
from hil_tests.chip import probe
from hil_tests.chip.emulator import ChipPen
from hil_tests.chip.guest import GUESTS
from hil_tests.chip.transport import ChipTransport
from pen_firmware.hal import CLOCK_WRAP
from pen_sim.eeprom import Cartridge
from pen_sim.plant import analog

RESOLUTION_NS = 1_000
IMPORTED_MS = 6_000
"""From USB to a firmware that has imported itself and starts its machines; a host that greets earlier gives up."""
EDGES_BEFORE_WRAP = (1 << 32) - 8
"""What the counters of the coil's and the axis' edges begin with, and so wrap in every test that moves something.

Behind the 32 bits of the machine, not the 30 the firmware keeps: MicroPython makes a larger number an object, and no pen
comes to so many edges in one life.
"""
LINES = {
    Signal.COIL: "NEEDLE",
    Signal.SAFE: "SAFE",
    Signal.STEP: "STEP",
    Signal.HALL: "HALL",
    Signal.ESTOP: "ESTOP",
    Signal.TRIGGER: "TRIGGER",
    Signal.LATCH: "LATCH",
}
HANDS = {Hand.ESTOP: "estop_closed"}
"""Contacts whose name on the wiring is another one."""
ORDERS = {
    Misdeed.HANG: probe.Order.HANG,
    Misdeed.RAISE: probe.Order.RAISE,
    Misdeed.HOARD: probe.Order.HOARD,
    Misdeed.SOFT_RESET: probe.Order.SOFT_RESET,
    Misdeed.WATCH_HEAP: probe.Order.HEAP,
}


class ChipBench(Bench):
    """An emulated chip, booted to USB.

    Attributes:
        chip: The chip itself.
        image: Its MicroPython image.
    """

    abilities = frozenset(Ability)
    resolution_ns = RESOLUTION_NS

    def __init__(self, image: Path, *, probed: bool = True, guest: str | None = None) -> None:
        """Boot a pen.

        Args:
            image: MicroPython UF2.
            probed: Run main.py behind the probe; without it `INJECT` and `FIGURES` do nothing.
            guest: A program of `chip/guests` in place of main.py.
        """
        self.name = f"chip:{image.stem}"
        self.image = image
        files = chip_image.device_tree(Path(tempfile.gettempdir()) / "pen-device-tree")
        if guest is not None:
            files["main.py"] = (GUESTS / guest).read_bytes()
        elif probed:
            files = probe.probed_files(files)
        self.chip = ChipPen(image, files, Cartridge(), edges=0 if guest else EDGES_BEFORE_WRAP)
        self.chip.start()
        if guest is None:
            self.await_boot()

    # --- time and host --------------------------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        """Time of the chip."""
        return self.chip.now_ns

    def run_ms(self, duration_ms: float) -> None:
        """Let the chip live."""
        self.chip.run_ms(duration_ms)

    def transport(self) -> ChipTransport:
        """A way for the host to the chip."""
        return ChipTransport(self.chip)

    def clock(self) -> float:
        """Seconds of the chip."""
        return self.chip.now_ns / 1e9

    def await_boot(self) -> None:
        """The firmware runs once it has started its machines."""
        if not self.chip.until(lambda: self.chip.machines_run, IMPORTED_MS):
            raise RuntimeError(f"the firmware did not start on {self.image.name}: {self.chip.read()!r}")

    def skip_ms(self, duration_ms: float) -> None:
        """The core stands still; machines, USB and watchdog go on."""
        self.chip.skip_ms(duration_ms)

    # --- hands ------------------------------------------------------------------------------------------------------------

    def hand(self, hand: Hand, closed: bool) -> int:
        """Close or open a contact."""
        now_ns = self.now_ns
        self.chip.set(**{HANDS.get(hand, hand.value): closed})
        return now_ns

    def hand_amid_stroke(self, hand: Hand, closed: bool, after_us: int) -> None:
        """Act after the next rise of the coil."""
        wiring = self.chip.wiring

        def once() -> None:
            wiring.on_stroke = lambda: None
            self.chip.at_ns(after_us * 1_000, lambda: self.chip.set(**{HANDS.get(hand, hand.value): closed}))

        wiring.on_stroke = once

    def sensor(self, sensor: Sensor, value: float) -> None:
        """Set what a sensor sees."""
        if sensor is Sensor.COIL_C:
            self.chip.set(celsius=value)
        elif sensor is Sensor.COIL_OPEN:
            self.chip.set(wire_broken=bool(value))
        elif sensor is Sensor.FLUID_WET:
            self.chip.set(fluid=analog.FLUID_WET if value else analog.FLUID_DRY)
        else:
            self.chip.set(supply_mv=value)

    def insert_cartridge(self, number: int) -> bytes:
        """Put a new cartridge in."""
        cartridge = Cartridge(number=number)
        self.chip.wiring.wire.device.cartridge = cartridge
        self.chip.set(latch=True)
        return cartridge.serial

    # --- measuring --------------------------------------------------------------------------------------------------------

    def edges(self, signal: Signal, since_ns: int = 0) -> list[Edge]:
        """Changes of a pad."""
        changes = self.chip.wiring.edges.changes[LINES[signal]]
        return [Edge(t_ns, level) for t_ns, level in changes if t_ns >= since_ns]

    def level(self, signal: Signal) -> int:
        """Level of a pad now."""
        changes = self.chip.wiring.edges.changes[LINES[signal]]
        return changes[-1][1] if changes else 0

    @property
    def unsafe_coil_edges(self) -> int:
        """Coil rises outside SAFE."""
        return self.chip.wiring.glitches

    @property
    def resets(self) -> int:
        """Resets so far."""
        return self.chip.resets

    # --- misdeeds and figures ---------------------------------------------------------------------------------------------

    def inject(self, misdeed: Misdeed) -> None:
        """The probe does it at the next pass."""
        probe.order(self.chip, ORDERS[misdeed])

    def reset(self) -> None:
        """RUN is pulled low and let go."""
        self.chip.reset_by_button()

    def clock_us(self) -> int:
        """The chip's timer, as MicroPython shows it."""
        return self.chip.clock_us() % CLOCK_WRAP

    def jump_clock_ms(self, duration_ms: float) -> None:
        """The chip's timer jumps; nothing else does."""
        self.chip.jump_clock_us(round(duration_ms * 1_000))

    def miscount(self, edges: int) -> None:
        """The counter jumps."""
        self.chip.miscount(edges)

    def cut_next_flash_write(self, after_bytes: int) -> Callable[[], bool]:
        """The chip loses its power that far into the next page written to its flash."""
        return self.chip.cut_next_flash_write(after_bytes)

    def figures(self) -> Figures:
        """What the probe has kept."""
        return probe.read_figures(self.chip)

    def facts(self) -> dict[str, str]:
        """Image, emulator."""
        return {
            "bench": "emulated RP2040",
            "image": self.image.name,
            "image_sha256": hashlib.sha256(self.image.read_bytes()).hexdigest(),
            "emulator": f"rp2040py {importlib.metadata.version('rp2040py')}",
        }
