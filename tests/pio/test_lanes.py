"""The lanes run instructions as two other emulators do: any program, any words, any history of the asked pin."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pen_firmware import pio_programs as programs
from tests.pio import second
from tests.pio.bench import Bench
from tests.pio.lanes import NEVER, Contacts, Lanes
from tests.pio.solo import Solo

CYCLES = 120
NOT_OSRE = 7
SIDES_AND_DELAYS = st.tuples(st.integers(0, 1), st.sampled_from([0, 0, 0, 1, 2, 5, 15]))
SOURCES = st.sampled_from([1, 2, 3, 6, 7])
COUNTS = st.integers(0, 31)


def encoded(kind: int, argument: st.SearchStrategy[int]) -> st.SearchStrategy[int]:
    return st.builds(
        lambda low, side: kind << 13 | side[0] << 12 | side[1] << 8 | low, argument, SIDES_AND_DELAYS
    )


def instructions(length: int, *, only_common: bool) -> st.SearchStrategy[int]:
    conditions = range(NOT_OSRE if only_common else NOT_OSRE + 1)
    jumps = st.builds(
        lambda condition, target: condition << 5 | target,
        st.sampled_from(conditions),
        st.integers(0, length - 1),
    )
    # `out` of all 32 bits empties the register: the first emulator leaves it as it was, the second one does not
    out_counts = COUNTS if only_common else st.integers(1, 31)
    kinds = [
        encoded(0, jumps),
        encoded(2, st.builds(lambda source, bits: source << 5 | bits, SOURCES, COUNTS)),
        encoded(
            3, st.builds(lambda target, bits: target << 5 | bits, st.sampled_from([1, 2, 3]), out_counts)
        ),
        encoded(4, st.sampled_from([0x00, 0x20, 0x80, 0xA0])),
        encoded(
            5,
            st.builds(
                lambda target, operation, source: target << 5 | operation << 3 | source,
                st.sampled_from([1, 2, 6, 7]),
                st.integers(0, 1),
                SOURCES,
            ),
        ),
        encoded(7, st.builds(lambda target, value: target << 5 | value, st.sampled_from([1, 2]), COUNTS)),
    ]
    return st.one_of(*kinds) if only_common else st.one_of(*kinds, encoded(6, st.just(0x10)))


@st.composite
def assembled(draw: st.DrawFn, *, only_common: bool = False) -> list[Any]:
    """A program as the assembler returns it."""
    length = draw(st.integers(2, 20))
    words = draw(st.lists(instructions(length, only_common=only_common), min_size=length, max_size=length))
    # the end is where it wraps, or a jump: what lies behind the last instruction belongs to another program
    top = length - 1
    if draw(st.booleans()):
        words[-1] = 0x1FE0 & words[-1] & ~0xE0 | draw(st.integers(0, length - 1))
        top = draw(st.integers(1, length - 1))
    bottom = draw(st.integers(0, top))
    threshold = 32 if only_common else draw(st.integers(1, 32))
    shifts = (threshold & 0x1F) << 25 | draw(st.integers(0, 3)) << 18
    return [array("H", words), -1, -1, -1, bottom << 7 | top << 12, shifts, None, None, 0]


WORDS = st.lists(st.integers(0, (1 << 32) - 1), max_size=4)
LOW = st.tuples(st.integers(0, CYCLES), st.integers(0, CYCLES))


def lanes_of(
    program: list[Any], words: list[int], low: tuple[int, int], arrivals: list[int] | None = None
) -> Lanes:
    """One lane, unread, run for the time under test."""
    row = np.array([words], np.uint32).reshape(1, len(words))
    lanes = Lanes(
        program,
        row,
        contacts=Contacts(np.array([low[0]]), np.array([low[1]])),
        arrivals=None if arrivals is None else np.array([arrivals], np.int64).reshape(1, len(words)),
        answers_room=4,
        pulses=CYCLES,
    )
    lanes.run(CYCLES)
    return lanes


def edges_of(lanes: Lanes) -> list[tuple[int, int]]:
    """Edges of lane 0."""
    rises = [(int(cycle), 1) for cycle in lanes.result.rises[0] if cycle >= 0]
    falls = [(int(cycle), 0) for cycle in lanes.result.falls[0] if cycle >= 0]
    return sorted(rises + falls)


@settings(max_examples=300)
@given(assembled(), WORDS, LOW, st.lists(st.integers(0, CYCLES - 1), min_size=4, max_size=4))
def test_any_program_does_in_a_lane_what_it_does_in_the_emulated_chip(
    program: list[Any], words: list[int], low: tuple[int, int], delays: list[int]
) -> None:
    arrivals = sorted(delays)[: len(words)]
    lanes = lanes_of(program, words, low, arrivals)
    solo = Solo(program)
    for cycle in range(CYCLES):
        for word, due in zip(words, arrivals, strict=True):
            if due == cycle:
                solo.machine.put(word)
        solo.ask(not low[0] <= cycle < low[1])
        solo.run(1)

    assert edges_of(lanes) == solo.edges
    assert lanes.result.answers_of(0) == [solo.machine.get() for _ in range(solo.machine.rx_fifo())][:4]
    assert (lanes.flagged[0] >= 0) == solo.flag
    assert int(lanes.taken[0]) == len(words) - solo.machine.tx_fifo()


@settings(max_examples=200)
@given(assembled(only_common=True), WORDS, LOW)
def test_any_program_does_in_a_lane_what_it_does_in_the_second_emulator(
    program: list[Any], words: list[int], low: tuple[int, int]
) -> None:
    lanes = lanes_of(program, words, low)
    other = second.run(program, words, CYCLES, lambda cycle: not low[0] <= cycle < low[1])

    assert other.cycle >= CYCLES, "the second emulator gave up"
    assert edges_of(lanes) == other.edges
    assert lanes.result.answers_of(0) == other.answers


NEEDLE = Bench(started=False).module.assemble("needle")


@settings(max_examples=10)
@given(st.lists(st.integers(0, (1 << 32) - 1), min_size=1, max_size=2))
def test_strokes_are_the_same_in_all_three_emulators(words: list[int]) -> None:
    """The shortest period and any on-time; extension and trim of the last word only as far as the run goes."""
    short = [word & 0xFFFF81FF for word in words]
    cycles = sum(programs.word_period_us(word) for word in short[:-1]) + 4_000
    lanes = Lanes(NEEDLE, np.array([short], np.uint32), answers_room=4, pulses=4)
    lanes.run(cycles)
    other = second.run(NEEDLE, short, cycles)
    solo = Solo([*NEEDLE])
    for word in short:
        solo.machine.put(word)
    solo.run(cycles)

    assert edges_of(lanes) == other.edges == solo.edges
    assert lanes.result.answers_of(0) == other.answers == [programs.word_ack(word) for word in short]


def test_lanes_that_meet_with_different_pads_go_on_as_each_would_alone() -> None:
    """Two ways of the same length, one with the pad high, then an instruction with the pad high for both."""
    ways = [0x80A0, 0x6021, 0x0024, 0x1005, 0x0005, 0xB042, 0x0006]
    program = [array("H", ways), -1, -1, -1, 6 << 12, 3 << 18, None, None, 0]
    lanes = Lanes(program, np.array([[1], [0]], np.uint32))
    lanes.run(20)

    assert lanes.result.rises[:, 0].tolist() == [3, 4]
    assert lanes.result.falls[:, 0].tolist() == [5, 5]
    assert lanes.pulses.tolist() == [1, 1]


def test_the_second_emulator_ends_without_a_word_where_it_knows_no_instruction() -> None:
    """IRQ is unknown to it: a latch must be tried elsewhere, and here the silence is at least seen."""
    ended = second.run(NEEDLE, [0], 1_000, lambda _cycle: False)

    assert ended.cycle < 20
    assert ended.place == 7


def test_what_lanes_do_not_know_is_refused() -> None:
    for word in (0x2020, 0x8040, 0xA000, 0xE000, 0xC001 | 0x40, 0xA0D1):
        program = [array("H", [word, 0]), -1, -1, -1, 1 << 12, 0, None, None, 0]
        with pytest.raises(NotImplementedError):
            Lanes(program, np.zeros((1, 1), np.uint32)).run(NEVER)
