"""The assembled words, and the integers that describe what a FIFO word does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_firmware import pio_programs as programs
from pen_protocol import limits

GOLDEN = json.loads((Path(__file__).parent / "golden_words.json").read_text(encoding="utf-8"))
BLOCK_WORDS = 32


@pytest.mark.parametrize("name", sorted(programs.OPTIONS))
def test_words_are_those_of_the_chips_own_assembler(assembled, name):
    """The golden words were printed by MicroPython 1.22 and 1.28 on an RP2040."""
    golden = GOLDEN[name]
    program = assembled[name]

    assert list(program[0]) == golden["words"]
    assert program[4] == golden["execctrl"]
    assert program[5] == golden["shiftctrl"]


def test_every_program_has_its_golden_words():
    assert set(GOLDEN) == set(programs.OPTIONS)


def test_both_blocks_hold_their_programs(assembled):
    sizes = {name: len(program[0]) for name, program in assembled.items()}

    assert sizes == {"needle": 24, "lease": 8, "edge_counter": 4, "period_meter": 16, "stepper": 11}
    assert sizes["needle"] + sizes["lease"] <= BLOCK_WORDS
    assert sizes["edge_counter"] + sizes["period_meter"] + sizes["stepper"] <= BLOCK_WORDS


def test_shift_registers_never_join_their_queues(assembled):
    """A pull threshold given in the wrong place joins the FIFOs on MicroPython 1.28 and older."""
    assert all(program[5] >> 30 == 0 for program in assembled.values())


@given(
    on_us=st.integers(programs.NEEDLE_ON_BASE_US, programs.NEEDLE_ON_MAX_US),
    period_us=st.integers(programs.NEEDLE_PERIOD_BASE_US, programs.NEEDLE_PERIOD_MAX_US),
    seq=st.integers(0, 1 << 20),
)
def test_a_word_never_asks_for_more_than_asked(on_us, period_us, seq):
    word = programs.needle_word(on_us, period_us, seq)

    assert 0 <= word <= limits.WORD_MAX
    assert 0 <= on_us - programs.word_on_us(word) < programs.NEEDLE_ON_STEP_US
    assert 0 <= programs.word_period_us(word) - period_us < programs.NEEDLE_PERIOD_STEP_US
    assert programs.ack_seq(programs.word_ack(word)) == seq & programs.NEEDLE_SEQ_MASK


@pytest.mark.parametrize(
    ("on_us", "period_us"), [(2, 7000), (2048, 7000), (1000, 6677), (1000, 72_214), (-1, 7000), (1000, -1)]
)
@pytest.mark.covers("REQ-0401")
def test_what_no_word_can_carry_is_refused(on_us, period_us):
    with pytest.raises(ValueError, match="keep it within"):
        programs.needle_word(on_us, period_us, 0)


@given(rate=st.integers(limits.RATE_MIN_MHZ, limits.RATE_MAX_MHZ))
def test_the_rate_error_is_at_most_half_a_step(rate):
    period_us = programs.needle_period_us(rate)

    assert abs(period_us - 1e9 / rate) <= programs.NEEDLE_PERIOD_STEP_US / 2
    assert programs.needle_word(1003, period_us, 0) >= 0


@pytest.mark.covers("REQ-0402")
def test_rates_outside_a_words_range_end_at_its_ends():
    assert programs.needle_period_us(1_000_000) == programs.NEEDLE_PERIOD_BASE_US
    assert programs.needle_period_us(1_000) == programs.NEEDLE_PERIOD_MAX_US


@given(period_us=st.integers(-10, 100_000))
def test_a_step_is_never_faster_than_asked(period_us):
    word = programs.step_word(period_us)

    assert 0 <= word < 1 << programs.STEP_BITS
    bounded = min(max(period_us, programs.STEP_PERIOD_BASE_US), programs.STEP_PERIOD_MAX_US)
    assert 0 <= programs.step_word_period_us(word) - bounded < programs.STEP_PERIOD_STEP_US


def test_the_lease_of_the_limits_fits_a_word():
    assert programs.lease_ticks(limits.LEASE_MS) * programs.LEASE_TICK_US == limits.LEASE_MS * 1000
    assert programs.lease_ticks(10_000) == programs.LEASE_TICKS_MAX
