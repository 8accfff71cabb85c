"""Which fields each measure is typed in, and what becomes of what was typed: numbers with their units, words of a list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..records.models import AreaUnit, CountMethod, Hairs, Landmark, NorwoodType
from .fields import Form
from .numbers import shown, whole
from .texts import Catalogue
from .widgets import tag


@dataclass(frozen=True, slots=True)
class Number:
    """A number, between the screen and the record.

    Attributes:
        name: As the record calls it.
        unit: Key of its unit; empty for a plain number.
        scale: Units of the record in one of the screen.
        example: How it is written.
    """

    name: str
    unit: str = ""
    scale: int = 1
    example: str = "90"

    def read(self, typed: str) -> int | None:
        """What was typed, in the record's units; None for nothing.

        Raises:
            ValueError: It is no number, or finer than the record keeps.
        """
        return whole(typed, self.scale) if typed else None


@dataclass(frozen=True, slots=True)
class Choice:
    """A word of a list."""

    name: str
    of: type[StrEnum]
    usual: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """A word that is typed: a place, a name."""

    name: str
    usual: str = ""


@dataclass(frozen=True, slots=True)
class Tick:
    """Yes or no."""

    name: str


Typed = Number | Choice | Words | Tick
_RATED: tuple[Typed, ...] = (Words("rater"), Tick("blinded"))
_TARGET: tuple[Typed, ...] = (
    Words("site", "vertex"),
    Choice("method", CountMethod),
    Choice("hairs", Hairs, Hairs.ALL),
    Choice("landmark", Landmark),
    *_RATED,
)
KINDS: Mapping[str, tuple[Typed, ...]] = {
    "hair_count": (
        Number("count"),
        Number("area_thousandths", "", 1000, "1.0"),
        Choice("area_unit", AreaUnit),
        *_TARGET,
    ),
    "hair_density": (
        Number("density_thousandths", "", 1000, "180.5"),
        Choice("area_unit", AreaUnit),
        *_TARGET,
    ),
    "hair_diameter": (Number("diameter_nm", "um", 1000, "62.5"), Number("hairs_measured"), *_TARGET),
    "seven_point": (Number("score", "", 1, "2"), *_RATED),
    "patient_rating": (Number("improvement_percent", "percent", 1, "50"),),
    "sinclair": (Number("grade", "", 1, "3"), *_RATED),
    "shedding": (Number("score", "", 1, "4"),),
    "salt": (Number("salt_tenths", "percent", 10, "12.5"), *_RATED),
    "norwood": (Choice("type", NorwoodType), *_RATED),
    "scar_goodman_baron": (Number("grade", "", 1, "2"), *_RATED),
    "wrinkle_lemperle": (Words("site", "forehead"), Number("grade", "", 1, "2"), *_RATED),
    "pain_vas": (Number("pain_mm", "mm100", 1, "30"),),
}
"""In the order of the record's own list; a test compares them."""


def draw(text: Catalogue, form: Form, kind: str, known: Mapping[str, Any] | None = None) -> None:
    """The fields of a measure; `known` is what they begin with, in the record's units."""
    with tag("div", None, "fields"):
        for one in KINDS[kind]:
            _field(text, form, one, (known or {}).get(one.name))


def read(text: Catalogue, form: Form, kind: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """What was typed as the record takes it, and what is no number, by field."""
    content: dict[str, Any] = {"kind": kind}
    wrong: list[tuple[str, str]] = []
    for one in KINDS[kind]:
        typed = form[one.name]
        if isinstance(one, Number):
            try:
                number = one.read(typed)
            except ValueError:
                wrong.append((one.name, text("plan.not_number", example=one.example)))
                continue
            if number is not None:
                content[one.name] = number
        elif isinstance(one, Tick):
            content[one.name] = typed == "yes"
        elif typed:
            content[one.name] = typed
    return content, wrong


def _field(text: Catalogue, form: Form, one: Typed, known: Any) -> None:
    label = text(f"measures.{one.name}")
    if isinstance(one, Number):
        value = "" if known is None else shown(int(known), one.scale)
        if one.unit:
            form.number(one.name, label, text(f"measures.unit_{one.unit}"), value, maxlength=9)
        else:
            form.text(one.name, label, value, inputmode="decimal", maxlength=9)
    elif isinstance(one, Choice):
        options = {str(value): text(f"measures.{one.name}_{value}") for value in one.of}
        first = str(known or one.usual)
        form.choice(one.name, label, options if first else {"": text("measures.choose"), **options}, first)
    elif isinstance(one, Words):
        form.text(one.name, label, str(known or one.usual), maxlength=120)
    else:
        form.tick(one.name, label, value=bool(known))
