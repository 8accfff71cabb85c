"""The lease machine: a retriggerable one-shot that keeps its line alive for a stated time and no longer.

Alive means a square wave of `LEASE_TICK_US`; the trace and `level` show it as one high time. Its charge pump holds SAFE.
"""

from __future__ import annotations

from collections.abc import Callable

from pen_firmware.pio_programs import LEASE_HIGH_US, LEASE_TICK_US, LEASE_TICKS_MAX, SAFE_DECAY_US

START_US = 3
"""From a word to the rising line."""
END_US = 6
"""A word of 0 ends a lease within this: the turn under way and one more."""
ESTOP_US = 4
"""An open stop contact ends a lease within one turn of the loop."""


class LeaseMachine:
    """Line alive until `falls_at_us`. An open stop contact latches it off until `start`."""

    def __init__(self, on_edge: Callable[[int, int], None]) -> None:
        self._on_edge = on_edge
        self.running = False
        self.tripped = False
        self.level = 0
        self.falls_at_us = -SAFE_DECAY_US

    @property
    def pump_empty_us(self) -> int:
        """When the charge pump lets SAFE fall: `SAFE_DECAY_US` after the last rising edge."""
        return self.falls_at_us - LEASE_TICK_US + SAFE_DECAY_US

    def pad(self, now_us: int) -> int:
        """Level of the pad itself, half of each turn high."""
        into_turn_us = (self.falls_at_us - now_us) % LEASE_TICK_US
        return int(self.level and (into_turn_us == 0 or into_turn_us > LEASE_TICK_US - LEASE_HIGH_US))

    def start(self) -> None:
        """The machine begins at its first instruction; the line is low until it is fed."""
        self.running = True
        self.tripped = False

    def halt(self, now_us: int) -> None:
        """Machine stopped and line forced low: safe state or reset."""
        self.running = False
        self.falls_at_us = min(self.falls_at_us, now_us)
        self._set(now_us, 0)

    def feed(self, ticks: int, now_us: int, estop_closed: bool) -> None:
        """A word arrives. A latched machine drains it.

        With the stop contact open the line rises for one look at the contact and the machine latches.
        """
        if not self.running or self.tripped:
            return
        ticks &= LEASE_TICKS_MAX
        if ticks == 0:
            self.falls_at_us = min(self.falls_at_us, now_us + END_US)
            return
        self.falls_at_us = now_us + START_US + LEASE_TICK_US * (ticks + 1)
        self._set(now_us + START_US, 1)
        if not estop_closed:
            self.estop_opened(now_us + START_US)

    def estop_opened(self, now_us: int) -> None:
        """The stop contact is open: a program that holds its line sees it within one turn and latches."""
        if not self.running:
            return
        if self.level:
            self.tripped = True
            self.falls_at_us = min(self.falls_at_us, now_us + ESTOP_US)

    def advance(self, to_us: int) -> None:
        """Play the end of the lease if it falls by `to_us`."""
        if self.level and self.falls_at_us <= to_us:
            self._set(self.falls_at_us, 0)

    def _set(self, time_us: int, level: int) -> None:
        if level != self.level:
            self.level = level
            self._on_edge(time_us, level)
