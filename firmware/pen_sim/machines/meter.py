"""The machine that measures the time between two hall pulses."""

from __future__ import annotations

from collections import deque

from pen_firmware.pio_programs import HALL_BASE_US, HALL_PERIOD_MAX_US, HALL_TICK_US

QUEUE_WORDS = 4
"""Periods kept when nobody reads: the oldest."""


class PeriodMeter:
    """Period from pulse to pulse; the first pulse after `start` or after a pause too long to count gives none."""

    def __init__(self) -> None:
        self.running = False
        self._periods: deque[int] = deque()
        self._last_us = -1

    def start(self) -> None:
        """Begin without a pulse seen and without a period kept."""
        self.running = True
        self._last_us = -1
        self._periods.clear()

    def halt(self) -> None:
        """Machine stopped; nothing is measured."""
        self.running = False

    def pulse(self, time_us: int) -> None:
        """A hall pulse rises."""
        if not self.running:
            return
        if self._last_us >= 0 and time_us - self._last_us <= HALL_PERIOD_MAX_US:
            self._push(time_us - self._last_us)
        self._last_us = time_us

    def _push(self, period_us: int) -> None:
        if len(self._periods) < QUEUE_WORDS:
            ticks = max(0, period_us - HALL_BASE_US) // HALL_TICK_US
            self._periods.append(HALL_BASE_US + HALL_TICK_US * ticks)

    def take(self) -> int:
        """Oldest unread period in us, or -1."""
        return self._periods.popleft() if self._periods else -1
