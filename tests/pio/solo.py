"""One PIO program alone: a bare PIO block of rp2040py with nothing around it, fast enough for thousands of strokes.

What the firmware's board does around a machine is tested on `tests.pio.bench`; here are only the instructions, a queue
that is kept filled, a pin that is asked and a pad whose edges are noted. Cycles are counted from the start.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable
from typing import Any

from tests.pio.chips import BareChip
from tests.pio.doubles import CLOCK_HZ, Rp2, machine_module

HIGH = 1
PAD, ASKED = 10, 9
"""GPIO numbers of the side-set pad and of the pin that `jmp(pin)` asks."""
CHUNK = 1000
"""Cycles between two looks at the queues."""


class Solo:
    """A program on machine 0, running; the asked pin is high."""

    def __init__(self, program: list[Any]) -> None:
        self.chip = BareChip()
        self._block = self.chip.pio[0]
        self.edges: list[tuple[int, int]] = []
        """Cycle and new level of each edge of the pad."""
        self.answers: list[int] = []
        """Words read from the machine's receive queue."""
        self.machine = Rp2(self.chip).StateMachine(0)
        pins = machine_module(self.chip).Pin
        pad, asked = pins(PAD), pins(ASKED, pins.IN)
        self.ask(True)
        self.machine.init(program, freq=CLOCK_HZ, sideset_base=pad, jmp_pin=asked)
        self.chip.gpio[PAD].add_listener(
            lambda level, _before: self.edges.append((self.now - 1, int(level == HIGH)))
        )
        self.machine.active(1)

    @property
    def now(self) -> int:
        """Cycles that have passed."""
        return int(self._block.cycle_fp >> 8)

    @property
    def level(self) -> int:
        """Level of the pad."""
        return int(self.chip.gpio[PAD].value == HIGH)

    @property
    def flag(self) -> bool:
        """The machine has raised its flag."""
        return bool(self._block.irq & 1)

    def ask(self, high: bool) -> None:
        """Level of the pin the program asks."""
        self.chip.gpio[ASKED].set_input_value(high)

    def run(self, cycles: int) -> None:
        """Let cycles pass."""
        deque(map(self._block.advance, itertools.repeat(1, cycles)), maxlen=0)

    def restart(self) -> None:
        """What the firmware's restart does: stopped, both queues emptied, flag cleared, running from the start."""
        self.machine.active(0)
        self.machine._empty()
        self.machine.restart()
        self._block.irq = 0
        self.machine.active(1)

    def play(self, words: Iterable[int], tail: int = 0) -> None:
        """Feed words as fast as the queue takes them, reading every answer; then run `tail` cycles more.

        Raises:
            AssertionError: A machine that takes no word for longer than any period.
        """
        waiting = deque(words)
        idle = 0
        while waiting:
            room = 4 - self.machine.tx_fifo()
            for _ in range(min(room, len(waiting))):
                self.machine.put(waiting.popleft())
            idle = 0 if room else idle + 1
            assert idle < 200, "the machine takes no words"
            self._turn()
        for _ in range(tail // CHUNK + 1):
            self._turn()

    def _turn(self) -> None:
        self.run(CHUNK)
        while self.machine.rx_fifo():
            self.answers.append(self.machine.get())

    def strokes(self) -> list[tuple[int, int]]:
        """Cycle of the rise and width of each complete pulse."""
        rises = (cycle for cycle, level in self.edges if level)
        falls = (cycle for cycle, level in self.edges if not level)
        return [(rose, fell - rose) for rose, fell in zip(rises, falls, strict=False)]
