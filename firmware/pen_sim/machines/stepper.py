"""The stepper machine: one word makes one step; the axis gate is sampled until the step's edge.

Behaviour of `pen_firmware.pio_programs.stepper`: period 59+4*X us, step pad high for the last 4 us of it. The axis gate
(AXIS_OK: stop contact closed and not running inwards on the home switch) low latches it off; it then drains its queue.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from pen_firmware import pio_programs

QUEUE_WORDS = pio_programs.STEP_QUEUE
PULSE_US = 4
"""High time of the step pad, at the end of the period."""
FIRST_SAMPLE_US = 51
"""From the pulled word to the first look at the axis gate: the step driver's settling time comes before."""
SAMPLE_US = 4

_OFF, _WAIT, _DELAY, _PULSE, _TRIPPED = range(5)


class StepperMachine:
    """State of the machine between two advances. `edges` counts every step."""

    def __init__(self, on_edge: Callable[[int, int], None], gate: Callable[[], bool]) -> None:
        self._on_edge = on_edge
        self._gate = gate
        self._phase = _OFF
        self._pulled_us = 0
        self._next_us = 0
        self._sampled_us = 0
        self._words: deque[int] = deque()
        self.level = 0
        self.edges = 0

    # --- what the board does --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Load and run: queue empty. The step counter is another machine and counts on."""
        self._words.clear()
        self._phase = _WAIT

    def halt(self, now_us: int) -> None:
        """Machine stopped and pad forced low."""
        self._phase = _OFF
        self._words.clear()
        self._set(now_us, 0)

    def restart(self, now_us: int) -> None:
        """From wherever it is to its start, queue empty. A halted machine stays halted."""
        if self._phase == _OFF:
            return
        self._words.clear()
        self._set(now_us, 0)
        self._phase = _WAIT

    def room(self) -> int:
        """Free words of the queue."""
        return QUEUE_WORDS - len(self._words)

    def put(self, period_us: int, now_us: int) -> bool:
        """Queue one step; False when the queue is full. The latched machine drains the word."""
        if self._phase == _TRIPPED:
            return True
        if len(self._words) >= QUEUE_WORDS:
            return False
        self._words.append(pio_programs.step_word_period_us(pio_programs.step_word(period_us)))
        if self._phase == _WAIT:
            self._pull(now_us)
        return True

    @property
    def idle(self) -> bool:
        """Every queued step has been made. A latched machine is not idle: its steps were not made."""
        return self._phase in (_OFF, _WAIT)

    @property
    def resting(self) -> bool:
        """Nothing can happen without a word or a restart."""
        return self._phase in (_OFF, _WAIT, _TRIPPED)

    @property
    def tripped(self) -> bool:
        """Latched off since the last restart."""
        return self._phase == _TRIPPED

    # --- time -----------------------------------------------------------------------------------------------------

    def advance(self, to_us: int) -> None:
        """Play every edge up to `to_us`. The gate changes only by this machine's own steps meanwhile."""
        while not self.resting:
            if self._phase == _DELAY and not self._gate():
                sample_us = self._next_sample()
                if sample_us < self._next_us:
                    self._trip_if(sample_us <= to_us)
                    return
            if self._next_us > to_us:
                self._sampled_us = max(self._sampled_us, to_us)
                return
            self._step()

    def _next_sample(self) -> int:
        """First look at the gate that has not been played yet."""
        first_us = self._pulled_us + FIRST_SAMPLE_US
        late_us = max(0, self._sampled_us - first_us)
        return first_us + -(-late_us // SAMPLE_US) * SAMPLE_US

    def _trip_if(self, sampled: bool) -> None:
        if sampled:
            self._phase = _TRIPPED
            self._words.clear()

    def _step(self) -> None:
        """The phase that ends at `_next_us` ends."""
        if self._phase == _DELAY:
            self._phase = _PULSE
            self.edges += 1
            rise_us = self._next_us
            self._next_us += PULSE_US
            self._set(rise_us, 1)
            return
        ended_us = self._next_us
        self._set(ended_us, 0)
        self._phase = _WAIT
        if self._words:
            self._pull(ended_us)

    def _pull(self, time_us: int) -> None:
        period_us = self._words.popleft()
        self._pulled_us = time_us
        self._sampled_us = time_us
        self._next_us = time_us + period_us - PULSE_US
        self._phase = _DELAY

    def _set(self, time_us: int, level: int) -> None:
        if level != self.level:
            self.level = level
            self._on_edge(time_us, level)
