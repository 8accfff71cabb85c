"""The stop contact opens in every cycle of a stroke: the coil is off in time, and nothing comes back or replays.

Here the machine alone is asked, its SAFE pin driven directly: what the lease adds is in `test_lease` and `test_endings`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pen_firmware import pio_programs as programs
from pen_protocol import limits
from tests.pio.lanes import NEVER, Contacts, Lanes
from tests.pio.solo import Solo

QUEUED = 4
"""Words in the queue: the stroke under test, the next one, and two that must never be made."""
OFF_WITHIN = 5
"""Cycles until the pad is low at worst: one turn of the sampling loop and the jump out of it. An opening before cycle C is
off at the end of cycle C + 4."""
BLIND = 16
"""An opening of this many cycles or more is seen by the machine itself in every phase between two queued strokes."""
STROKES = [(0, 0, 0), (1, 0, 3), (5, 1, 2), (511, 3, 3)]
"""ON, EXT and TRIM of the strokes under test: shortest and longest on-time, without and with extension and trim."""


def word_of(stroke: tuple[int, int, int]) -> int:
    on, ext, trim = stroke
    return on | ext << programs.NEEDLE_ON_BITS | trim << programs.NEEDLE_TRIM_SHIFT


def played(needle: list[Any], word: int, opens: NDArray[np.int64], low_us: int) -> Lanes:
    """One lane for each moment; each has the same words and sees its contact open for `low_us`."""
    words = np.full((len(opens), QUEUED), word, np.uint32)
    lanes = Lanes(needle, words, contacts=Contacts(opens, opens + low_us), pulses=QUEUED)
    lanes.run(int(opens.max()) + 2 * programs.word_period_us(word) + 1_000)
    return lanes


@pytest.mark.parametrize("stroke", STROKES, ids=str)
@pytest.mark.parametrize("low_us", [BLIND, NEVER])
@pytest.mark.covers("REQ-0308", "ESTOP_OPEN")
def test_the_coil_is_off_in_time_and_stays_off_whenever_the_contact_opens(
    needle: list[Any], stroke: tuple[int, int, int], low_us: int
) -> None:
    """HAZ-03: every cycle of set-up, on-time, acknowledgement, off, extension, trim and the way to the next stroke."""
    word = word_of(stroke)
    opens = np.arange(programs.word_period_us(word) + 2 * OFF_WITHIN, dtype=np.int64)
    lanes = played(needle, word, opens, low_us)
    rises, falls = lanes.result.rises, lanes.result.falls

    assert OFF_WITHIN <= limits.BUDGET_ESTOP_US
    assert np.all(falls < opens[:, None] + OFF_WITHIN), "on after the budget"
    assert np.all(rises <= opens[:, None]), "rose with the contact open, or after it closed again"
    assert np.all((rises < 0) == (falls < 0)), "a coil left on"
    assert np.all(lanes.level == 0)
    assert np.all(lanes.flagged >= opens), "tripped, and not before the contact opened"
    assert np.all(lanes.taken == QUEUED), "words that wait are words that could replay"
    assert np.all(lanes.pulses <= 2)


def test_the_worst_phase_is_as_late_as_stated(needle: list[Any]) -> None:
    """The figure is measured, not an upper bound put down: some phase needs all of it."""
    word = word_of((511, 0, 0))
    opens = np.arange(programs.word_period_us(word), dtype=np.int64)
    lanes = played(needle, word, opens, NEVER)
    falls = lanes.result.falls[:, 0]
    during = (opens > lanes.result.rises[:, 0]) & (falls >= opens)
    late = (falls - opens)[during]

    assert int(late.max()) + 1 == OFF_WITHIN
    assert late.min() >= 0


def test_an_opening_too_short_to_be_seen_in_every_phase_is_shorter_than_stated(needle: list[Any]) -> None:
    """One cycle less, and there is a phase (trim and set-up, coil off) in which the machine does not look."""
    word = word_of((5, 1, 3))
    opens = np.arange(programs.word_period_us(word) + 2 * OFF_WITHIN, dtype=np.int64)
    unseen = np.flatnonzero(played(needle, word, opens, BLIND - 1).flagged < 0)

    assert len(unseen)
    assert np.all(played(needle, word, opens[unseen], BLIND).flagged >= 0)


def phases(period_us: int) -> list[int]:
    """Every cycle near both ends of a stroke, and every 37th between: what is left out repeats every fourth cycle."""
    return [*range(70), *range(70, period_us - 60, 37), *range(period_us - 60, period_us + 10)]


@pytest.mark.covers("REQ-0308", "ESTOP_OPEN")
def test_the_same_on_the_emulated_chip(needle: list[Any]) -> None:
    """The lanes' answer once more by the emulator itself: edges of the pad and what is left in the queues."""
    word = word_of((5, 1, 2))
    period_us = programs.word_period_us(word)
    solo = Solo(needle)
    for phase in phases(period_us):
        solo.restart()
        solo.ask(True)
        solo.edges.clear()
        begun = solo.now
        for _ in range(QUEUED):
            solo.machine.put(word)
        solo.run(phase)
        solo.ask(False)
        opened = solo.now
        solo.run(BLIND)
        solo.ask(True)
        solo.run(60)

        assert solo.level == 0
        assert solo.flag
        assert solo.machine.tx_fifo() == 0
        assert all(cycle < opened + OFF_WITHIN for cycle, _ in solo.edges)
        assert all(cycle <= opened for cycle, level in solo.edges if level)
        expected = [begun + 7, begun + 7 + period_us]
        assert [cycle for cycle, level in solo.edges if level] == [
            rise for rise in expected if rise <= opened and rise - 1 < opened
        ]
