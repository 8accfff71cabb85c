"""Canonical JSON: equal values have one spelling, other values another, and nothing is rounded on the way."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_host.canonical import EXACT_MAX, CanonicalError, canonical_json, digest

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALAR = (
    st.none()
    | st.booleans()
    | st.integers(-EXACT_MAX, EXACT_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
)
VALUE = st.recursive(SCALAR, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)


def read(text: str) -> object:
    """What a reader of JSON gets who, as RFC 8785 does, takes every number for a double."""
    return json.loads(text, parse_int=float)


@given(VALUE)
def test_reads_back_as_the_same_value(value: object) -> None:
    assert read(canonical_json(value)) == value


@given(st.dictionaries(TEXT, SCALAR, min_size=2))
def test_order_of_keys_does_not_matter(value: dict[str, object]) -> None:
    assert canonical_json(value) == canonical_json(dict(reversed(value.items())))


@given(VALUE)
def test_writing_what_was_read_changes_nothing(value: object) -> None:
    text = canonical_json(value)
    assert canonical_json(read(text)) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        # RFC 8785 appendix B
        (0.0, "0"),
        (-0.0, "0"),
        (5e-324, "5e-324"),
        (-5e-324, "-5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (9007199254740992.0, "9007199254740992"),
        (295147905179352830000.0, "295147905179352830000"),
        (9.999999999999997e22, "9.999999999999997e+22"),
        (1e23, "1e+23"),
        (999999999999999700000.0, "999999999999999700000"),
        (1e21, "1e+21"),
        (9.999999999999997e-7, "9.999999999999997e-7"),
        (0.000001, "0.000001"),
        (333333333.3333332, "333333333.3333332"),
        (-0.0000033333333333333333, "-0.0000033333333333333333"),
        (1424953923781206.2, "1424953923781206.2"),
    ],
)
def test_numbers_are_spelled_as_rfc_8785_lists_them(number: float, text: str) -> None:
    assert canonical_json(number) == text


def test_keys_are_ordered_by_utf_16_as_in_rfc_8785() -> None:
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    ordered = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert list(json.loads(canonical_json(dict.fromkeys(keys, 0)))) == ordered


def test_only_the_escapes_json_demands() -> None:
    assert canonical_json("\u20ac$\u000f\nA'B\"\\/\u007f") == '"\u20ac$\\u000f\\nA\'B\\"\\\\/\u007f"'


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        EXACT_MAX + 1,
        -EXACT_MAX - 1,
        "\ud800",
        {1: 2},
        {"\ud800": 1},
        b"x",
        {1, 2},
        object(),
    ],
)
def test_what_json_cannot_carry_is_refused(value: object) -> None:
    with pytest.raises(CanonicalError):
        canonical_json([value])


def test_bottomless_values_are_refused() -> None:
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(CanonicalError, match="nested"):
        canonical_json(endless)


@given(VALUE, VALUE)
def test_digests_agree_exactly_when_texts_do(one: object, other: object) -> None:
    assert (digest(one) == digest(other)) == (canonical_json(one) == canonical_json(other))
