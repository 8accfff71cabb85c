"""What the needle does with a coil pulse: it arrives, late or not at all, and the hall sensor says so."""

from __future__ import annotations

import random

PULL_IN_US = 420
"""From power to the hall pulse in air at the nominal supply."""
SKIN_US = 60
"""Added by skin."""
JITTER_US = 8
"""Each stroke arrives within this of its time."""
NOMINAL_MV = 5_000


class NeedleMotion:
    """One stroke at a time: `power_on` says when the needle will arrive, `power_off` whether it did."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.in_skin = False
        self.hall_lost = False
        """The sensor is silent although the needle moves."""
        self.missing_percent = 0
        """Share of pulses that do not move the needle: fault `droop`."""
        self.extra_delay_us = 0
        """Drag: hair, debris or a bent needle."""
        self.arrivals = 0
        """Strokes the needle really made: the truth behind the hall sensor."""
        self.skin_arrivals = 0
        """Those of them made in skin."""
        self._arrives_us = -1

    def power_on(self, time_us: int, supply_mv: int) -> None:
        """Power begins: from now the needle is on its way, unless this stroke is a missing one."""
        self._arrives_us = -1
        if self.missing_percent and self._rng.randrange(100) < self.missing_percent:
            return
        delay_us = PULL_IN_US + self.extra_delay_us + self._rng.randint(-JITTER_US, JITTER_US)
        if self.in_skin:
            delay_us += SKIN_US
        self._arrives_us = time_us + delay_us * NOMINAL_MV // max(supply_mv, 1)

    def due(self, to_us: int) -> int:
        """Time of a hall pulse at or before `to_us`, or -1. Each is given once."""
        arrived_us = self._arrives_us
        if arrived_us < 0 or arrived_us > to_us:
            return -1
        self._arrives_us = -1
        self.arrivals += 1
        self.skin_arrivals += self.in_skin
        return -1 if self.hall_lost else arrived_us

    def power_off(self) -> None:
        """Power ends: a needle that has not arrived springs back."""
        self._arrives_us = -1
