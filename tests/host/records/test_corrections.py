"""A measure that was wrong is corrected by another: both stay, the newer counts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_host.console.numbers import shown, whole
from pen_host.records import InputError, NotFoundError
from pen_host.records.models import SevenPoint
from tests.host.records.conftest import ANNA, BOB, Bench
from tests.host.records.test_outcomes import count


def test_a_correction_keeps_day_visit_and_baseline_and_both_values_stay(bench: Bench) -> None:
    patient, outcomes = bench.patient().patient_id, bench.clinic.outcomes
    first = outcomes.record(patient, count(21), bench.day, ANNA, baseline=True)
    later = outcomes.record(patient, count(30), bench.day, ANNA)
    second = outcomes.amend(first.outcome_id, count(210), "a digit was lost", BOB)
    third = outcomes.amend(
        second.outcome_id, count(201), "digits were swapped", ANNA, day=bench.day - timedelta(days=1)
    )
    assert (second.baseline, second.day, second.by, second.note) == (True, first.day, BOB, "a digit was lost")
    assert outcomes.of(patient) == (third, later)
    assert outcomes.history(patient) == (first, second, third, later)


def test_a_correction_without_a_reason_twice_or_of_nothing_is_refused_and_nothing_changes(
    bench: Bench,
) -> None:
    patient, outcomes = bench.patient().patient_id, bench.clinic.outcomes
    first = outcomes.record(patient, count(21), bench.day, ANNA)
    with pytest.raises(InputError) as refused:
        outcomes.amend(first.outcome_id, count(210), "  ", ANNA)
    assert set(refused.value.fields) == {"reason"}
    with pytest.raises(InputError, match="say why"):
        outcomes.record(patient, count(210), bench.day, ANNA, amends=first.outcome_id)
    with pytest.raises(InputError, match="future"):
        outcomes.amend(first.outcome_id, count(210), "x", ANNA, day=bench.day + timedelta(days=1))
    with pytest.raises(InputError, match="of this kind"):
        outcomes.amend(first.outcome_id, SevenPoint(score=1, rater="Bob", blinded=True), "x", ANNA)
    with pytest.raises(NotFoundError):
        outcomes.amend("0" * 32, count(210), "x", ANNA)
    assert outcomes.history(patient) == (first,)
    outcomes.amend(first.outcome_id, count(210), "x", ANNA)
    with pytest.raises(InputError, match="amended already"):
        outcomes.amend(first.outcome_id, count(211), "x", ANNA)
    assert len(outcomes.history(patient)) == 2


@given(st.integers(-(10**8), 10**8), st.sampled_from((1, 10, 1000)))
def test_what_a_form_begins_with_is_read_back_as_it_was(value: int, scale: int) -> None:
    assert whole(shown(value, scale), scale) == value
