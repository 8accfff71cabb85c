"""A real pen is led from test to test: on the rig's firmware and the simulated pen, in CI."""

from __future__ import annotations

import pytest

from hil_tests.benches import Hand, Signal, Unable
from hil_tests.benches.rig import RigBench
from hil_tests.host import DEPTH_UM, RATE_MHZ, Station
from hil_tests.stages import LedKeeper, Stage
from hil_tests.waves import rises
from pen_host.names import Condition, State
from pen_protocol import limits
from tests.rig.soft_pair import SoftPair


@pytest.fixture
def keeper() -> LedKeeper:
    return LedKeeper(lambda: SoftPair().rig_bench())


def strokes(station: Station) -> None:
    station.bench.hand(Hand.TRIGGER, True)
    station.let_pass(80)


def test_a_booted_pen_was_reset_and_nobody_has_spoken_to_it(keeper: LedKeeper) -> None:
    first = keeper.station(Stage.BOOTED)
    first.worker.connect()
    boot_id = first.status().boot_id
    keeper.finish(first)
    second = keeper.station(Stage.BOOTED)
    assert second.worker.snapshot().identity is None
    second.worker.connect()
    assert second.status().boot_id != boot_id


def test_tests_after_preparation_share_one_session_and_its_tip(keeper: LedKeeper) -> None:
    keeper.finish(keeper.station(Stage.GREETED))
    first = keeper.station(Stage.PREPARED)
    tip = first.pen.cartridge_read().serial
    keeper.finish(first)
    for _ in range(2):
        station = keeper.station(Stage.ARMED)
        assert station is first
        assert station.status().state is State.ARMED
        assert station.pen.cartridge_read().serial == tip
        strokes(station)
        keeper.finish(station)
        status = station.status()
        assert (status.state, status.depth_requested_um, status.rate_requested_mhz) == (
            State.IDLE,
            DEPTH_UM,
            RATE_MHZ,
        )


@pytest.mark.parametrize(
    ("hand", "closed", "cause"),
    [
        (Hand.ESTOP, False, Condition.ESTOP_OPEN),
        (Hand.CHARGER, True, Condition.CHARGER),
    ],
)
def test_after_a_stop_the_next_test_begins_armed_again(
    keeper: LedKeeper, hand: Hand, closed: bool, cause: Condition
) -> None:
    station = keeper.station(Stage.ARMED)
    strokes(station)
    station.bench.hand(hand, closed)
    station.let_pass(60)
    assert station.status().first_cause == cause
    keeper.finish(station)
    made = len(rises(station.bench.edges(Signal.COIL)))
    again = keeper.station(Stage.ARMED)
    assert again.status().state is State.ARMED
    assert len(rises(again.bench.edges(Signal.COIL))) == made, "being led strokes nothing"


def test_a_tip_that_was_taken_off_is_not_asked_for_again(keeper: LedKeeper) -> None:
    station = keeper.station(Stage.ARMED)
    strokes(station)
    station.bench.hand(Hand.LATCH, False)
    station.let_pass(60)
    assert station.status().first_cause == Condition.CARTRIDGE_UNLATCHED
    keeper.finish(station)
    with pytest.raises(Unable, match="Put in a new one"):
        keeper.station(Stage.ARMED)
    keeper.finish(keeper.station(Stage.GREETED))


def test_a_reset_within_the_session_ends_it(keeper: LedKeeper) -> None:
    station = keeper.station(Stage.ARMED)
    station.bench.reset()
    station.bench.run_ms(500)
    keeper.finish(station)
    with pytest.raises(Unable):
        keeper.station(Stage.PREPARED)


def test_after_a_silent_host_the_pen_is_led_back(keeper: LedKeeper) -> None:
    station = keeper.station(Stage.ARMED)
    strokes(station)
    station.fall_silent(limits.BUDGET_HOST_SILENT_MS + 60)
    keeper.finish(station)
    assert keeper.station(Stage.ARMED).status().state is State.ARMED


def test_the_end_of_a_run_lets_go_of_the_pen() -> None:
    benches: list[RigBench] = []

    def make() -> RigBench:
        benches.append(SoftPair().rig_bench())
        return benches[0]

    keeper = LedKeeper(make)
    keeper.station(Stage.ARMED)
    keeper.end()
    keeper.end()
    assert len(benches) == 1
