"""Numbers with units in plan files, made into the whole numbers of the models; nothing is rounded or guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

_DIGITS_MAX = 12
"""Numbers with more digits, or larger exponents, are no quantity of a plan; they also cost time to calculate with."""
_TEXT = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?) ?([A-Za-z\u00b5\u03bc][A-Za-z0-9\u00b2]{0,7})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Quantity:
    """How a plan file may give one number.

    Attributes:
        field: Field of the model, in its unit.
        unit: That unit.
        text_key: Key whose value carries its unit: `depth = "0.6 mm"`.
        units: What one of each unit is in the model's unit.
        keys: Keys that have the unit in their name: `depth_um = 600`.
    """

    field: str
    unit: str
    text_key: str
    units: Mapping[str, Fraction]
    keys: Mapping[str, str]


QUANTITIES = (
    Quantity(
        "depth_um",
        "um",
        "depth",
        {"um": Fraction(1), "\u00b5m": Fraction(1), "\u03bcm": Fraction(1), "mm": Fraction(1000)},
        {"depth_um": "um", "depth_mm": "mm"},
    ),
    Quantity(
        "rate_mhz",
        "mHz",
        "rate",
        {"Hz": Fraction(1000), "rpm": Fraction(1000, 60)},
        {"rate_hz": "Hz", "rate_rpm": "rpm"},
    ),
    Quantity(
        "area_mm2",
        "mm2",
        "area",
        {"mm2": Fraction(1), "mm\u00b2": Fraction(1), "cm2": Fraction(100), "cm\u00b2": Fraction(100)},
        {"area_mm2": "mm2", "area_cm2": "cm2"},
    ),
)


class QuantityError(ValueError):
    """A number or its unit cannot be used; the message is a clause for a person."""


def take(quantity: Quantity, table: dict[str, object]) -> int | None:
    """Takes a quantity out of a table, however it is spelled there.

    Returns:
        The number in the model's unit, or None where the table does not give it.

    Raises:
        QuantityError: It is given twice, without a known unit, or finer than the model's unit.
    """
    spellings = [key for key in (quantity.text_key, *quantity.keys) if key in table]
    values = [table.pop(key) for key in spellings]
    if not spellings:
        return None
    if len(spellings) > 1:
        raise QuantityError(f"is given {len(spellings)} times ({', '.join(spellings)}); keep one")
    key, value = spellings[0], values[0]
    if key == quantity.text_key:
        number, unit = _read(quantity, value)
    else:
        number, unit = _number(value), quantity.keys[key]
    exact = number * quantity.units[unit]
    if exact.denominator != 1:
        shown = value if key == quantity.text_key else f"{value} {unit}"
        raise QuantityError(f"of {shown} is finer than 1 {quantity.unit}; round it")
    return exact.numerator


def _read(quantity: Quantity, value: object) -> tuple[Fraction, str]:
    known = ", ".join(quantity.units)
    if not isinstance(value, str):
        raise QuantityError(
            f'= {_short(value)} has no unit; write {quantity.text_key} = "number unit" with {known}'
        )
    found = _TEXT.fullmatch(value.strip())
    if not found:
        raise QuantityError(f"= {_short(value)} is no number with a unit; known units are {known}")
    if found[2] not in quantity.units:
        raise QuantityError(f"has the unknown unit {found[2]!r}; known units are {known}")
    return Fraction(found[1]), found[2]


def _number(value: object) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise QuantityError(f"= {_short(value)} is no number")
    if isinstance(value, int):
        if abs(value) >= 10**_DIGITS_MAX:
            raise QuantityError("is far beyond any limit")
        return Fraction(value)
    if (
        not value.is_finite()
        or len(value.as_tuple().digits) > _DIGITS_MAX
        or abs(value.adjusted()) > _DIGITS_MAX
    ):
        raise QuantityError(f"= {_short(value)} is far beyond any limit")
    return Fraction(value)


def _short(value: object) -> str:
    """A value as a person can recognise it."""
    if isinstance(value, Decimal):
        return str(value)[:40]
    text = repr(value) if not isinstance(value, int) or value.bit_length() < 64 else "a number of many digits"
    return text if len(text) <= 40 else text[:37] + "..."
