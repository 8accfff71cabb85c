"""The needle machine: one word makes one stroke, at most 2047 us of coil, never more often than every 6678 us.

Behaviour of `pen_firmware.pio_programs.needle`, to the cycle: word = ON[9] | EXT[14] << 9 | TRIM[2] << 23 | SEQ[5] << 25;
on-time 4*ON+3 us, period 6678+4*EXT+TRIM us. SAFE is looked at once before the pad rises, every 4 us while it is high,
and every 4 us from the acknowledgement until the trim. SAFE low at a look latches the machine off, where it drains its
queue. A complete on-time is acknowledged; with four acknowledgements unread it stalls with the pad low.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from pen_firmware import pio_programs
from pen_sim.machines.machine import QUEUE_WORDS, TRIPPED, WAIT, Machine

WORD_MASK = (1 << 30) - 1
SETUP_US = 7
"""From the pulled word to the rising pad: the program builds its period first."""
LOOK_US = 4
"""SAFE is looked at once per turn of each loop."""
FLOOR_TURNS = 13 << 7
"""Turns of both loops together in the shortest period."""
EXTEND_US = 3
"""Between the last look of the shortest period and the first of the extension: the extension is taken from the word."""
TRIM_US = 3
"""From the extension's end to the next pull, without the trim itself."""
TRIP_US = 1
"""From a look that finds SAFE low to the low pad."""
FLAG_US = 1
"""From the low pad to the flag. A trip before the pad has risen raises it as soon."""
ACK_US = 1
"""From the falling pad to the pushed acknowledgement."""

_SETUP, _ON, _ACK, _STALL, _REST, _FALL, _FLAG = range(2, 9)
_NO_LOOK = 1 << 62
Gap = tuple[int, int]
"""SAFE is low from the first cycle until before the second."""
ALWAYS: tuple[Gap, ...] = ((-_NO_LOOK, _NO_LOOK),)
"""SAFE is low throughout: the stop contact is open."""


class NeedleMachine(Machine):
    """State of the machine between two advances. `edges` counts every rising edge of the pad."""

    def __init__(self, on_edge: Callable[[int, int], None]) -> None:
        super().__init__(on_edge)
        self._played_us = 0
        self._rise_us = 0
        self._pushed_us = 0
        self._on_us = 0
        self._period_us = 0
        self._floor_turns = 0
        self._trim_us = 0
        self._ack = 0
        self._acks: deque[int] = deque()
        self.edges = 0
        self.stretch_percent = 100
        """Above 100 the machine's clock is slow, as after a change of the system clock: times of new strokes stretch."""

    # --- what the board does --------------------------------------------------------------------------------------

    def put(self, word: int, now_us: int) -> bool:
        """Queue one stroke; see `Machine.put`."""
        return super().put(word & WORD_MASK, now_us)

    def take_ack(self, now_us: int) -> int:
        """Oldest acknowledgement or -1. Reading lets a stalled machine go on."""
        if not self._acks:
            return -1
        ack = self._acks.popleft()
        if self._phase == _STALL and not self._halted:
            self._push_ack(now_us)
        return ack

    @property
    def stalled(self) -> bool:
        """Holding the pad low because nobody reads acknowledgements."""
        return self._phase == _STALL

    @property
    def resting(self) -> bool:
        """Nothing can happen without a word or a read: an advance changes nothing."""
        return self._phase == _STALL or super().resting

    # --- time -----------------------------------------------------------------------------------------------------

    def advance(self, to_us: int, low: Iterable[Gap] = ()) -> None:
        """Play every cycle before `to_us`. SAFE is low in the given gaps, in their order, and high otherwise."""
        while not self.resting:
            if self._phase == TRIPPED:
                self._drain(to_us)
                break
            look_us = self._look_that_trips(low)
            if min(look_us, self._at_us) >= to_us:
                break
            if look_us < self._at_us:
                self._trip(look_us)
            else:
                self._step()
        self._played_us = to_us

    def _look_that_trips(self, low: Iterable[Gap]) -> int:
        """Cycle of the first look of this phase, not yet played, that falls into a gap."""
        for gap_us, ends_us in low:
            from_us = max(gap_us, self._played_us)
            for first_us, limit_us in self._looks():
                turns = max(0, -((first_us - from_us) // LOOK_US))
                look_us = first_us + turns * LOOK_US
                if look_us < min(limit_us, ends_us):
                    return look_us
        return _NO_LOOK

    def _looks(self) -> Iterator[Gap]:
        """First look and limit of each loop of this phase; a look comes every `LOOK_US`."""
        if self._phase == _SETUP:
            yield self._rise_us - 1, self._rise_us
        elif self._phase == _ON:
            yield self._rise_us + LOOK_US - 1, self._at_us
        elif self._phase == _REST:
            begun_us = self._pushed_us + 1
            extends_us = begun_us + LOOK_US * self._floor_turns
            yield begun_us, extends_us
            yield extends_us + EXTEND_US, self._at_us - TRIM_US - self._trim_us

    def _step(self) -> None:
        """The phase that ends at `_at_us` ends."""
        phase, now_us = self._phase, self._at_us
        if phase == WAIT:
            self._pull(now_us)
        elif phase == _SETUP:
            self._phase = _ON
            self._at_us = now_us + self._on_us
            self.edges += not self._forced
            self._set(now_us, 1)
        elif phase == _ON:
            self._set(now_us, 0)
            self._phase = _ACK
            self._at_us += ACK_US
        elif phase == _ACK:
            if len(self._acks) < QUEUE_WORDS:
                self._push_ack(now_us)
            else:
                self._phase = _STALL
        elif phase == _REST:
            self._phase = WAIT
        elif phase == _FALL:
            self._set(now_us, 0)
            self._phase = _FLAG
            self._at_us += FLAG_US
        else:
            self._latch(now_us)

    def _push_ack(self, time_us: int) -> None:
        """Acknowledge; what is left of the period follows, however long the push had to wait."""
        self._acks.append(self._ack)
        self._phase = _REST
        self._pushed_us = time_us
        self._at_us = time_us + self._period_us - SETUP_US - self._on_us - ACK_US

    def _pull(self, time_us: int) -> None:
        word = self._words.popleft()
        self._ack = pio_programs.word_ack(word)
        self._on_us = pio_programs.word_on_us(word)
        self._period_us = pio_programs.word_period_us(word)
        self._floor_turns = FLOOR_TURNS - self._on_us // LOOK_US
        self._trim_us = (self._period_us - pio_programs.NEEDLE_PERIOD_BASE_US) % LOOK_US
        if self.stretch_percent != 100:
            self._on_us = self._on_us * self.stretch_percent // 100
            self._period_us = self._period_us * self.stretch_percent // 100
        self._rise_us = time_us + SETUP_US
        self._at_us = self._rise_us
        self._phase = _SETUP

    def _trip(self, look_us: int) -> None:
        """Before the pad has risen there is nothing to take down: the flag follows at once."""
        self._phase = _FLAG if self._phase == _SETUP else _FALL
        self._at_us = look_us + TRIP_US

    def _clear(self) -> None:
        super()._clear()
        self._acks.clear()
