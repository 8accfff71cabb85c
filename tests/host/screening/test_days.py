"""Windows on the calendar: never shorter than they are said to be, whatever the month, also from a leap day on."""

from __future__ import annotations

import calendar
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_host.screening.days import age_years, plus_months

DAYS = st.dates(date(1900, 1, 1), date(2200, 12, 31))
MONTHS = st.integers(0, 60)


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 1, 15), 6, date(2026, 7, 15)),
        (date(2025, 8, 31), 6, date(2026, 3, 1)),
        (date(2023, 8, 29), 6, date(2024, 2, 29)),
        (date(2024, 8, 29), 6, date(2025, 3, 1)),
        (date(2024, 2, 29), 12, date(2025, 3, 1)),
        (date(2024, 2, 29), 48, date(2028, 2, 29)),
        (date(2025, 12, 31), 2, date(2026, 3, 1)),
        (date(2026, 11, 30), 1, date(2026, 12, 30)),
    ],
)
def test_the_same_day_of_a_later_month_or_the_first_of_the_next(
    day: date, months: int, expected: date
) -> None:
    assert plus_months(day, months) == expected


@given(DAYS, MONTHS)
def test_a_window_is_never_shorter_than_its_months(day: date, months: int) -> None:
    end = plus_months(day, months)
    passed = (end.year - day.year) * 12 + end.month - day.month
    assert passed == months if end.day == day.day else passed == months + 1
    if end.day != day.day:
        # the month of the same name has no such day
        year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
        assert calendar.monthrange(year, month + 1)[1] < day.day
        assert end.day == 1


@given(DAYS, MONTHS)
def test_a_later_event_never_ends_its_window_earlier(day: date, months: int) -> None:
    assert plus_months(day, months) <= plus_months(day + timedelta(days=1), months)


def test_beyond_the_calendar_there_is_no_day() -> None:
    with pytest.raises(OverflowError):
        plus_months(date(9999, 6, 1), 12)


@given(DAYS, st.integers(0, 120))
def test_age_rises_by_one_on_the_birthday_and_not_before(born: date, years: int) -> None:
    birthday = plus_months(born, years * 12)
    assert age_years(born, birthday) == years
    if years:
        assert age_years(born, birthday - timedelta(days=1)) == years - 1


def test_who_was_born_on_a_leap_day_is_older_from_march_on() -> None:
    assert age_years(date(2004, 2, 29), date(2026, 2, 28)) == 21
    assert age_years(date(2004, 2, 29), date(2026, 3, 1)) == 22
    assert age_years(date(2004, 2, 29), date(2028, 2, 29)) == 24


def test_nobody_is_younger_than_nothing() -> None:
    with pytest.raises(ValueError, match="has no age"):
        age_years(date(2026, 1, 2), date(2026, 1, 1))
