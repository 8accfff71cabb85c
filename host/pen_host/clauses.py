"""What is wrong with one value that was entered, as a clause for a person: pydantic's finding in words and in people's units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


@dataclass(frozen=True, slots=True)
class _Unit:
    """How people say a number whose name ends so.

    Attributes:
        name: Of the unit; empty for none.
        scale: How many of the record's make one of it.
        one: Of the unit, where there is one of it and it is said otherwise then.
    """

    name: str
    scale: int = 1
    one: str = ""


UNITS: Mapping[str, _Unit] = {
    "_um": _Unit("mm", 1_000),
    "_nm": _Unit("µm", 1_000),
    "_mhz": _Unit("Hz", 1_000),
    "_mm2": _Unit("cm²", 100),
    "_per_cm2": _Unit("per cm²"),
    "_mm": _Unit("mm"),
    "_thousandths": _Unit("", 1_000),
    "_tenths": _Unit("", 10),
    "_percent": _Unit("%"),
    "_days": _Unit("days", one="day"),
    "_hours": _Unit("hours", one="hour"),
    "_s": _Unit("s"),
}
"""By the end of a field's name."""

_LIMITS = {
    "greater_than_equal": ("ge", "it is less than {}"),
    "greater_than": ("gt", "it is not more than {}"),
    "less_than_equal": ("le", "it is more than {}"),
    "less_than": ("lt", "it is not less than {}"),
    "multiple_of": ("multiple_of", "it is not in steps of {}"),
}
"""By the kind of error: which number it names, and what it says."""
_WORDS = {
    "missing": "it is missing",
    "string_pattern_mismatch": "it is not of the kind that is asked for",
    "string_type": "it is no text",
    "int_type": "it is no whole number",
    "int_parsing": "it is no whole number",
    "int_from_float": "it is no whole number",
    "float_type": "it is no number",
    "float_parsing": "it is no number",
    "finite_number": "it is no number",
    "bool_type": "it is neither yes nor no",
    "bool_parsing": "it is neither yes nor no",
    "date_type": "it is no day, as 2026-05-01",
    "date_parsing": "it is no day, as 2026-05-01",
    "date_from_datetime_parsing": "it is no day, as 2026-05-01",
    "date_from_datetime_inexact": "it is no day, as 2026-05-01",
    "datetime_type": "it is no day and time, as 2026-05-01T14:30",
    "datetime_parsing": "it is no day and time, as 2026-05-01T14:30",
    "datetime_from_date_parsing": "it is no day and time, as 2026-05-01T14:30",
    "is_instance_of": "it is none of the choices",
    "union_tag_invalid": "it is none of the choices",
    "union_tag_not_found": "it does not say of which kind it is",
    "tuple_type": "it is no list",
    "list_type": "it is no list",
    "dict_type": "it has no fields",
    "dataclass_type": "it has no fields",
    "model_type": "it has no fields",
    "model_attributes_type": "it has no fields",
    "extra_forbidden": "there is no such field",
}
"""By the kind of error: what it says whatever the value was."""
_COUNTS = {
    "string_too_short": ("min_length", "it has fewer than {} characters"),
    "string_too_long": ("max_length", "it has more than {} characters"),
    "too_short": ("min_length", "it has fewer than {}"),
    "too_long": ("max_length", "it has more than {}"),
}
_EMPTY = frozenset({"string_too_short", "too_short"})


def clause(item: ErrorDetails) -> str:
    """What is wrong, without a full stop and without the field's name.

    Args:
        item: One of `ValidationError.errors()`, with its context.
    """
    kind, context = item["type"], item.get("ctx", {})
    if kind in _WORDS:
        return _WORDS[kind]
    if kind in _LIMITS:
        key, words = _LIMITS[kind]
        return words.format(_in_units(item["loc"], context[key]))
    if kind in _COUNTS:
        key, words = _COUNTS[kind]
        least = context[key]
        return "it is empty" if kind in _EMPTY and least == 1 else words.format(least)
    if kind in ("enum", "literal_error"):
        return f"it is none of {str(context['expected']).replace(' or ', ', ')}"
    return item["msg"].removeprefix("Value error, ").rstrip(".")


def clauses(items: list[ErrorDetails]) -> dict[str, str]:
    """The first of each field, by its path with points; an empty path for the whole."""
    found: dict[str, str] = {}
    for item in items:
        found.setdefault(".".join(map(str, item["loc"])), clause(item))
    return found


def _in_units(place: tuple[int | str, ...], limit: Any) -> str:
    """A limit as people say it; the unit is that of the field, or of what the field is an end of."""
    names = [part for part in reversed(place) if isinstance(part, str)]
    unit = next((unit for name in names for end, unit in UNITS.items() if name.endswith(end)), _Unit(""))
    number = f"{(Decimal(str(limit)) / unit.scale).normalize():f}"
    return f"{number} {unit.one if number == '1' and unit.one else unit.name}".rstrip()
