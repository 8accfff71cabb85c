"""The stepper machine: one word makes one step; the axis gate is looked at until the step's edge.

Behaviour of `pen_firmware.pio_programs.stepper`, to the cycle: period 59+4*X us, step pad high for the last 4 us of it. The
axis gate (AXIS_OK: stop contact closed and not running inwards on the home switch) low at a look latches it off; it then
drains its queue.
"""

from __future__ import annotations

from collections.abc import Callable

from pen_firmware import pio_programs
from pen_sim.machines.machine import TRIPPED, WAIT, Machine

PULSE_US = 4
"""High time of the step pad, at the end of the period."""
FIRST_LOOK_US = 51
"""From the pulled word to the first look at the axis gate: the step driver's settling time comes before."""
LOOK_US = 4
FLAG_US = 2
"""From a look that finds the gate low to the flag."""

_DELAY, _PULSE, _FLAG = range(2, 5)


class StepperMachine(Machine):
    """State of the machine between two advances. `edges` counts every step."""

    def __init__(self, on_edge: Callable[[int, int], None], gate: Callable[[], bool]) -> None:
        super().__init__(on_edge)
        self._gate = gate
        self._pulled_us = 0
        self._played_us = 0
        self.edges = 0

    def put(self, period_us: int, now_us: int) -> bool:
        """Queue one step of this period; see `Machine.put`."""
        return super().put(pio_programs.step_word_period_us(pio_programs.step_word(period_us)), now_us)

    @property
    def idle(self) -> bool:
        """Every queued step has been made, though the last one's pad may still be high for the rest of its 4 us.

        A latched machine is not idle: its steps were not made.
        """
        return self._phase in (WAIT, _PULSE) and not self._words

    # --- time -----------------------------------------------------------------------------------------------------

    def advance(self, to_us: int) -> None:
        """Play every cycle before `to_us`. The gate changes only by this machine's own steps meanwhile."""
        while not self.resting:
            if self._phase == TRIPPED:
                self._drain(to_us)
                break
            if self._phase == _DELAY and not self._gate():
                look_us = self._next_look()
                if look_us < self._at_us:
                    if look_us >= to_us:
                        break
                    self._phase = _FLAG
                    self._at_us = look_us + FLAG_US
            if self._at_us >= to_us:
                break
            self._step()
        self._played_us = to_us

    def _next_look(self) -> int:
        """First look at the gate that has not been played yet."""
        first_us = self._pulled_us + FIRST_LOOK_US
        late_us = max(0, self._played_us - first_us)
        return first_us + -(-late_us // LOOK_US) * LOOK_US

    def _step(self) -> None:
        """The phase that ends at `_at_us` ends."""
        now_us = self._at_us
        if self._phase == WAIT:
            self._pull(now_us)
        elif self._phase == _DELAY:
            self._phase = _PULSE
            self._at_us += PULSE_US
            self.edges += not self._forced
            self._set(now_us, 1)
        elif self._phase == _PULSE:
            self._phase = WAIT
            self._set(now_us, 0)
        else:
            self._latch(now_us)

    def _pull(self, time_us: int) -> None:
        self._pulled_us = time_us
        self._at_us = time_us + self._words.popleft() - PULSE_US
        self._phase = _DELAY
