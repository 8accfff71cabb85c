"""Outcomes: no number without its unit, no count without its area, no mean over two units."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from pen_host.errors import ExitCode
from pen_host.journal import Kind
from pen_host.records import InputError, NotFoundError
from pen_host.records.cohort import PoolError, change, pool, share
from pen_host.records.models import (
    OUTCOME_KINDS,
    AreaUnit,
    CountMethod,
    GoodmanBaron,
    HairCount,
    HairDensity,
    HairDiameter,
    Hairs,
    Landmark,
    Measured,
    Norwood,
    NorwoodType,
    PainScale,
    PatientRating,
    Salt,
    SevenPoint,
    Shedding,
    Sinclair,
    WrinkleGrade,
)

from .conftest import ANNA, Bench

ADAPTER: TypeAdapter[Measured] = TypeAdapter(Measured)
RATED = {"rater": "bob", "blinded": True}
TARGET = {**RATED, "site": "vertex", "method": CountMethod.MANUAL, "landmark": Landmark.TATTOO}
ALL = [
    HairCount(**TARGET, count=212, area_thousandths=1_000, area_unit=AreaUnit.CM2),
    HairDensity(**TARGET, density_thousandths=95_600, area_unit=AreaUnit.CM2),
    HairDiameter(**TARGET, diameter_nm=60_000, hairs_measured=40),
    SevenPoint(**RATED, score=-3),
    PatientRating(improvement_percent=55),
    Sinclair(**RATED, grade=2),
    Shedding(score=6),
    Salt(**RATED, salt_tenths=335),
    Norwood(**RATED, type=NorwoodType.III_VERTEX),
    GoodmanBaron(**RATED, grade=4),
    WrinkleGrade(**RATED, site="neck_front", grade=0),
    PainScale(pain_mm=45),
]


def count(number: int, unit: AreaUnit = AreaUnit.CM2, **changes: object) -> HairCount:
    fields = {**TARGET, "count": number, "area_thousandths": 1_000, "area_unit": unit, **changes}
    return HairCount.model_validate(fields)


def test_every_scale_is_kept_as_it_was_measured(bench: Bench) -> None:
    patient = bench.patient().patient_id
    for measured in ALL:
        bench.clinic.outcomes.record(patient, measured, bench.day, ANNA)
    kept = bench.reopen().outcomes.of(patient)
    assert [one.measured for one in kept] == ALL
    assert {one.measured.kind for one in kept} == set(OUTCOME_KINDS)
    entries = bench.entries(Kind.MEASUREMENT)
    assert [entry.payload["kind"] for entry in entries] == [str(one.kind) for one in ALL]


@pytest.mark.parametrize(
    "content",
    [
        {
            "kind": "hair_count",
            **RATED,
            "site": "vertex",
            "method": "manual",
            "landmark": "tattoo",
            "count": 212,
        },
        {"kind": "hair_count", **TARGET, "count": 212, "area_thousandths": 1_000},
        {"kind": "hair_count", **TARGET, "count": 212, "area_thousandths": 0, "area_unit": "cm2"},
        {"kind": "hair_count", **TARGET, "count": -1, "area_thousandths": 1_000, "area_unit": "cm2"},
        {"kind": "hair_count", **TARGET, "count": 2, "area_thousandths": 1_000, "area_unit": "mm2"},
        {"kind": "hair_count", "count": 2, "area_thousandths": 1_000, "area_unit": "cm2"},
        {"kind": "seven_point", **RATED, "score": 4},
        {"kind": "seven_point", "score": 2},
        {"kind": "patient_rating", "improvement_percent": 101},
        {"kind": "sinclair", **RATED, "grade": 6},
        {"kind": "shedding", "score": 0},
        {"kind": "salt", **RATED, "salt_tenths": 1_001},
        {"kind": "norwood", **RATED, "type": "viii"},
        {"kind": "scar_goodman_baron", **RATED, "grade": 0},
        {"kind": "pain_vas", "pain_mm": 101},
        {"kind": "hair_diameter", **TARGET, "diameter_nm": 60, "hairs_measured": 4},
        {"kind": "beauty", "score": 1},
    ],
)
def test_a_number_outside_its_scale_or_without_its_unit_is_refused(content: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(content, strict=False)


def test_an_outcome_is_amended_and_never_changed(bench: Bench) -> None:
    patient = bench.patient().patient_id
    wrong = bench.clinic.outcomes.record(patient, count(21), bench.day, ANNA, baseline=True)
    right = bench.clinic.outcomes.record(
        patient, count(210), bench.day, ANNA, baseline=True, amends=wrong.outcome_id, note="a digit was lost"
    )
    assert bench.clinic.outcomes.of(patient) == (right,)
    assert bench.clinic.outcomes.every("hair_count") == (right,)
    assert bench.clinic.outcomes.get(wrong.outcome_id) == wrong
    with pytest.raises(InputError, match="amended already"):
        bench.clinic.outcomes.record(patient, count(1), bench.day, ANNA, amends=wrong.outcome_id)
    with pytest.raises(InputError, match="no such outcome of this kind"):
        bench.clinic.outcomes.record(patient, Shedding(score=1), bench.day, ANNA, amends=right.outcome_id)
    with pytest.raises(InputError, match="no such outcome"):
        bench.clinic.outcomes.record(
            bench.patient("B").patient_id, count(1), bench.day, ANNA, amends=right.outcome_id
        )


def test_outcomes_are_listed_by_the_day_they_were_measured(bench: Bench) -> None:
    patient = bench.patient().patient_id
    later = bench.clinic.outcomes.record(patient, count(300), bench.day, ANNA)
    early = bench.clinic.outcomes.record(patient, count(200), bench.day - timedelta(days=84), ANNA)
    bench.clinic.outcomes.record(patient, Shedding(score=2), bench.day, ANNA)
    assert bench.clinic.outcomes.of(patient, "hair_count") == (early, later)


@pytest.mark.parametrize(
    ("day", "why"), [(date(2028, 2, 2), "future"), (date(1980, 2, 28), "before the patient")]
)
def test_a_day_that_cannot_be_is_refused(bench: Bench, day: date, why: str) -> None:
    with pytest.raises(InputError, match=why):
        bench.clinic.outcomes.record(bench.patient().patient_id, Shedding(score=1), day, ANNA)


def test_an_outcome_belongs_to_a_visit_of_its_patient(bench: Bench) -> None:
    patient = bench.patient()
    visit = bench.treated(patient)
    kept = bench.clinic.outcomes.record(
        patient.patient_id, count(1), bench.day, ANNA, visit_id=visit.visit_id
    )
    assert kept.visit_id == visit.visit_id
    with pytest.raises(InputError, match="no such visit"):
        bench.clinic.outcomes.record(
            bench.patient("B").patient_id, count(1), bench.day, ANNA, visit_id=visit.visit_id
        )
    with pytest.raises(NotFoundError):
        bench.clinic.outcomes.get("0" * 32)


# ---- many patients ---------------------------------------------------------------------------------------------------


def test_counts_per_cm2_and_per_square_inch_are_never_put_together() -> None:
    mixed = [count(91), count(12, AreaUnit.INCH2)]
    with pytest.raises(PoolError, match="some are per cm2 and some per inch2") as caught:
        pool(mixed)
    assert caught.value.exit_code is ExitCode.USAGE
    with pytest.raises(PoolError, match="per cm2 and some per inch2"):
        change(*mixed)
    density = HairDensity(**TARGET, density_thousandths=1, area_unit=AreaUnit.INCH2)
    with pytest.raises(PoolError):
        pool([count(91), density])


def test_terminal_and_all_hairs_are_never_put_together() -> None:
    with pytest.raises(PoolError, match="some count all hairs and some terminal"):
        pool([count(91), count(91, hairs=Hairs.TERMINAL)])
    with pytest.raises(PoolError, match="one was counted at vertex and one at frontal"):
        change(count(1), count(1, site="frontal"))
    with pytest.raises(PoolError, match="there are none"):
        pool([])


def test_a_count_is_taken_per_unit_of_its_own_area() -> None:
    half = count(50, area_thousandths=500)
    assert half.per_unit == 100
    assert change(half, count(191)) == 91
    found = pool([half, count(200)])
    assert (found.n, found.mean, found.unit) == (2, 150, AreaUnit.CM2)
    assert found.sentence == "mean 150.00 all hairs per cm2 (n = 2, SD 70.71)"
    assert pool([half]).sd is None


@given(st.lists(st.integers(0, 5_000), min_size=1, max_size=40), st.sampled_from(AreaUnit))
def test_a_mean_lies_between_its_counts_in_their_unit(numbers: list[int], unit: AreaUnit) -> None:
    found = pool(count(number, unit) for number in numbers)
    assert min(numbers) <= found.mean <= max(numbers)
    assert found.mean == Fraction(sum(numbers), len(numbers))
    assert (found.unit, found.n) == (unit, len(numbers))


def test_the_shares_of_the_weekly_trial_come_out_with_their_intervals() -> None:
    # Dhurat 2013: patients' own rating better than 50 %: 41 of 50 and 2 of 44
    treated, control = share(41, 50), share(2, 44)
    assert round(100 * treated.responders / treated.n, 1) == 82.0
    assert round(100 * control.responders / control.n, 1) == 4.5
    # Wilson 1927, checked against the closed form by hand: 41/50 gives 0.692 to 0.902
    assert (round(treated.low, 3), round(treated.high, 3)) == (0.692, 0.902)
    assert control.high < treated.low


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_its_share(numbers: tuple[int, int]) -> None:
    found = share(*numbers)
    assert 0 <= found.low <= numbers[0] / numbers[1] + 1e-12
    assert numbers[0] / numbers[1] - 1e-12 <= found.high <= 1


@pytest.mark.parametrize(("responders", "n"), [(0, 0), (-1, 3), (4, 3)])
def test_a_share_of_nothing_is_none(responders: int, n: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        share(responders, n)
