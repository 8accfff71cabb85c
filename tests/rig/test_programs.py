"""The rig's PIO programs, stepped clock by clock: what the laptop is told is what happened on the lines."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil_tests.benches.contract import Edge
from hil_tests.rig import pins, programs
from hil_tests.waves import pulses
from tests.rig.pio_bench import LOOK_STEPS, MACHINES, STEP_NS, STEPS_PER_US, TIMING, RigMachines, assembled

LOOK_NS = LOOK_STEPS * STEP_NS
LEASE_HALF_STEPS = 2 * STEPS_PER_US


@pytest.fixture
def rig() -> RigMachines:
    return RigMachines()


def close(measured_ns: int, true_ns: int, tolerance_ns: int = LOOK_NS) -> bool:
    return abs(measured_ns - true_ns) <= tolerance_ns


def test_the_programs_fit_and_say_how_long_they_are() -> None:
    for block in (0, 1):
        used = {name: len(assembled(name)[0]) for name, at, *_rest in MACHINES if at == block}
        assert sum(used.values()) <= 32
        assert f"PIO{block} ({sum(used.values())} of 32 words)" in str(programs.__doc__)
        for name, length in used.items():
            assert f" {length} words." in str(getattr(programs, name).__doc__), name


@given(
    st.lists(
        st.tuples(st.sampled_from(["COIL", "SAFE", "STEP", "DIRECTION"]), st.integers(10, 400)), max_size=25
    )
)
@settings(max_examples=40)
def test_every_edge_is_seen_within_one_look_whatever_the_train(train: list[tuple[str, int]]) -> None:
    """Gaps from one look on; two lines may change in the same look."""
    rig = RigMachines()
    rig.run_steps(3 * LOOK_STEPS)
    true: list[tuple[str, int, int]] = []
    levels: dict[str, int] = {}
    for line, gap in train:
        rig.run_steps(gap)
        levels[line] = 1 - levels.get(line, 0)
        true.append((line, rig.steps * STEP_NS, levels[line]))
        rig.drive(line, bool(levels[line]))
    rig.run_steps(3 * LOOK_STEPS)
    capture = rig.capture()
    for line in ("COIL", "SAFE", "STEP", "DIRECTION"):
        wanted = [(t_ns, level) for name, t_ns, level in true if name == line]
        seen = capture.edges(line)
        assert [edge.level for edge in seen] == [level for _t_ns, level in wanted]
        # the sampler's time 0 is its first look
        offsets = [edge.t_ns - t_ns for edge, (t_ns, _level) in zip(seen, wanted, strict=True)]
        assert all(-2 * LOOK_NS <= offset <= LOOK_NS for offset in offsets), offsets


def test_a_train_keeps_its_count_widths_and_period_to_one_look(rig: RigMachines) -> None:
    rig.run_us(10)
    for _ in range(20):
        rig.drive("COIL", True)
        rig.run_us(503)
        rig.drive("COIL", False)
        rig.run_us(6676 - 503)
    seen = pulses(rig.capture().edges("COIL"))
    assert len(seen) == 20
    assert all(close(pulse.fall_ns - pulse.rise_ns, 503_000) for pulse in seen)
    periods = [later.rise_ns - earlier.rise_ns for earlier, later in pairwise(seen)]
    assert all(close(period, 6_676_000) for period in periods)
    assert close(seen[-1].rise_ns - seen[0].rise_ns, 19 * 6_676_000), "errors do not add up"


def test_a_pulse_shorter_than_a_look_may_be_missed_but_none_is_invented(rig: RigMachines) -> None:
    rig.run_us(10)
    for _ in range(50):
        rig.drive("STEP", True)
        rig.run_steps(3)
        rig.drive("STEP", False)
        rig.run_steps(28)
    edges = rig.capture().edges("STEP")
    assert len(edges) % 2 == 0
    assert len(edges) <= 100


def test_time_goes_on_through_silence_many_wraps_long(rig: RigMachines) -> None:
    """Nothing happens for three wraps of the word's time but marks."""
    rig.drive("SAFE", True)
    silence_us = 3 * (programs.TIME_MASK + 1) * LOOK_NS // 1000
    rig.run_us(silence_us)
    rig.drive("SAFE", False)
    rig.run_us(10)
    (fall,) = [edge for edge in rig.capture().edges("SAFE") if not edge.level]
    assert close(fall.t_ns, silence_us * 1000, 2 * LOOK_NS)


def test_marks_are_as_far_apart_as_the_laptop_expects(rig: RigMachines) -> None:
    rig.run_us(60_000)
    marks = rig.capture().edges("MARK")
    assert len(marks) == 8
    assert all(
        close(later.t_ns - earlier.t_ns, programs.MARK_US * 1000) for earlier, later in pairwise(marks)
    )


# --- lease ------------------------------------------------------------------------------------------------------------


def wave(rig: RigMachines, half_steps: int, turns: int) -> None:
    for _ in range(turns):
        rig.drive("LEASE", True)
        rig.run_steps(half_steps)
        rig.drive("LEASE", False)
        rig.run_steps(half_steps)


def test_alive_covers_the_wave_and_ends_soon_after_it(rig: RigMachines) -> None:
    rig.run_us(20)
    began = rig.steps * STEP_NS
    wave(rig, LEASE_HALF_STEPS, 100)
    last_rise = (rig.steps - 2 * LEASE_HALF_STEPS) * STEP_NS
    rig.run_us(50)
    (alive,) = pulses(rig.capture().edges("ALIVE"))
    assert 0 <= alive.rise_ns - began <= 1_000
    assert close(alive.fall_ns - last_rise, programs.ALIVE_HOLD_US * 1000, 1_000)


@pytest.mark.parametrize("level", [False, True])
def test_a_level_is_not_alive_wherever_it_stands(rig: RigMachines, level: bool) -> None:
    rig.run_us(20)
    wave(rig, LEASE_HALF_STEPS, 20)
    rig.drive("LEASE", level)
    rig.run_us(100)
    assert rig.capture().level("ALIVE") == 0
    assert len(pulses(rig.capture().edges("ALIVE"))) == 1


def test_a_slow_wave_is_not_alive(rig: RigMachines) -> None:
    """30 kHz does not hold the pen's charge pump."""
    wave(rig, 17 * STEPS_PER_US, 6)
    alive = pulses(rig.capture().edges("ALIVE"))
    assert len(alive) > 1, "it dies between the rises"


# --- hands ------------------------------------------------------------------------------------------------------------


@given(st.integers(0, pins.HANDS_MASK), st.integers(1, 500))
@settings(max_examples=25)
def test_hands_change_together_when_they_are_told(levels: int, delay_us: int) -> None:
    rig = RigMachines()
    rig.run_us(10)
    told_ns = rig.steps * STEP_NS
    rig.put_hands(levels, delay_us, amid=False)
    rig.run_us(delay_us + 20)
    capture = rig.capture()
    moved = {name: capture.edges(name) for name in pins.HANDS if levels >> pins.HANDS.index(name) & 1}
    assert all(capture.level(name) == (name in moved) for name in pins.HANDS)
    moments = {edge.t_ns for edges in moved.values() for edge in edges}
    assert len(moments) <= 1, "all in one look"
    assert all(0 <= moment - told_ns - delay_us * 1000 <= 2_000 for moment in moments)


@given(st.integers(1, 2000), st.integers(0, 24))
@settings(max_examples=25)
def test_hands_amid_a_stroke_change_so_long_after_its_rise(after_us: int, phase: int) -> None:
    """Not in the stroke that is under way when they are told: after the next rise."""
    rig = RigMachines()
    rig.drive("COIL", True)
    rig.run_us(20)
    rig.put_hands(0b000001, after_us, amid=True)
    rig.run_us(30)
    rig.drive("COIL", False)
    rig.run_steps(200 + phase)
    assert rig.capture().level("ESTOP") == 0
    rig.drive("COIL", True)
    rig.run_us(after_us + 10)
    capture = rig.capture()
    (closed,) = capture.edges("ESTOP")
    rise = capture.edges("COIL")[-1]
    assert -LOOK_NS <= closed.t_ns - rise.t_ns - after_us * 1000 <= 200 + LOOK_NS


def test_hands_that_are_told_in_a_row_keep_their_order_and_delays(rig: RigMachines) -> None:
    """As a bouncing contact does."""
    for levels in (1, 0, 1):
        rig.put_hands(levels, 50, amid=False)
    rig.run_us(200)
    edges = rig.capture().edges("ESTOP")
    assert [edge.level for edge in edges] == [1, 0, 1]
    assert all(close(later.t_ns - earlier.t_ns, 50_000, 3 * LOOK_NS) for earlier, later in pairwise(edges))


# --- hall -------------------------------------------------------------------------------------------------------------


def strokes(rig: RigMachines, number: int, on_us: int = 1003) -> None:
    for _ in range(number):
        rig.drive("COIL", True)
        rig.run_us(on_us)
        rig.drive("COIL", False)
        rig.run_us(6676 - on_us)


def hall_pulses(rig: RigMachines) -> list[tuple[int, int]]:
    """Fall and rise of each low pulse."""
    edges: list[Edge] = [edge for edge in rig.capture().edges("HALL") if edge.t_ns > 100_000]
    return [
        (fall.t_ns, rise.t_ns) for fall, rise in zip(edges[::2], edges[1::2], strict=True) if not fall.level
    ]


def test_each_whole_stroke_has_one_hall_pulse_at_its_time(rig: RigMachines) -> None:
    rig.run_us(200)
    strokes(rig, 5)
    rises = [edge.t_ns for edge in rig.capture().edges("COIL") if edge.level]
    seen = hall_pulses(rig)
    assert len(seen) == 5
    for (fall, rise), stroke in zip(seen, rises, strict=True):
        assert close(fall - stroke, programs.HALL_DELAY_US * 1000, 1_000 + LOOK_NS)
        assert close(rise - fall, programs.HALL_LENGTH_US * 1000, LOOK_NS)


@pytest.mark.parametrize("skipped", [0, 1, 3])
def test_so_many_strokes_are_left_without_a_pulse(rig: RigMachines, skipped: int) -> None:
    rig.run_us(200)
    strokes(rig, 2)
    rig.put_skip(skipped)
    strokes(rig, 5)
    rises = [edge.t_ns for edge in rig.capture().edges("COIL") if edge.level]
    seen = hall_pulses(rig)
    assert len(seen) == 7 - skipped
    assert rises[1] < seen[1][0] < rises[2]
    assert skipped == 0 or seen[2][0] > rises[2 + skipped]


def test_a_newer_word_ends_the_skipping(rig: RigMachines) -> None:
    rig.run_us(200)
    rig.put_skip((1 << 32) - 1)
    strokes(rig, 3)
    assert hall_pulses(rig) == []
    rig.put_skip(0)
    strokes(rig, 2)
    assert len(hall_pulses(rig)) == 2


def test_a_stroke_cut_short_moves_no_plunger(rig: RigMachines) -> None:
    rig.run_us(200)
    strokes(rig, 2, on_us=programs.HALL_LEAST_US - 20)
    strokes(rig, 1, on_us=programs.HALL_LEAST_US + 20)
    assert len(hall_pulses(rig)) == 1


def test_timing_is_what_the_words_are_read_with() -> None:
    assert TIMING.look_ns == LOOK_NS
