"""Lease machine: the line lives as long as the last word says, and not a moment after the stop contact opened."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

from pen_firmware import pio_programs as programs
from tests.pio import properties

PULL_LOW = 0x8080
"""pull(noblock).side(0): what the board empties a queue with."""


@pytest.mark.parametrize("ticks", [1, 2, 250, 2500, 10_000, programs.LEASE_TICKS_MAX])
def test_a_lease_lasts_its_ticks_and_one(bench, ticks):
    bench.board.lease_feed(ticks)
    bench.run(ticks * 4 + 100)

    ((_, length),) = bench.alive()
    assert length == 4 * (ticks + 1)


@pytest.mark.covers("REQ-0305")
def test_every_word_keeps_the_line_alive_for_its_ticks_and_one(assembled: dict[str, list[Any]]) -> None:
    """All 16384, and random ones with bits beyond the field: as many turns as stated, then silence; 0 gives none."""
    seed = 305
    print(f"seed {seed}")
    beyond = np.random.default_rng(seed).integers(0, 1 << 32, 2_000, dtype=np.uint32)
    words = np.concatenate([np.arange(programs.LEASE_TICKS_MAX + 1, dtype=np.uint32), beyond])
    words = properties.ordered(words, properties.field(words, programs.LEASE_BITS))

    properties.lease_lasts(assembled["lease"], words)


def test_the_stop_contact_latches_the_line_in_every_phase(assembled: dict[str, list[Any]]) -> None:
    """One turn of an open contact; words that come later, with it closed again, do not bring the line back."""
    properties.lease_latches(assembled["lease"])


def test_feeding_renews_the_line_without_a_gap(bench):
    for _ in range(50):
        bench.board.lease_feed(1000)
        bench.run(3000)
    last = bench.now_us - 3000
    bench.run(6000)

    ((_, length),) = bench.alive()
    assert sum(bench.alive()[-1]) - last <= 4010
    assert length >= 49 * 3000


@pytest.mark.covers("REQ-0305")
def test_a_hung_firmware_loses_the_line_with_its_lease(bench):
    """HAZ-13: nobody feeds any more: 40 ms, not more."""
    bench.board.lease_feed(programs.lease_ticks(40))
    bench.run(50_000)

    ((_, length),) = bench.alive()
    assert length <= 40_004


@pytest.mark.parametrize("phase", range(12))
def test_zero_ends_the_line_within_eight_us(bench, phase):
    bench.board.lease_feed(10_000)
    bench.run(1000 + phase)
    bench.board.lease_feed(0)
    ended = bench.now_us
    bench.run(20)

    assert bench.edges["LEASE"][-1][1] == 0
    assert bench.edges["LEASE"][-1][0] - ended <= 8


def test_zero_for_an_ended_lease_does_not_lift_the_line(bench):
    for _ in range(5):
        bench.board.lease_feed(0)
        bench.run(50)

    assert bench.edges["LEASE"] == []


@pytest.mark.parametrize("word", [programs.LEASE_TICKS_MAX, 1 << 14, (1 << 30) - 1, 0xFFFFFFFF, 0x80003FFF])
@pytest.mark.covers("REQ-0305")
def test_no_word_holds_the_line_longer_than_its_field(bench, word):
    bench.board._lease.put(word)
    bench.run(70_000)

    assert all(length <= 4 * (programs.LEASE_TICKS_MAX + 1) for _, length in bench.alive())
    assert bench.level("LEASE") == 0


def test_a_longer_wish_is_brought_to_the_longest_lease(bench):
    bench.board.lease_feed(1 << 20)
    bench.run(70_000)

    ((_, length),) = bench.alive()
    assert length == 4 * (programs.LEASE_TICKS_MAX + 1)


def test_the_stop_contact_latches_the_line_off(bench):
    """Closing the contact again and feeding does not bring the line back; only starting the machines does."""
    source = random.Random(7)
    bench.board.lease_feed(10_000)
    bench.run(source.randrange(100, 200))
    bench.set(estop_closed=False)
    bench.run(10)
    assert bench.level("LEASE") == 0
    bench.set(estop_closed=True)
    for _ in range(20):
        bench.board.lease_feed(10_000)
        bench.run(500)
    assert len(bench.alive()) == 1
    assert bench.level("LEASE") == 0

    assert bench.board.start_machines()
    bench.board.lease_feed(10_000)
    bench.run(100)
    assert bench.level("LEASE") == 1


def latched(bench, words):
    """Lease machine latched by the stop contact, the contact closed again, this many words fed since."""
    bench.board.lease_feed(10_000)
    bench.run(100)
    bench.set(estop_closed=False)
    bench.run(10)
    bench.set(estop_closed=True)
    for _ in range(words):
        bench.board.lease_feed(programs.LEASE_TICKS_MAX)
    bench.run(10)


@pytest.mark.parametrize("words", [1, 3, programs.LEASE_QUEUE, 50])
def test_words_left_in_a_latched_lease_die_when_the_machines_are_started_again(bench, words):
    """HAZ-03: the latch does not drain its queue, so the start has to; no word of before lifts the line."""
    latched(bench, words)
    assert bench.board._lease.tx_fifo() == min(words, programs.LEASE_QUEUE), "feeding never waits for room"
    strokes = len(bench.alive())
    bench.run(5_000)

    assert bench.board.start_machines()
    assert bench.board._lease.tx_fifo() == 0
    bench.run(5_000)
    assert len(bench.alive()) == strokes
    assert bench.level("LEASE") == 0
    bench.board.lease_feed(250)
    bench.run(2_000)
    assert bench.alive()[-1][1] == 4 * 251, "the new word, and nothing of the old ones"


def test_a_lease_whose_queue_will_not_empty_is_not_started(bench, monkeypatch):
    """HAZ-03: every output stays forced low when old words cannot be got rid of."""
    latched(bench, 2)
    lease = bench.board._lease
    execute = lease.exec
    monkeypatch.setattr(lease, "_empty", lambda: None)
    monkeypatch.setattr(lease, "exec", lambda word: None if word == PULL_LOW else execute(word))

    assert not bench.board.start_machines()
    for edges in bench.edges.values():
        edges.clear()
    bench.board.needle_put(programs.needle_word(1003, 7000, 1))
    bench.run(5_000)
    assert all(level == 0 for edges in bench.edges.values() for _, level in edges)


def test_a_restarted_needle_brings_no_latched_lease_back(bench):
    """Only `start_machines` leads out of the lease's latch, whatever waits in its queue."""
    latched(bench, 4)
    bench.edges["LEASE"].clear()
    for _ in range(20):
        bench.board.needle_restart()
        bench.board.lease_feed(programs.LEASE_TICKS_MAX)
        bench.run(500)

    assert bench.edges["LEASE"] == []


def test_feeding_never_waits_for_a_stopped_machine(bench):
    bench.board.make_safe()
    for _ in range(20):
        bench.board.lease_feed(10_000)
    bench.run(100)

    assert bench.level("LEASE") == 0
