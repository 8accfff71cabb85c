"""What must hold of the programs, each as a check of any program given to it.

The proofs run a check on everything there is; `test_mutants` runs the same checks on programs with one thing wrong, where
they must fail. A check raises AssertionError.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pen_firmware import pio_programs as programs
from pen_protocol import limits
from tests.pio import latencies
from tests.pio.lanes import NEVER, Contacts, Lanes

Program = list[Any]
Words = NDArray[np.uint32]
Cycles = NDArray[np.int64]

START = 7
"""Cycles from the pull of a stroke word to the rising pad."""
OFF_WITHIN = latencies.COIL_OFF.cycles
"""An opening before cycle C is off at the end of cycle C + 4."""
BLIND = latencies.MISSED.cycles + 1
"""An opening of this many cycles or more is seen by the needle machine in every phase between two queued strokes."""
QUEUED = 4
"""Words in the queue when a contact opens: the stroke under test, the next one, and two that must never be made."""


def field(words: Words, bits: int, shift: int = 0) -> Cycles:
    """A field of each word."""
    return (words >> np.uint32(shift) & np.uint32((1 << bits) - 1)).astype(np.int64)


def on_us(words: Words) -> Cycles:
    """The documented formula, apart from the firmware's helper."""
    return 3 + 4 * field(words, 9)


def period_us(words: Words) -> Cycles:
    """The documented formula, apart from the firmware's helper."""
    return 6678 + 4 * field(words, 14, 9) + field(words, 2, 23)


def ordered(words: Words, keys: Cycles) -> Words:
    """In the order in which machines leave their loops: neighbours stay together in the lanes."""
    return words[np.argsort(keys, kind="stable")]


def alone(program: Program, words: Words, cycles: int = 100_000) -> Lanes:
    """Each word alone in the queue of a machine of its own, until the machine asks for the next."""
    lanes = Lanes(program, words.reshape(-1, 1), pulses=1)
    lanes.run(cycles)
    return lanes


# --- needle ---------------------------------------------------------------------------------------------------------------


def makes_one_pulse(played: Lanes, words: Words) -> None:
    """Each word gives one pulse of its on-time, then the machine waits with its pad low."""
    assert not played.groups(), "a machine does not wait for its next word"
    assert np.all(played.pulses == 1)
    assert np.all(played.level == 0)
    assert np.all(played.result.rises[:, 0] == START)
    assert np.array_equal(played.result.widths[:, 0], on_us(words))


def keeps_its_period(played: Lanes, words: Words) -> None:
    """The first pull is in cycle 0; the next one comes after the period."""
    assert np.array_equal(played.result.starved, period_us(words))


def keeps_the_caps(played: Lanes) -> None:
    """On-time, duty and rate, whatever the word."""
    widths, periods = played.result.widths[:, 0], played.result.starved
    assert widths.max() <= programs.NEEDLE_ON_MAX_US <= limits.COIL_ON_MAX_US
    assert periods.min() >= programs.NEEDLE_PERIOD_BASE_US
    assert np.all(100 * widths <= limits.COIL_DUTY_MAX_PERCENT * periods)
    assert (100 * widths / periods).max() < 30.66


def acknowledges_once(played: Lanes, words: Words) -> None:
    """One answer for each word: what lies above its on-time."""
    assert played.result.answers, "nothing was acknowledged"
    lanes = np.concatenate([who for _, who, _ in played.result.answers])
    said = np.concatenate([what for _, _, what in played.result.answers])
    assert len(lanes) == len(words) == len(np.unique(lanes))
    assert np.array_equal(said, words[lanes] >> np.uint32(programs.NEEDLE_ON_BITS))


def opened(program: Program, word: int, opens: Cycles, low_us: int) -> Lanes:
    """One lane for each moment; each has the same words and sees its contact open for `low_us`."""
    words = np.full((len(opens), QUEUED), word, np.uint32)
    lanes = Lanes(program, words, contacts=Contacts(opens, opens + low_us), pulses=QUEUED)
    lanes.run(int(opens.max()) + 2 * programs.word_period_us(word) + 1_000)
    return lanes


def every_phase(word: int) -> Cycles:
    """Every cycle of a stroke and of the way to the next."""
    return np.arange(programs.word_period_us(word) + 2 * OFF_WITHIN, dtype=np.int64)


def some_phases(word: int) -> Cycles:
    """Every cycle near both ends of a stroke, and every 37th between: what is left out repeats every fourth cycle."""
    every = every_phase(word)
    return np.concatenate([every[:70], every[70:-70:37], every[-70:]])


def stops(program: Program, word: int, opens: Cycles, low_us: int) -> None:
    """The contact opens at these moments: off in time, latched, nothing comes back and nothing waits to."""
    lanes = opened(program, word, opens, low_us)
    rises, falls = lanes.result.rises, lanes.result.falls
    assert OFF_WITHIN <= limits.BUDGET_ESTOP_US
    assert np.all(falls < opens[:, None] + OFF_WITHIN), "on after the budget"
    assert np.all(rises <= opens[:, None]), "rose with the contact open, or after it closed again"
    assert np.all((rises < 0) == (falls < 0)), "a coil left on"
    assert np.all(lanes.level == 0)
    assert np.all(lanes.flagged >= opens), "not tripped, or before the contact opened"
    assert np.all(lanes.taken == QUEUED), "words that wait are words that could replay"


def latches_on_a_glitch(program: Program) -> None:
    """While the coil is on, an opening of one turn of the loop is enough."""
    word = 40
    stops(program, word, np.arange(START, START + programs.word_on_us(word) - 4, dtype=np.int64), 4)


def stops_unread(program: Program) -> None:
    """Nobody reads: four answers fit, the fifth stroke is made and waits to say so, its pad low."""
    lanes = Lanes(program, np.zeros((1, 12), np.uint32), answers_room=4, pulses=12)
    lanes.run(50_000)
    assert lanes.pulses[0] == 5
    assert lanes.level[0] == 0


# --- lease ----------------------------------------------------------------------------------------------------------------


def lease_lasts(program: Program, words: Words, cycles: int = 100_000) -> None:
    """As many turns as ticks and one, then silence; no turn for a word of 0."""
    ticks = field(words, programs.LEASE_BITS)
    played = alone(program, words, cycles)
    turns = np.where(ticks > 0, ticks + 1, 0)
    assert not played.groups()
    assert np.array_equal(played.pulses, turns)
    assert np.array_equal(played.result.starved, 3 + programs.LEASE_TICK_US * turns)
    assert np.all(played.result.widths[ticks > 0] == programs.LEASE_HIGH_US)
    assert np.all(played.level == 0)


def lease_latches(program: Program) -> None:
    """The contact opens for one turn in every phase; words that come later do not bring the line back."""
    opens = np.arange(7, 47, dtype=np.int64)
    words = np.full((len(opens), 3), 9_000, np.uint32)
    later = opens[:, None] + np.array([0, 300, 600])
    later[:, 0] = 0
    lanes = Lanes(
        program,
        words,
        contacts=Contacts(opens, opens + programs.LEASE_TICK_US),
        arrivals=later,
        pulses=200,
    )
    lanes.run(2_000)
    assert np.all(lanes.result.rises < opens[:, None] + programs.LEASE_TICK_US)
    assert np.all(lanes.result.falls < opens[:, None] + programs.LEASE_TICK_US)
    assert np.all(lanes.level == 0)


# --- stepper --------------------------------------------------------------------------------------------------------------


def step_lasts(program: Program, words: Words, cycles: int = 100_000) -> None:
    """One step of 4 cycles at the end of the word's period."""
    periods = 59 + 4 * field(words, programs.STEP_BITS)
    played = alone(program, words, cycles)
    assert np.array_equal(played.result.starved, periods)
    assert np.array_equal(played.result.rises[:, 0], periods - 4)
    assert np.all(played.result.widths == 4)
    assert np.all(played.pulses == 1)
    assert np.all(played.level == 0)


def step_stops(program: Program, period: int, low_us: int = NEVER) -> None:
    """The gate closes in every cycle of two steps: no step begins later, none comes back, no word is left."""
    opens = np.arange(2 * period, dtype=np.int64)
    words = np.full((len(opens), QUEUED), programs.step_word(period), np.uint32)
    lanes = Lanes(program, words, contacts=Contacts(opens, opens + low_us), pulses=QUEUED)
    lanes.run(QUEUED * period + 200)
    assert np.all(lanes.result.rises < opens[:, None] + OFF_WITHIN)
    assert np.all(lanes.result.widths[lanes.result.rises >= 0] == 4), "a step that began is whole"
    assert np.all(lanes.level == 0)
    assert np.all(lanes.flagged >= opens)
    assert np.all(lanes.taken == QUEUED)
