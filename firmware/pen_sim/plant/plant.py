"""Everything of the pen that is not the chip: hands, contacts, coil, axis, supply, fluid. Deterministic for a seed."""

from __future__ import annotations

import random

from pen_firmware.hal import Analog, Input
from pen_sim.machines import PeriodMeter
from pen_sim.plant import analog
from pen_sim.plant.axis import Axis
from pen_sim.plant.coil import Coil
from pen_sim.plant.needle import NeedleMotion
from pen_sim.trace import Trace

SUPPLY_MV = 5_000
CHARGER_MV = 5_200
SUPPLY_OHM = 0.15
"""The supply sags by this much per ampere of coil current."""
NOISE = 3
"""Every reading is within this many counts of the truth."""


class Plant:
    """State of the world around the chip. Hands and faults change attributes; the board reads inputs and channels."""

    def __init__(self, trace: Trace, meter: PeriodMeter, seed: int = 0) -> None:
        rng = random.Random(seed)  # noqa: S311 - physics, repeatable for a seed
        self._noise = random.Random(seed + 1)  # noqa: S311 - as above
        self._trace = trace
        self._meter = meter
        self.axis = Axis(rng)
        self.coil = Coil()
        self.needle = NeedleMotion(rng)
        # contacts
        self.estop_closed = True
        self.estop_present = True
        self.trigger = False
        self.latch = True
        self.charger = False
        # electrical state
        self.supply_mv = SUPPLY_MV
        self.fluid_wet = False
        self.gate_stuck = False
        self.over_current = False
        self.sensor_reading: int | None = None
        """A broken temperature sensor reads this for ever; None works."""
        self.stuck_inputs = 0
        """Inputs that read 1 whatever happens."""
        self.dead_inputs = 0
        """Inputs that read 0 whatever happens."""
        self.pad = 0
        self.powered_off = False

    # --- coil -----------------------------------------------------------------------------------------------------

    @property
    def powered(self) -> bool:
        """Current flows into the coil."""
        return self.coil.powered

    def set_pad(self, time_us: int, level: int) -> None:
        """The needle pad changes."""
        self.advance(time_us)
        self.pad = level
        self.drive(time_us)

    def drive(self, time_us: int) -> None:
        """Switch the coil as pad, driver, comparator and stop contact now say."""
        told = bool(self.pad) and not self.over_current
        on = (told or self.gate_stuck) and self.estop_closed and not self.powered_off
        if on == self.coil.powered:
            return
        if not on:
            self.needle.power_off()
        self.coil.switch(time_us, on, self.supply_mv)
        if on:
            self.needle.power_on(time_us, self.supply_mv)
        if on != bool(self.pad):
            self._trace.record(time_us, "power", int(on))

    def advance(self, to_us: int) -> None:
        """Play what happens by itself up to `to_us`: a needle that arrives, a comparator that trips."""
        if not self.coil.powered:
            return
        trips_us = None if self.over_current else self.coil.over_current_us()
        if trips_us is not None and trips_us <= to_us:
            self.over_current = True
            self.drive(trips_us)
        self._play_arrivals(to_us)

    def _play_arrivals(self, to_us: int) -> None:
        hall_us = self.needle.due(to_us)
        if hall_us >= 0:
            self._trace.record(hall_us, "hall", 1)
            self._meter.pulse(hall_us)

    # --- contacts -------------------------------------------------------------------------------------------------

    def set_estop(self, time_us: int, closed: bool) -> None:
        """The stop contact changes: it also carries the coil's supply."""
        if closed == self.estop_closed:
            return
        self.advance(time_us)
        self.estop_closed = closed
        self._trace.record(time_us, "estop", int(closed))
        self.drive(time_us)

    def contacts(self) -> int:
        """`Input` bits of everything that is not read back from a pad."""
        mask = 0
        if self.estop_closed:
            mask |= Input.ESTOP_CLOSED
        if self.estop_present:
            mask |= Input.ESTOP_PRESENT
        if self.trigger:
            mask |= Input.TRIGGER
        if self.latch:
            mask |= Input.LATCH
        if self.axis.home_switch:
            mask |= Input.HOME
        if self.needle.in_skin:
            mask |= Input.CONTACT
        if self.charger:
            mask |= Input.CHARGER
        if self.over_current:
            mask |= Input.OVER_CURRENT
        return (mask | self.stuck_inputs) & ~self.dead_inputs

    # --- analog channels --------------------------------------------------------------------------------------------

    def reading(self, channel: int, time_us: int) -> int:
        """What the ADC says of one channel at `time_us`."""
        truth = self._truth(channel, time_us)
        if truth in (0, analog.FULL_SCALE):
            return truth
        return max(0, min(analog.FULL_SCALE, truth + self._noise.randint(-NOISE, NOISE)))

    def _truth(self, channel: int, time_us: int) -> int:
        if channel == Analog.COIL_TEMPERATURE:
            if self.sensor_reading is not None:
                return self.sensor_reading
            return analog.ntc_reading(self.coil.temperature_c(time_us))
        if channel == Analog.COIL_CURRENT:
            return analog.current_reading(self.coil.current_ma(time_us))
        if channel == Analog.FLUID:
            return analog.FLUID_WET if self.fluid_wet else analog.FLUID_DRY
        return analog.supply_reading(self.millivolt(time_us))

    def millivolt(self, time_us: int) -> float:
        """Supply at the pen under the load of the coil."""
        open_mv = max(self.supply_mv, CHARGER_MV) if self.charger else self.supply_mv
        return open_mv - self.coil.current_ma(time_us) * SUPPLY_OHM
