"""The solenoid's coil: current that rises with L/R, heat that leaves slowly."""

from __future__ import annotations

import math

RESISTANCE_OHM = 4.0
SHORTED_OHM = 1.2
"""Resistance with shorted turns."""
RISE_US = 600.0
"""L/R of the coil."""
DECAY_US = 150.0
"""Time constant of the current's decay through the clamp."""
THERMAL_K_PER_W = 30.0
"""Coil to air, pen held in a hand."""
THERMAL_TAU_S = 400.0
COMPARATOR_MA = 1_500.0
"""The comparator latches the driver off at this current, without the processor."""
AMBIENT_C = 25.0


class Coil:
    """Current and temperature. `switch` is told when power begins and ends; between, everything follows from time."""

    def __init__(self, ambient_c: float = AMBIENT_C) -> None:
        self.ambient_c = ambient_c
        self.celsius = ambient_c
        self.shorted = False
        self.heat_factor = 1.0
        """Above 1 heats faster than a healthy coil: fault `overheat`."""
        self.powered = False
        self._since_us = 0
        self._full_ma = 0.0
        self._left_ma = 0.0
        self._joule = 0.0
        self._pulse_joule = 0.0
        self._cooled_us = 0

    def switch(self, time_us: int, on: bool, supply_mv: int) -> None:
        """Power begins or ends at `time_us`."""
        if on == self.powered:
            return
        if on:
            resistance = SHORTED_OHM if self.shorted else RESISTANCE_OHM
            self._full_ma = supply_mv / resistance
            self._pulse_joule = 0.0
        else:
            self._gather(time_us)
            self._left_ma = self.current_ma(time_us)
        self.powered = on
        self._since_us = time_us

    def current_ma(self, time_us: int) -> float:
        """Current at `time_us`, not before the last switching."""
        passed_us = time_us - self._since_us
        if self.powered:
            return self._full_ma * (1.0 - math.exp(-passed_us / RISE_US))
        return self._left_ma * math.exp(-passed_us / DECAY_US) if self._left_ma else 0.0

    def over_current_us(self) -> int | None:
        """When the current of this pulse reaches the comparator's threshold; None if it never does."""
        if not self.powered or self._full_ma <= COMPARATOR_MA:
            return None
        return self._since_us + round(-RISE_US * math.log(1.0 - COMPARATOR_MA / self._full_ma))

    def temperature_c(self, time_us: int) -> float:
        """Temperature at `time_us`: heat of the pulses since the last reading comes in, the rest decays."""
        passed_s = (time_us - self._cooled_us) / 1e6
        if passed_s <= 0:
            return self.celsius
        if self.powered:
            self._gather(time_us)
        rise_c = self.celsius - self.ambient_c
        rise_c *= math.exp(-passed_s / THERMAL_TAU_S)
        rise_c += self._joule * self.heat_factor * THERMAL_K_PER_W / THERMAL_TAU_S
        self._joule = 0.0
        self._cooled_us = time_us
        self.celsius = self.ambient_c + rise_c
        return self.celsius

    def _gather(self, time_us: int) -> None:
        """Add what this pulse has turned to heat and was not yet added."""
        energy = self._energy(time_us - self._since_us)
        self._joule += energy - self._pulse_joule
        self._pulse_joule = energy

    def _energy(self, on_us: int) -> float:
        """Joules of the first `on_us` of a pulse: resistance times the integral of the current squared."""
        if on_us <= 0:
            return 0.0
        decay = math.exp(-on_us / RISE_US)
        weighted_us = on_us - 2.0 * RISE_US * (1.0 - decay) + RISE_US / 2.0 * (1.0 - decay * decay)
        resistance = SHORTED_OHM if self.shorted else RESISTANCE_OHM
        return resistance * (self._full_ma / 1e3) ** 2 * weighted_us / 1e6
