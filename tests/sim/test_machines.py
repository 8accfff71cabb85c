"""The behavioural machines keep to the formulas of the PIO programs, for any word and any moment of a trip."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pen_firmware import pio_programs as pio
from pen_sim.machines import LeaseMachine, NeedleMachine, PeriodMeter, StepperMachine

WORDS = st.integers(0, (1 << 30) - 1)
NEVER = 1 << 60
STROKE_PHASES = st.integers(0, 2 * 6_678)


class Pad:
    """Edges of one pad."""

    def __init__(self) -> None:
        self.edges: list[tuple[int, int]] = []

    def __call__(self, time_us: int, level: int) -> None:
        assert not self.edges or time_us >= self.edges[-1][0], "edges run backwards"
        self.edges.append((time_us, level))

    @property
    def rises(self) -> list[int]:
        return [time_us for time_us, level in self.edges if level]

    @property
    def falls(self) -> list[int]:
        return [time_us for time_us, level in self.edges if not level]


def opened(opens_us: int) -> list[tuple[int, int]]:
    """SAFE is low from this cycle on."""
    return [(opens_us, NEVER)]


def needle() -> tuple[NeedleMachine, Pad]:
    pad = Pad()
    machine = NeedleMachine(pad)
    machine.start(0)
    return machine, pad


@given(st.lists(WORDS, min_size=1, max_size=4))
def test_every_word_gives_the_on_time_and_period_of_the_formulas(words: list[int]) -> None:
    machine, pad = needle()
    for word in words:
        assert machine.put(word, 0)
    machine.advance(NEVER)
    widths = [fall - rise for rise, fall in zip(pad.rises, pad.falls, strict=True)]
    assert widths == [4 * (word & 0x1FF) + 3 for word in words]
    periods = [b - a for a, b in zip(pad.rises, pad.rises[1:], strict=False)]
    assert periods == [6_678 + 4 * (word >> 9 & 0x3FFF) + (word >> 23 & 3) for word in words[:-1]]


@given(st.lists(WORDS, min_size=1, max_size=4))
def test_no_word_exceeds_the_caps_on_on_time_rate_and_duty(words: list[int]) -> None:
    machine, pad = needle()
    for word in words:
        machine.put(word, 0)
    machine.advance(NEVER)
    assert all(fall - rise <= 2_047 for rise, fall in zip(pad.rises, pad.falls, strict=True))
    assert all(b - a >= 6_678 for a, b in zip(pad.rises, pad.rises[1:], strict=False))


@given(st.lists(WORDS, min_size=1, max_size=4), st.lists(st.integers(1, 5_000), min_size=1, max_size=40))
def test_advancing_in_pieces_gives_the_same_edges_as_at_once(words: list[int], pieces: list[int]) -> None:
    machine, pad = needle()
    other, other_pad = needle()
    for word in words:
        machine.put(word, 0)
        other.put(word, 0)
    now_us = 0
    for piece in pieces:
        now_us += piece
        other.advance(now_us)
    machine.advance(now_us)
    assert pad.edges == other_pad.edges
    assert machine.edges == other.edges


@given(st.lists(WORDS, min_size=1, max_size=4))
def test_acknowledgements_name_the_words_in_order(words: list[int]) -> None:
    machine, _ = needle()
    for word in words:
        machine.put(word, 0)
    machine.advance(NEVER)
    acks = [machine.take_ack(NEVER) for _ in words]
    assert acks == [word >> 9 for word in words]
    assert machine.take_ack(NEVER) == -1


@given(WORDS, STROKE_PHASES)
def test_a_gate_that_opens_at_any_phase_ends_the_stroke_within_5_us_and_nothing_replays(
    word: int, opens_us: int
) -> None:
    machine, pad = needle()
    for _ in range(3):
        machine.put(word, 0)
    machine.advance(opens_us + 1_000_000, opened(opens_us))
    assert machine.tripped
    assert machine.level == 0
    assert all(
        fall <= opens_us + 5 or rise <= opens_us for rise, fall in zip(pad.rises, pad.falls, strict=True)
    )
    assert all(fall <= opens_us + 5 for fall in pad.falls)
    edges = len(pad.edges)
    assert machine.put(word, opens_us + 1_000_000)
    machine.advance(opens_us + 9_000_000)
    assert len(pad.edges) == edges, "a closed gate brought words back"
    assert machine.room() == 4


@given(WORDS, STROKE_PHASES)
def test_a_truncated_stroke_is_counted_by_the_edge_counter_and_never_acknowledged(
    word: int, opens_us: int
) -> None:
    machine, pad = needle()
    machine.put(word, 0)
    machine.advance(opens_us + 1_000_000, opened(opens_us))
    acks = 0
    while machine.take_ack(opens_us + 1_000_000) >= 0:
        acks += 1
    whole = sum(fall - rise == pio.word_on_us(word) for rise, fall in zip(pad.rises, pad.falls, strict=True))
    assert machine.edges == len(pad.rises)
    assert acks <= whole


def test_a_restart_leads_out_of_the_latch_with_empty_queues() -> None:
    machine, pad = needle()
    machine.put(0, 0)
    machine.advance(100_000, opened(0))
    assert machine.tripped
    assert pad.rises == []
    machine.restart(100_000)
    assert not machine.tripped
    machine.advance(200_000)
    assert pad.rises == []
    machine.put(0, 200_000)
    machine.advance(300_000)
    assert len(pad.rises) == 1


def test_four_unread_acknowledgements_stall_the_machine_low_until_one_is_read() -> None:
    machine, pad = needle()
    now_us = 0
    for _ in range(8):
        machine.put(0, now_us)
        now_us += 10_000
        machine.advance(now_us)
    assert len(pad.rises) == 5, "the fifth is made, its acknowledgement waits"
    assert machine.stalled
    assert machine.level == 0
    assert machine.take_ack(now_us) >= 0
    machine.advance(now_us + 7_000)
    assert len(pad.rises) == 6


def test_a_starved_machine_rests_low() -> None:
    machine, pad = needle()
    machine.put(511, 0)
    machine.advance(10_000_000)
    assert machine.resting
    assert machine.level == 0
    assert len(pad.rises) == 1


def test_a_fifth_waiting_word_is_refused_and_the_one_being_made_is_not_in_the_queue() -> None:
    machine, _ = needle()
    machine.advance(1)
    assert machine.put(0, 1)
    assert machine.room() == 4, "a machine that waits takes a word at once"
    assert all(machine.put(0, 1) for _ in range(4))
    assert machine.room() == 0
    assert not machine.put(0, 1)


# --- lease ------------------------------------------------------------------------------------------------------------


def lease() -> tuple[LeaseMachine, Pad]:
    pad = Pad()
    machine = LeaseMachine(pad)
    machine.start(0)
    return machine, pad


@given(st.integers(1, (1 << 14) - 1))
def test_a_lease_lasts_four_us_a_tick_and_one_tick_more(ticks: int) -> None:
    machine, pad = lease()
    machine.feed(ticks, 0)
    machine.advance(1_000_000, estop_closed=True)
    assert pad.falls[0] - pad.rises[0] == 4 * (ticks + 1)


@given(st.integers(0, (1 << 30) - 1))
def test_no_word_holds_the_line_beyond_the_cap(word: int) -> None:
    machine, pad = lease()
    machine.feed(word, 0)
    machine.advance(1_000_000, estop_closed=True)
    assert all(fall - rise <= 65_536 for rise, fall in zip(pad.rises, pad.falls, strict=True))


def test_a_fed_lease_stays_and_a_zero_ends_it_at_once() -> None:
    machine, pad = lease()
    for now_us in range(0, 100_000, 5_000):
        machine.advance(now_us, estop_closed=True)
        machine.feed(10_000, now_us)
    machine.advance(100_000, estop_closed=True)
    assert pad.falls == []
    machine.feed(0, 100_000)
    machine.advance(100_009, estop_closed=True)
    assert pad.falls[0] <= 100_008


def test_an_open_stop_contact_latches_the_lease_until_the_machine_is_started() -> None:
    machine, pad = lease()
    machine.feed(10_000, 0)
    machine.advance(1_000, estop_closed=True)
    machine.advance(1_004, estop_closed=False)
    assert 1_000 <= pad.falls[0] < 1_004
    for now_us in range(2_000, 2_010):
        machine.feed(10_000, now_us)
    machine.advance(3_000, estop_closed=True)
    assert machine.level == 0
    machine.start(3_000)
    machine.advance(4_000, estop_closed=True)
    assert machine.level == 0, "a word of before came back to life"
    machine.feed(10_000, 4_000)
    machine.advance(4_010, estop_closed=True)
    assert machine.level == 1


@given(st.integers(1, 400), st.integers(1, 2_000))
def test_the_pump_holds_from_the_first_rise_until_it_has_run_down_after_the_last(
    ticks: int, asked_us: int
) -> None:
    machine, pad = lease()
    machine.feed(ticks, 0)
    machine.advance(asked_us, estop_closed=True)
    last_rise_us = 3 + 4 * ticks
    assert machine.pumped(asked_us) == (3 < asked_us < last_rise_us + pio.SAFE_DECAY_US)
    machine.advance(10_000, estop_closed=True)
    assert machine.gaps()[1][0] == last_rise_us + pio.SAFE_DECAY_US
    assert len(pad.rises) == 1


# --- period meter -----------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1_000, 380_000), min_size=1, max_size=12))
def test_the_meter_keeps_the_oldest_four_periods_to_its_resolution(periods: list[int]) -> None:
    meter = PeriodMeter()
    meter.start()
    now_us = 0
    meter.pulse(now_us)
    for period in periods:
        now_us += period
        meter.pulse(now_us)
    read = [meter.take() for _ in range(5)]
    expected = periods[:4]
    assert all(0 <= period - got < 3 for period, got in zip(expected, read, strict=False))
    assert read[len(expected)] == -1


def test_a_pause_too_long_to_count_gives_no_period() -> None:
    meter = PeriodMeter()
    meter.start()
    for now_us in (0, pio.HALL_PERIOD_MAX_US + 1, pio.HALL_PERIOD_MAX_US + 10_001):
        meter.pulse(now_us)
    assert 9_998 <= meter.take() <= 10_000
    assert meter.take() == -1


# --- stepper ----------------------------------------------------------------------------------------------------------


def stepper(gate: list[bool]) -> tuple[StepperMachine, Pad]:
    pad = Pad()
    machine = StepperMachine(pad, lambda: gate[0])
    machine.start(0)
    return machine, pad


@given(st.lists(st.integers(0, 70_000), min_size=1, max_size=4))
def test_each_word_makes_one_step_never_faster_than_asked(periods: list[int]) -> None:
    machine, pad = stepper([True])
    for period in periods:
        assert machine.put(period, 0)
    assert not machine.idle
    machine.advance(NEVER)
    assert machine.idle
    assert machine.edges == len(periods)
    ends = [0, *pad.falls]
    for asked, begun, ended in zip(periods, ends, ends[1:], strict=False):
        assert 0 <= ended - begun - min(max(asked, 59), 65_535) < 4
    assert all(fall - rise == 4 for rise, fall in zip(pad.rises, pad.falls, strict=True))


@given(st.integers(0, 3_000))
def test_a_closing_gate_stops_the_steps_within_5_us_and_drains_the_queue(closes_us: int) -> None:
    gate = [True]
    machine, pad = stepper(gate)
    for _ in range(4):
        machine.put(1_000, 0)
    machine.advance(closes_us)
    gate[0] = False
    machine.advance(1_000_000)
    assert machine.tripped
    assert all(rise < closes_us + 5 for rise in pad.rises)
    gate[0] = True
    machine.advance(2_000_000)
    assert all(rise < closes_us + 5 for rise in pad.rises)
    machine.restart(2_000_000)
    machine.put(1_000, 2_000_000)
    machine.advance(3_000_000)
    assert pad.rises[-1] > 2_000_000


def test_a_step_that_closes_its_own_gate_is_the_last() -> None:
    gate = [True]
    steps: list[int] = []

    def edge(time_us: int, level: int) -> None:
        if level:
            steps.append(time_us)
            gate[0] = len(steps) < 2

    machine = StepperMachine(edge, lambda: gate[0])
    machine.start(0)
    for _ in range(4):
        machine.put(500, 0)
    machine.advance(1_000_000)
    assert len(steps) == 2
    assert machine.tripped
