"""The figures of `latencies`, measured: the worst phase needs exactly what is stated, none needs more.

A level that changes or a word that is put before cycle T and shows its effect in cycle T + n took n + 1 cycles.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pen_firmware import pio_programs as programs
from pen_firmware.lease import FirmwareLease
from pen_protocol import limits
from tests.pio import latencies, properties
from tests.pio.bench import Bench
from tests.pio.lanes import NEVER, Contacts, Lanes
from tests.pio.solo import Solo

LONGEST = (1 << programs.NEEDLE_ON_BITS) - 1
PHASES = 16
"""Phases of two loops of four cycles."""


def cut(needle: list[Any]) -> tuple[np.ndarray, Lanes]:
    """Lanes whose contact opened while their coil was on, and when."""
    opens = np.arange(properties.START + 1, properties.START + 1_000, dtype=np.int64)
    return opens, properties.opened(needle, LONGEST, opens, NEVER)


def test_from_safe_to_the_low_coil(needle: list[Any]) -> None:
    opens, lanes = cut(needle)
    assert (
        int((lanes.result.falls[:, 0] - opens).max()) + 1
        == latencies.COIL_OFF.cycles
        <= limits.BUDGET_ESTOP_US
    )


def test_from_safe_to_the_flag(needle: list[Any]) -> None:
    opens, lanes = cut(needle)
    assert int((lanes.flagged - opens).max()) + 1 == latencies.TRIP_FLAG.cycles


def test_from_the_latch_to_an_empty_queue(needle: list[Any]) -> None:
    """Three words waited and a fourth was put as the machine latched: taken in every second cycle."""
    solo = Solo(needle)
    for _ in range(4):
        solo.machine.put(LONGEST)
    solo.run(500)
    solo.machine.put(LONGEST)
    assert solo.machine.tx_fifo() == programs.NEEDLE_QUEUE
    solo.ask(False)
    while not solo.flag:
        solo.run(1)
    cycles = 0
    while solo.machine.tx_fifo():
        solo.run(1)
        cycles += 1
    assert cycles == latencies.DRAIN.cycles


def test_from_the_stop_contact_to_the_last_edge_of_the_lease(assembled: dict[str, list[Any]]) -> None:
    opens = np.arange(100, 100 + PHASES, dtype=np.int64)
    words = np.full((PHASES, 1), 9_000, np.uint32)
    lanes = Lanes(assembled["lease"], words, contacts=Contacts(opens, opens + NEVER), pulses=60)
    lanes.run(400)
    assert int((lanes.result.falls.max(axis=1) - opens).max()) + 1 == latencies.LEASE_STOP.cycles


def test_from_a_zero_to_the_last_rising_edge_of_the_lease(assembled: dict[str, list[Any]]) -> None:
    taken = np.arange(100, 100 + PHASES, dtype=np.int64)
    arrivals = np.stack([np.zeros(PHASES, np.int64), taken], axis=1)
    words = np.array([[9_000, 0]] * PHASES, np.uint32)
    lanes = Lanes(assembled["lease"], words, arrivals=arrivals, pulses=60)
    lanes.run(400)
    assert int((lanes.result.rises.max(axis=1) - taken).max()) + 1 == latencies.LEASE_TAKEN.cycles


def test_from_the_gate_of_the_axis_to_the_last_step(assembled: dict[str, list[Any]]) -> None:
    opens = np.arange(400, dtype=np.int64)
    words = np.full((len(opens), 4), programs.step_word(99), np.uint32)
    lanes = Lanes(assembled["stepper"], words, contacts=Contacts(opens, opens + NEVER), pulses=4)
    lanes.run(1_000)
    assert int((lanes.result.rises.max(axis=1) - opens).max()) + 1 == latencies.STEP_STOP.cycles


def test_from_a_word_to_the_coil_and_from_its_fall_to_the_answer(needle: list[Any]) -> None:
    solo = Solo(needle)
    solo.run(100)
    solo.machine.put(5)
    put = solo.now
    while not solo.machine.rx_fifo():
        solo.run(1)
    (rose, _), (fell, _) = solo.edges
    assert rose - put + 1 == latencies.FIRST_STROKE.cycles
    assert solo.now - (fell + 1) == latencies.ANSWER.cycles


def test_the_longest_opening_that_can_be_missed(needle: list[Any]) -> None:
    """The machine alone: with the longest trim, between two queued strokes."""
    word = 5 | 3 << programs.NEEDLE_TRIM_SHIFT
    opens = properties.every_phase(word)
    unseen = opens[properties.opened(needle, word, opens, latencies.MISSED.cycles).flagged < 0]
    assert len(unseen)
    assert np.all(unseen > programs.word_period_us(word) - latencies.MISSED.cycles), (
        "only between two strokes"
    )
    assert np.all(properties.opened(needle, word, unseen, latencies.MISSED.cycles + 1).flagged >= 0)


# --- through the whole chain: needle, lease, pump -----------------------------------------------------------------------


def stroking(bench: Bench) -> None:
    """Lease fed, needle restarted, the longest stroke under way."""
    bench.board.lease_feed(programs.LEASE_TICKS_MAX)
    bench.run(10)
    bench.board.needle_restart()
    bench.board.needle_put(LONGEST)
    bench.run_until(lambda: bench.level("NEEDLE") == 1, 20)


@pytest.mark.covers("REQ-0305")
def test_from_a_lease_taken_away_to_the_low_coil() -> None:
    """Every phase of both loops against each other: the needle is started in each of four cycles of the lease."""
    bench = Bench()
    late = []
    for shift in range(4):
        for phase in range(PHASES):
            bench.run(shift)
            stroking(bench)
            bench.run(100 + phase)
            bench.board.lease_feed(0)
            ended = bench.now_us
            bench.run(100)
            late.append(bench.edges["NEEDLE"][-1][0] - ended + 1)
            assert bench.level("NEEDLE") == 0
    assert max(late) == latencies.TAKEN.cycles <= limits.BUDGET_TRIGGER_MS * 1_000


@pytest.mark.covers("REQ-0305")
def test_from_the_last_renewal_to_the_low_coil() -> None:
    """Longest strokes without a gap; the figure is a bound here, for the coil must just be on when SAFE falls."""
    bench = Bench()
    stroking(bench)
    bench.board.lease_feed(FirmwareLease.TICKS)
    fed = bench.now_us
    for _ in range(9):
        while bench.board.needle_room():
            bench.board.needle_put(LONGEST)
        bench.run(5_000)
        while bench.board.needle_ack() >= 0:
            pass
    last = bench.edges["NEEDLE"][-1]
    turns_end = limits.LEASE_MS * 1_000 + programs.SAFE_DECAY_US + latencies.COIL_OFF.cycles
    assert last[1] == 0
    assert last[0] - fed + 1 <= latencies.UNRENEWED.cycles <= turns_end
