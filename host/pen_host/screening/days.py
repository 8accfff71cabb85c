"""Calendar arithmetic of time windows. Where the calendar has no such day, the later one counts: rather wait too long."""

from __future__ import annotations

import calendar
from datetime import date


def plus_months(day: date, months: int) -> date:
    """The same day so many calendar months later; the first of the next month where that month is too short.

    Raises:
        OverflowError: It lies beyond the calendar.
    """
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    if year > date.max.year:
        raise OverflowError(f"{months} months after {day} are beyond the calendar")
    if day.day <= calendar.monthrange(year, month + 1)[1]:
        return date(year, month + 1, day.day)
    return plus_months(date(year, month + 1, 1), 1)


def age_years(born: date, day: date) -> int:
    """Whole years of age; who was born on 29 February is older from 1 March on in other years.

    Raises:
        ValueError: The person is not born yet.
    """
    if born > day:
        raise ValueError(f"a person born on {born:%Y-%m-%d} has no age on {day:%Y-%m-%d}")
    years = day.year - born.year
    return years if plus_months(born, years * 12) <= day else years - 1
