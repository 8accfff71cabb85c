"""The rig's five PIO programs on an emulated RP2040 without its core, stepped clock by clock, wired as the rig's table says.

One step is one cycle of the sampler at 25 MHz: a look takes 400 ns, fine machines move every 5th, slow ones every 25th step.
"""

from __future__ import annotations

from typing import Any

from hil_tests.rig import pins, programs
from hil_tests.rig.capture import Capture, Timing
from tests.pio.assembler import asm_pio
from tests.pio.chips import BareChip

STEP_NS = 40
DIVIDER = 5
TIMING = Timing(125_000_000, DIVIDER)
STEPS_PER_US = 25
LOOK_STEPS = programs.LOOK_CYCLES
FINE, SLOW = 5, 25
HIGH = 1

_INSTR_MEM = 0x48
_STRIDE = 0x18
_CLKDIV, _EXECCTRL, _SHIFTCTRL, _PINCTRL, _INSTR = 0xC8, 0xCC, 0xD0, 0xDC, 0xD8
_GPIO_CTRL = 0x40014004
_PADS = 0x4001C004
_PAD_INPUT = 0x52
_OUT_RIGHT = 1

# program, block, machine, divider, in_base, jmp_pin, side-set pin
MACHINES = (
    ("sampler", 0, 0, 1, "ESTOP", None, None),
    ("alive", 0, 1, FINE, "LEASE", "LEASE", "ALIVE"),
    ("mark", 0, 2, SLOW, None, None, "MARK"),
    ("hands", 1, 0, FINE, "COIL", None, None),
    ("hall", 1, 1, SLOW, "COIL", "COIL", "HALL"),
)


def assembled(name: str) -> list[Any]:
    """A program as the chip's assembler makes it."""
    options = programs.OPTIONS[name]
    make = asm_pio(
        sideset_init=0 if options["side"] else None,
        in_shiftdir=int(options["in_right"]),
        out_shiftdir=_OUT_RIGHT,
    )
    return make(getattr(programs, name))


class RigMachines:
    """All machines running; `run` moves them, `words` are the sampler's."""

    def __init__(self) -> None:
        self.chip = BareChip()
        self.steps = 0
        self.words: list[int] = []
        self._free = [32, 32]
        for entry in pins.LINES:
            self.chip.write_uint32(_PADS + 4 * entry[1], _PAD_INPUT)
            pad = self.chip.gpio[entry[1]]
            pad.set_input_value(False)
            pad.add_listener(lambda _level, _before, pad=pad: self._read_back(pad))
        for machine in MACHINES:
            self._start(*machine)
        for number in (0, 1):
            self.chip.pio[number].write_uint32(0, 0b111 if number == 0 else 0b11)
        self._rx = self.chip.pio[0].machines[0].rx_fifo

    def run_steps(self, steps: int) -> None:
        """Let this many steps pass."""
        first, second, rx = self.chip.pio[0], self.chip.pio[1], self._rx
        for _ in range(steps):
            first.advance(1)
            second.advance(1)
            while not rx.empty:
                self.words.append(rx.pull())
        self.steps += steps

    def run_us(self, duration_us: int) -> None:
        """Let this much time pass."""
        self.run_steps(duration_us * STEPS_PER_US)

    def drive(self, line: str, high: bool) -> None:
        """Change an input."""
        self.chip.gpio[pins.gpio(line)].set_input_value(high)

    def put_hands(self, levels: int, delay_us: int, amid: bool) -> None:
        """Give the hands machine a word."""
        self.chip.pio[1].machines[0].write_fifo(programs.hand_word(levels, delay_us, amid))

    def put_skip(self, strokes: int) -> None:
        """Give the hall machine a word."""
        self.chip.pio[1].machines[1].write_fifo(strokes)

    def capture(self) -> Capture:
        """What the laptop makes of the words."""
        capture = Capture(TIMING)
        capture.feed(0, self.words)
        return capture

    def _read_back(self, pad: Any) -> None:
        pad.set_input_value(pad.value == HIGH)

    def _start(
        self,
        name: str,
        block: int,
        number: int,
        divider: int,
        in_base: str | None,
        jump: str | None,
        side: str | None,
    ) -> None:
        words = assembled(name)
        pio = self.chip.pio[block]
        offset = self._free[block] - len(words[0])
        assert offset >= 0, f"PIO{block} is too full for {name}"
        self._free[block] = offset
        for index, word in enumerate(words[0]):
            moved = word + offset if word >> 13 == 0 else word
            pio.write_uint32(_INSTR_MEM + 4 * (offset + index), moved)
        base = _STRIDE * number
        jump_bits = pins.gpio(jump) << 24 if jump else 0
        pio.write_uint32(_CLKDIV + base, divider << 16)
        pio.write_uint32(_EXECCTRL + base, words[4] + (offset << 12) + (offset << 7) | jump_bits)
        pio.write_uint32(_SHIFTCTRL + base, words[5])
        outputs = [side] if side else list(pins.HANDS) if name == "hands" else []
        for line in outputs:
            pio.pin_directions_changed(1, pins.gpio(line), 1)
            pio.pin_values_changed(int(line == "HALL"), pins.gpio(line), 1)
            self.chip.write_uint32(_GPIO_CTRL + 8 * pins.gpio(line), 6 + block)
        pinctrl = pins.gpio(in_base) << 15 if in_base else 0
        if side:
            pinctrl |= 1 << 29 | pins.gpio(side) << 10
        if name == "hands":
            pinctrl |= len(pins.HANDS) << 20 | pins.gpio(pins.HANDS[0])
        pio.write_uint32(_PINCTRL + base, pinctrl)
        pio.write_uint32(_INSTR + base, offset)  # jump to the start
