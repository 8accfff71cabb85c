"""The assembler double against two others, word for word.

MicroPython's own printed the golden words (`test_words`). Here it meets the encoders of rp2040py, for the firmware's
programs and for any other that the double takes. One defect of theirs is known: what they call `no_block` sets bit 5, the
bit that means block.
"""

from __future__ import annotations

import types
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rp2040py.utils import pio_assembler as other

from pen_firmware import pio_programs as programs
from tests.pio.assembler import asm_pio

SOURCES = {
    "x": other.PIO_SRC_X,
    "y": other.PIO_SRC_Y,
    "null": other.PIO_SRC_NULL,
    "isr": other.PIO_SRC_ISR,
    "osr": other.PIO_SRC_OSR,
}
OUT_TARGETS = {
    "x": other.PIO_DEST_X,
    "y": other.PIO_DEST_Y,
    "null": other.PIO_DEST_NULL,
    "isr": other.PIO_DEST_ISR,
}
MOV_TARGETS = {
    "x": other.PIO_MOV_DEST_X,
    "y": other.PIO_MOV_DEST_Y,
    "isr": other.PIO_MOV_DEST_ISR,
    "osr": other.PIO_MOV_DEST_OSR,
}
SET_TARGETS = {"x": other.PIO_DEST_X, "y": other.PIO_DEST_Y}
CONDITIONS = {
    "not_x": other.PIO_COND_NOTX,
    "x_dec": other.PIO_COND_XDEC,
    "not_y": other.PIO_COND_NOTY,
    "y_dec": other.PIO_COND_YDEC,
    "x_not_y": other.PIO_COND_XNEY,
    "pin": other.PIO_COND_PIN,
    "not_osre": other.PIO_COND_NOTEMPTYOSR,
}
SIDE_BIT = 4
"""With one side-set bit the field of five holds the pin's level above four bits of delay."""


@dataclass
class Line:
    """One instruction of the second listing: how to encode it, once labels, side-set and delay are known."""

    encode: Callable[[dict[str, int], int], int]
    field: int = 0

    def side(self, level: int) -> Line:
        self.field |= level << SIDE_BIT
        return self

    def __getitem__(self, cycles: int) -> Line:
        self.field |= cycles
        return self


class SecondListing:
    """The names a program body uses, each by an encoder of rp2040py."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.labels: dict[str, int] = {}

    def words(self) -> list[int]:
        return [line.encode(self.labels, line.field) for line in self.lines]

    def names(self) -> dict[str, Any]:
        plain = {name: name for name in (*SOURCES, *CONDITIONS, "block", "noblock")}
        return {
            "__builtins__": {},
            **plain,
            "invert": lambda source: ("not", source),
            "rel": lambda index: index + 0x10,
            "wrap_target": lambda: None,
            "wrap": lambda: None,
            "label": self._label,
            "nop": lambda: self._mov("y", "y"),
            "jmp": self._jmp,
            "wait": self._wait,
            "in_": lambda source, bits: self._add(
                lambda _, field: other.pio_in(SOURCES[source], bits, field)
            ),
            "out": lambda target, bits: self._add(
                lambda _, field: other.pio_out(OUT_TARGETS[target], bits, field)
            ),
            "push": lambda how="block": self._add(
                lambda _, field: other.pio_push(False, how == "block", field)
            ),
            "pull": lambda how="block": self._add(
                lambda _, field: other.pio_pull(False, how == "block", field)
            ),
            "mov": self._mov,
            "irq": lambda index: self._add(lambda _, field: other.pio_irq(False, False, index, field)),
            "set": lambda target, value: self._add(
                lambda _, field: other.pio_set(SET_TARGETS[target], value, field)
            ),
        }

    def _add(self, encode: Callable[[dict[str, int], int], int]) -> Line:
        self.lines.append(Line(encode))
        return self.lines[-1]

    def _label(self, name: str) -> None:
        self.labels[name] = len(self.lines)

    def _jmp(self, first: str, target: str | None = None) -> Line:
        label, condition = (first, other.PIO_COND_ALWAYS) if target is None else (target, CONDITIONS[first])
        return self._add(lambda labels, field: other.pio_jmp(labels[label], condition, field))

    def _mov(self, target: str, source: str | tuple[str, str]) -> Line:
        operation = other.PIO_OP_NONE if isinstance(source, str) else other.PIO_OP_INVERT
        name = source if isinstance(source, str) else source[1]
        return self._add(lambda _, field: other.pio_mov(MOV_TARGETS[target], SOURCES[name], operation, field))

    def _wait(self, polarity: int, source: str, index: int) -> Line:
        assert source == "pin"
        return self._add(
            lambda _, field: other.pio_wait(bool(polarity), other.PIO_WAIT_SRC_PIN, index, field)
        )


def second_words(body: types.FunctionType) -> list[int]:
    listing = SecondListing()
    types.FunctionType(body.__code__, listing.names(), body.__name__, body.__defaults__)()
    return listing.words()


@pytest.mark.parametrize("name", sorted(programs.OPTIONS))
def test_the_firmwares_programs_have_the_same_words_in_a_second_assembler(
    assembled: dict[str, list[Any]], name: str
) -> None:
    assert list(assembled[name][0]) == second_words(getattr(programs, name))


# --- any program ----------------------------------------------------------------------------------------------------------

NAMES = st.sampled_from(sorted(SOURCES))
WIDTHS = st.integers(1, 32)
PLACES = st.integers(0, 7).map(lambda place: f'"place{place}"')
LINES = st.one_of(
    st.builds("jmp({})".format, PLACES),
    st.builds("jmp({}, {})".format, st.sampled_from(sorted(CONDITIONS)), PLACES),
    st.builds("wait({}, pin, {})".format, st.integers(0, 1), st.integers(0, 31)),
    st.builds("in_({}, {})".format, NAMES, WIDTHS),
    st.builds("out({}, {})".format, st.sampled_from(sorted(OUT_TARGETS)), WIDTHS),
    st.sampled_from(["push(block)", "push(noblock)", "pull(block)", "pull(noblock)", "nop()", "irq(rel(0))"]),
    st.builds("mov({}, {})".format, st.sampled_from(sorted(MOV_TARGETS)), NAMES),
    st.builds("mov({}, invert({}))".format, st.sampled_from(sorted(MOV_TARGETS)), NAMES),
    st.builds("set({}, {})".format, st.sampled_from(sorted(SET_TARGETS)), st.integers(0, 31)),
)


@given(st.lists(st.tuples(LINES, st.integers(0, 1), st.integers(0, 15)), min_size=8, max_size=32))
def test_any_program_has_the_same_words_in_a_second_assembler(lines: list[tuple[str, int, int]]) -> None:
    source = ["def body():"]
    for place, (line, side, delay) in enumerate(lines):
        if place < 8:
            source.append(f'    label("place{place}")')
        source.append(f"    {line}.side({side})[{delay}]")
    space: dict[str, Any] = {}
    exec("\n".join(source), space)

    assert list(asm_pio(sideset_init=2)(space["body"])[0]) == second_words(space["body"])


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("nop().side(0)[16]", "does not fit"),
        ("nop()[1]", "says what the pin does"),
        ("out(x, 33).side(0)", "no number of bits"),
        ("wait(1, pins, 0).side(0)", "something else than pin"),
        ('label("end")', "twice"),
        ('jmp("end").side(0)', "behind the last"),
    ],
)
def test_what_the_chip_would_take_amiss_is_refused(line: str, why: str) -> None:
    space: dict[str, Any] = {}
    exec(f'def body():\n    nop().side(0)\n    {line}\n    label("end")', space)

    with pytest.raises(ValueError, match=why):
        asm_pio(sideset_init=2)(space["body"])


def test_words_are_sixteen_bits(assembled: dict[str, list[Any]]) -> None:
    assert all(isinstance(program[0], array) and program[0].typecode == "H" for program in assembled.values())
