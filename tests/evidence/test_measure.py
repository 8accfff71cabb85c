"""Measured values: judged rightly, recorded whether they hold or not, the same after their way through a report."""

from __future__ import annotations

import json
import math
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil_tests.evidence.measure import (
    Facts,
    Kind,
    Limit,
    Measurement,
    Note,
    Picture,
    Record,
    from_properties,
    to_properties,
)
from hil_tests.evidence.recorder import Evidence, slug

numbers = st.integers(-(1 << 60), 1 << 60) | st.floats(-1e300, 1e300)
words = st.text(max_size=40)


@st.composite
def limits(draw: st.DrawFn) -> Limit:
    kind = draw(st.sampled_from(Kind))
    low, high = sorted((draw(numbers), draw(numbers)))
    return {
        Kind.AT_MOST: Limit(Kind.AT_MOST, high=high),
        Kind.AT_LEAST: Limit(Kind.AT_LEAST, low=low),
        Kind.EQUAL: Limit(Kind.EQUAL, low, low),
        Kind.WITHIN: Limit(Kind.WITHIN, low, high),
        Kind.FIGURE: Limit(Kind.FIGURE),
    }[kind]


measurements = st.builds(Measurement, words, numbers, words, limits(), words)
records: st.SearchStrategy[Record] = (
    measurements
    | st.builds(Note, words, words)
    | st.builds(Picture, words, words, words)
    | st.builds(Facts, words, st.dictionaries(words, words, max_size=3))
)


@given(st.lists(records, max_size=6))
def test_records_are_the_same_after_their_way_through_a_report(taken: list[Record]) -> None:
    # a forked copy and a worker of xdist hand them over as JSON, which makes lists of pairs
    carried = json.loads(json.dumps(to_properties(taken)))
    assert from_properties(carried) == taken


@given(st.lists(records, max_size=3))
def test_properties_of_others_are_left_alone(taken: list[Record]) -> None:
    assert from_properties([("stage_error", "x"), *to_properties(taken), ("covers", "HAZ-03")]) == taken


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"name": "x"}', '{"name": "x", "text": "y", "more": 1}', "null"]
)
def test_a_damaged_record_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a damaged note"):
        from_properties([("note", text)])


@given(measurements)
def test_a_value_passes_when_it_lies_inside_and_uses_up_more_than_all_of_its_limit_when_not(
    one: Measurement,
) -> None:
    low, high = one.limit.low, one.limit.high
    assert one.passed == ((low is None or one.value >= low) and (high is None or one.value <= high))
    if one.used is not None and not math.isclose(one.used, 1, rel_tol=1e-9):
        assert (one.used > 1) == (not one.passed)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_no_measurement(value: float) -> None:
    with pytest.raises(ValueError, match="not a measured value"):
        Measurement("x", value, "us", Limit(Kind.FIGURE))
    with pytest.raises(ValueError, match="no limit"):
        Limit(Kind.AT_MOST, high=value)


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        (Kind.AT_MOST, None, None),
        (Kind.AT_MOST, 1, 2),
        (Kind.AT_LEAST, None, 2),
        (Kind.WITHIN, 1, None),
        (Kind.WITHIN, 2, 1),
        (Kind.FIGURE, 1, 2),
    ],
)
def test_a_limit_that_does_not_hold_together_is_refused(
    kind: Kind, low: float | None, high: float | None
) -> None:
    with pytest.raises(ValueError, match="limit"):
        Limit(kind, low, high)


@pytest.fixture
def properties() -> list[tuple[str, object]]:
    return []


@pytest.fixture
def evidence(properties: list[tuple[str, object]]) -> Evidence:
    return Evidence("a.py::test_x", properties, None)


def test_values_inside_and_at_their_limits_pass(evidence: Evidence, properties: list) -> None:
    evidence.at_most("a", 10, 10, "us")
    evidence.at_least("b", 10, 10, "")
    evidence.equal("c", 10, 10, "")
    evidence.within("d", 10, 10, 12, "ms", hazard="HAZ-04")
    evidence.figure("e", 1e6, "us")
    evidence.note("f", "text")
    found = [one for one in from_properties(properties) if isinstance(one, Measurement)]
    assert [one.name for one in found] == list("abcde")
    assert [one.hazard for one in found] == [*["HAZ-03"] * 3, "HAZ-04", ""]


@pytest.mark.parametrize(
    ("judge", "sentence"),
    [
        (lambda e: e.at_most("coil off", 10.001, 10, "us"), "coil off: 10.001 us, but must be at most 10 us"),
        (lambda e: e.at_least("strokes", 4, 5, ""), "strokes: 4, but must be at least 5"),
        (lambda e: e.equal("strokes", 4, 5, ""), "strokes: 4, but must be equal 5"),
        (lambda e: e.within("period", 9.9, 10, 11, "ms"), "period: 9.9 ms, but must be 10 to 11 ms"),
    ],
)
def test_a_value_outside_fails_with_a_sentence_and_is_recorded(
    evidence: Evidence, properties: list, judge, sentence: str
) -> None:
    with pytest.raises(AssertionError) as failed:
        judge(evidence)
    assert str(failed.value) == sentence
    (one,) = from_properties(properties)
    assert isinstance(one, Measurement)
    assert not one.passed


@given(st.text(string.printable, max_size=200), st.text(string.printable, max_size=200))
def test_files_of_different_tests_have_different_names(one: str, other: str) -> None:
    assert (slug(one) == slug(other)) == (one == other)
    assert set(slug(one)) <= set(string.ascii_lowercase + string.digits + "-")
    assert len(slug(one)) < 80
