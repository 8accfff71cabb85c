"""The engine: unknown blocks, a window counts to the day of treatment, and an answer that cannot be right is refused."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_host.findings import Level
from pen_host.screening import (
    NO,
    YES,
    Answer,
    Context,
    Reply,
    Rule,
    check_answers,
    clear_from,
    evaluate,
    shipped_rules,
)
from pen_host.screening.days import plus_months
from pen_host.screening.rules import Kind

TODAY = date(2026, 3, 1)
RULES = shipped_rules()
BY_ID = RULES.by_id
EVENT_DAYS = st.dates(date(1990, 1, 1), TODAY)
SINCE = [rule for rule in RULES.rules if rule.kind is Kind.SINCE]
AROUND = BY_ID["chemo_radio_steroid"]


def context(day: date = TODAY, born: date | None = None, **manuals: str) -> Context:
    return Context(day, TODAY, born, manuals)


def levels(rule: Rule, answer: Answer | None, at: Context | None = None) -> list[Level]:
    answers = {} if answer is None else {rule.rule_id: answer}
    return [finding.level for finding in evaluate(RULES, [rule], answers, at or context()).findings]


def yes(last: date | None = None, planned: date | None = None) -> Answer:
    return Answer(reply=Reply.YES, last=last, planned=planned)


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.rule_id)
@pytest.mark.parametrize("answer", [None, Answer(reply=Reply.UNKNOWN)])
@pytest.mark.covers("REQ-0901")
def test_unknown_blocks_whatever_the_rule(rule: Rule, answer: Answer | None) -> None:
    found = evaluate(RULES, [rule], {} if answer is None else {rule.rule_id: answer}, context())
    assert [finding.level for finding in found.findings] == [Level.BLOCK]
    assert "unknown is not no" in found.findings[0].sentence
    assert found.settled == {}


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.rule_id)
def test_no_is_no_and_yes_has_the_strictest_level_of_its_sources(rule: Rule) -> None:
    assert levels(rule, NO) == []
    assert levels(rule, YES) == [max(cited.level.level for cited in rule.cited)]


def test_what_a_session_gets_is_yes_within_the_window_and_no_outside() -> None:
    rules = [BY_ID["filler_under_6_months"], BY_ID["isotretinoin"], BY_ID["pregnancy"]]
    answers = {
        "filler_under_6_months": yes(date(2025, 8, 1)),
        "isotretinoin": yes(date(2026, 1, 1)),
        "pregnancy": Answer(reply=Reply.UNKNOWN),
    }
    found = evaluate(RULES, rules, answers, context())
    assert found.settled == {"filler_under_6_months": False, "isotretinoin": True}
    assert [finding.rule_id for finding in found.findings] == ["isotretinoin", "pregnancy"]


@pytest.mark.parametrize("rule", SINCE, ids=lambda rule: rule.rule_id)
@given(last=EVENT_DAYS, ahead=st.integers(0, 900))
def test_an_event_counts_until_its_window_has_passed_and_not_a_day_longer(
    rule: Rule, last: date, ahead: int
) -> None:
    day = TODAY + timedelta(days=ahead)
    assert rule.after_months is not None
    end = plus_months(last, rule.after_months)
    assert bool(levels(rule, yes(last), context(day))) is (day < end)
    assert clear_from(rule, yes(last)) == end


def test_a_window_that_ends_on_a_leap_day_ends_on_it() -> None:
    rule, last = BY_ID["isotretinoin"], date(2027, 8, 29)
    at = Context(date(2028, 2, 28), date(2028, 2, 28), None, {})
    assert levels(rule, yes(last), at)
    assert not levels(rule, yes(last), Context(date(2028, 2, 29), date(2028, 2, 29), None, {}))


@pytest.mark.parametrize("rule", [*SINCE, AROUND], ids=lambda rule: rule.rule_id)
def test_a_yes_without_a_day_counts_as_now(rule: Rule) -> None:
    assert levels(rule, YES, context(TODAY + timedelta(days=3_000)))


@given(st.integers(0, 200), st.integers(0, 200))
def test_chemotherapy_counts_before_and_after(after: int, before: int) -> None:
    last = yes(TODAY - timedelta(days=after))
    planned = yes(planned=TODAY + timedelta(days=before))
    assert bool(levels(AROUND, last)) is (after < 28)
    assert bool(levels(AROUND, planned)) is (before <= 28)
    both = yes(TODAY - timedelta(days=after), TODAY + timedelta(days=before))
    assert bool(levels(AROUND, both)) is (after < 28 or before <= 28)


@given(st.dates(date(1930, 1, 1), TODAY))
def test_age_follows_from_the_date_of_birth_whatever_was_answered(born: date) -> None:
    young = plus_months(born, 22 * 12) > TODAY
    for answer in (None, NO, YES):
        found = evaluate(
            RULES, [BY_ID["under_22"]], {} if answer is None else {"under_22": answer}, context(born=born)
        )
        assert bool(found.findings) is young
        assert found.settled == {"under_22": young}


def test_without_a_date_of_birth_the_question_is_asked() -> None:
    assert levels(BY_ID["under_22"], None) == [Level.BLOCK]
    assert levels(BY_ID["under_22"], NO) == []


def test_where_manuals_disagree_both_are_shown_and_the_stricter_is_the_default() -> None:
    rule = BY_ID["keloid"]
    (strict,) = evaluate(RULES, [rule], {"keloid": YES}, context()).findings
    assert strict.level is Level.BLOCK
    assert "Exceed" in strict.source
    assert "SkinPen" in strict.source
    assert "the stricter counts" in strict.source
    (followed,) = evaluate(RULES, [rule], {"keloid": YES}, context(keloid="skinpen")).findings
    assert followed.level is Level.OVERRIDE
    assert "this plan follows skinpen" in followed.source


@pytest.mark.parametrize(
    ("rule_id", "answer", "why"),
    [
        ("isotretinoin", yes(TODAY + timedelta(days=1)), "in the future"),
        ("isotretinoin", yes(date(1979, 12, 31)), "before the patient was born"),
        ("pregnancy", yes(TODAY), "asks for no day"),
        ("isotretinoin", yes(planned=TODAY), "no planned day"),
        ("chemo_radio_steroid", yes(planned=TODAY - timedelta(days=1)), "is past"),
        ("horoscope", YES, "no such rule"),
    ],
)
def test_an_answer_that_cannot_be_right_is_told_by_its_rule(rule_id: str, answer: Answer, why: str) -> None:
    (wrong,) = check_answers(RULES, {rule_id: answer, "keloid": NO}, context(born=date(1980, 1, 1)))
    assert wrong.rule_id == rule_id
    assert why in wrong.why


def test_only_a_yes_has_days() -> None:
    with pytest.raises(ValueError, match="only a yes has days"):
        Answer(reply=Reply.NO, last=TODAY)


@given(
    st.dictionaries(st.sampled_from(sorted(BY_ID)), st.sampled_from([NO, YES, Answer(reply=Reply.UNKNOWN)]))
)
def test_a_yes_more_never_allows_more(answers: dict[str, Answer]) -> None:
    def found(given: dict[str, Answer]) -> set[str]:
        return {one.rule_id for one in evaluate(RULES, RULES.rules, given, context()).findings}

    before = found(answers)
    for rule_id in BY_ID:
        assert before - {rule_id} <= found(answers | {rule_id: YES})
