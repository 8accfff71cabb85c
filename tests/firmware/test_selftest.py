"""The self-test: each check fails for its own defect, keeps its number, and blocks arming."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pen_firmware.hal import Analog, Input
from pen_firmware.selftest import PULSE_MAX_MS, Check, SelfTest
from pen_protocol.faults import Event, Refusal
from pen_protocol.states import Condition, State
from tests.firmware.hands import Hands

PASS_MS = 5


class Bench:
    """What the self-test asks of board, sensors, settings and ledger, each good until a test spoils it."""

    def __init__(self) -> None:
        self.ms = 0
        self.pass_ms = 0
        """How far the clock is ahead of the time a pass was given when it began."""
        self.drift_us = 0
        self.closed = True
        self.lease_until_ms = 0
        self.lease_dead = False
        self.lease_stuck = False
        self.needle_high = False
        self.safe_dead = False
        self.fed: list[int] = []
        self.codes = {Analog.SUPPLY: 2_000, Analog.COIL_TEMPERATURE: 2_000, Analog.COIL_CURRENT: 0}
        self.ready = True
        self.coil_ma = 0
        self.whole = True
        self.consistent_ring = True
        self.whole_record = True
        self.events = self

    # board
    def now_ms(self) -> int:
        return self.ms + self.pass_ms

    def now_us(self) -> int:
        return (self.ms + self.pass_ms) * 1_000 + self.drift_us

    def elapsed_ms(self, later: int, earlier: int) -> int:
        return later - earlier

    elapsed_us = elapsed_ms

    def inputs(self) -> int:
        lease = self.lease_stuck or (self.ms < self.lease_until_ms and not self.lease_dead)
        mask = Input.ESTOP_CLOSED if self.closed else 0
        mask |= Input.LEASE if lease else 0
        mask |= Input.SAFE if lease and self.closed and not self.safe_dead else 0
        return mask | (Input.NEEDLE if self.needle_high else 0)

    def lease_feed(self, ticks: int) -> None:
        self.fed.append(ticks)
        self.lease_until_ms = self.ms + ticks * 4 // 1_000

    def analog(self, channel: int) -> int:
        return self.codes[channel]

    # settings and ledger
    def intact(self) -> bool:
        return self.whole

    def consistent(self) -> bool:
        return self.consistent_ring

    def run(self, test: SelfTest, limit_ms: int = 1_000) -> None:
        test.start()
        while test.running and self.ms < limit_ms:
            self.ms += PASS_MS
            test.tick(self.ms)


class Record:
    """The ledger of a bench."""

    def __init__(self, bench: Bench) -> None:
        self.events = bench
        self._bench = bench

    def intact(self) -> bool:
        return self._bench.whole_record


def self_test(bench: Bench) -> SelfTest:
    return SelfTest(bench, bench, bench, Record(bench))


def test_a_good_pen_passes_within_its_budget() -> None:
    bench = Bench()
    test = self_test(bench)
    assert not test.passed
    bench.run(test)
    assert test.passed
    assert test.failed_check == 0
    assert bench.ms < 300


DEFECTS: dict[str, tuple[Callable[[Bench], object], int]] = {
    "needle pad high": (lambda b: setattr(b, "needle_high", True), Check.OUTPUTS_LOW),
    "lease pad high": (lambda b: setattr(b, "lease_stuck", True), Check.OUTPUTS_LOW),
    "lease never rises": (lambda b: setattr(b, "lease_dead", True), Check.LEASE),
    "SAFE does not follow": (lambda b: setattr(b, "safe_dead", True), Check.LEASE),
    "coil conducts": (lambda b: setattr(b, "coil_ma", 200), Check.GATE),
    "supply reads nothing": (lambda b: b.codes.update({Analog.SUPPLY: 0}), Check.ANALOG),
    "supply reads full": (lambda b: b.codes.update({Analog.SUPPLY: 4_095}), Check.ANALOG),
    "temperature shorted": (lambda b: b.codes.update({Analog.COIL_TEMPERATURE: 0}), Check.ANALOG),
    "temperature open": (lambda b: b.codes.update({Analog.COIL_TEMPERATURE: 4_095}), Check.ANALOG),
    "settings damaged": (lambda b: setattr(b, "whole", False), Check.SETTINGS),
    "ring out of order": (lambda b: setattr(b, "consistent_ring", False), Check.EVENTS),
    "record damaged": (lambda b: setattr(b, "whole_record", False), Check.EVENTS),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_each_defect_fails_its_own_check(name: str) -> None:
    bench = Bench()
    spoil, check = DEFECTS[name]
    spoil(bench)
    test = self_test(bench)
    bench.run(test)
    assert (test.passed, test.failed_check) == (False, check)


def test_a_lease_that_does_not_end_fails_within_its_time() -> None:
    bench = Bench()
    test = self_test(bench)
    test.start()
    while test.running and bench.ms < 500:
        bench.ms += PASS_MS
        test.tick(bench.ms)
        if bench.fed:
            bench.lease_until_ms = 10_000
    assert test.failed_check == Check.LEASE
    assert bench.ms <= PULSE_MAX_MS + 6 * PASS_MS
    assert bench.fed[-1] == 0


@pytest.mark.parametrize("drift_us", [-10_000, 10_000])
def test_clocks_that_disagree_fail(drift_us: int) -> None:
    bench = Bench()
    test = self_test(bench)
    test.start()
    bench.drift_us = drift_us
    while test.running and bench.ms < 1_000:
        bench.ms += PASS_MS
        test.tick(bench.ms)
    assert test.failed_check == Check.CLOCK


def test_a_long_pass_is_no_disagreement_of_the_clocks() -> None:
    """On the chip the check runs milliseconds after its pass began."""
    bench = Bench()
    test = self_test(bench)
    test.start()
    bench.pass_ms = 9
    while test.running and bench.ms < 1_000:
        bench.ms += PASS_MS
        test.tick(bench.ms)
    assert test.passed


def test_passes_that_answer_a_host_do_not_sleep_through_the_pulse() -> None:
    """On the chip such a pass takes up to 20 ms."""
    bench = Bench()
    test = self_test(bench)
    test.start()
    while test.running and bench.ms < 2_000:
        bench.ms += 20
        test.tick(bench.ms)
    assert test.passed


def test_with_the_stop_open_the_lease_cannot_be_seen_and_the_test_waits() -> None:
    """Unknown is not passed; the pulse never happens while the contact is open."""
    bench = Bench()
    bench.closed = False
    test = self_test(bench)
    bench.run(test)
    assert test.running
    assert not test.passed
    assert bench.fed == []
    bench.closed = True
    while test.running:
        bench.ms += PASS_MS
        test.tick(bench.ms)
    assert test.passed


def test_an_aborted_test_has_not_passed_and_leaves_no_lease() -> None:
    bench = Bench()
    test = self_test(bench)
    test.start()
    while not bench.fed:
        bench.ms += PASS_MS
        test.tick(bench.ms)
    test.abort()
    assert bench.fed[-1] == 0
    assert not test.running
    assert not test.passed


def test_a_pen_whose_self_test_failed_is_idle_and_cannot_be_armed() -> None:
    hands = Hands(boot=False)
    hands.bench.inject("sensor_open")
    hands.sim.power_on()
    hands.until_idle()
    assert hands.present(Condition.SELF_TEST)
    assert [e[3] for e in hands.pull_events() if e[2] == Event.SELF_TEST] == [Check.ANALOG]
    hands.bench.clear("sensor_open")
    hands.do("OPEN_SESSION", 5, 9, 1_000, 0)
    hands.session = 5
    hands.run(100)
    assert hands.refused("ARM", 0, 25_000, 0) != (Refusal.WRONG_STATE, State.BOOT)
    hands.do("SELF_TEST")
    assert not hands.present(Condition.SELF_TEST)


def test_a_requested_test_that_fails_is_refused_with_its_number() -> None:
    hands = Hands().until_open()
    hands.bench.inject("sensor_open")
    assert hands.refused("SELF_TEST") == (Refusal.SELF_TEST_FAILED, Check.ANALOG)
    hands.run(20)
    assert hands.present(Condition.SELF_TEST)


def test_the_self_test_makes_no_stroke() -> None:
    hands = Hands().until_open()
    hands.do("SELF_TEST")
    assert not [1 for _, signal, level in hands.sim.trace if signal == "coil" and level]
    assert [1 for _, signal, level in hands.sim.trace if signal == "lease" and level]
