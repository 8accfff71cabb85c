"""What any word in the needle's queue can do, shown for all of them: on-time, period, duty, rate, acknowledgement.

The lanes run a hundred thousand words at once; the emulated chip runs every on-time, a sweep of periods and a random part
of the others itself. Words are 32 bits here, also those that no helper of the firmware would make.
"""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from pen_firmware import pio_programs as programs
from pen_protocol import limits
from tests.pio import properties
from tests.pio.lanes import Lanes
from tests.pio.properties import Program, Words
from tests.pio.solo import Solo

SEED = 20_260
RANDOM_WORDS = 100_000
ON_MASK = (1 << programs.NEEDLE_ON_BITS) - 1
EXT_MASK = (1 << programs.NEEDLE_EXT_BITS) - 1
ALL_ONES = (1 << 32) - 1


def boundary_words() -> list[int]:
    """Every combination of both ends of every field and their neighbours, and every single bit."""
    ends = {
        width: {0, 1, (1 << width) - 2, (1 << width) - 1}
        for width in (programs.NEEDLE_ON_BITS, programs.NEEDLE_EXT_BITS)
    }
    fields = itertools.product(
        ends[programs.NEEDLE_ON_BITS], ends[programs.NEEDLE_EXT_BITS], range(4), (0, 1, 31), range(4)
    )
    corners = [
        on
        | ext << programs.NEEDLE_ON_BITS
        | trim << programs.NEEDLE_TRIM_SHIFT
        | seq << programs.NEEDLE_SEQ_SHIFT
        | beyond << 30
        for on, ext, trim, seq, beyond in fields
    ]
    return [0, ALL_ONES, *(1 << bit for bit in range(32)), *corners]


def every_on_time() -> list[int]:
    return list(range(ON_MASK + 1))


def every_period() -> list[int]:
    return [rest << programs.NEEDLE_ON_BITS for rest in range(1 << 16)]


@pytest.fixture(scope="module")
def words() -> Words:
    """Random words, all boundaries, every on-time, every period; ordered by the extension for the lanes' sake."""
    source = np.random.default_rng(SEED)
    drawn = source.integers(0, 1 << 32, RANDOM_WORDS, dtype=np.uint32)
    chosen = np.array(boundary_words() + every_on_time() + every_period(), np.uint32)
    together = np.concatenate([drawn, chosen])
    return properties.ordered(together, properties.period_us(together))


@pytest.fixture(scope="module")
def played(assembled: dict[str, Program], words: Words) -> Lanes:
    """Each of the words alone in the queue of a machine of its own, until the machine asks for the next."""
    print(f"seed {SEED}, {len(words)} words")
    return properties.alone(assembled["needle"], words)


@pytest.mark.xdist_group("every_word")
@pytest.mark.covers("REQ-0401", "REQ-0402")
def test_every_word_makes_one_pulse_of_its_on_time_and_no_other(played: Lanes, words: Words) -> None:
    properties.makes_one_pulse(played, words)


@pytest.mark.xdist_group("every_word")
def test_every_word_asks_for_the_next_after_its_period(played: Lanes, words: Words) -> None:
    """The first pull is in cycle 0, and the pad rises as long after one pull as after the other."""
    properties.keeps_its_period(played, words)


@pytest.mark.xdist_group("every_word")
@pytest.mark.covers("REQ-0401", "REQ-0402")
def test_no_word_exceeds_the_caps_on_on_time_duty_and_rate(played: Lanes) -> None:
    """HAZ-04. The caps are reached by words, so the numbers are those of the program and not of the sample."""
    properties.keeps_the_caps(played)
    assert played.result.widths.max() == programs.NEEDLE_ON_MAX_US
    assert played.result.starved.min() == programs.NEEDLE_PERIOD_BASE_US
    assert limits.RATE_MAX_MHZ < programs.rate_mhz(int(played.result.starved.min())) < 149_750


@pytest.mark.xdist_group("every_word")
def test_every_word_is_acknowledged_once_with_what_lies_above_its_on_time(
    played: Lanes, words: Words
) -> None:
    properties.acknowledges_once(played, words)


def test_the_extension_begins_in_the_same_state_after_every_on_time(needle: Program) -> None:
    """So what holds for every on-time and for every period holds for every pair of them: for all 2^32 words.

    Up to the extension the program has seen of a word only ON; the rest lies untouched in the shift register. All lanes
    stand in one place in one cycle with the same registers, whatever ON was, and go on by that rest alone.
    """
    rests = [0, (1 << 23) - 1, 1, 0x2AAAAA, 0x555555, 1 << 22, 0x3FFF, 0xFFFF]
    pairs = itertools.product(every_on_time(), rests)
    words = np.array([on | rest << programs.NEEDLE_ON_BITS for on, rest in pairs], np.uint32)
    lanes = Lanes(needle, words.reshape(-1, 1))
    extends = 6669
    lanes.run(extends)

    ((cycle, place, group),) = lanes.groups()
    assert (cycle, group) == (extends, slice(0, len(words)))
    assert needle[0][place] >> 5 == 0x6040 >> 5, "the extension is taken out of the word here"
    rest = lanes.registers.pop(7)
    assert np.array_equal(rest, words >> np.uint32(programs.NEEDLE_ON_BITS))
    assert all(len(np.unique(register)) == 1 for register in lanes.registers.values())
    assert np.all(lanes.osr_count == programs.NEEDLE_ON_BITS)
    assert np.all(lanes.pushed == 1)


# --- on the emulated chip itself ------------------------------------------------------------------------------------------


def assert_formula(solo: Solo, words: list[int]) -> None:
    """Each of these words, queued without a gap: width, distance to the next rise, acknowledgement."""
    strokes = solo.strokes()
    rises = [rose for rose, _ in strokes]
    asked = np.array(words, np.uint32)
    assert [width for _, width in strokes] == properties.on_us(asked).tolist()
    assert np.diff(rises).tolist() == properties.period_us(asked)[:-1].tolist()
    assert solo.answers == [word >> programs.NEEDLE_ON_BITS for word in words]


def test_every_on_time_to_the_cycle(needle: Program) -> None:
    """All 512, in the shortest period, on the emulated chip."""
    solo = Solo(needle)
    words = every_on_time()
    solo.play(words, tail=8 * programs.NEEDLE_PERIOD_BASE_US)

    assert_formula(solo, words)


def test_a_dense_sweep_of_periods_to_the_cycle(needle: Program) -> None:
    near_powers = {(1 << bit) + away for bit in range(programs.NEEDLE_EXT_BITS) for away in (-1, 0, 1)}
    extensions = sorted({*range(24), *near_powers, *range(0, EXT_MASK, 1_500), EXT_MASK})
    words = [
        ext << programs.NEEDLE_ON_BITS | trim << programs.NEEDLE_TRIM_SHIFT
        for ext in extensions
        for trim in range(4)
    ]
    solo = Solo(needle)
    solo.play(words, tail=6 * programs.NEEDLE_PERIOD_MAX_US)

    assert_formula(solo, words)


@pytest.mark.covers("REQ-0401", "REQ-0402")
def test_random_and_boundary_words_one_after_the_other_on_the_emulated_chip(needle: Program) -> None:
    """Other than in the lanes each word follows another one: nothing of a stroke reaches into the next."""
    print(f"seed {SEED}")
    source = random.Random(SEED)
    words = [source.getrandbits(32) for _ in range(60)] + source.sample(boundary_words(), 40)
    source.shuffle(words)
    solo = Solo(needle)
    solo.play(words, tail=6 * programs.NEEDLE_PERIOD_MAX_US)

    assert_formula(solo, words)


def test_a_thousand_strokes_have_no_jitter(needle: Program) -> None:
    period = programs.needle_period_us(limits.RATE_MAX_MHZ)
    words = [programs.needle_word(1_803, period, seq) for seq in range(1_001)]
    solo = Solo(needle)
    solo.play(words, tail=6 * period)

    assert_formula(solo, words)
    rises = [rose for rose, _ in solo.strokes()]
    assert set(np.diff(rises).tolist()) == {period}
    assert {width for _, width in solo.strokes()} == {1_803}


def test_the_rate_error_is_at_most_half_a_timer_step_at_every_rate() -> None:
    """Every rate that can be set, to the millihertz: in whole numbers, so half a step is half a step."""
    for rate_mhz in range(limits.RATE_MIN_MHZ, limits.RATE_MAX_MHZ + 1):
        period = programs.needle_period_us(rate_mhz)
        assert 2 * abs(period * rate_mhz - 1_000_000_000) <= programs.NEEDLE_PERIOD_STEP_US * rate_mhz
        assert programs.word_period_us(programs.needle_word(1_003, period, 0)) == period
