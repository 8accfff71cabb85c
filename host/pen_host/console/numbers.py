"""Numbers as they are typed: a comma is a point, and what is no number is refused at once, however long it would be."""

from __future__ import annotations

from decimal import Decimal, DecimalException

DIGITS_MAX = 9
"""No number that is typed anywhere has more; what is too large is refused by its own limits."""


def whole(typed: str, scale: int) -> int:
    """What was typed, in units of which the screen's one has so many.

    Raises:
        ValueError: It is no number, or finer than such a unit.
    """
    try:
        value = Decimal(typed.replace(",", ".")) * scale
    except DecimalException:
        raise ValueError(typed) from None
    # before it is made whole: the digits of a number like 1e999999 alone would take minutes
    if not value.is_finite() or value.adjusted() > DIGITS_MAX or value != value.to_integral_value():
        raise ValueError(typed)
    return int(value)


def shown(value: int, scale: int) -> str:
    """A number in units of which the screen's one has so many, as it would be typed."""
    digits = f"{Decimal(value) / scale:f}"
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
