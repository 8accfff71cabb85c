"""Stand-ins for MicroPython's rp2 and machine that work on the registers of an emulated RP2040.

With them the firmware's own board module runs on a desktop and its machines can be stepped one cycle at a time. One
cycle is one microsecond: the clock runs at the machines' own rate. What the emulator lacks is made up here:

- `init` empties FIFOs as the chip's library does.
- A stalled instruction takes a cycle of its own once the reason of the stall is gone; the emulator ends it between two
  cycles, and does so even for a machine that is switched off. `put` and `get` make both good (`_stall`).
- A machine that is switched on or restarted is due one cycle late in the emulator and makes up for it in its first delay,
  one cycle short. It begins here without that debt.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Iterator
from typing import Any

from tests.pio.assembler import asm_pio

CLOCK_HZ = 1_000_000
_PIO = (0x50200000, 0x50300000)
_CTRL = 0x00
_FSTAT = 0x04
_FLEVEL = 0x0C
_TXF = 0x10
_RXF = 0x20
_INSTR_MEM = 0x48
_CLKDIV = 0xC8
_EXECCTRL = 0xCC
_SHIFTCTRL = 0xD0
_INSTR = 0xD8
_PINCTRL = 0xDC
_STRIDE = 0x18
_JOIN_TX = 1 << 30
_PULL = 0x8080
_SET_PINS = 0xE000
_SET_PINDIRS = 0xE080
_GPIO_CTRL = 0x40014004
_PADS = 0x4001C004
_SIO_SET, _SIO_CLEAR, _SIO_OE_SET, _SIO_OE_CLEAR = 0xD0000014, 0xD0000018, 0xD0000024, 0xD0000028
_FUNCTION_SIO = 5
_PAD_INPUT = 0x52


class Memory:
    """`machine.mem32`."""

    def __init__(self, chip: Any) -> None:
        self._chip = chip

    def __getitem__(self, address: int) -> int:
        return int(self._chip.read_uint32(address))

    def __setitem__(self, address: int, value: int) -> None:
        self._chip.write_uint32(address, value)


class Rp2:
    """`rp2` for one emulated chip: state machines and the program memory of both blocks."""

    class PIO:
        OUT_LOW = 2
        SHIFT_LEFT = 0
        SHIFT_RIGHT = 1

    def __init__(self, chip: Any) -> None:
        self.memory = Memory(chip)
        self.chip = chip
        self.free = [32, 32]
        """First used word of each block: programs are loaded from the top."""
        self.asm_pio = asm_pio
        self._machines: dict[int, StateMachine] = {}

    def StateMachine(self, number: int) -> StateMachine:  # noqa: N802 - the chip's name
        return self._machines.setdefault(number, StateMachine(self, number))

    def load(self, block: int, program: list[Any]) -> int:
        """Put a program into a block once; its offset."""
        if program[1 + block] >= 0:
            return int(program[1 + block])
        words = program[0]
        offset = self.free[block] - len(words)
        if offset < 0:
            raise OSError("the block has no room for this program")
        for index, word in enumerate(words):
            moved = word + offset if word >> 13 == 0 else word
            self.memory[_PIO[block] + _INSTR_MEM + 4 * (offset + index)] = moved
        self.free[block] = program[1 + block] = offset
        return offset


class StateMachine:
    """`rp2.StateMachine`, as far as the board uses it."""

    def __init__(self, rp2: Rp2, number: int) -> None:
        self._rp2 = rp2
        self._block, self._index = divmod(number, 4)
        self._base = _PIO[self._block]
        self._start = 0

    def init(
        self,
        program: list[Any],
        freq: int,
        *,
        in_base: Any = None,
        jmp_pin: Any = None,
        sideset_base: Any = None,
    ) -> None:
        self._start = offset = self._rp2.load(self._block, program)
        self.active(0)
        pinctrl = (in_base.number << 15 if in_base else 0) | (
            1 << 29 | sideset_base.number << 10 if sideset_base else 0
        )
        jump = jmp_pin.number << 24 if jmp_pin else 0
        self._write(_CLKDIV, (CLOCK_HZ // freq) << 16)
        self._write(_EXECCTRL, program[4] + (offset << 12) + (offset << 7) + jump)
        self._write(_SHIFTCTRL, program[5])
        self._write(_PINCTRL, pinctrl)
        self._empty()
        self.restart()
        if sideset_base:
            self._take_pin(sideset_base, pinctrl)

    def _take_pin(self, pin: Any, pinctrl: int) -> None:
        """The chip's library: level and direction first, then the pad changes hands and loses its overrides."""
        self._write(_PINCTRL, 1 << 26 | pin.number << 5)
        self.exec(_SET_PINS)
        self.exec(_SET_PINDIRS | 1)
        self._write(_PINCTRL, pinctrl)
        self._rp2.memory[_PADS + 4 * pin.number] = _PAD_INPUT
        self._rp2.memory[_GPIO_CTRL + 8 * pin.number] = 6 + self._block

    def _empty(self) -> None:
        self._emulated.waiting = (
            False  # the emulator would end the stall with the first word that is taken out
        )
        while self.rx_fifo():
            self.get()
        while self.tx_fifo():
            self.exec(_PULL)

    def active(self, on: int) -> None:
        control = self._rp2.memory[self._base + _CTRL] & 0xF
        was = control >> self._index & 1
        self._rp2.memory[self._base + _CTRL] = control & ~(1 << self._index) | on << self._index
        if on and not was:
            self._own_cycle()

    def restart(self) -> None:
        control = self._rp2.memory[self._base + _CTRL] & 0xF
        self._rp2.memory[self._base + _CTRL] = control | 1 << 4 + self._index
        self._own_cycle()
        self.exec(self._start)

    def _own_cycle(self) -> None:
        """Move the emulated machine's next instruction one cycle on."""
        self._emulated.next_due_fp += self._emulated.div_fp
        self._rp2.chip.pio[self._block].recompute_due()

    @contextlib.contextmanager
    def _stall(self) -> Iterator[None]:
        """Around what may end a stall: a running machine needs a cycle for it, a stopped one stays stalled."""
        machine = self._emulated
        waited = machine.waiting
        if waited and not machine.enabled:
            machine.waiting = False
            yield
            machine.waiting = True
            return
        yield
        if waited and not machine.waiting:
            self._own_cycle()

    @property
    def _emulated(self) -> Any:
        return self._rp2.chip.pio[self._block].machines[self._index]

    def exec(self, word: int) -> None:
        self._write(_INSTR, word)

    def put(self, word: int) -> None:
        if self.tx_fifo() >= 4:
            raise RuntimeError("put with a full queue: the chip would wait for ever")
        with self._stall():
            self._rp2.memory[self._base + _TXF + 4 * self._index] = word

    def get(self) -> int:
        if not self.rx_fifo():
            raise RuntimeError("get with an empty queue: the chip would wait for ever")
        with self._stall():
            return self._rp2.memory[self._base + _RXF + 4 * self._index]

    def tx_fifo(self) -> int:
        return self._rp2.memory[self._base + _FLEVEL] >> 8 * self._index & 0xF

    def rx_fifo(self) -> int:
        return self._rp2.memory[self._base + _FLEVEL] >> 8 * self._index + 4 & 0xF

    def _write(self, register: int, value: int) -> None:
        self._rp2.memory[self._base + register + (_STRIDE * self._index)] = value


def machine_module(chip: Any) -> types.ModuleType:
    """`machine` for one emulated chip: Pin, ADC, WDT and mem32."""
    memory = Memory(chip)

    class Pin:
        IN, OUT, OPEN_DRAIN, PULL_UP, PULL_DOWN = range(5)

        def __init__(
            self, number: int, mode: int | None = None, pull: int | None = None, value: int = 0
        ) -> None:
            self.number = number
            if mode is None:
                return
            memory[_PADS + 4 * number] = _PAD_INPUT | {self.PULL_UP: 8, self.PULL_DOWN: 4, None: 0}[pull]
            memory[_SIO_OE_CLEAR] = 1 << number
            if mode == self.OUT:
                self.value(value)
                memory[_SIO_OE_SET] = 1 << number
            memory[_GPIO_CTRL + 8 * number] = _FUNCTION_SIO

        def value(self, level: int) -> None:
            memory[_SIO_SET if level else _SIO_CLEAR] = 1 << self.number

    class ADC:
        def __init__(self, pin: Pin) -> None:
            self._channel = pin.number - 26

        def read_u16(self) -> int:
            reading = chip.adc.channel_values[self._channel]
            return int(reading << 4 | reading >> 8)

    class WDT:
        def __init__(self, timeout: int) -> None:
            self.timeout_ms = timeout
            self.fed = 0

        def feed(self) -> None:
            self.fed += 1

    module = types.ModuleType("machine")
    vars(module).update(
        Pin=Pin, ADC=ADC, WDT=WDT, mem32=memory, reset_cause=lambda: 1, unique_id=lambda: bytes(8)
    )
    return module
