"""Host checks can only forbid: each rule finds what it is for, names its source, and nothing passes unanswered."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_host.checks import (
    RULES_BY_ID,
    SCREENING_RULES,
    Finding,
    Level,
    check_cartridge,
    check_interval,
    check_plan,
    check_screening,
    forbidding,
    least_interval_days,
)
from pen_host.models import CartridgeSeen, Plan
from pen_host.plans import load_plan
from pen_host.screening import Rule
from pen_protocol import limits

TODAY = date(2026, 3, 1)
PLAN = load_plan("scalp_three_zones")
CARTRIDGE = CartridgeSeen(
    serial="2d0000000000aa01", lot="L2026", expiry=date(2027, 1, 1), needles=12, used=False
)
ALL_NO = dict.fromkeys(RULES_BY_ID, False)


def ids(findings: list[Finding]) -> dict[str, Level]:
    return {finding.rule_id: finding.level for finding in findings}


def plan_with(**zone: int) -> Plan:
    zones = tuple(old.model_copy(update=zone) for old in PLAN.zones[:1])
    return PLAN.model_copy(update={"zones": zones})


def test_the_shipped_plan_on_a_usual_pen_is_only_told_to_be_off_label() -> None:
    found = check_plan(PLAN, depth_cap_um=limits.DEPTH_CAP_UM, rate_max_mhz=limits.RATE_MAX_MHZ)
    assert ids(found) == {"off_label": Level.INFORM}


@pytest.mark.parametrize(
    ("cap", "rate", "expected"),
    [(600, 100_000, False), (550, 100_000, True), (600, 99_999, True)],
)
def test_a_plan_above_the_pens_own_settings_is_blocked(cap: int, rate: int, expected: bool) -> None:
    found = check_plan(PLAN, depth_cap_um=cap, rate_max_mhz=rate)
    assert (ids(found).get("plan_above_pen") is Level.BLOCK) is expected


@pytest.mark.parametrize(
    ("depth_um", "days"),
    [(50, 3), (300, 3), (350, 7), (600, 7), (650, 14), (1_000, 14), (1_500, 28), (2_500, 42)],
)
def test_deeper_settings_need_longer_intervals(depth_um: int, days: int) -> None:
    assert least_interval_days(depth_um) == days


def test_a_plan_with_a_shorter_interval_than_its_depth_needs_a_reason() -> None:
    found = check_plan(plan_with(depth_um=1_500), depth_cap_um=1_500, rate_max_mhz=149_000)
    assert ids(found)["interval_planned"] is Level.OVERRIDE


def test_holds_that_cannot_reach_the_target_are_mentioned() -> None:
    found = check_plan(plan_with(hold_s=1, passes=1), depth_cap_um=1_500, rate_max_mhz=149_000)
    (finding,) = [finding for finding in found if finding.rule_id == "target_out_of_reach"]
    assert finding.level is Level.INFORM
    assert "estimated maximum of 24 punctures" in finding.sentence


# ---- screening -----------------------------------------------------------------------------------------------------


def test_a_patient_of_whom_everything_is_denied_passes() -> None:
    assert check_screening(PLAN.screening.ask, ALL_NO) == []


@pytest.mark.parametrize("rule", SCREENING_RULES, ids=lambda rule: rule.rule_id)
@pytest.mark.covers("REQ-0901")
def test_a_question_not_asked_blocks_and_yes_has_the_rules_level(rule: Rule) -> None:
    unasked = {rule_id: answer for rule_id, answer in ALL_NO.items() if rule_id != rule.rule_id}
    assert ids(check_screening([rule.rule_id], unasked)) == {rule.rule_id: Level.BLOCK}
    (finding,) = check_screening([rule.rule_id], ALL_NO | {rule.rule_id: True})
    assert (finding.rule_id, finding.level) == (rule.rule_id, rule.level())
    assert rule.question in finding.sentence


@given(st.dictionaries(st.sampled_from(sorted(RULES_BY_ID)), st.booleans()))
def test_more_answers_of_yes_never_allow_more(answers: dict[str, bool]) -> None:
    before = forbidding(check_screening(PLAN.screening.ask, answers), {})
    for rule_id in RULES_BY_ID:
        if not answers.get(rule_id):
            after = forbidding(check_screening(PLAN.screening.ask, answers | {rule_id: True}), {})
            assert {f.rule_id for f in before} - {rule_id} <= {f.rule_id for f in after}


def test_questions_for_one_area_are_asked_only_where_a_plan_says_so() -> None:
    general = {rule.rule_id: False for rule in SCREENING_RULES if rule.always}
    assert check_screening([], general) == []
    assert ids(check_screening(["scalp_flare"], general)) == {"scalp_flare": Level.BLOCK}


def test_a_question_without_a_rule_blocks() -> None:
    assert ids(check_screening(["horoscope"], ALL_NO)) == {"horoscope": Level.BLOCK}


@pytest.mark.covers("REQ-0901")
def test_a_plan_cannot_drop_a_general_question() -> None:
    assert ids(check_screening([], {}))["bleeding_disorder"] is Level.BLOCK


@pytest.mark.covers("REQ-0902")
def test_where_instructions_disagree_the_stricter_counts_until_the_plan_follows_the_other() -> None:
    yes = ALL_NO | {"anticoagulants": True}
    (strict,) = check_screening([*PLAN.screening.ask], yes)
    assert strict.level is Level.BLOCK
    assert "SkinPen" in strict.source
    assert "Exceed" in strict.source
    (followed,) = check_screening([*PLAN.screening.ask], yes, {"anticoagulants": "skinpen"})
    assert followed.level is Level.OVERRIDE
    assert "this plan follows skinpen" in followed.source


def test_a_manual_that_says_nothing_about_a_rule_blocks() -> None:
    for manuals in ({"anticoagulants": "fda"}, {"horoscope": "fda"}):
        assert [one.level for one in check_screening([*PLAN.screening.ask], ALL_NO, manuals)] == [Level.BLOCK]


# ---- cartridge -----------------------------------------------------------------------------------------------------


def test_a_new_matching_cartridge_passes_also_on_its_last_day() -> None:
    assert check_cartridge(PLAN, CARTRIDGE, TODAY) == []
    assert check_cartridge(PLAN, CARTRIDGE, CARTRIDGE.expiry) == []


@pytest.mark.parametrize(
    ("changes", "rule_id"),
    [
        ({"used": True}, "cartridge_used"),
        ({"used": None}, "cartridge_unknown"),
        ({"expiry": TODAY - timedelta(days=1)}, "cartridge_expired"),
        ({"needles": 36}, "cartridge_needles"),
        ({"lot": " "}, "cartridge_lot"),
    ],
)
@pytest.mark.covers("REQ-0603")
def test_any_other_cartridge_is_blocked(changes: dict[str, object], rule_id: str) -> None:
    found = check_cartridge(PLAN, CARTRIDGE.model_copy(update=changes), TODAY)
    assert ids(found) == {rule_id: Level.BLOCK}
    assert found[0].sentence.endswith("Take a new cartridge.")


@pytest.mark.covers("REQ-0504")
def test_a_cartridge_known_from_an_earlier_session_or_a_recall_is_blocked() -> None:
    found = check_cartridge(PLAN, CARTRIDGE, TODAY, used_before=True, recalled_lots=["L2026"])
    assert ids(found) == {"cartridge_used": Level.BLOCK, "cartridge_recalled": Level.BLOCK}


# ---- interval ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (-1, {"interval_clock": Level.BLOCK}),
        (0, {"interval_healing": Level.BLOCK}),
        (2, {"interval_healing": Level.BLOCK}),
        (3, {"interval_short": Level.OVERRIDE}),
        (13, {"interval_short": Level.OVERRIDE}),
        (14, {}),
    ],
)
@pytest.mark.covers("REQ-1004")
def test_the_time_since_the_last_session(days: int, expected: dict[str, Level]) -> None:
    assert ids(check_interval(PLAN, TODAY - timedelta(days=days), TODAY)) == expected


def test_a_deep_plan_keeps_its_healing_time_whatever_interval_it_names() -> None:
    found = check_interval(plan_with(depth_um=1_500), TODAY - timedelta(days=20), TODAY)
    assert ids(found) == {"interval_short": Level.OVERRIDE}


def test_a_first_session_has_no_interval() -> None:
    assert check_interval(PLAN, None, TODAY) == []


# ---- who may pass --------------------------------------------------------------------------------------------------


@pytest.mark.covers("REQ-0902")
def test_only_an_override_is_passed_and_only_with_a_reason() -> None:
    findings = [Finding(level, level.name, "s", "s") for level in Level]
    reasons = {"BLOCK": "because", "OVERRIDE": "seen by Dr. A"}
    assert [f.rule_id for f in forbidding(findings, {})] == ["OVERRIDE", "BLOCK"]
    assert [f.rule_id for f in forbidding(findings, {"OVERRIDE": "  "})] == ["OVERRIDE", "BLOCK"]
    assert [f.rule_id for f in forbidding(findings, reasons)] == ["BLOCK"]
