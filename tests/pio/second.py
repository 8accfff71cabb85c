"""A second emulator's opinion: rp2040-pio-emulator runs a program, and says when the pad changed and what was pushed.

Its gaps are stepped around, not believed: `not_osre` there asks for 32 bits whatever the pull threshold, so the count of
the shift register gets a head start after each pull; an instruction it does not know (IRQ) ends its run without a word,
so the place where a run ended is part of the answer.

No postponed annotations here: the emulator reads the type of what it is given to ask for pins.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pioemu import ShiftRegister, State, emulate

PAD, ASKED = 10, 9
_PULL, _PULL_MASK = 0x8080, 0xE080
_WORD = 0xFFFFFFFF


@dataclass(frozen=True)
class Run:
    """Edges of the pad, words pushed, and where the run stood at its end."""

    edges: list[tuple[int, int]]
    answers: list[int]
    cycle: int
    place: int


def run(
    program: list[Any], words: Sequence[int], cycles: int, asked: Callable[[int], bool] = lambda _cycle: True
) -> Run:
    """Run a program with side-set from its start, all words waiting in its queue, up to this cycle.

    Args:
        program: What the assembler returned.
        words: At most 4.
        cycles: Where to stop; the instruction that begins there is not run.
        asked: Level of the asked pin in a cycle.
    """
    opcodes = list(program[0])
    head_start = 32 - (program[5] >> 25 or 32)
    state = State(
        transmit_fifo=deque(word & _WORD for word in words),
        pin_directions=1 << PAD,
        output_shift_register=ShiftRegister(0, 32),
    )
    edges: list[tuple[int, int]] = []

    def pins(cycle: int) -> int:
        return asked(cycle) << ASKED

    def stop(_opcode: int, now: State) -> bool:
        return now.clock >= cycles

    while state.clock < cycles:
        steps = emulate(
            opcodes,
            stop_when=stop,
            initial_state=state,
            input_source=pins,
            shift_isr_right=bool(program[5] >> 18 & 1),
            shift_osr_right=bool(program[5] >> 19 & 1),
            side_set_base=PAD,
            side_set_count=1,
            jmp_pin=ASKED,
            wrap_target=program[4] >> 7 & 0x1F,
            wrap_top=program[4] >> 12 & 0x1F,
        )
        before = state
        for was, state in steps:
            if (was.pin_values ^ state.pin_values) >> PAD & 1:
                edges.append((was.clock, state.pin_values >> PAD & 1))
            pulled = opcodes[was.program_counter] & _PULL_MASK == _PULL
            if head_start and pulled and state.output_shift_register.counter == 0:
                register = ShiftRegister(state.output_shift_register.contents, head_start)
                state = replace(state, output_shift_register=register)
                break
        if state is before:
            break
    return Run(edges, list(state.receive_fifo), state.clock, state.program_counter)
