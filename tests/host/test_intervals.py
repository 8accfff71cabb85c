"""Intervals: every day names its rule, the longest wait counts, and what is done at home counts like a session."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_host.findings import Level
from pen_host.intervals import (
    HEALING_DAYS,
    INTERVAL_DAYS,
    Needling,
    check_day,
    closed_from,
    least_interval_days,
    next_eligible,
)
from pen_protocol import limits

DAY = date(2028, 2, 15)
DEPTHS = st.integers(1, 50).map(lambda steps: steps * limits.DEPTH_STEP_UM)
DAYS = st.dates(date(2020, 1, 1), date(2040, 1, 1))
SESSION = st.builds(
    Needling, DAYS, DEPTHS, st.integers(1, 365), st.just("the protocol"), authorised=st.booleans()
)
TOOL = st.builds(Needling, DAYS, DEPTHS, st.none(), st.just("the roller used at home"))
NEEDLINGS = st.lists(st.one_of(SESSION, TOOL), max_size=6)


def session(depth_um: int = 600, interval_days: int = 14, *, authorised: bool = False) -> Needling:
    return Needling(DAY, depth_um, interval_days, "weekly protocol", authorised)


@pytest.mark.parametrize(
    ("needling", "days", "rule_id"),
    [
        (session(600, 14), 14, "interval_protocol"),
        (session(1_500, 30), 30, "interval_protocol"),
        (session(1_500, 7), 28, "interval_depth_1500um"),
        (session(2_500, 7), 42, "interval_depth_2500um"),
        (session(1_500, 7, authorised=True), 7, "interval_authorised"),
        (session(600, 14, authorised=True), 14, "interval_protocol"),
        (Needling(DAY, 500, None, "the roller used at home"), 7, "interval_home_tool"),
    ],
)
def test_the_longer_of_depth_and_protocol_counts_unless_a_clinician_authorised_the_protocol(
    needling: Needling, days: int, rule_id: str
) -> None:
    found = next_eligible([needling])
    assert found is not None
    assert (found.day, found.rule_id) == (DAY + timedelta(days=days), rule_id)
    assert f"{found.day:%Y-%m-%d}" in found.sentence
    assert found.source


def test_a_leap_day_is_a_day() -> None:
    found = next_eligible([session(600, 14)])
    assert found is not None
    assert found.day == date(2028, 2, 29)


@given(NEEDLINGS)
def test_of_several_needlings_the_latest_day_counts(needlings: list[Needling]) -> None:
    found = next_eligible(needlings)
    each = [next_eligible([one]) for one in needlings]
    assert (found.day if found else None) == max((one.day for one in each if one), default=None)


@given(NEEDLINGS, st.integers(0, 400))
def test_a_day_passes_only_when_every_needling_allows_it(needlings: list[Needling], ahead: int) -> None:
    newest = max((one.day for one in needlings), default=DAY)
    day = newest + timedelta(days=ahead)
    found = check_day(needlings, day)
    due = next_eligible(needlings)
    if not needlings:
        assert found == []
    elif day < newest + timedelta(days=HEALING_DAYS):
        assert [(one.level, one.rule_id) for one in found] == [(Level.BLOCK, "interval_healing")]
    elif due is not None and day < due.day:
        assert [(one.level, one.rule_id) for one in found] == [(Level.OVERRIDE, "interval_short")]
        assert due.sentence in found[0].sentence
    else:
        assert found == []


@given(NEEDLINGS)
def test_a_needling_dated_after_the_day_is_a_wrong_clock(needlings: list[Needling]) -> None:
    if not needlings:
        return
    day = max(one.day for one in needlings) - timedelta(days=1)
    (found,) = check_day(needlings, day)
    assert (found.level, found.rule_id) == (Level.BLOCK, "interval_clock")


def test_no_authorised_protocol_goes_below_healing() -> None:
    daily = session(1_500, 1, authorised=True)
    assert closed_from([daily]) == DAY + timedelta(days=HEALING_DAYS)
    assert check_day([daily], DAY + timedelta(days=2))[0].level is Level.BLOCK


def test_a_roller_at_home_blocks_like_a_session_of_its_length() -> None:
    rolled = Needling(DAY - timedelta(days=1), 500, None, "the roller used at home")
    assert check_day([rolled], DAY)[0].rule_id == "interval_healing"
    (short,) = check_day([rolled], DAY + timedelta(days=4))
    assert "at home" in short.sentence
    assert check_day([rolled], DAY + timedelta(days=6)) == []


@given(DEPTHS)
def test_deeper_never_waits_less(depth_um: int) -> None:
    assert least_interval_days(depth_um) <= least_interval_days(min(limits.DEPTH_STOP_UM, depth_um + 50))


def test_the_table_reaches_the_mechanical_stop() -> None:
    assert INTERVAL_DAYS[-1][0] == limits.DEPTH_STOP_UM
