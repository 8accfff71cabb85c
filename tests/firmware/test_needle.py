"""Needle: strokes sent, counted four ways, measured, and stopped."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pen_firmware import needle as module
from pen_firmware import pio_programs
from pen_firmware.needle import Needle
from pen_protocol import limits
from tests.firmware.parts_bench import ON_US, NeedleBench, running_board


@pytest.mark.parametrize("rate_mhz", [25_000, 60_000, 100_000, 149_000])
def test_a_healthy_run_agrees_with_itself_and_with_the_truth(rate_mhz: int) -> None:
    bench = NeedleBench(rate_mhz)
    bench.start()
    bench.run_ms(4_000)
    assert not bench.needle.mismatch()
    assert not bench.needle.droop(bench.now_ms)
    assert not bench.needle.tripped()
    assert abs(bench.needle.rate_measured_mhz - rate_mhz) <= rate_mhz // 200
    bench.stop()
    needle = bench.needle
    assert needle.edges_total == bench.board.needle.edges
    assert needle.edges_total == needle.acks_total + needle.truncated_total
    assert abs(needle.edges_total - 4 * rate_mhz // 1000) <= 2
    assert bench.most_queued <= module.QUEUED_MAX
    assert bench.board.overflows == 0


@pytest.mark.covers("REQ-0305")
def test_a_dead_firmware_leaves_three_strokes_at_most() -> None:
    bench = NeedleBench(149_000)
    bench.start()
    bench.run_ms(500)
    before = bench.board.needle.edges
    bench.lease.feed()
    bench.board.lease_feed(pio_programs.LEASE_TICKS_MAX)
    bench.board.wait_us(500_000)
    assert bench.board.needle.edges - before <= module.IN_FLIGHT_MAX


@given(st.integers(0, 14_000))
@settings(max_examples=60)
@pytest.mark.covers("REQ-1003")
def test_stop_in_any_phase_counts_every_edge_once(phase_us: int) -> None:
    """The stroke that stop cuts short is an edge without acknowledgement."""
    bench = NeedleBench(149_000)
    bench.start()
    bench.run_ms(200)
    bench.board.wait_us(phase_us)
    bench.stop()
    assert not bench.needle.running
    needle = bench.needle

    assert needle.edges_total == bench.board.needle.edges
    assert needle.truncated_total == needle.edges_total - needle.acks_total
    assert needle.truncated_total in (0, 1)
    assert not needle.mismatch()
    bench.run_ms(1_000)
    assert needle.edges_total == bench.board.needle.edges


def test_a_truncated_stroke_is_seen() -> None:
    bench = NeedleBench()
    bench.start()
    bench.tick()
    edges = bench.board.needle.edges
    while bench.board.needle.edges == edges or not bench.board.needle.level:
        bench.board.wait_us(50)
        bench.needle.tick(bench.now_ms)
        bench.lease.feed()
    bench.stop()
    assert bench.needle.truncated_total == 1


def test_stop_is_idempotent_and_harmless_before_any_start() -> None:
    bench = NeedleBench()
    for _ in range(3):
        bench.stop()
    assert bench.needle.edges_total == 0
    bench.start()
    bench.run_ms(100)
    bench.stop()
    bench.stop()
    assert not bench.needle.mismatch()


def test_no_stroke_before_a_rate_was_set() -> None:
    needle = Needle(running_board())
    with pytest.raises(ValueError, match="no rate was set"):
        needle.start(0)
    assert not needle.running


@pytest.mark.parametrize(
    ("period_us", "on_us"), [(6_677, 1_800), (80_000, 1_800), (10_000, 2_048), (10_000, 2)]
)
def test_what_no_word_can_carry_is_refused_and_changes_nothing(period_us: int, on_us: int) -> None:
    bench = NeedleBench()
    before_us = bench.needle.period_us
    with pytest.raises(ValueError, match=r"on-time|period"):
        bench.needle.set(period_us, on_us)
    assert bench.needle.period_us == before_us


def test_the_first_word_waits_for_the_gate() -> None:
    bench = NeedleBench()
    bench.needle.start(bench.now_ms)
    bench.needle.tick(bench.now_ms)
    assert bench.board.needle_room() == pio_programs.NEEDLE_QUEUE
    assert not bench.needle.tripped()


@pytest.mark.covers("REQ-0314", "NEEDLE_TRIPPED")
def test_a_gate_that_falls_during_a_run_is_a_trip() -> None:
    bench = NeedleBench()
    bench.start()
    bench.run_ms(200)
    bench.board.set_estop(False)
    bench.run_until(bench.needle.tripped, 100)
    bench.stop()
    assert not bench.needle.tripped()
    assert not bench.needle.mismatch()
    assert bench.needle.edges_total == bench.board.needle.edges


# --- droop ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate_mhz", [25_000, 149_000])
@pytest.mark.covers("REQ-0201", "RATE_DROOP")
def test_a_silent_needle_droops_within_the_window(rate_mhz: int) -> None:
    bench = NeedleBench(rate_mhz)
    bench.start()
    bench.run_ms(1_000)
    bench.board.plant.needle.missing_percent = 100
    took_ms = bench.run_until(lambda: bench.needle.droop(bench.now_ms))
    assert limits.RATE_DROOP_MS - 50 <= took_ms <= limits.RATE_DROOP_MS + 50


def test_a_needle_that_never_moves_droops_one_window_after_the_start() -> None:
    bench = NeedleBench()
    bench.board.plant.needle.missing_percent = 100
    bench.start()
    took_ms = bench.run_until(lambda: bench.needle.droop(bench.now_ms))
    assert limits.RATE_DROOP_MS < took_ms <= limits.RATE_DROOP_MS + 10
    assert bench.needle.rate_measured_mhz == 0
    assert bench.needle.measured_age_ms(bench.now_ms) == module.AGE_NEVER_MS


@given(st.lists(st.integers(25_000, 149_000), min_size=2, max_size=8), st.integers(10, 400))
@settings(max_examples=30)
def test_changes_of_rate_neither_droop_nor_mismatch(rates: list[int], each_ms: int) -> None:
    bench = NeedleBench(rates[0])
    bench.start()
    for rate_mhz in rates:
        bench.needle.set(pio_programs.needle_period_us(rate_mhz), ON_US)
        for _ in range(each_ms // 5):
            bench.tick()
            assert not bench.needle.droop(bench.now_ms)
            assert not bench.needle.mismatch()


@pytest.mark.parametrize("gain_percent", [140, 152, 160, 400])
@pytest.mark.parametrize("tick_us", [5_000, 12_000])
def test_slow_words_in_flight_after_a_change_are_no_droop(gain_percent: int, tick_us: int) -> None:
    """Three words of the old rate are still under way: with late passes longer than the window bears at the new one."""
    for phase in range(8):
        bench = NeedleBench(25_000)
        bench.start()
        bench.run_ms(400 + 5 * phase)
        bench.needle.set(pio_programs.needle_period_us(25_000 * gain_percent // 100), ON_US)
        for _ in range(40):
            bench.tick(tick_us)
            assert not bench.needle.droop(bench.now_ms)


def test_changing_the_rate_again_and_again_does_not_hide_a_silent_needle() -> None:
    bench = NeedleBench(50_000)
    bench.start()
    bench.run_ms(500)
    bench.board.plant.needle.hall_lost = True
    for turn in range(10):
        bench.needle.set(pio_programs.needle_period_us(50_000 + turn * 5_000), ON_US)
        bench.run_ms(50)
    assert bench.needle.droop(bench.now_ms)


def test_a_stopped_needle_does_not_droop_and_measures_nothing() -> None:
    bench = NeedleBench()
    bench.start()
    bench.run_ms(500)
    bench.stop()
    bench.run_ms(500)
    assert not bench.needle.droop(bench.now_ms)
    assert bench.needle.rate_measured_mhz == 0
    assert bench.needle.measured_age_ms(bench.now_ms) >= 450


def test_an_old_measurement_is_forgotten_before_the_clock_wraps_over_it() -> None:
    bench = NeedleBench()
    bench.start()
    bench.run_ms(500)
    bench.stop()
    for _ in range(70):
        bench.tick(1_000_000)
    assert bench.needle.measured_age_ms(bench.now_ms) == module.AGE_NEVER_MS


# --- agreement --------------------------------------------------------------------------------------------------------


def healthy() -> NeedleBench:
    bench = NeedleBench()
    bench.start()
    bench.run_ms(1_000)
    assert not bench.needle.mismatch()
    return bench


@pytest.mark.parametrize("extra", [1, 2, 100, -1, 1 << 20])
def test_an_edge_counter_that_disagrees_is_a_mismatch(extra: int) -> None:
    bench = healthy()
    bench.board.extra_edges += extra
    bench.run_until(bench.needle.mismatch, 50)


def test_a_wrong_edge_counter_never_throws_the_totals_off() -> None:
    bench = healthy()
    bench.board.extra_edges += 1 << 20
    bench.run_ms(10)
    bench.stop()
    assert abs(bench.needle.edges_total - bench.board.needle.edges) <= 2


@pytest.mark.covers("REQ-0203", "STROKE_MISMATCH")
def test_a_word_that_vanished_is_a_mismatch() -> None:
    bench = healthy()
    bench.board.needle._words.popleft()
    bench.run_until(bench.needle.mismatch, 50)


def test_words_that_are_swallowed_are_a_mismatch() -> None:
    """Neither edges nor acknowledgements come, so only the words sent can tell."""
    bench = healthy()
    bench.board.needle.put = lambda word, now_us: True  # type: ignore[method-assign]
    bench.run_until(bench.needle.mismatch, 60)


def test_an_edge_without_any_word_is_a_mismatch_at_once() -> None:
    bench = NeedleBench()
    bench.needle.start(bench.now_ms)
    bench.board.extra_edges += 1
    bench.needle.tick(bench.now_ms)
    assert bench.needle.mismatch()


def test_an_edge_the_counter_missed_is_a_mismatch() -> None:
    bench = healthy()
    edges = bench.board.needle.edges
    while bench.board.needle.edges == edges:
        bench.board.wait_us(100)
    bench.board.extra_edges -= 1
    bench.run_until(bench.needle.mismatch, 20)


def test_two_edges_too_many_are_found_in_the_next_pass_however_soon() -> None:
    bench = healthy()
    bench.board.extra_edges += 2
    bench.tick(500)
    bench.tick(500)
    assert bench.needle.mismatch()


@pytest.mark.covers("REQ-0203")
def test_a_word_that_came_twice_is_a_mismatch() -> None:
    bench = healthy()
    words = bench.board.needle._words
    words.append(words[-1])
    bench.run_until(bench.needle.mismatch, 50)


def test_a_word_with_another_period_is_a_mismatch() -> None:
    bench = healthy()
    words = bench.board.needle._words
    words[-1] ^= 1 << 12
    bench.run_until(bench.needle.mismatch, 100)


@pytest.mark.covers("REQ-0203")
def test_hall_pulses_without_strokes_are_a_mismatch() -> None:
    bench = healthy()
    for _ in range(5):
        bench.board.meter.pulse(bench.board.clock.now_us)
        bench.tick()
    assert bench.needle.mismatch()


@pytest.mark.covers("REQ-0203", "REQ-1701")
def test_a_needle_that_misses_one_stroke_in_ten_is_a_mismatch_before_it_droops() -> None:
    bench = healthy()
    bench.board.plant.needle.missing_percent = 15
    took_ms = bench.run_until(bench.needle.mismatch)
    assert took_ms < 1_500
    assert not bench.needle.droop(bench.now_ms)


def test_a_stroke_while_stopped_is_a_mismatch_and_still_counted() -> None:
    bench = healthy()
    bench.stop()
    bench.run_ms(50)
    total = bench.needle.edges_total
    bench.board.extra_edges += 1
    bench.tick()
    assert bench.needle.mismatch()
    assert bench.needle.edges_total == total + 1


def test_a_mismatch_is_held_and_then_lets_the_fault_be_cleared() -> None:
    bench = healthy()
    bench.board.extra_edges += 1
    bench.run_until(bench.needle.mismatch, 50)
    bench.run_ms(1_000)
    assert bench.needle.mismatch(), "held as long as the run lasts"
    bench.stop()
    bench.run_ms(module.HOLD_MS + 20)
    assert not bench.needle.mismatch()


def test_edge_counter_and_totals_wrap_at_2_to_the_30() -> None:
    bench = NeedleBench(149_000)
    bench.board.extra_edges = module.MASK - 20
    bench.needle.rebase()
    bench.needle.edges_total = module.MASK - 10
    bench.start()
    bench.run_ms(1_000)
    assert not bench.needle.mismatch()
    bench.stop()
    made = bench.board.needle.edges
    assert made > 100
    assert bench.needle.edges_total == (module.MASK - 10 + made) & module.MASK


def test_machines_started_anew_are_no_mismatch_after_a_rebase() -> None:
    bench = healthy()
    bench.stop()
    total = bench.needle.edges_total
    bench.board.make_safe()
    bench.board.start_machines()
    bench.needle.rebase()
    bench.run_ms(50)
    assert bench.needle.edges_total == total
    assert not bench.needle.mismatch()
    bench.start()
    bench.run_ms(500)
    assert not bench.needle.mismatch()
    assert bench.needle.edges_total > total


@given(st.lists(st.integers(1, 30), min_size=5, max_size=60), st.sampled_from([25_000, 90_000, 149_000]))
@settings(max_examples=40)
def test_late_passes_are_no_mismatch(passes_ms: list[int], rate_mhz: int) -> None:
    """Passes late by up to a collection of garbage starve the needle; the counts still agree exactly."""
    bench = NeedleBench(rate_mhz)
    bench.start()
    for pass_ms in passes_ms:
        bench.tick(pass_ms * 1_000)
        assert not bench.needle.mismatch()
        assert not bench.needle.tripped()
    bench.stop()
    assert bench.needle.edges_total == bench.board.needle.edges


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 40)), min_size=1, max_size=12))
@settings(max_examples=30)
def test_short_runs_one_after_another_agree(runs: list[tuple[int, int]]) -> None:
    """The first hall period of a run spans the pause before it and is never taken for a rate."""
    bench = NeedleBench(149_000)
    for run_passes, pause_passes in runs:
        bench.start()
        for _ in range(run_passes):
            bench.tick()
            assert not bench.needle.mismatch()
            assert not bench.needle.droop(bench.now_ms)
            assert bench.needle.rate_measured_mhz == 0 or bench.needle.rate_measured_mhz > 140_000
        bench.stop()
        for _ in range(pause_passes):
            bench.tick()
    assert not bench.needle.mismatch()
    assert bench.needle.edges_total == bench.board.needle.edges
    assert bench.needle.acks_total + bench.needle.truncated_total == bench.needle.edges_total
