"""Lease machine: the line lives as long as the last word says, and not a moment after the stop contact opened."""

from __future__ import annotations

import random

import pytest

from pen_firmware import pio_programs as programs


@pytest.mark.parametrize("ticks", [1, 2, 250, 2500, 10_000, programs.LEASE_TICKS_MAX])
def test_a_lease_lasts_its_ticks_and_one(bench, ticks):
    bench.board.lease_feed(ticks)
    bench.run(ticks * 4 + 100)

    ((_, length),) = bench.alive()
    assert length == 4 * (ticks + 1)


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


def test_feeding_never_waits_for_a_stopped_machine(bench):
    bench.board.make_safe()
    for _ in range(20):
        bench.board.lease_feed(10_000)
    bench.run(100)

    assert bench.level("LEASE") == 0
