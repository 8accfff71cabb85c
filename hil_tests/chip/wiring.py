"""Everything around the emulated chip: gates, contacts, axis, needle, sensors. Wired as `pen_firmware.pins` says.

All of it runs in the emulator's thread: a pad's change calls a listener, the listener sets other pads at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hil_tests.chip.wire import BitDevice, WireSlave
from pen_firmware import pins
from pen_firmware.pio_programs import LEASE_HIGH_US, SAFE_DECAY_US
from pen_sim.eeprom import Cartridge
from pen_sim.plant import analog

HIGH = 1
STEPS_PER_MM = 400
HOME_STEP = 0
"""The home switch opens (reads low) at this step and below."""
STOP_STEPS = 4
"""The axis cannot go further inward than this many steps behind the home switch."""
HALL_DELAY_NS = 1_200_000
"""From the coil's rising edge until the plunger passes the hall sensor."""
HALL_PULSE_NS = 1_000_000
SAFE_DECAY_NS = SAFE_DECAY_US * 1_000
LEASE_HIGH_NS = LEASE_HIGH_US * 1_000
RECORDED = ("NEEDLE", "SAFE", "STEP", "HALL", "ESTOP", "TRIGGER", "LATCH")
"""Lines whose every change is kept. The lease line is not one: it changes every two microseconds."""
LEAST_PULL_NS = 400_000
"""A shorter coil pulse does not move the needle past its sensor."""


@dataclass
class Edges:
    """What the pads did, in emulated nanoseconds."""

    needle_rise_ns: list[int] = field(default_factory=list)
    needle_fall_ns: list[int] = field(default_factory=list)
    lease_fall_ns: list[int] = field(default_factory=list)
    steps: int = 0
    steps_blocked: int = 0
    changes: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: {name: [] for name in RECORDED})
    """(time, level) of every change of the recorded lines; a hall pulse is high while the plunger passes."""


class Wiring:
    """The pen around the chip. Contacts are plain attributes; `apply()` puts them on the pads."""

    def __init__(self, mcu: Any, clock: Any, cartridge: Cartridge | None = None) -> None:
        self.edges = Edges()
        self.estop_closed = True
        self.estop_present = True
        self.trigger = False
        self.latch = True
        self.contact = False
        self.charger = False
        self.over_current = False
        self.hall_works = True
        self.celsius = 25.0
        self.wire_broken = False
        """The temperature sensor's wire is open."""
        self.supply_mv = 6_000.0
        self.fluid = analog.FLUID_DRY
        self.position = 3 * STEPS_PER_MM // 10
        """Steps outward of the home switch; the pen wakes up somewhere."""
        self.glitches = 0
        """Times a driven output was high while SAFE was low."""
        self.on_stroke: Callable[[], None] = lambda: None
        """Called at each rise of the coil drive."""
        self.on_line: Callable[[str, bool], None] = lambda _name, _high: None
        """Called with every level put on a pad of the chip."""
        self._mcu = mcu
        self._clock = clock
        self._shown = dict.fromkeys(RECORDED, 0)
        self._gpio = {name: mcu.gpio[number] for name, number, *_rest in pins.PINS}
        self._lease = False
        """Level of the lease line."""
        self._pumped = False
        """The charge pump holds: the lease line rose within the last `SAFE_DECAY_US`."""
        self._rose_ns = 0
        self._pump_empty = clock.create_alarm(self._pump_runs_down)
        self._needle = False
        self._step = False
        self._passing = False
        self._hall_on = clock.create_alarm(lambda: self._hall(True))
        self._hall_off = clock.create_alarm(lambda: self._hall(False))
        self.wire = WireSlave(self._gpio["CARTRIDGE"], clock, BitDevice())
        self.wire.device.cartridge = cartridge
        for name in ("NEEDLE", "LEASE", "STEP", "DIRECTION"):
            self._gpio[name].add_listener(
                lambda level, _before, name=name: self._changed(name, level == HIGH)
            )
        self.apply()

    def apply(self) -> None:
        """Put the state of every contact and sensor on the pads. Also after a reset of the chip."""
        self._drive("ESTOP", self.estop_closed)
        self._drive("ESTOP_PRESENT", self.estop_present)
        self._drive("TRIGGER", self.trigger)
        self._drive("LATCH", self.latch)
        self._drive("CONTACT", self.contact)
        self._drive("CHARGER", self.charger)
        self._drive("OVER_CURRENT", not self.over_current)
        for name in ("NEEDLE", "LEASE", "STEP"):
            self._changed(name, self.level(name))
        self._drive("HALL", not self._passing)
        self._gates()
        values = self._mcu.adc.channel_values
        values[0] = analog.FULL_SCALE if self.wire_broken else analog.ntc_reading(self.celsius)
        values[1] = analog.current_reading(600 if self._needle else 0)
        values[2] = self.fluid
        values[3] = analog.supply_reading(self.supply_mv)

    def level(self, name: str) -> bool:
        """True when the chip drives this pad high."""
        return bool(self._gpio[name].value == HIGH)

    @property
    def safe(self) -> bool:
        """The SAFE node: stop contact closed and the charge pump of the lease full."""
        return self.estop_closed and self._pumped

    @property
    def at_home(self) -> bool:
        """The axis stands on its home switch."""
        return self.position <= HOME_STEP

    @property
    def protrusion_um(self) -> int:
        """How far the axis stands outward of the home switch."""
        return self.position * 1000 // STEPS_PER_MM

    def _changed(self, name: str, high: bool) -> None:
        if name == "LEASE":
            self._lease_changed(high)
        elif name == "NEEDLE":
            self._needle_changed(high)
        elif name == "STEP":
            self._step_changed(high)
        else:
            self._gates()

    def _lease_changed(self, high: bool) -> None:
        """Rising edges fill the pump; a level, high or low, does not."""
        rises = high and not self._lease
        self._lease = high
        self._drive("LEASE", high)
        if not rises:
            return
        self._rose_ns = self._clock.nanos
        if self._pumped:
            return
        self._pumped = True
        self._pump_empty.schedule(SAFE_DECAY_NS)
        self._gates()

    def _pump_runs_down(self) -> None:
        rest_ns = self._rose_ns + SAFE_DECAY_NS - self._clock.nanos
        if rest_ns > 0:
            self._pump_empty.schedule(rest_ns)
            return
        self._pumped = False
        self.edges.lease_fall_ns.append(self._rose_ns + LEASE_HIGH_NS)
        self._gates()

    def _needle_changed(self, high: bool) -> None:
        if high == self._needle:
            return
        self._needle = high
        self._drive("NEEDLE", high)
        now = self._clock.nanos
        if high:
            self.edges.needle_rise_ns.append(now)
            self.glitches += not self.safe
            self.on_stroke()
            return
        self.edges.needle_fall_ns.append(now)
        if self.hall_works and now - self.edges.needle_rise_ns[-1] >= LEAST_PULL_NS:
            self._hall_on.schedule(HALL_DELAY_NS)

    def show_hall(self, passing: bool) -> None:
        """What another plunger sensor than the built-in one says; `hall_works` is False then."""
        self._passing = passing
        self._drive("HALL", not passing)

    def _hall(self, passing: bool) -> None:
        self._passing = passing
        self._drive("HALL", not passing)
        if passing:
            self._hall_off.schedule(HALL_PULSE_NS)

    def _step_changed(self, high: bool) -> None:
        rising = high and not self._step
        self._step = high
        self._drive("STEP", high)
        if not rising:
            return
        self.edges.steps += 1
        outward = self.level("DIRECTION")
        if not outward and self.position <= HOME_STEP - STOP_STEPS:
            self.edges.steps_blocked += 1
            return
        self.position += 1 if outward else -1
        self._gates()

    def _gates(self) -> None:
        self._drive("HOME", not self.at_home)
        self._drive("SAFE", self.safe)
        self._drive("AXIS_OK", self.estop_closed and (self.level("DIRECTION") or not self.at_home))

    def _drive(self, name: str, high: bool) -> None:
        self._gpio[name].set_input_value(high)
        self.on_line(name, high)
        if name not in self._shown:
            return
        level = int(high != (name == "HALL"))
        if level != self._shown[name]:
            self._shown[name] = level
            self.edges.changes[name].append((int(self._clock.nanos), level))
