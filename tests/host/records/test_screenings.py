"""Screenings on record: answers, findings, and each override signed into the chain."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from pen_host.findings import Level
from pen_host.journal import Kind
from pen_host.models import Screening
from pen_host.records import ForbiddenStepError, InputError, NotFoundError
from pen_host.records.models import Override
from pen_host.screening import YES, Answer, Reply

from .conftest import ANNA, BOB, Bench

REASON = Override(rule_id="isotretinoin", reason="low dose, dermatologist agreed", by=BOB)


def test_a_clean_screening_forbids_nothing_and_answers_every_question_of_a_session(bench: Bench) -> None:
    patient, plan = bench.patient(), bench.plan()
    screened = bench.screened(patient, plan)
    assert screened.forbids == ()
    assert set(screened.session_answers) == {rule.rule_id for rule in bench.clinic.screening.questions(plan)}
    assert not any(screened.session_answers.values())
    assert bench.reopen().screening.get(screened.screening_id) == screened


def test_an_override_stands_in_the_chain_with_reason_and_person(bench: Bench) -> None:
    patient, plan = bench.patient(), bench.plan()
    screened = bench.screened(patient, plan, {"isotretinoin": YES}, (REASON,))
    assert screened.forbids == ()
    assert screened.reasons == {"isotretinoin": REASON.reason}
    assert screened.session_answers["isotretinoin"] is True
    (entry,) = bench.entries(Kind.OVERRIDE)
    assert entry.payload["reason"] == REASON.reason
    assert entry.payload["by"]["name"] == "bob"
    assert entry.subject == patient.patient_id


def test_without_a_reason_an_override_forbids_and_is_on_record_all_the_same(bench: Bench) -> None:
    screened = bench.screened(bench.patient(), bench.plan(), {"isotretinoin": YES})
    assert [one.rule_id for one in screened.forbids] == ["isotretinoin"]
    assert bench.entries(Kind.SCREENING)[-1].payload["findings"][0]["rule_id"] == "isotretinoin"


@pytest.mark.covers("REQ-0902")
def test_nobody_goes_past_a_rule_that_blocks(bench: Bench) -> None:
    passing = Override(rule_id="pregnancy", reason="she wants it", by=ANNA)
    with pytest.raises(ForbiddenStepError, match="Pregnant"):
        bench.screened(bench.patient(), bench.plan(), {"pregnancy": YES}, (passing,))
    assert bench.entries(Kind.SCREENING) == []
    assert bench.entries(Kind.OVERRIDE) == []


def test_nobody_goes_past_an_unknown_answer(bench: Bench) -> None:
    unknown = {"isotretinoin": Answer(reply=Reply.UNKNOWN)}
    with pytest.raises(ForbiddenStepError, match="unknown is not no"):
        bench.screened(bench.patient(), bench.plan(), unknown, (REASON,))


def test_an_override_of_nothing_is_refused(bench: Bench) -> None:
    with pytest.raises(InputError, match="nothing was found by this rule"):
        bench.screened(bench.patient(), bench.plan(), {}, (REASON,))


def test_an_event_of_tomorrow_is_refused_at_its_question(bench: Bench) -> None:
    ahead = Answer(reply=Reply.YES, last=bench.day + timedelta(days=1))
    with pytest.raises(InputError) as caught:
        bench.screened(bench.patient(), bench.plan(), {"filler_under_6_months": ahead})
    assert set(caught.value.fields) == {"filler_under_6_months"}


def test_age_comes_from_the_record_not_from_the_answer(bench: Bench) -> None:
    young = bench.patient(born=date(2006, 2, 2))
    found = bench.screened(young, bench.plan())
    assert [(one.rule_id, one.level) for one in found.findings] == [("under_22", Level.OVERRIDE)]
    assert bench.screened(bench.patient(born=date(2006, 2, 1)), bench.plan()).findings == ()


def test_a_plan_may_follow_one_manual_by_name(bench: Bench) -> None:
    plan = bench.plan()
    following = plan.model_copy(
        update={"screening": Screening(ask=plan.screening.ask, manuals={"keloid": "skinpen"})}
    )
    assert following.plan_digest != plan.plan_digest
    strict = bench.screened(bench.patient(), plan, {"keloid": YES})
    followed = bench.screened(bench.patient(), following, {"keloid": YES})
    assert [one.level for one in strict.findings] == [Level.BLOCK]
    assert [one.level for one in followed.findings] == [Level.OVERRIDE]


def test_a_manual_that_says_nothing_about_a_rule_is_refused(bench: Bench) -> None:
    plan = bench.plan()
    odd = plan.model_copy(update={"screening": Screening(ask=plan.screening.ask, manuals={"keloid": "fda"})})
    with pytest.raises(InputError, match="says nothing about it"):
        bench.screened(bench.patient(), odd)


def test_windows_are_counted_to_the_day_of_treatment(bench: Bench) -> None:
    patient, plan = bench.patient(), bench.plan()
    answers = {"filler_under_6_months": Answer(reply=Reply.YES, last=date(2027, 8, 15))}
    rules = bench.clinic.screening

    def found(day: date) -> set[str]:
        return {one.rule_id for one in rules.evaluate(patient.patient_id, plan, answers, day).findings}

    assert "filler_under_6_months" in found(date(2028, 2, 14))
    assert "filler_under_6_months" not in found(date(2028, 2, 15))
    with pytest.raises(InputError, match="is past"):
        found(bench.day - timedelta(days=1))


def test_screenings_are_listed_newest_first(bench: Bench) -> None:
    patient, plan = bench.patient(), bench.plan()
    first, second = bench.screened(patient, plan), bench.screened(patient, plan)
    assert bench.clinic.screening.of(patient.patient_id) == (second, first)
    with pytest.raises(NotFoundError):
        bench.clinic.screening.get("0" * 32)
