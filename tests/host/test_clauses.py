"""What is wrong with a value is said in a person's words and units, whatever model refused it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, StringConstraints, ValidationError, create_model

import pen_host.api.flow_models
import pen_host.api.models
import pen_host.presets.models
import pen_host.records.models
from pen_host.clauses import UNITS, clause, clauses
from pen_host.models import Model
from pen_host.records import InputError, made
from pen_host.records.models import HomeTool, Sex

RAW = re.compile(r"\b(Input|String|Field|Value|List|Tuple|Extra|Unable|Datetimes?|Object)\b")
"""How pydantic's own sentences begin."""
WRONG: tuple[Any, ...] = (None, "", "\x00", "x" * 5_000, -(10**9), 10**9, 1.5, True, [], {}, ["x"] * 99)
HOMES = (pen_host.records.models, pen_host.api.models, pen_host.api.flow_models, pen_host.presets.models)


def refused(kind: Any, value: object, name: str = "value") -> str:
    model = create_model("Asked", __base__=Model, **{name: (kind, ...)})
    with pytest.raises(ValidationError) as error:
        model.model_validate({name: value})
    (item,) = error.value.errors()
    return clause(item)


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (str, 5, "it is no text"),
        (Annotated[str, StringConstraints(min_length=1)], "", "it is empty"),
        (Annotated[str, StringConstraints(min_length=4)], "12", "it has fewer than 4 characters"),
        (Annotated[str, StringConstraints(max_length=2)], "123", "it has more than 2 characters"),
        (
            Annotated[str, StringConstraints(pattern="^a$")],
            "b",
            "it is not of the kind that is asked for",
        ),
        (int, "5", "it is no whole number"),
        (date, "May", "it is no day, as 2026-05-01"),
        (bool, "yes", "it is neither yes nor no"),
        (Annotated[tuple[str, ...], Field(min_length=1)], (), "it is empty"),
    ],
)
def test_each_kind_has_its_words(kind: Any, value: object, said: str) -> None:
    assert refused(kind, value) == said


def test_what_is_missing_and_what_is_too_much_is_said_so() -> None:
    model = create_model("Asked", __base__=Model, one=(int, ...))
    with pytest.raises(ValidationError) as error:
        model.model_validate({"two": 2})
    assert clauses(error.value.errors()) == {"one": "it is missing", "two": "there is no such field"}


@pytest.mark.parametrize(
    ("name", "least", "said"),
    [
        ("needle_um", 2_500, "it is less than 2.5 mm"),
        ("rate_mhz", 100_000, "it is less than 100 Hz"),
        ("area_thousandths", 1_500, "it is less than 1.5"),
        ("interval_days", 7, "it is less than 7 days"),
        ("interval_days", 1, "it is less than 1 day"),
        ("hold_s", 30, "it is less than 30 s"),
        ("passes", 2, "it is less than 2"),
    ],
)
def test_a_limit_has_the_unit_that_people_read(name: str, least: int, said: str) -> None:
    assert refused(Annotated[int, Field(ge=least)], least - 1, name) == said


@given(st.sampled_from(sorted(UNITS)), st.integers(-(10**9), 10**9))
def test_no_limit_loses_a_digit_on_its_way_into_peoples_units(end: str, most: int) -> None:
    item: Any = {"type": "less_than_equal", "loc": ("zones", 0, f"x{end}", "high"), "ctx": {"le": most}}
    unit = UNITS[end]
    number = clause({**item, "msg": ""}).removeprefix("it is more than ").split()[0]
    assert Decimal(number) * unit.scale == most


def test_a_field_is_named_with_its_clause_in_the_sentence_of_the_record() -> None:
    with pytest.raises(InputError) as refused_tool:
        made(HomeTool, "the tool", {"tool": "roller", "needle_um": 9_000, "times_a_week": 1})
    assert refused_tool.value.fields == {"needle_um": "it is more than 2.5 mm"}
    assert "needle_um: it is more than 2.5 mm." in refused_tool.value.sentence


def _models() -> Iterator[type[Model]]:
    for home in HOMES:
        yield from (
            one
            for one in vars(home).values()
            if isinstance(one, type) and issubclass(one, Model) and one is not Model
        )


@pytest.mark.parametrize("model", sorted(set(_models()), key=lambda one: one.__name__))
def test_no_model_says_anything_in_the_words_of_its_library(model: type[Model]) -> None:
    said = set()
    for value in WRONG:
        for check in (model.model_validate, lambda told: model.model_validate_json(json.dumps(told))):
            try:
                check(dict.fromkeys(model.model_fields, value))
            except ValidationError as error:
                said |= {clause(item) for item in error.errors()}
    assert {one for one in said if RAW.search(one)} == set()


def test_a_choice_names_what_can_be_chosen() -> None:
    model = create_model("Asked", __base__=Model, sex=(Sex, ...))
    with pytest.raises(ValidationError) as error:
        model.model_validate_json('{"sex": "no"}')
    assert clauses(error.value.errors()) == {"sex": "it is none of 'female', 'male', 'other'"}
