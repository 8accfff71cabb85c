"""Dose: an estimated maximum from strokes on skin, needles and area; exact, and rounded the careful way."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_host import dose
from pen_host.dose import DosePlace, place, punctures_per_cm2, rounded_up, strokes_for
from pen_host.models import Band, Zone

ZONE = Zone(
    name="vertex", area_mm2=5_000, depth_um=600, rate_mhz=100_000, passes=2, hold_s=15, target=dose.REFERENCE
)
COUNT = st.integers(0, 2**30)
NEEDLES = st.integers(1, 42)
AREA = st.integers(25, 70_000)


def test_published_figures_come_out() -> None:
    # 14 needles at 7,000 strokes a minute: 1,633 punctures a second, 10 min on 200 cm2 = 4,900 per cm2.
    assert punctures_per_cm2(7_000 * 10, 14, 20_000) == 4_900
    assert punctures_per_cm2(7_000, 14, 6_000) == Fraction(4_900, 3)


@given(COUNT, NEEDLES, AREA)
def test_the_dose_of_two_passes_is_the_sum_of_both(strokes: int, needles: int, area: int) -> None:
    half = strokes // 2
    assert punctures_per_cm2(strokes, needles, area) == punctures_per_cm2(
        half, needles, area
    ) + punctures_per_cm2(strokes - half, needles, area)


@given(st.integers(0, 2_000), NEEDLES, AREA)
def test_strokes_for_a_dose_never_exceed_it_and_one_more_does(
    punctures: int, needles: int, area: int
) -> None:
    strokes = strokes_for(punctures, needles, area)
    assert punctures_per_cm2(strokes, needles, area) <= punctures
    assert punctures_per_cm2(strokes + 1, needles, area) > punctures


@given(COUNT, NEEDLES, AREA)
def test_a_maximum_is_rounded_up(strokes: int, needles: int, area: int) -> None:
    exact = punctures_per_cm2(strokes, needles, area)
    assert 0 <= rounded_up(exact) - exact < 1


@pytest.mark.parametrize(
    ("estimate", "expected"),
    [
        (Fraction(249_999, 1000), DosePlace.BELOW),
        (Fraction(250), DosePlace.WITHIN),
        (Fraction(300), DosePlace.WITHIN),
        (Fraction(300_001, 1000), DosePlace.ABOVE),
    ],
)
def test_both_ends_of_a_target_belong_to_it(estimate: Fraction, expected: DosePlace) -> None:
    assert place(estimate, Band(low=250, high=300)) is expected


@pytest.mark.parametrize(("strokes", "needles", "area"), [(-1, 12, 100), (1, 0, 100), (1, 12, 0)])
def test_no_dose_without_sense(strokes: int, needles: int, area: int) -> None:
    with pytest.raises(ValueError, match="follow"):
        punctures_per_cm2(strokes, needles, area)
    with pytest.raises(ValueError, match="follow"):
        strokes_for(strokes, needles, area)


def test_the_words_never_promise_a_dose_delivered() -> None:
    assert dose.sentence(1_145, 12, ZONE) == (
        "vertex: estimated maximum 275 punctures per cm2, within target 250-300"
    )
    assert "above target" in dose.sentence(1_300, 12, ZONE)
    assert "below target" in dose.sentence(0, 12, ZONE)


def test_seconds_on_skin_until_the_target() -> None:
    assert dose.contact_s_for(ZONE, 12) == Fraction(1_250, 100)


# ---- what a zone received --------------------------------------------------------------------------------------------

PASSES = st.lists(
    st.integers(0, 20_000).flatmap(
        lambda strokes: st.integers(0, strokes).map(lambda contact: dose.PassCount(strokes, contact))
    ),
    max_size=6,
)


@given(PASSES, NEEDLES, st.booleans())
def test_a_zones_total_is_the_sum_of_its_passes_and_counts_strokes_on_skin_only(
    passes: list[dose.PassCount], needles: int, sure: bool
) -> None:
    found = dose.of_zone(ZONE, needles, passes, sure=sure)
    assert found.total == sum(found.per_pass)
    assert found.total == punctures_per_cm2(sum(one.contact for one in passes), needles, ZONE.area_mm2)
    assert found.strokes == sum(one.strokes for one in passes)
    assert found.place is place(found.total, ZONE.target)
    assert (dose.UNSURE in found.cannot_know) is not sure


def test_a_zones_dose_says_what_it_is_and_what_it_cannot_know() -> None:
    passes = [dose.PassCount(700, 573), dose.PassCount(700, 572)]
    found = dose.of_zone(ZONE, 12, passes, sure=True)
    assert found.sentence == (
        "vertex: estimated maximum 275 punctures per cm2 in 2 holds of the trigger, within target 250-300; "
        "published 250-300"
    )
    assert found.against_reference is DosePlace.WITHIN
    told = " ".join(found.cannot_know)
    for word in ("true number is smaller", "not its depth in tissue", "another tool between visits"):
        assert word in told


def test_strokes_outside_any_zone_have_no_area_and_no_dose() -> None:
    found = dose.outside(12, [dose.PassCount(10, 4)])
    assert (found.total, found.place, found.against_reference) == (None, None, None)
    assert found.sentence == "outside any zone: 4 strokes on skin, no estimated maximum without an area"
