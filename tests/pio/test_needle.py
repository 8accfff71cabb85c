"""Needle machine, cycle by cycle: what any word can do, what stops it, and that nothing replays."""

from __future__ import annotations

import itertools
import random

import pytest

from pen_firmware import pio_programs as programs
from pen_protocol import limits

START_US = 12
"""From the word to the coil, upper bound."""


def stroke(bench, *words):
    """Queue words and run until all their periods have passed, lease kept."""
    for word in words:
        bench.board.needle_put(word)
    for _ in range(sum(programs.word_period_us(word) for word in words) // 1000 + 2):
        bench.board.lease_feed(programs.LEASE_TICKS_MAX)
        bench.run(1000)


def pulled(bench, start_us=0):
    return [length for rose, length in bench.highs("NEEDLE") if rose >= start_us]


@pytest.mark.parametrize("on", [0, 1, 2, 3, 50, 250, 499, 510, 511])
def test_on_time_is_four_us_a_step_and_three(armed, on):
    word = programs.needle_word(3 + 4 * on, 7000, 1)
    stroke(armed, word, word)

    assert pulled(armed) == [4 * on + 3] * 2


@pytest.mark.parametrize("on_us", [3, 1003, 2047])
@pytest.mark.parametrize("ext", [0, 1, 831])
def test_period_does_not_depend_on_the_on_time(armed, on_us, ext):
    word = programs.needle_word(on_us, programs.NEEDLE_PERIOD_BASE_US + 4 * ext, 0)
    stroke(armed, word, word, word)

    rises = [rose for rose, _ in armed.highs("NEEDLE")]
    distances = [later - earlier for earlier, later in itertools.pairwise(rises)]
    assert distances == [programs.NEEDLE_PERIOD_BASE_US + 4 * ext] * 2 == [programs.word_period_us(word)] * 2


@pytest.mark.covers("REQ-0401", "REQ-0402")
def test_no_word_lengthens_the_pulse_or_shortens_the_period(armed):
    """HAZ-04: any 32 bits in the queue stay within the caps, with lease and counters running; the rest: test_every_word."""
    source = random.Random(4)
    words = [source.getrandbits(32) for _ in range(2)] + [0, 0xFFFFFFFF]
    for word in words:
        armed.board._needle.put(word)
        for _ in range(80):
            armed.board.lease_feed(programs.LEASE_TICKS_MAX)
            armed.run(1000)
            armed.board.needle_ack()

    highs = armed.highs("NEEDLE")
    assert len(highs) == len(words)
    assert max(length for _, length in highs) <= programs.NEEDLE_ON_MAX_US
    assert (
        min(later - earlier for (earlier, _), (later, _) in itertools.pairwise(highs))
        >= programs.NEEDLE_PERIOD_BASE_US
    )


def test_queued_words_keep_the_shortest_period(armed):
    """HAZ-04: a full queue is no burst."""
    for seq in range(4):
        armed.board.needle_put(programs.needle_word(2047, programs.NEEDLE_PERIOD_BASE_US, seq))
    armed.run(30_000)

    rises = [rose for rose, _ in armed.highs("NEEDLE")]
    assert len(rises) == 4
    assert (
        min(later - earlier for earlier, later in itertools.pairwise(rises)) >= programs.NEEDLE_PERIOD_BASE_US
    )


def test_a_complete_stroke_is_acknowledged_with_its_number(armed):
    words = [
        programs.needle_word(503, programs.NEEDLE_PERIOD_BASE_US + 4 * seq, seq + 25) for seq in range(3)
    ]
    stroke(armed, *words)

    acks = [armed.board.needle_ack() for _ in range(4)]
    assert acks == [programs.word_ack(word) for word in words] + [-1]
    assert [programs.ack_seq(ack) for ack in acks[:3]] == [25, 26, 27]


def test_without_a_word_the_coil_stays_off(armed):
    """HAZ-03: starvation ends strokes."""
    stroke(armed, programs.needle_word(1003, programs.NEEDLE_PERIOD_BASE_US, 1))
    ended = armed.now_us
    for _ in range(50):
        armed.board.lease_feed(programs.LEASE_TICKS_MAX)
        armed.run(1000)

    assert armed.level("NEEDLE") == 0
    assert all(when < ended for when, _ in armed.edges["NEEDLE"])


def test_unread_acknowledgements_end_strokes(armed):
    """A firmware that no longer looks gets four strokes more, then none."""
    word = programs.needle_word(503, programs.NEEDLE_PERIOD_BASE_US, 0)
    for _ in range(100):
        armed.board.lease_feed(programs.LEASE_TICKS_MAX)
        if armed.board.needle_room():
            armed.board.needle_put(word)
        armed.run(1000)

    # four acknowledgements lie in the queue, the fifth stroke waits to say it is done
    assert len(armed.highs("NEEDLE")) == 5
    assert armed.level("NEEDLE") == 0


@pytest.mark.parametrize("phase", range(40))
@pytest.mark.covers("REQ-0308", "ESTOP_OPEN")
def test_stop_contact_ends_the_pulse_within_ten_us(armed, phase):
    """HAZ-03: coil off within 10 us of the contact, at any moment of the pulse; the machine sees SAFE itself."""
    armed.board.needle_put(programs.needle_word(2047, programs.NEEDLE_PERIOD_BASE_US, 1))
    armed.run_until(lambda: armed.level("NEEDLE") == 1, START_US)
    armed.run(500 + phase)
    armed.set(estop_closed=False)
    opened = armed.now_us
    armed.run(limits.BUDGET_ESTOP_US + 20)

    assert armed.edges["NEEDLE"][-1][1] == 0
    assert armed.edges["NEEDLE"][-1][0] - opened <= 5
    assert armed.edges["LEASE"][-1][0] - opened <= 5
    assert armed.board.needle_tripped()


@pytest.mark.parametrize("phase", range(24))
def test_stop_contact_through_the_lease_alone_ends_with_the_charge_pump(armed, phase):
    """Should the contact's own path to SAFE be dead, the lease machine lets the pump run down."""
    armed.board.needle_put(programs.needle_word(2047, programs.NEEDLE_PERIOD_BASE_US, 1))
    armed.run_until(lambda: armed.level("NEEDLE") == 1, START_US)
    armed.run(500 + phase)
    estop = armed.chip.gpio[2]
    estop.set_input_value(False)  # the pad of the lease machine only: the wiring's SAFE does not know
    opened = armed.now_us
    armed.run(30 + programs.SAFE_DECAY_US)

    assert armed.edges["NEEDLE"][-1] == (armed.edges["NEEDLE"][-1][0], 0)
    assert armed.edges["NEEDLE"][-1][0] - opened <= limits.BUDGET_ESTOP_US + programs.SAFE_DECAY_US


@pytest.mark.parametrize("delay_us", [1, 5, 700, 1500, 4000, 6600, 9000])
def test_nothing_replays_after_a_trip(armed, delay_us):
    """HAZ-03: queued words die in the latched machine; the contact closing again brings nothing back."""
    for seq in range(4):
        armed.board.needle_put(programs.needle_word(1003, programs.NEEDLE_PERIOD_BASE_US, seq))
    armed.run(delay_us)
    armed.set(estop_closed=False)
    armed.run(20)
    strokes = len(armed.highs("NEEDLE"))
    armed.set(estop_closed=True)
    for _ in range(60):
        armed.board.lease_feed(programs.LEASE_TICKS_MAX)
        armed.run(1000)

    assert len(armed.highs("NEEDLE")) == strokes
    assert armed.board.needle_tripped()
    assert armed.board.needle_room() == programs.NEEDLE_QUEUE


def test_words_put_into_a_latched_machine_are_gone_after_its_restart(armed):
    armed.board.lease_feed(0)
    armed.run(20 + programs.SAFE_DECAY_US)
    armed.board.needle_put(programs.needle_word(1003, programs.NEEDLE_PERIOD_BASE_US, 1))
    armed.run(100)
    assert armed.board.needle_tripped()
    for seq in range(3):
        armed.board.needle_put(programs.needle_word(1003, programs.NEEDLE_PERIOD_BASE_US, seq))
    armed.board.lease_feed(programs.LEASE_TICKS_MAX)
    armed.run(100)
    armed.board.needle_restart()
    armed.run(20_000)

    assert armed.highs("NEEDLE") == []
    assert not armed.board.needle_tripped()


def test_a_word_without_a_safe_node_trips_before_the_coil_rises(bench):
    """SAFE low: not even the shortest pulse."""
    bench.board.needle_put(programs.needle_word(1003, programs.NEEDLE_PERIOD_BASE_US, 1))
    bench.run(100)

    assert bench.edges["NEEDLE"] == []
    assert bench.board.needle_tripped()


@pytest.mark.parametrize("delay_us", [0, 3, 8, 9, 10, 500, 1010, 1012, 3000, 6700])
def test_restart_from_any_moment_leaves_it_waiting_and_low(armed, delay_us):
    for seq in range(4):
        armed.board.needle_put(programs.needle_word(1003, programs.NEEDLE_PERIOD_BASE_US, seq))
    armed.run(delay_us)
    armed.board.needle_restart()
    armed.run(5)
    assert armed.level("NEEDLE") == 0
    assert armed.board.needle_room() == programs.NEEDLE_QUEUE
    assert armed.board.needle_ack() == -1
    armed.edges["NEEDLE"].clear()

    stroke(armed, programs.needle_word(1003, programs.NEEDLE_PERIOD_BASE_US, 9))
    assert pulled(armed) == [1003]
    assert programs.ack_seq(armed.board.needle_ack()) == 9


@pytest.mark.covers("REQ-0305")
def test_an_ended_lease_cuts_the_run(armed):
    """Trigger released: firmware ends the lease; the pulse under way is cut, the count tells."""
    armed.board.needle_put(programs.needle_word(2047, programs.NEEDLE_PERIOD_BASE_US, 1))
    armed.run(300)
    armed.board.lease_feed(0)
    armed.run(20 + programs.SAFE_DECAY_US)

    assert armed.level("NEEDLE") == 0
    assert pulled(armed)[0] < 320 + programs.SAFE_DECAY_US
    assert armed.board.needle_edges() == 1
    assert armed.board.needle_ack() == -1
