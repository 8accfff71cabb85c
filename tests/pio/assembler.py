"""Assembles the firmware's PIO programs on a desktop; the words are checked against the chip's own assembler.

A program body is run with nothing but the assembler's names in reach, as on the chip: a body that leans on a constant of
its module fails here as it would there.
"""

from __future__ import annotations

import types
from array import array
from collections.abc import Callable
from typing import Any

_SOURCES = {
    "pins": 0,
    "x": 1,
    "y": 2,
    "null": 3,
    "pindirs": 4,
    "pc": 5,
    "status": 5,
    "isr": 6,
    "osr": 7,
    "exec": 8,
}
_CONDITIONS = {"not_x": 1, "x_dec": 2, "not_y": 3, "y_dec": 4, "x_not_y": 5, "pin": 6, "not_osre": 7}
_NOBLOCK = 0x01
_BLOCK = 0x21


class Instruction:
    """One word in the making: opcode, jump target, side-set value and delay."""

    def __init__(self, opcode: int, target: str | None = None) -> None:
        self.opcode = opcode
        self.target = target
        self.side_value: int | None = None
        self.delay_cycles = 0

    def side(self, value: int) -> Instruction:
        self.side_value = value
        return self

    def __getitem__(self, cycles: int) -> Instruction:
        self.delay_cycles = cycles
        return self


class Listing:
    """What a program body writes: instructions, labels and where it wraps."""

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []
        self.labels: dict[str, int] = {}
        self.wrap_bottom = 0
        self.wrap_top: int | None = None

    def names(self) -> dict[str, Any]:
        """Everything a program body may name."""
        return {
            "__builtins__": {},
            **_SOURCES,
            **_CONDITIONS,
            "block": _BLOCK,
            "noblock": _NOBLOCK,
            "invert": lambda source: source | 0x08,
            "rel": lambda index: index | 0x10,
            "wrap_target": self._wrap_target,
            "wrap": self._wrap,
            "label": self._label,
            "nop": lambda: self._add(0xA042),
            "jmp": self._jmp,
            "wait": self._wait,
            "in_": lambda source, bits: self._add(0x4000 | source << 5 | _width(bits)),
            "out": lambda target, bits: self._add(0x6000 | target << 5 | _width(bits)),
            "push": lambda flag=_BLOCK: self._add(0x8000 | flag & 0x60),
            "pull": lambda flag=_BLOCK: self._add(0x8080 | flag & 0x60),
            "mov": lambda target, source: self._add(0xA000 | target << 5 | source),
            "irq": lambda index: self._add(0xC000 | index),
            "set": lambda target, value: self._add(0xE000 | target << 5 | value),
        }

    def _add(self, opcode: int, target: str | None = None) -> Instruction:
        instruction = Instruction(opcode, target)
        self.instructions.append(instruction)
        return instruction

    def _wrap_target(self) -> None:
        self.wrap_bottom = len(self.instructions)

    def _wrap(self) -> None:
        self.wrap_top = len(self.instructions) - 1

    def _label(self, name: str) -> None:
        if name in self.labels:
            raise ValueError(f"label {name} stands twice")
        self.labels[name] = len(self.instructions)

    def _jmp(self, condition: int | str, target: str | None = None) -> Instruction:
        if isinstance(condition, str):
            return self._add(0x0000, condition)
        return self._add(condition << 5, target)

    def _wait(self, polarity: int, source: int, index: int) -> Instruction:
        # "pins" (0) would silently mean WAIT GPIO on the chip
        if source != _CONDITIONS["pin"]:
            raise ValueError("wait on something else than pin")
        return self._add(0x2000 | polarity << 7 | 1 << 5 | index)


def _width(bits: int) -> int:
    if not 0 < bits <= 32:
        raise ValueError(f"{bits} is no number of bits")
    return bits & 0x1F


def asm_pio(
    *,
    sideset_init: int | None = None,
    in_shiftdir: int = 0,
    out_shiftdir: int = 0,
    pull_thresh: int = 32,
) -> Callable[[types.FunctionType], list[Any]]:
    """Assembler of one program: same fields and layout as the chip's `rp2.asm_pio` of MicroPython 1.26 and later."""

    def assemble(body: types.FunctionType) -> list[Any]:
        listing = Listing()
        types.FunctionType(body.__code__, listing.names(), body.__name__, body.__defaults__)()
        side_bits = 0 if sideset_init is None else 1
        words = array("H", [_encode(listing, one, side_bits) for one in listing.instructions])
        top = len(words) - 1 if listing.wrap_top is None else listing.wrap_top
        execctrl = listing.wrap_bottom << 7 | top << 12
        shiftctrl = (pull_thresh & 0x1F) << 25 | out_shiftdir << 19 | in_shiftdir << 18
        return [words, -1, -1, -1, execctrl, shiftctrl, None, None, sideset_init]

    return assemble


def _encode(listing: Listing, one: Instruction, side_bits: int) -> int:
    delay_bits = 5 - side_bits
    if one.delay_cycles >= 1 << delay_bits:
        raise ValueError(f"a delay of {one.delay_cycles} does not fit")
    # Side-set is all or nothing here: optional side-set would take a second bit and drop the pin's re-assertion.
    if (one.side_value is not None) != bool(side_bits):
        raise ValueError("every instruction of a program with a side-set pin says what the pin does")
    word = one.opcode | one.delay_cycles << 8
    if side_bits:
        word |= one.side_value << 12
    if one.target is None:
        return word
    place = listing.labels[one.target]
    if place >= len(listing.instructions):
        raise ValueError(f"label {one.target} stands behind the last instruction")
    return word | place
