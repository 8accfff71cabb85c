"""The host's lease and the firmware's, at every edge and across the wrap of the clock."""

from __future__ import annotations

import pytest

from pen_firmware import pio_programs
from pen_firmware.hal import CLOCK_WRAP
from pen_firmware.lease import LATE_US, FirmwareLease, HostLease
from pen_protocol import limits

STARTS = [0, 1, 12_345, CLOCK_WRAP - limits.HOST_LEASE_MS, CLOCK_WRAP - 100, CLOCK_WRAP - 1]


class Clock:
    """The part of a board the leases use."""

    def __init__(self) -> None:
        self.fed: list[int] = []

    def elapsed_ms(self, later: int, earlier: int) -> int:
        return (later - earlier + CLOCK_WRAP // 2) % CLOCK_WRAP - CLOCK_WRAP // 2

    elapsed_us = elapsed_ms

    def lease_feed(self, ticks: int) -> None:
        self.fed.append(ticks)


@pytest.mark.parametrize("start", STARTS)
def test_the_hosts_lease_ends_exactly_when_it_should(start: int) -> None:
    lease = HostLease(Clock())
    lease.start(start)
    for age_ms in range(limits.HOST_LEASE_MS + 50):
        now = (start + age_ms) % CLOCK_WRAP
        assert lease.expired(now) == (age_ms >= limits.HOST_LEASE_MS)
        assert lease.left_ms(now) == max(limits.HOST_LEASE_MS - age_ms, 0)


@pytest.mark.parametrize("start", STARTS)
def test_a_heartbeat_renews_it(start: int) -> None:
    lease = HostLease(Clock())
    lease.start(start)
    now = start
    for count in range(1, 20):
        now = (now + limits.HOST_LEASE_MS - 1) % CLOCK_WRAP
        assert not lease.expired(now)
        assert lease.renew(count, now)
    assert lease.expired((now + limits.HOST_LEASE_MS) % CLOCK_WRAP)


def test_a_replayed_heartbeat_renews_nothing() -> None:
    lease = HostLease(Clock())
    lease.start(0)
    assert lease.renew(5, 100)
    for replay in (5, 4, 1, 0):
        assert not lease.renew(replay, 200)
    assert lease.expired(100 + limits.HOST_LEASE_MS)


def test_counts_begin_anew_with_a_session() -> None:
    lease = HostLease(Clock())
    lease.renew(900, 0)
    lease.new_session()
    assert lease.renew(1, 0)


def test_nothing_is_due_before_arm_and_after_disarm() -> None:
    lease = HostLease(Clock())
    assert not lease.expired(10_000_000)
    lease.start(0)
    assert lease.expired(10_000)
    lease.end()
    assert not lease.expired(10_000)
    assert lease.left_ms(10_000) == 0


def test_a_clock_that_ran_backwards_counts_as_overdue() -> None:
    lease = HostLease(Clock())
    lease.start(1_000)
    assert lease.expired(999)


def test_the_word_ends_the_line_within_the_limit() -> None:
    """A word of N ticks holds the line for N + 1 of them."""
    clock = Clock()
    FirmwareLease(clock).feed()
    (ticks,) = clock.fed
    assert ticks <= pio_programs.LEASE_TICKS_MAX
    held_us = (ticks + 1) * pio_programs.LEASE_TICK_US
    assert limits.LEASE_MS * 1_000 - pio_programs.LEASE_TICK_US < held_us <= limits.LEASE_MS * 1_000


@pytest.mark.parametrize("start", [0, CLOCK_WRAP - 20_000, CLOCK_WRAP - 1])
def test_a_pass_is_late_before_the_lease_has_run_out(start: int) -> None:
    assert LATE_US < limits.LEASE_MS * 1_000
    for gap_us, late in (
        (5_000, False),
        (LATE_US - 1, False),
        (LATE_US, True),
    ):
        lease = FirmwareLease(Clock())
        lease.begin_pass(start)
        assert not lease.late()
        lease.begin_pass((start + gap_us) % CLOCK_WRAP)
        assert lease.late() == late


def test_what_was_meant_to_take_long_is_not_late() -> None:
    lease = FirmwareLease(Clock())
    lease.begin_pass(0)
    lease.forget()
    lease.begin_pass(500_000)
    assert not lease.late()
    lease.begin_pass(1_000_000)
    assert lease.late()


def test_a_clock_that_ran_backwards_is_late() -> None:
    lease = FirmwareLease(Clock())
    lease.begin_pass(10_000)
    lease.begin_pass(9_999)
    assert lease.late()
