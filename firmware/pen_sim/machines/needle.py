"""The needle machine: one word makes one stroke, at most 2047 us of coil, never more often than every 6678 us.

Behaviour of `pen_firmware.pio_programs.needle`: word = ON[9] | EXT[14] << 9 | TRIM[2] << 23 | SEQ[5] << 25; on-time
4*ON+3 us, period 6678+4*EXT+TRIM us; the SAFE node is sampled every 4 us from just before the pad rises until the trim
of the period begins. SAFE low there latches the machine off, where it drains its queue. A complete on-time is
acknowledged with EXT | TRIM << 14 | SEQ << 16; with four acknowledgements unread it stalls with the pad low.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from pen_firmware import pio_programs

QUEUE_WORDS = pio_programs.NEEDLE_QUEUE
WORD_MASK = (1 << 30) - 1

SETUP_US = 7
"""From the pulled word to the rising pad: the program builds its period first."""
SAMPLE_US = 4
"""SAFE is sampled once per turn of each loop."""
TRIP_US = 2
"""From the sample that finds SAFE low to the low pad."""
ACK_US = 1
"""From the falling pad to the pushed acknowledgement."""

_OFF, _WAIT, _SETUP, _ON, _ACK, _STALL, _REST, _TRIPPED = range(8)


class NeedleMachine:
    """State of the machine between two advances. `edges` counts every rising edge of the pad."""

    def __init__(self, on_edge: Callable[[int, int], None]) -> None:
        self._on_edge = on_edge
        self._phase = _OFF
        self._next_us = 0
        self._rise_us = 0
        self._on_us = 0
        self._period_us = 0
        self._ack = 0
        self._words: deque[int] = deque()
        self._acks: deque[int] = deque()
        self.level = 0
        self.edges = 0
        self.stretch_percent = 100
        """Above 100 the machine's clock is slow, as after a change of the system clock: times of new strokes stretch."""

    # --- what the board does --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Load and run: queues empty, waiting for a word. The edge counter is another machine and counts on."""
        self._clear()
        self._phase = _WAIT

    def halt(self, now_us: int) -> None:
        """Machine stopped and pad forced low."""
        self._phase = _OFF
        self._clear()
        self._set(now_us, 0)

    def restart(self, now_us: int) -> None:
        """From wherever it is to its start, queues empty, pad low. A halted machine stays halted."""
        if self._phase == _OFF:
            return
        self._clear()
        self._set(now_us, 0)
        self._phase = _WAIT

    def room(self) -> int:
        """Free words of the queue."""
        return QUEUE_WORDS - len(self._words)

    def put(self, word: int, now_us: int) -> bool:
        """Queue one word. False when the queue is full: on the chip the caller would now wait for ever.

        A waiting machine takes the word at once; the latched one drains it.
        """
        if self._phase == _TRIPPED:
            return True
        if len(self._words) >= QUEUE_WORDS:
            return False
        self._words.append(word & WORD_MASK)
        if self._phase == _WAIT:
            self._pull(now_us)
        return True

    def take_ack(self, now_us: int) -> int:
        """Oldest acknowledgement or -1. Reading lets a stalled machine go on."""
        if not self._acks:
            return -1
        ack = self._acks.popleft()
        if self._phase == _STALL:
            self._push_ack(now_us)
        return ack

    @property
    def tripped(self) -> bool:
        """Latched off since the last restart."""
        return self._phase == _TRIPPED

    @property
    def stalled(self) -> bool:
        """Holding the pad low because nobody reads acknowledgements."""
        return self._phase == _STALL

    @property
    def resting(self) -> bool:
        """True when nothing can happen without a word or a read: an advance changes nothing."""
        return self._phase in (_OFF, _WAIT, _STALL, _TRIPPED)

    # --- time -----------------------------------------------------------------------------------------------------

    def advance(self, to_us: int, safe_falls_us: int) -> None:
        """Play every edge up to `to_us`. SAFE is high before `safe_falls_us` and low from then on."""
        while not self.resting:
            if safe_falls_us < self._next_us:
                sample_us = self._first_sample(safe_falls_us)
                if sample_us < self._next_us:
                    if sample_us + TRIP_US <= to_us:
                        self._trip(sample_us + TRIP_US)
                    return
            if self._next_us > to_us:
                return
            self._step()

    def _first_sample(self, safe_falls_us: int) -> int:
        """First time the program looks at SAFE at or after its fall; the first look is 1 us before the pad rises."""
        first_us = self._rise_us - 1
        if safe_falls_us <= first_us:
            return first_us
        turns = -((first_us - safe_falls_us) // SAMPLE_US)
        return first_us + turns * SAMPLE_US

    def _step(self) -> None:
        """The phase that ends at `_next_us` ends."""
        phase = self._phase
        if phase == _SETUP:
            self.edges += 1
            self._phase = _ON
            self._next_us = self._rise_us + self._on_us
            self._set(self._rise_us, 1)
        elif phase == _ON:
            self._set(self._next_us, 0)
            self._phase = _ACK
            self._next_us += ACK_US
        elif phase == _ACK:
            if len(self._acks) >= QUEUE_WORDS:
                self._phase = _STALL
            else:
                self._push_ack(self._next_us)
        else:
            ended_us = self._next_us
            self._phase = _WAIT
            if self._words:
                self._pull(ended_us)

    def _push_ack(self, time_us: int) -> None:
        """Acknowledge; what is left of the period follows, however long the push had to wait."""
        self._acks.append(self._ack)
        self._phase = _REST
        self._next_us = time_us + self._period_us - SETUP_US - self._on_us - ACK_US

    def _pull(self, time_us: int) -> None:
        """Take the next word and begin its stroke. An open gate shows at the first sample, before the pad rises."""
        word = self._words.popleft()
        self._ack = pio_programs.word_ack(word)
        self._on_us = pio_programs.word_on_us(word)
        self._period_us = pio_programs.word_period_us(word)
        if self.stretch_percent != 100:
            self._on_us = self._on_us * self.stretch_percent // 100
            self._period_us = self._period_us * self.stretch_percent // 100
        self._rise_us = time_us + SETUP_US
        self._next_us = self._rise_us
        self._phase = _SETUP

    def _trip(self, time_us: int) -> None:
        self._phase = _TRIPPED
        self._words.clear()
        self._set(time_us, 0)

    def _clear(self) -> None:
        self._words.clear()
        self._acks.clear()

    def _set(self, time_us: int, level: int) -> None:
        if level != self.level:
            self.level = level
            self._on_edge(time_us, level)
