"""The stop contact opens in every cycle of a stroke: the coil is off in time, and nothing comes back or replays.

Here the machine alone is asked, its SAFE pin driven directly: what the lease adds is in `test_lease` and `test_endings`.
"""

from __future__ import annotations

import pytest

from pen_firmware import pio_programs as programs
from tests.pio import properties
from tests.pio.lanes import NEVER
from tests.pio.properties import BLIND, OFF_WITHIN, QUEUED, START, Program
from tests.pio.solo import Solo

STROKES = [(0, 0, 0), (1, 0, 3), (5, 1, 2), (511, 3, 3)]
"""ON, EXT and TRIM of the strokes under test: shortest and longest on-time, without and with extension and trim."""


def word_of(stroke: tuple[int, int, int]) -> int:
    on, ext, trim = stroke
    return on | ext << programs.NEEDLE_ON_BITS | trim << programs.NEEDLE_TRIM_SHIFT


@pytest.mark.parametrize(
    ("stroke", "low_us"), [*((stroke, BLIND) for stroke in STROKES), (STROKES[-1], NEVER)], ids=str
)
@pytest.mark.covers("REQ-0308", "ESTOP_OPEN")
def test_the_coil_is_off_in_time_and_stays_off_whenever_the_contact_opens(
    needle: Program, stroke: tuple[int, int, int], low_us: int
) -> None:
    """HAZ-03: every cycle of set-up, on-time, acknowledgement, off, extension, trim and the way to the next stroke."""
    word = word_of(stroke)
    properties.stops(needle, word, properties.every_phase(word), low_us)


def test_while_on_an_opening_of_one_turn_is_enough(needle: Program) -> None:
    properties.latches_on_a_glitch(needle)


@pytest.mark.covers("REQ-0308", "ESTOP_OPEN")
def test_the_same_on_the_emulated_chip(needle: Program) -> None:
    """The lanes' answer once more by the emulator itself: edges of the pad and what is left in the queues."""
    word = word_of((5, 1, 2))
    period_us = programs.word_period_us(word)
    solo = Solo(needle)
    for phase in properties.some_phases(word).tolist():
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

        assert (solo.level, solo.flag, solo.machine.tx_fifo()) == (0, True, 0)
        assert all(cycle < opened + OFF_WITHIN for cycle, _ in solo.edges)
        due = [begun + START, begun + START + period_us]
        assert [cycle for cycle, level in solo.edges if level] == [rise for rise in due if rise <= opened]
