"""Step machine, edge counters and period meter."""

from __future__ import annotations

import itertools
import random
from typing import Any

import numpy as np
import pytest

from pen_firmware import pins, steps
from pen_firmware import pio_programs as programs
from pen_firmware.steps import Steps
from tests.pio import properties
from tests.pio.lanes import NEVER


@pytest.mark.parametrize("period_us", [59, 63, 99, 459, 1001, 20_003, 65_535])
def test_steps_keep_their_period(bench, period_us):
    for _ in range(4):
        bench.board.step_put(period_us)
    bench.run(period_us * 4 + 300)

    highs = bench.highs("STEP")
    rises = [rose for rose, _ in highs]
    made = programs.step_word_period_us(programs.step_word(period_us))
    assert [length for _, length in highs] == [4] * 4
    assert [later - earlier for earlier, later in itertools.pairwise(rises)] == [made] * 3
    assert 0 <= made - period_us < 4


@pytest.mark.parametrize("word", [0, 0xFFFFFFFF, 1 << 14, 0x80000001])
def test_no_word_steps_faster_than_the_shortest_period(bench, word):
    for _ in range(4):
        bench.board._step.put(word)
    bench.run(300_000)

    rises = [rose for rose, _ in bench.highs("STEP")]
    assert len(rises) == 4
    assert min(later - earlier for earlier, later in itertools.pairwise(rises)) >= 59


def test_one_word_is_one_step_and_then_it_is_idle(bench):
    assert bench.board.step_idle()
    bench.board.step_direction(True)
    for _ in range(3):
        bench.board.step_put(500)
    assert not bench.board.step_idle()
    bench.run(1700)

    assert bench.board.step_idle()
    assert bench.board.step_edges() == 3
    assert bench.wiring.edges.steps == 3


def test_the_home_switch_ends_inward_steps_and_drops_the_queue(bench):
    bench.wiring.position = 2
    bench.wiring.apply()
    bench.board.step_direction(False)
    for _ in range(4):
        bench.board.step_put(500)
    bench.run(3000)

    assert bench.wiring.position == 0
    assert bench.board.step_edges() == 2
    assert bench.board.step_tripped()
    assert not bench.board.step_idle()
    assert bench.board.step_room() == programs.STEP_QUEUE

    bench.board.step_direction(True)
    bench.run(3000)
    assert bench.board.step_edges() == 2
    bench.board.step_restart()
    assert not bench.board.step_tripped()
    bench.board.step_put(500)
    bench.run(1000)
    assert bench.wiring.position == 1
    assert bench.board.step_idle()


@pytest.mark.parametrize("phase", range(0, 560, 37))
def test_the_stop_contact_allows_no_further_step(bench, phase):
    """A step under way ends (4 us); within 5 us of the contact no other begins."""
    bench.board.step_direction(True)
    for _ in range(4):
        bench.board.step_put(500)
    bench.run(600 + phase)
    bench.set(estop_closed=False)
    opened = bench.now_us
    bench.run(3000)

    assert all(rose - opened <= 5 for rose, _ in bench.highs("STEP"))
    assert bench.level("STEP") == 0
    assert bench.board.step_tripped()


def test_every_step_word_makes_one_step_after_its_period(assembled: dict[str, list[Any]]) -> None:
    """All 16384, and random ones with bits beyond the field: never sooner than the shortest period."""
    seed = 14
    print(f"seed {seed}")
    beyond = np.random.default_rng(seed).integers(0, 1 << 32, 2_000, dtype=np.uint32)
    words = np.concatenate([np.arange(1 << programs.STEP_BITS, dtype=np.uint32), beyond])
    words = properties.ordered(words, properties.field(words, programs.STEP_BITS))

    properties.step_lasts(assembled["stepper"], words)


@pytest.mark.parametrize("period_us", [59, 99, 459])
@pytest.mark.parametrize("low_us", [64, NEVER])
def test_no_step_begins_later_than_five_us_after_the_gate_closes_in_any_phase(
    assembled: dict[str, list[Any]], period_us: int, low_us: int
) -> None:
    """Every cycle of two steps; the gate opening again brings nothing back, and no word is left to replay."""
    properties.step_stops(assembled["stepper"], period_us, low_us)


@pytest.mark.parametrize(("length", "slow"), [(70, False), (20, False), (1, False), (12, True)])
def test_a_leg_is_made_as_the_firmware_ramps_it(bench, length, slow):
    """The firmware's own feeding, a pass every 5 ms: each step after the time of its place in the ramp, all counted."""
    bench.run(10)  # the counter has begun to count
    leg = Steps(bench.board)
    started = bench.wiring.position
    leg.begin(True, length, slow)
    while not (leg.queued_all() and bench.board.step_idle()):
        leg.feed()
        bench.run(5_000)
        assert leg.count()

    rises = [rose for rose, _ in bench.highs("STEP")]
    distances = [later - earlier for earlier, later in itertools.pairwise(rises)]
    assert distances == [made(period) for period in ramp(length, slow)[1:]]
    assert len(rises) == leg.made == bench.board.step_edges() == length
    assert leg.agree()
    assert bench.wiring.position - started == length


def ramp(length, slow):
    """Period asked for each step of a leg: up the ramp, along, and down the same way."""
    if slow:
        return [steps.SLOW_US] * length
    places = [min(place, length - 1 - place) for place in range(length)]
    return [steps.RAMP_US[place] if place < len(steps.RAMP_US) else steps.FAST_US for place in places]


def made(period_us):
    return programs.step_word_period_us(programs.step_word(period_us))


def test_words_acknowledgements_edges_and_meter_agree_and_a_cut_stroke_is_the_difference(armed):
    """Four independent numbers. The sensor closes a period with each pulse but the first."""
    strokes, period_us = 7, 7_001
    acks, halls = [], []
    words = [programs.needle_word(1_003, period_us, seq) for seq in range(strokes)]
    waiting = list(words)
    for _ in range(strokes * period_us // 1_000 + 4):
        armed.board.lease_feed(programs.LEASE_TICKS_MAX)
        if waiting and armed.board.needle_room() > 2:
            armed.board.needle_put(waiting.pop(0))
        armed.run(1_000)
        acks += read(armed.board.needle_ack)
        halls += read(armed.board.hall_period_us)
    assert acks == [programs.word_ack(word) for word in words]
    assert armed.board.needle_edges() == len(armed.highs("NEEDLE")) == strokes
    assert len(halls) == strokes - 1
    assert all(abs(period - period_us) <= programs.HALL_TICK_US for period in halls)

    armed.board.needle_put(programs.needle_word(2_047, period_us, 8))
    armed.run(300)
    armed.board.lease_feed(0)
    armed.run(10_000)
    assert armed.board.needle_edges() - len(acks) == 1, "begun and not ended"
    assert read(armed.board.needle_ack) == []
    assert read(armed.board.hall_period_us) == [], "a needle that was not pulled in passes no sensor"


def read(take):
    """Everything a queue holds, from a call that answers -1 when it is empty."""
    return list(itertools.takewhile(lambda value: value >= 0, iter(take, None)))


def test_every_edge_on_the_needle_pad_counts(armed):
    """Words sent, acknowledgements and edges are three numbers: a truncated stroke is in the edges only."""
    for seq in range(3):
        armed.board.needle_put(programs.needle_word(1003, programs.NEEDLE_PERIOD_BASE_US, seq))
    armed.run(3 * programs.NEEDLE_PERIOD_BASE_US - 100)
    armed.board.needle_put(programs.needle_word(2047, programs.NEEDLE_PERIOD_BASE_US, 3))
    armed.board.lease_feed(programs.LEASE_TICKS_MAX)
    armed.run(700)
    armed.board.lease_feed(0)
    armed.run(50)

    acks = [armed.board.needle_ack() for _ in range(4)]
    assert armed.board.needle_edges() == 4
    assert sum(ack >= 0 for ack in acks) == 3


def test_counters_count_on_through_a_stop_and_a_start(armed):
    armed.board.needle_put(programs.needle_word(1003, programs.NEEDLE_PERIOD_BASE_US, 0))
    armed.run(200)
    armed.board.make_safe()
    armed.run(100)
    assert armed.board.start_machines()

    assert armed.board.needle_edges() == 1


def test_reading_a_counter_costs_no_edge(bench):
    """Reading pushes instructions into a machine that is waiting for edges."""
    needle = bench.chip.gpio[pins.gpio("NEEDLE")]
    source = random.Random(3)
    bench.run(10)
    for made in range(1, 301):
        needle.set_input_value(True)
        bench.run(source.randrange(4, 30))
        assert bench.board.needle_edges() == made
        needle.set_input_value(False)
        bench.run(source.randrange(4, 30))
        assert bench.board.needle_edges() == made


@pytest.mark.parametrize("period_us", [6678, 6680, 10_000, 40_000, 300_000])
@pytest.mark.parametrize("low_us", [20, 1000, 5000])
def test_the_meter_reports_the_time_between_rising_edges(bench, period_us, low_us):
    hall(bench, [period_us] * 3, low_us)

    reported = [bench.board.hall_period_us() for _ in range(4)]
    assert reported[3] == -1
    # resolution of a tick; the first one also carries the start of the meter
    assert all(abs(period - period_us) <= programs.HALL_TICK_US + 2 for period in reported[:3])


def test_a_pause_is_not_a_period(bench):
    """The first pulse after a rest starts a period, it does not end one."""
    hall(bench, [7000, 500_000, 8000], 1000)

    reported = [bench.board.hall_period_us() for _ in range(3)]
    assert [round(period, -2) for period in reported[:2]] == [7000, 8000]
    assert reported[2] == -1


def test_a_sensor_stuck_at_either_level_reports_nothing(bench):
    hall_pin = bench.chip.gpio[pins.gpio("HALL")]
    for level in (True, False):
        hall_pin.set_input_value(level)
        bench.run(800_000)

    assert bench.board.hall_period_us() == -1


def test_the_oldest_four_periods_are_kept(bench):
    hall(bench, [7000, 8000, 9000, 10_000, 11_000], 1000)

    reported = [bench.board.hall_period_us() for _ in range(5)]
    assert [round(period, -2) for period in reported[:4]] == [7000, 8000, 9000, 10_000]
    assert reported[4] == -1


def hall(bench, periods_us, low_us):
    """Rising edges this far apart, each after `low_us` of low."""
    pin = bench.chip.gpio[pins.gpio("HALL")]
    pin.set_input_value(True)
    bench.run(50)
    pin.set_input_value(False)
    bench.run(low_us)
    pin.set_input_value(True)
    for period_us in periods_us:
        bench.run(period_us - low_us)
        pin.set_input_value(False)
        bench.run(low_us)
        pin.set_input_value(True)
    bench.run(50)
