"""The rig as an emulated chip, alone with wires to drive, or joined pin to pin with an emulated pen.

Two chips have two clocks. They are moved in turns, the pen first. When the pen changes a line amid its turn, the rig is
brought to that moment before it is told: it sees the pen's edges in the microsecond they happen in. The rig changes a line
while the pen is at the turn's end already, so turns are one microsecond long whenever it might: while its hands or its hall
machine are at work, and for a while after the laptop told it something. The pen then sees it in the next microsecond.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hil_tests.benches.rig import RigBench
from hil_tests.chip import image as chip_image
from hil_tests.chip.emulator import Chip, ChipPen
from hil_tests.chip.transport import ChipTransport
from hil_tests.chip.wiring import HIGH
from hil_tests.rig import image, pins
from hil_tests.rig.client import Rig
from pen_firmware import pins as pen_pins
from pen_sim.eeprom import Cartridge
from pen_sim.plant import analog

DIVIDER = 5
"""Of the sampler's clock in the emulator: a look takes 400 ns there. Every cycle costs the emulator time."""
TURN_NS = 1_000
LONG_TURN_NS = 25_000
"""A turn while the rig certainly changes nothing for which microseconds matter."""
TOLD_NS = 8_000_000
"""How long after bytes from the laptop the rig may act upon them."""
HANDS_BLOCK, HANDS_MACHINE, HALL_MACHINE = 1, 0, 1
SLOW_CLOCKS = 25
"""System clocks in a cycle of the block with hands and hall."""
STARTED_MS = 700
"""From USB to a rig that answers."""
IMPORTED_MS = 6_000
"""From USB to a pen that starts its machines."""
NEAR_HOME = 20
"""Where the axis of a pen wakes up, in steps from home: homing takes the emulator long."""
TO_PEN = {
    "ESTOP": "estop_closed",
    "ESTOP_PRESENT": "estop_present",
    "TRIGGER": "trigger",
    "LATCH": "latch",
    "CONTACT": "contact",
    "CHARGER": "charger",
}
"""Hands, and the contact of the emulated pen's wiring each closes."""
FROM_PEN = {"NEEDLE": "COIL", "SAFE": "SAFE", "STEP": "STEP", "LEASE": "LEASE"}
"""Lines of the pen, and what the rig calls them."""
CELSIUS = {"": 25.0, "COIL_WARM": 58.0, "COIL_HOT": 66.0}
SUPPLY_MV = 6_000.0
SUPPLY_SHARE = 0.41
BROKEN_WIRE_C = -200.0
"""An open sensor reads as a very cold one."""


class RigWiring:
    """Pads of the rig. A driven one reads back, and whoever is interested is told of every change."""

    def __init__(self, mcu: Any, _clock: Any) -> None:
        self._gpio = {entry[0]: mcu.gpio[entry[1]] for entry in pins.LINES}
        self.on_change: Callable[[str], None] = lambda _name: None
        self._driven: set[str] = set()
        for name, pad in self._gpio.items():
            pad.add_listener(lambda _level, _before, name=name: self._changed(name))

    def apply(self) -> None:
        """Nothing is kept here that a reset would take from the pads."""

    def level(self, name: str) -> bool | None:
        """Level the rig drives a line with; None when it lets go."""
        pad = self._gpio[name]
        return bool(pad.value == HIGH) if pad.output_enable else None

    def drive(self, name: str, high: bool) -> None:
        """Drive an input of the rig from outside."""
        self._gpio[name].set_input_value(high)

    def loosen(self, name: str) -> None:
        """Take the wire off an input."""
        self._gpio[name].release_input()

    def _changed(self, name: str) -> None:
        pad = self._gpio[name]
        if pad.output_enable:
            self._driven.add(name)
            pad.set_input_value(pad.value == HIGH)
        elif name in self._driven:
            self._driven.discard(name)
            pad.release_input()
        else:
            return  # an input whose pull changed
        self.on_change(name)


def rig_files() -> dict[str, bytes]:
    """The rig's device tree, compiled once for this machine."""
    return image.device_tree(Path(tempfile.gettempdir()) / "rig-device-tree")


class RigChip(Chip):
    """The rig on an emulated chip."""

    wiring: RigWiring

    def __init__(
        self,
        uf2: Path,
        files: Mapping[str, bytes] | None = None,
        divider: int = DIVIDER,
        cycle_ns: int = TURN_NS,
    ) -> None:
        super().__init__(
            uf2,
            files or rig_files(),
            RigWiring,
            machine_clocks=(divider, SLOW_CLOCKS if cycle_ns >= 200 else divider),
            cycle_ns=cycle_ns,
        )


class Port:
    """One chip of a pair, as `ChipTransport` and others take a chip: moving it moves both."""

    def __init__(self, pair: Pair, chip: Chip) -> None:
        self._pair = pair
        self._chip = chip

    @property
    def now_ms(self) -> float:
        """Time of the pair."""
        return self._pair.now_ns / 1e6

    def run_ms(self, duration_ms: float) -> None:
        """Let both chips live."""
        self._pair.run_ms(duration_ms)

    def write(self, data: bytes) -> None:
        """Send bytes to this chip."""
        self._pair.told()
        self._chip.write(data)

    def read(self) -> bytes:
        """What this chip has sent."""
        return self._chip.read()


class Pair:
    """A rig and a pen, their pins joined; moved by its caller as each of them is.

    Attributes:
        pen: The pen, booted as far as its maker took it.
        rig: The rig.
        lock: Held by whoever lets them live.
        cut: Names of the rig's lines whose wire is broken.
    """

    def __init__(self, pen: ChipPen, rig: RigChip, cut: frozenset[str] = frozenset()) -> None:
        self.pen = pen
        self.rig = rig
        self.cut = cut
        self.lock = threading.RLock()
        self._told_ns = pen.now_ns
        machines = rig.mcu.pio[HANDS_BLOCK].machines
        self._acting = (machines[HANDS_MACHINE], machines[HALL_MACHINE])
        self._ahead_ns = (rig.now_ns - pen.now_ns) // TURN_NS * TURN_NS
        pen.wiring.on_line = self._pen_line
        pen.mcu.gpio[pen_pins.gpio("DIRECTION")].add_listener(
            lambda level, _before: self._to_rig("DIRECTION", level == HIGH)
        )
        rig.wiring.on_change = self._rig_line
        self._shown: dict[str, bool] = {}
        for name in (*TO_PEN, "HALL", *pins.SWITCHES):
            self._rig_line(name)
        pen.wiring.apply()
        for line in ("NEEDLE", "STEP", "LEASE", "DIRECTION"):
            self._to_rig(FROM_PEN.get(line, line), pen.wiring.level(line))
        self._to_rig("SAFE", pen.wiring.safe)

    @property
    def now_ns(self) -> int:
        """Time of the pen, which is the pair's."""
        return self.pen.now_ns

    def run_ms(self, duration_ms: float) -> None:
        """Let both live."""
        with self.lock:
            self.run_to_ns(self.pen.now_ns + duration_ms * 1e6)

    def run_to_ns(self, end_ns: float) -> None:
        """Let both live until this moment of the pen's time; for callers that hold the lock."""
        turn_ns = self.pen.now_ns // TURN_NS * TURN_NS
        while turn_ns < end_ns:
            turn_ns += TURN_NS if self._rig_may_act(turn_ns) else LONG_TURN_NS
            self.pen.run_to_ns(turn_ns)
            self.rig.run_to_ns(turn_ns + self._ahead_ns)

    def break_wire(self, line: str) -> None:
        """Take a wire off."""
        self.cut |= {line}
        if line in TO_PEN or line in pins.SWITCHES:
            self._rig_line(line)
        else:
            self.rig.wiring.loosen(line)

    def told(self) -> None:
        """The laptop has sent something."""
        self._told_ns = self.pen.now_ns

    def _rig_may_act(self, now_ns: int) -> bool:
        if now_ns < self._told_ns + TOLD_NS:
            return True
        return any(machine.enabled and not machine.waiting for machine in self._acting)

    # --- wires ------------------------------------------------------------------------------------------------------------

    def _pen_line(self, name: str, high: bool) -> None:
        line = FROM_PEN.get(name)
        if line is not None:
            self._to_rig(line, high)

    def _to_rig(self, line: str, high: bool) -> None:
        if line not in self.cut and self._shown.get(line) != high:
            self._shown[line] = high
            self.rig.run_to_ns(self.pen.now_ns + self._ahead_ns)
            self.rig.wiring.drive(line, high)

    def _rig_line(self, name: str) -> None:
        wiring = self.pen.wiring
        level = None if name in self.cut else self.rig.wiring.level(name)
        if name in TO_PEN:
            # what a loose wire reads as, by the pen's own resistors
            closed = bool(level) if name != "CHARGER" else level is None or level
            setattr(wiring, TO_PEN[name], closed)
        elif name == "HALL":
            wiring.hall_works = level is None
            if level is not None:
                wiring.show_hall(not level)
                return
        elif name == "PEN_RUN":
            if level is None and self._shown.pop(name, False):
                self.pen.reset_by_button()
            elif level is False:
                self._shown[name] = True
        elif name in pins.SWITCHES:
            self._sensors()
        wiring.apply()

    def _sensors(self) -> None:
        """What the stand-ins of the sensors read."""
        on = {name for name in pins.SWITCHES if name not in self.cut and self.rig.wiring.level(name)}
        wiring = self.pen.wiring
        wiring.celsius = (
            CELSIUS["COIL_HOT" if "COIL_HOT" in on else "COIL_WARM" if "COIL_WARM" in on else ""]
            if "COIL_WIRE" in on
            else BROKEN_WIRE_C
        )
        wiring.fluid = analog.FLUID_WET if "FLUID_WET" in on else analog.FLUID_DRY
        wiring.supply_mv = SUPPLY_MV * (SUPPLY_SHARE if "SUPPLY_LOW" in on else 1)


def booted_pen(uf2: Path, cartridge: Cartridge | None = None) -> ChipPen:
    """An emulated pen whose firmware has started."""
    files = chip_image.device_tree(Path(tempfile.gettempdir()) / "pen-device-tree")
    pen = ChipPen(uf2, files, cartridge or Cartridge())
    pen.wiring.position = NEAR_HOME
    pen.start()
    if not pen.until(lambda: pen.machines_run, IMPORTED_MS):
        raise RuntimeError(f"the pen's firmware did not start on {uf2.name}: {pen.read()!r}")
    return pen


def booted_rig(uf2: Path, divider: int = DIVIDER) -> RigChip:
    """An emulated rig that answers."""
    rig = RigChip(uf2, divider=divider)
    rig.start()
    rig.run_ms(STARTED_MS)
    return rig


def pair_bench(uf2: Path, cut: frozenset[str] = frozenset()) -> RigBench:
    """The bench of a real pen, on two emulated chips in their own time.

    Args:
        uf2: MicroPython image for both.
        cut: Lines whose wire is broken.
    """
    return bench_of(Pair(booted_pen(uf2), booted_rig(uf2), cut))


def bench_of(pair: Pair) -> RigBench:
    """A bench on a pair."""
    way = ChipTransport(Port(pair, pair.rig))
    return RigBench(
        "two emulated chips",
        Rig(way, way.clock),
        lambda: ChipTransport(Port(pair, pair.pen)),
        way.clock,
        divider=DIVIDER,
    )
