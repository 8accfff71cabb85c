"""What the pen's driving machines have in common: a queue of words, a pad, a stop and a start by the CPU, a latch.

A machine is played in cycles of one microsecond. `advance(to_us)` plays every cycle before `to_us`; what the CPU does at a
moment comes before the cycle that begins there, so a level or a word put at T is seen by the instruction of cycle T.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

QUEUE_WORDS = 4
"""Words a queue holds, in either direction."""
DRAIN_US = 2
"""A latched machine takes a word from its queue in every second cycle."""

WAIT, TRIPPED = 0, 1
"""Phases every machine has: at its first instruction, and in its latch. Each machine numbers its others from 2."""


class Machine:
    """One machine: `level` is its pad's, `tripped` its flag, kept from the trip to the next start or restart.

    A halted machine stands where it stood, with what was in its queues; its pad is forced low. A restart lets it run again,
    but only a start gives the pad back.
    """

    def __init__(self, on_edge: Callable[[int, int], None]) -> None:
        self._on_edge = on_edge
        self._phase = WAIT
        self._at_us = 0
        """Cycle of the next event of the phase."""
        self._words: deque[int] = deque()
        self._halted = True
        self._forced = True
        self.level = 0
        self.tripped = False

    # --- what the board does --------------------------------------------------------------------------------------

    def start(self, now_us: int) -> None:
        """Load and run: queues empty, pad given back."""
        self._begin(now_us)
        self._forced = False

    def halt(self, now_us: int) -> None:
        """Machine stopped and pad forced low."""
        self._set(now_us, 0)
        self._forced = True
        self._halted = True

    def reset(self, now_us: int) -> None:
        """The chip resets: halted, and nothing is left in a queue."""
        self.halt(now_us)
        self._clear()

    def restart(self, now_us: int) -> None:
        """From wherever it is to its first instruction, queues empty, pad low."""
        self._set(now_us, 0)
        self._begin(now_us)

    def room(self) -> int:
        """Free words of the queue."""
        return QUEUE_WORDS - len(self._words)

    def put(self, word: int, now_us: int) -> bool:
        """Queue one word. False when the queue is full: on the chip the caller would now wait for ever.

        A machine that already waits takes the word at once.
        """
        if not self.room():
            return False
        if self._phase == TRIPPED and self._at_us < now_us:
            self._at_us += -(-(now_us - self._at_us) // DRAIN_US) * DRAIN_US
        self._words.append(word)
        if self._phase == WAIT and self._at_us < now_us and not self._halted:
            self._pull(now_us)
        return True

    @property
    def resting(self) -> bool:
        """Nothing can happen without the CPU: an advance changes nothing."""
        return self._halted or (self._phase in (WAIT, TRIPPED) and not self._words)

    # --- for the machines -------------------------------------------------------------------------------------------

    def _pull(self, time_us: int) -> None:
        """Take a word in this cycle and begin what it asks for."""
        raise NotImplementedError

    def _begin(self, now_us: int) -> None:
        self._clear()
        self._phase = WAIT
        self._at_us = now_us
        self._halted = False

    def _clear(self) -> None:
        self._words.clear()
        self.tripped = False

    def _latch(self, flag_us: int) -> None:
        """The flag is raised in this cycle; the latch begins with the next."""
        self.tripped = True
        self._phase = TRIPPED
        self._at_us = flag_us + 1

    def _drain(self, to_us: int) -> None:
        """A latched machine takes what is in its queue."""
        while self._words and self._at_us < to_us:
            self._words.popleft()
            self._at_us += DRAIN_US

    def _set(self, time_us: int, level: int) -> None:
        if level != self.level and not self._forced:
            self.level = level
            self._on_edge(time_us, level)
