"""Cohorts: the published table of the weekly trial comes out of a data set made to its arms; what is not alike is not pooled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_host.presets import PresetError, to_toml
from pen_host.records.arms import arm, mean_interval, student_t
from pen_host.records.cohort import PoolError
from pen_host.records.keys import new_key, new_pseudonym
from pen_host.records.models import (
    AreaUnit,
    CountMethod,
    HairCount,
    Landmark,
    Measured,
    Outcome,
    PatientRating,
    Person,
    SevenPoint,
)
from pen_host.records.version_arms import Treated, cohort

from .conftest import ANNA, Bench

FIRST = date(2012, 1, 2)
WEEK = 12
BY = Person(name="anna")


def outcome(patient: str, measured: Measured, week: int, *, baseline: bool = False) -> Outcome:
    return Outcome(
        outcome_id=new_key(),
        patient_id=patient,
        visit_id=None,
        day=FIRST + timedelta(weeks=week),
        measured=measured,
        baseline=baseline,
        note=None,
        amends=None,
        at=datetime(2012, 6, 1, tzinfo=UTC),
        by=BY,
    )


def hairs(
    count: int, unit: AreaUnit = AreaUnit.CM2, site: str = "vertex", thousandths: int = 1_000
) -> HairCount:
    return HairCount(
        site=site,
        method=CountMethod.MANUAL,
        landmark=Landmark.TATTOO,
        rater="b",
        blinded=True,
        count=count,
        area_thousandths=thousandths,
        area_unit=unit,
    )


def group(
    changes: Sequence[int], blinded_responders: int, own_responders: int, **kind: object
) -> dict[str, tuple[Outcome, ...]]:
    """Patients with these changes of hairs, the first so many of whom respond."""
    made = {}
    for number, change in enumerate(changes):
        patient = new_pseudonym()
        score = 2 + number % 2 if number < blinded_responders else number % 2
        percent = 60 if number < own_responders else 50
        made[patient] = (
            outcome(patient, hairs(120, **kind), 0, baseline=True),  # type: ignore[arg-type]
            outcome(patient, hairs(120 + change, **kind), WEEK),  # type: ignore[arg-type]
            outcome(patient, SevenPoint(score=score, rater="b", blinded=True), WEEK),
            outcome(patient, PatientRating(improvement_percent=percent), WEEK),
        )
    return made


def begun(made: dict[str, tuple[Outcome, ...]]) -> dict[str, date]:
    return dict.fromkeys(made, FIRST)


def spread(n: int, total: int) -> list[int]:
    """So many whole changes with this sum, not all alike."""
    base = total // n
    changes = [base + (6 if number % 2 else -6) for number in range(n)]
    changes[0] += total - sum(changes)
    return changes


def test_the_weekly_trials_table_comes_out_of_its_own_arms() -> None:
    """Dhurat 2013: 50 and 44 completed; +91.4 and +22.2 hairs per cm2; 40 against 0 with +2 or more; 82 % against 4.5 %."""
    needled = group(spread(50, 4_570), 40, 41)
    control = group(spread(44, 977), 0, 2)
    table = [
        arm("minoxidil and needling", needled, begun(needled), WEEK),
        arm("minoxidil", control, begun(control), WEEK),
    ]
    means = [one.change for one in table]
    assert [one.n for one in means if one] == [50, 44]
    assert [one.unit for one in means if one] == [AreaUnit.CM2] * 2
    assert [round(float(one.mean), 1) for one in means if one] == [91.4, 22.2]
    assert means[0]
    assert means[0].mean == Fraction(4_570, 50)
    blinded = [one.blinded for one in table]
    assert [(one.responders, one.n) for one in blinded if one] == [(40, 50), (0, 44)]
    own = [one.own for one in table]
    assert [round(100 * one.responders / one.n, 1) for one in own if one] == [82.0, 4.5]
    assert all(not one.left_out for one in table)
    for one in means:
        assert one
        assert one.low is not None
        assert one.high is not None
        assert one.low < float(one.mean) < one.high
        assert f"per {one.unit}" in one.sentence


def test_counts_per_cm2_and_per_square_inch_are_never_in_one_mean() -> None:
    mixed = group([10], 0, 0) | group([10], 0, 0, unit=AreaUnit.INCH2)
    with pytest.raises(PoolError, match=r"some are per cm2 and some per inch2"):
        arm("both trials", mixed, begun(mixed), WEEK)


def test_counts_of_two_sites_are_never_in_one_mean() -> None:
    mixed = group([10], 0, 0) | group([10], 0, 0, site="frontal")
    with pytest.raises(PoolError, match="frontal and some at vertex"):
        arm("both", mixed, begun(mixed), WEEK)


def test_a_count_is_taken_with_its_area() -> None:
    made = group([50], 0, 0, thousandths=500)
    found = arm("half", made, begun(made), WEEK).change
    assert found
    assert found.mean == 100


def test_who_is_left_out_is_said_with_the_reason() -> None:
    patients = [new_pseudonym() for _ in range(3)]
    known = {
        patients[0]: (outcome(patients[0], hairs(100), 0, baseline=True),),
        patients[1]: (outcome(patients[1], hairs(100), WEEK),),
        patients[2]: (
            outcome(patients[2], hairs(100), 0, baseline=True),
            outcome(patients[2], hairs(100), WEEK + 3),
        ),
    }
    found = arm("few", known, begun(known), WEEK)
    assert found.change is None
    assert found.left_out == {"no count near the week": 2, "no baseline count": 1}
    assert (found.blinded, found.own) == (None, None)


def test_a_rating_that_was_not_blinded_is_no_blinded_response() -> None:
    patient = new_pseudonym()
    known = {patient: (outcome(patient, SevenPoint(score=3, rater="b", blinded=False), WEEK),)}
    assert arm("open", known, begun(known), WEEK).blinded is None


@pytest.mark.parametrize(("df", "table"), [(5, 2.571), (10, 2.228), (30, 2.042), (49, 2.010), (120, 1.980)])
def test_students_t_is_the_printed_tables(df: int, table: float) -> None:
    assert student_t(df) == pytest.approx(table, abs=0.005)


@given(st.lists(st.integers(-100, 300), min_size=1, max_size=40))
def test_an_interval_holds_the_mean_or_there_is_none(values: list[int]) -> None:
    found = mean_interval([float(value) for value in values])
    if len(values) < 6:
        assert found is None
    else:
        assert found
        assert found[0] <= sum(values) / len(values) + 1e-9
        assert found[1] >= sum(values) / len(values) - 1e-9


def test_a_clinics_cohort_is_everybody_treated_by_a_preset(bench: Bench) -> None:
    patient = bench.patient()
    for week, number in ((0, 100), (2, 112)):
        bench.later(14 if week else 0)
        if not week:
            bench.clinic.outcomes.record(patient.patient_id, hairs(number), bench.day, ANNA, baseline=True)
            bench.treated(patient)
        else:
            bench.clinic.outcomes.record(patient.patient_id, hairs(number), bench.day, ANNA)
    bench.patient("Nobody Treated")
    whole = bench.clinic.cohort("hair_fortnightly_faghihi_2021", 2)
    (found,) = whole.arms
    assert (whole.pooled, whole.of_several, found.name) == (None, 0, "")
    assert found.patients == 1
    assert found.change
    assert (found.change.mean, found.change.low) == (12, None)
    assert "too few for an interval" in found.change.sentence
    assert [one.patients for one in bench.clinic.cohort("face_wrinkles", 2).arms] == [0]
    with pytest.raises(PresetError, match="no such preset"):
        bench.clinic.cohort("never_there", 2)


# --- per version --------------------------------------------------------------------------------------------------------------

PATIENTS = st.lists(
    st.lists(
        st.tuples(st.integers(0, 20), st.sampled_from(["version 1", "version 2", "version 3"])),
        min_size=1,
        max_size=4,
    ),
    max_size=6,
)


@given(PATIENTS, st.booleans())
def test_everybody_is_in_one_versions_arm_or_told_to_be_in_none(
    courses: list[list[tuple[int, str]]], together: bool
) -> None:
    treated = [
        Treated(f"P{number}", FIRST + timedelta(weeks=week), version)
        for number, course in enumerate(courses)
        for week, version in sorted(course)
    ]
    treated.sort(key=lambda one: one.day)
    found = cohort("ours", WEEK, treated, lambda _: (), together=together)
    assert sum(one.patients for one in found.arms) + found.of_several == len(courses)
    versions = {one.version for one in treated}
    assert (found.pooled is not None) is (together and len(versions) > 1)
    assert all(version in (found.pooled or "version 1, version 2, version 3") for version in versions)
    if found.pooled:
        assert ([one.name for one in found.arms], found.of_several) == ([""], 0)
        return
    for arm_ in found.arms:
        wanted = [
            course
            for course in courses
            if {version for week, version in course if week <= min(course)[0] + WEEK + 2} == {arm_.name}
        ]
        assert arm_.patients == len(wanted)


def test_a_cohort_of_an_own_preset_is_told_per_version_and_put_together_only_when_asked(bench: Bench) -> None:
    presets = bench.clinic.presets
    base = {
        **presets.get("hair_fortnightly_faghihi_2021").model_dump(mode="json"),
        "preset_id": "ours",
        "title": "Ours",
    }
    first = presets.own.add(to_toml(base), ANNA)
    changes = {"Ada": (12, ["first"]), "Bea": (30, ["second"]), "Cleo": (90, ["first", "second"])}
    patients = {name: bench.patient(name).patient_id for name in changes}
    for patient in patients.values():
        bench.clinic.outcomes.record(patient, hairs(100), bench.day, ANNA, baseline=True)

    def treat(version: str, session: int) -> None:
        for name, (_, versions) in changes.items():
            if version in versions:
                patient = bench.clinic.patients.get(patients[name])
                bench.treated(patient, f"S{session}{name}", f"s{session}{name.lower()}", "ours")

    treat("first", 1)
    bench.later(14)
    presets.own.change("ours", to_toml({**base, "title": "Ours, changed"}), first.digest, ANNA)
    treat("second", 2)
    bench.later(14)
    for name, (more, _) in changes.items():
        bench.clinic.outcomes.record(patients[name], hairs(100 + more), bench.day, ANNA)
    found = bench.clinic.cohort("ours", 3)
    assert [(one.name, one.patients, one.change and one.change.mean) for one in found.arms] == [
        ("version 1", 1, 12),
        ("version 2", 1, 30),
    ]
    assert (found.of_several, found.pooled) == (1, None)
    assert all("hairs per cm2" in one.change.sentence for one in found.arms if one.change)
    whole = bench.clinic.cohort("ours", 3, together=True)
    assert [(one.patients, one.change and one.change.mean) for one in whole.arms] == [(3, 44)]
    assert whole.pooled is not None
    assert "2 versions are put together, as was asked: version 1, version 2" in whole.pooled
