"""The lease machine: a retriggerable one-shot that keeps its line alive for a stated time and no longer.

Behaviour of `pen_firmware.pio_programs.lease`, to the cycle. Alive means a square wave of `LEASE_TICK_US`; `level` and the
edges given out show it as one high time, from the first turn's rise to the last turn's end. Its charge pump holds SAFE.
"""

from __future__ import annotations

from collections.abc import Callable

from pen_firmware.pio_programs import LEASE_HIGH_US, LEASE_TICK_US, LEASE_TICKS_MAX, SAFE_DECAY_US
from pen_sim.machines.machine import WAIT, Machine

LOAD_US = 3
"""From a pulled word to the first turn, or to the next pull after a word of 0."""

_TURN, _LOOK, _END, _LATCHED = range(2, 6)
_FAR = 1 << 62


class LeaseMachine(Machine):
    """Line alive while `level` is 1. An open stop contact latches it off until `start`; its queue is not drained then."""

    def __init__(self, on_edge: Callable[[int, int], None]) -> None:
        super().__init__(on_edge)
        self._ticks = 0
        self._emptied_us = -_FAR
        """When the pump ran down before it was filled the last time."""
        self._filled_us = -_FAR
        """First cycle in which the pump holds SAFE since then."""
        self._empties_us = -_FAR
        """First cycle in which it does so no longer, unless another turn comes."""

    def pad(self) -> int:
        """Level of the pad itself, half of each turn high."""
        return int(self._phase == _LOOK and not self._forced)

    def pumped(self, now_us: int) -> bool:
        """The charge pump holds SAFE, the stop contact apart."""
        return self._filled_us <= now_us < self._empties_us

    def gaps(self) -> tuple[tuple[int, int], ...]:
        """When the pump is empty: before the last filling, and after it."""
        return (self._emptied_us, self._filled_us), (self._empties_us, _FAR)

    def feed(self, ticks: int, now_us: int) -> None:
        """A word arrives. One that finds the queue full is dropped by the board."""
        self.put(min(ticks, LEASE_TICKS_MAX), now_us)

    @property
    def resting(self) -> bool:
        """Nothing can happen without a word."""
        return self._phase == _LATCHED or super().resting

    def advance(self, to_us: int, estop_closed: bool) -> None:
        """Play every cycle before `to_us`; the stop contact does not change meanwhile."""
        while not self.resting and self._at_us < to_us:
            if self._phase == WAIT:
                self._pull(self._at_us)
            elif self._phase == _TURN:
                self._turn(to_us, estop_closed)
            elif self._phase == _LOOK:
                self._look(estop_closed)
            else:
                self._end()

    def _pull(self, time_us: int) -> None:
        self._ticks = self._words.popleft()
        self._at_us = time_us + LOAD_US
        self._phase = _TURN if self._ticks else WAIT

    def _turn(self, to_us: int, estop_closed: bool) -> None:
        """A turn begins: line high, a newer word taken. Turns in which nothing can happen are passed over at once."""
        if self._words:
            self._ticks = self._words.popleft()
        elif self.level and estop_closed:
            whole = min(self._ticks, (to_us - 1 - self._at_us) // LEASE_TICK_US)
            if whole > 0:
                self._ticks -= whole
                self._at_us += whole * LEASE_TICK_US
                self._empties_us = self._at_us - LEASE_TICK_US + SAFE_DECAY_US
        self._fill(self._at_us)
        self._set(self._at_us, 1)
        self._at_us += LEASE_HIGH_US
        self._phase = _LOOK

    def _look(self, estop_closed: bool) -> None:
        """The line goes low, and the contact is looked at."""
        if estop_closed:
            self._phase = _END
            self._at_us += 1
            return
        self._phase = _LATCHED
        self._set(self._at_us, 0)

    def _end(self) -> None:
        self._at_us += 1
        self._phase = _TURN
        if self._ticks == 0:
            self._phase = WAIT
            self._set(self._at_us, 0)
        self._ticks -= 1

    def _fill(self, rise_us: int) -> None:
        """A rising edge fills the pump; without one it runs down."""
        if self._forced:
            return
        if rise_us >= self._empties_us:
            self._emptied_us = self._empties_us
            self._filled_us = rise_us + 1
        self._empties_us = rise_us + SAFE_DECAY_US
