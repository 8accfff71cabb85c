"""Depth axis: homing, outward arrivals, never beyond the stop, and every disagreement found."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pen_firmware import depth as module
from pen_firmware import steps
from pen_firmware.depth import Depth
from pen_firmware.hal import Input
from pen_protocol import limits
from pen_protocol.faults import Fault
from pen_protocol.states import Condition
from pen_sim.plant.axis import OUTER_STOP_NM
from tests.firmware.parts_bench import DepthBench, running_board

TRUE_TOLERANCE_UM = limits.DEPTH_TOLERANCE_UM


def homed(seed: int = 0, home_offset_um: int = 100, backlash_um: int = 50) -> DepthBench:
    bench = DepthBench(seed, home_offset_um, backlash_um)
    assert bench.home() == module.RESULT_OK
    return bench


def true_um(bench: DepthBench) -> float:
    """Protrusion of the calibrated pen: offset counts from the switch and contains the screw's play."""
    play_um = bench.axis.backlash_nm / 1_000
    return bench.axis.protrusion_um - (bench.depth._offset_um - play_um)


@pytest.mark.parametrize("start_nm", [-300_000, -10_000, 0, 20_000, 300_000, 1_200_000, 2_600_000])
@pytest.mark.parametrize("offset_um", [0, 30, 100, 500])
def test_homing_finds_zero_from_anywhere(start_nm: int, offset_um: int) -> None:
    bench = DepthBench(home_offset_um=offset_um)
    bench.axis.__init__(bench.axis._rng, start_nm)  # type: ignore[misc]
    assert not bench.depth.homed
    assert bench.home() == module.RESULT_OK
    assert bench.depth.homed
    assert bench.depth.measured_um == 0
    assert abs(bench.depth.home_difference_um) <= 10
    play_um = bench.axis.backlash_nm / 1_000
    assert abs(bench.axis.protrusion_um - max(offset_um - play_um, 0)) <= 10


def test_homing_stays_within_its_budget_from_the_outer_stop() -> None:
    bench = DepthBench(home_offset_um=500, backlash_um=300)
    bench.axis.__init__(bench.axis._rng, 2_600_000)  # type: ignore[misc]
    begun_us = bench.board.clock.now_us
    assert bench.home() == module.RESULT_OK
    assert bench.board.clock.now_us - begun_us < module.HOME_BUDGET_MS * 1_000 * 2 // 3


@pytest.mark.parametrize("reads", [False, True])
@pytest.mark.covers("REQ-0106", "HOMING_FAILED")
def test_a_stuck_home_switch_fails_homing(reads: bool) -> None:
    bench = DepthBench()
    bench.axis.switch_forced = reads
    assert bench.home() == Fault.HOMING_FAILED
    assert not bench.depth.homed


def test_a_motor_that_does_not_turn_fails_homing() -> None:
    bench = DepthBench()
    bench.axis.stalled = True
    assert bench.home() == Fault.HOMING_FAILED


@pytest.mark.parametrize("slip_nm", [-100_000, 200_000])
def test_approaches_that_differ_fail_homing(slip_nm: int) -> None:
    bench = DepthBench()
    bench.depth.home()
    while not (bench.axis.home_switch and bench.depth.busy):
        bench.tick()
    bench.axis.carriage_nm += slip_nm
    bench.axis.motor_nm += slip_nm
    assert bench.finish() == Fault.HOMING_FAILED
    assert not bench.depth.homed


def test_an_offset_that_leaves_the_needle_out_fails_homing() -> None:
    bench = DepthBench(home_offset_um=-100)
    assert bench.home() == Fault.HOMING_FAILED


def test_failed_homing_again_and_again_keeps_the_measurement_on_the_wire() -> None:
    bench = DepthBench()
    bench.axis.switch_forced = False
    for _ in range(13):
        assert bench.home() == Fault.HOMING_FAILED
        assert -0x7FFF <= bench.depth.measured_um <= 0x7FFF


def test_a_move_before_homing_is_not_begun() -> None:
    bench = DepthBench()
    assert bench.move(500) == Condition.NOT_HOMED
    assert bench.board.step_edges() == 0


@pytest.mark.parametrize("depth_um", [-1, limits.DEPTH_STOP_UM + 1, 10_000])
@pytest.mark.covers("REQ-0101")
def test_beyond_the_stop_nothing_moves(depth_um: int) -> None:
    bench = homed()
    edges = bench.board.step_edges()
    with pytest.raises(ValueError, match="did not move"):
        bench.depth.move(depth_um)
    bench.tick()
    assert bench.board.step_edges() == edges
    assert not bench.depth.busy


@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=8),
    st.sampled_from([(0, 0), (0, 50), (30, 30), (100, 50), (100, 300), (500, 100)]),
    st.integers(0, 1000),
)
@settings(max_examples=40)
@pytest.mark.covers("REQ-0103")
def test_any_sequence_of_moves_arrives_outward_and_never_too_deep(
    targets: list[int], calibration: tuple[int, int], seed: int
) -> None:
    offset_um, backlash_um = calibration
    bench = homed(seed, offset_um, backlash_um)
    # with a large offset the simulated axis meets its outer stop before 2.5 mm: a stall, which has tests of its own
    reach = (OUTER_STOP_NM // 1_000 - offset_um) // limits.DEPTH_STEP_UM
    for target in (min(target, reach) for target in targets):
        depth_um = target * limits.DEPTH_STEP_UM
        before_um = bench.depth.measured_um
        true_before_um = bench.axis.protrusion_um
        edges = bench.board.step_edges()
        budget_ms = bench.depth.budget_ms(depth_um)
        begun_us = bench.board.clock.now_us
        assert bench.move(depth_um) == module.RESULT_OK
        assert bench.board.clock.now_us - begun_us <= budget_ms * 1_000
        assert bench.depth.homed
        assert bench.depth.requested_um == depth_um
        assert abs(bench.depth.measured_um - depth_um) <= 5 or depth_um == 0
        if bench.board.step_edges() != edges and bench.axis.protrusion_um > 5:
            assert bench.last_outward
        near_switch_um = 300 + backlash_um if depth_um < before_um else 0
        play_um = bench.axis.backlash_nm / 1_000
        deepest_um = max(true_before_um, depth_um + offset_um, near_switch_um - offset_um)
        assert bench.deepest_um <= deepest_um + play_um
        assert bench.axis.protrusion_um <= limits.DEPTH_STOP_UM + offset_um
        assert not bench.depth.mismatch()
    assert bench.board.overflows == 0


@given(st.lists(st.integers(1, 50), min_size=1, max_size=6), st.integers(0, 1000))
@settings(max_examples=25)
def test_a_calibrated_pen_stands_within_tolerance_of_every_target(targets: list[int], seed: int) -> None:
    bench = homed(seed, 130, 50)
    for target in targets:
        depth_um = target * limits.DEPTH_STEP_UM
        assert bench.move(depth_um) == module.RESULT_OK
        assert abs(true_um(bench) - depth_um) <= 10


@given(st.integers(3, 50), st.data())
@settings(max_examples=25)
def test_going_shallower_with_the_gate_open_is_never_deeper_on_the_way(
    start: int, data: st.DataObject
) -> None:
    """While the needle is permitted no leg goes outward beyond where the move began."""
    bench = homed(0, 0, 50)
    assert bench.move(start * limits.DEPTH_STEP_UM) == module.RESULT_OK
    target_um = data.draw(st.integers(0, start - 1)) * limits.DEPTH_STEP_UM
    begun_um = bench.axis.protrusion_um
    bench.deepest_um = begun_um
    bench.board.lease_feed(5_000)
    bench.depth.move(target_um)
    while bench.depth.busy:
        bench.board.lease_feed(5_000)
        bench.tick()
    assert bench.depth.result == module.RESULT_OK
    assert bench.deepest_um <= begun_um
    assert abs(bench.depth.measured_um - target_um) <= TRUE_TOLERANCE_UM


def test_near_the_switch_with_the_gate_open_the_axis_stays_where_it_is() -> None:
    bench = homed(0, 0, 50)
    assert bench.move(50) == module.RESULT_OK
    assert bench.axis.home_switch, "hysteresis and play keep it closed here"
    edges = bench.board.step_edges()
    bench.board.lease_feed(5_000)
    bench.board.wait_us(10)  # the first turns of the lease fill its pump
    bench.depth.move(0)
    while bench.depth.busy:
        bench.board.lease_feed(5_000)
        bench.tick()
    assert bench.depth.result == module.RESULT_OK
    assert bench.board.step_edges() == edges
    assert bench.depth.measured_um == 50


def test_without_a_backlash_given_a_shallower_target_is_still_approached_outward() -> None:
    bench = homed(home_offset_um=100, backlash_um=0)
    assert bench.move(1_000) == module.RESULT_OK
    assert bench.move(800) == module.RESULT_OK
    assert bench.last_outward


def test_retracting_ends_at_zero() -> None:
    bench = homed()
    assert bench.move(1_000) == module.RESULT_OK
    bench.depth.retract()
    assert bench.finish() == module.RESULT_OK
    assert bench.depth.measured_um == 0


# --- what the counter cannot see --------------------------------------------------------------------------------------


@pytest.mark.covers("REQ-0104", "AXIS_STALL")
def test_a_motor_stalled_on_the_way_out_is_found_on_retracting() -> None:
    bench = homed()
    bench.depth.move(1_500)
    for _ in range(40):
        bench.tick()
    bench.axis.stalled = True
    for _ in range(20):
        bench.tick()
    bench.axis.stalled = False
    assert bench.finish() == module.RESULT_OK, "the counter cannot know"
    assert bench.move(0) == Fault.AXIS_STALL
    assert not bench.depth.homed


def test_a_motor_stalled_on_the_way_in_is_found_on_retracting() -> None:
    bench = homed()
    assert bench.move(1_500) == module.RESULT_OK
    bench.depth.move(0)
    for _ in range(30):
        bench.tick()
    bench.axis.stalled = True
    assert bench.finish() == Fault.AXIS_STALL
    assert not bench.depth.homed


def test_a_motor_that_never_leaves_the_switch_is_found_at_once() -> None:
    bench = homed(home_offset_um=0)
    bench.axis.stalled = True
    assert bench.move(1_000) == Fault.AXIS_STALL
    assert not bench.depth.homed


@pytest.mark.parametrize("push_um", [-400, -150, -75, 75, 150, 400])
@pytest.mark.covers("REQ-0104")
def test_a_blow_that_moved_the_axis_is_found_on_retracting(push_um: int) -> None:
    bench = homed()
    assert bench.move(1_000) == module.RESULT_OK
    bench.axis.push(push_um)
    assert bench.move(0) == Fault.AXIS_STALL


def test_an_axis_pushed_off_the_switch_does_not_move_out() -> None:
    bench = homed(home_offset_um=0)
    bench.axis.push(200)
    edges = bench.board.step_edges()
    assert bench.move(1_000) == Fault.AXIS_STALL
    assert bench.board.step_edges() == edges


# --- counting ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("extra", [1, 7, -1, 5_000_000])
@pytest.mark.covers("REQ-0103", "STEP_MISMATCH")
def test_a_step_counter_that_disagrees_un_homes_the_axis(extra: int) -> None:
    bench = homed()
    bench.depth.move(1_000)
    for _ in range(30):
        bench.tick()
    bench.board.extra_steps += extra
    assert bench.finish() == Condition.STEP_MISMATCH
    assert bench.depth.mismatch()
    assert not bench.depth.homed
    assert -0x7FFF <= bench.depth.measured_um <= 0x7FFF


def test_a_step_nobody_asked_for_un_homes_a_resting_axis() -> None:
    bench = homed()
    bench.board.extra_steps += 1
    bench.tick()
    assert bench.depth.mismatch()
    assert not bench.depth.homed
    for _ in range(module.HOLD_MS // 5 + 2):
        bench.tick()
    assert not bench.depth.mismatch(), "held long enough to be seen, then homing may clear it"
    assert bench.home() == module.RESULT_OK


def test_a_step_nobody_asked_for_just_before_a_move_is_not_built_upon() -> None:
    bench = homed()
    bench.board.extra_steps += 1
    edges = bench.board.step_edges()
    assert bench.move(1_000) == Condition.STEP_MISMATCH
    assert bench.board.step_edges() == edges
    assert not bench.depth.homed


def test_the_step_counter_may_wrap_during_a_move() -> None:
    bench = DepthBench()
    bench.board.extra_steps = (1 << 30) - 700
    bench.depth.rebase()
    assert bench.home() == module.RESULT_OK
    assert bench.move(2_500) == module.RESULT_OK
    assert bench.move(0) == module.RESULT_OK


# --- stop -------------------------------------------------------------------------------------------------------------


@given(st.integers(0, 200))
@settings(max_examples=25)
def test_stop_ends_the_queue_at_once_and_un_homes_without_a_mismatch(passes: int) -> None:
    bench = homed()
    bench.depth.move(2_500)
    for _ in range(passes):
        bench.tick()
    bench.depth.stop()
    edges = bench.board.step_edges()
    assert not bench.depth.busy
    assert not bench.depth.homed
    for _ in range(20):
        bench.tick()
        assert not bench.depth.mismatch()
    assert bench.board.step_edges() - edges <= 0
    assert bench.home() == module.RESULT_OK


def test_stop_before_anything_is_harmless() -> None:
    depth = Depth(running_board())
    depth.stop()
    depth.tick(0)
    assert depth.result == module.RESULT_NONE


def test_the_stop_contact_halts_the_axis_and_nothing_is_blamed_on_it_meanwhile() -> None:
    bench = homed()
    bench.depth.move(2_000)
    for _ in range(30):
        bench.tick()
    bench.board.set_estop(False)
    edges = bench.board.step_edges()
    for _ in range(50):
        bench.tick()
    assert bench.board.step_edges() - edges <= 1
    assert bench.depth.busy
    assert not bench.depth.homed
    assert bench.depth.result == module.RESULT_NONE


def test_a_stop_contact_that_bounced_fails_the_move() -> None:
    bench = homed()
    bench.depth.move(2_000)
    for _ in range(30):
        bench.tick()
    bench.board.set_estop(False)
    bench.tick()
    bench.board.set_estop(True)
    assert bench.finish() == Fault.AXIS_STALL


def test_a_move_that_makes_no_progress_ends_with_its_budget() -> None:
    bench = homed()
    budget_ms = bench.depth.budget_ms(1_000)
    bench.depth.move(1_000)
    bench.tick()
    bench.board.stepper.halt(bench.board.clock.now_us)
    begun_us = bench.board.clock.now_us
    assert bench.finish() in {Fault.AXIS_STALL, Condition.STEP_MISMATCH}
    assert bench.board.clock.now_us - begun_us <= (budget_ms + 20) * 1_000


# --- calibration and arithmetic ---------------------------------------------------------------------------------------


def test_another_calibration_un_homes_and_the_same_one_does_not() -> None:
    bench = homed(home_offset_um=100, backlash_um=50)
    bench.depth.configure(100, 50)
    assert bench.depth.homed
    bench.depth.configure(105, 50)
    assert not bench.depth.homed


@given(st.integers(-4_000, 4_000))
def test_steps_round_towards_the_shallower_side_by_less_than_one_step(distance_um: int) -> None:
    made_um = module.steps_of(distance_um) * 2.5
    assert distance_um - 2.5 < made_um <= distance_um
    assert 0 <= made_um - module.um_of(module.steps_of(distance_um)) < 1


@given(st.integers(0, 500))
def test_every_five_micrometres_are_exact(fives: int) -> None:
    assert module.um_of(module.steps_of(fives * 5)) == fives * 5


def test_ramps_begin_slow_and_never_exceed_the_fast_period() -> None:
    assert list(steps.RAMP_US) == sorted(steps.RAMP_US, reverse=True)
    assert min(steps.RAMP_US) >= steps.FAST_US


def test_the_queue_outlasts_a_pass_at_full_speed() -> None:
    assert 5 * steps.FAST_US > 5_000


def test_speed_of_a_move_ramps_up_and_down() -> None:
    bench = homed()
    times: list[int] = []
    bench.board.stepper._on_edge = lambda time_us, level: (
        times.append(time_us) if level else None,
        bench.axis.step(bench.board._outward) if level else None,
    )
    assert bench.move(1_000) == module.RESULT_OK
    periods = [later - sooner for sooner, later in pairwise(times)]
    # a word may be a few us longer than asked, never shorter
    assert periods[0] >= steps.RAMP_US[1]
    assert periods[-1] >= steps.RAMP_US[0]
    assert min(periods) >= steps.FAST_US
    assert sum(period < steps.FAST_US + 10 for period in periods) > len(periods) // 2
    assert not bench.board.inputs() & Input.HOME
