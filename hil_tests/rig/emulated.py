"""The rig as an emulated chip, alone with wires to drive, or joined pin to pin with an emulated pen.

Two chips have two clocks. They are moved in turns of one microsecond, the pen first, so what one does reaches the other
within that time: the rig sees the pen's edges in the same microsecond, the pen sees the rig's in the next one.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hil_tests.chip.emulator import Chip, ChipPen
from hil_tests.chip.wiring import HIGH
from hil_tests.rig import image, pins
from pen_firmware import pins as pen_pins
from pen_sim.plant import analog

DIVIDER = 5
"""Of the sampler's clock in the emulator: a look takes 400 ns there. Every cycle costs the emulator time."""
TURN_NS = 1_000
STARTED_MS = 400
"""From USB to a rig that answers."""
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
BROKEN_WIRE_C = -273.0
"""The reading of an open sensor is that of no warmth at all."""


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
        super().__init__(uf2, files or rig_files(), RigWiring, machine_clocks=divider, cycle_ns=cycle_ns)


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
        self._to_rig("DIRECTION", pen.wiring.level("DIRECTION"))

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
        pen, rig, ahead_ns = self.pen, self.rig, self._ahead_ns
        turn_ns = pen.now_ns // TURN_NS * TURN_NS
        while turn_ns < end_ns:
            turn_ns += TURN_NS
            pen.run_to_ns(turn_ns)
            rig.run_to_ns(turn_ns + ahead_ns)

    # --- wires ------------------------------------------------------------------------------------------------------------

    def _pen_line(self, name: str, high: bool) -> None:
        line = FROM_PEN.get(name)
        if line is not None:
            self._to_rig(line, high)

    def _to_rig(self, line: str, high: bool) -> None:
        if line not in self.cut and self._shown.get(line) != high:
            self._shown[line] = high
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
