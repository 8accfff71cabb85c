"""Visits: nothing begins without consent, screening and interval; nothing ends without a name and a next day."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from pen_host.checks import check_interval
from pen_host.findings import Finding, Level
from pen_host.journal import Draft, Kind
from pen_host.models import Endpoint
from pen_host.records import ConflictError, ForbiddenStepError, InputError, NotFoundError
from pen_host.records.models import (
    CleaningMethod,
    Closing,
    HomeTool,
    HomeToolKind,
    Override,
    Person,
    Substance,
    TopicalUse,
    VisitState,
)
from pen_host.records.store import Writing
from pen_host.records.tables import visits
from pen_host.screening import YES

from .conftest import ANNA, BOB, FORTNIGHTLY, PEN, WEEKLY, Bench

AUTHORISED = Override(rule_id="interval_planned", reason="Dhurat 2013, agreed with the patient", by=BOB)
SEEN = Closing(endpoint=Endpoint.MILD_ERYTHEMA)


def ids(findings: list[Finding] | tuple[Finding, ...]) -> set[str]:
    return {finding.rule_id for finding in findings}


# ---- opening ---------------------------------------------------------------------------------------------------------


def test_a_visit_rests_on_screening_consent_and_plan(bench: Bench) -> None:
    patient = bench.patient()
    visit = bench.visit(patient)
    assert (visit.state, visit.day, visit.preset_id) == (VisitState.OPEN, bench.day, FORTNIGHTLY)
    assert visit.plan == bench.plan()
    assert bench.reopen().visits.get(visit.visit_id) == visit
    (entry,) = bench.entries(Kind.VISIT)
    assert entry.payload["plan_digest"] == visit.plan.plan_digest
    assert entry.payload["off_label"] is True
    assert entry.subject == patient.patient_id


def test_everything_that_is_missing_is_told_at_once(bench: Bench) -> None:
    found = bench.clinic.visits.check(bench.patient().patient_id, bench.plan())
    assert ids([one for one in found if one.level is Level.BLOCK]) == {"consent", "screening"}
    assert "off_label" in ids(found)


def test_a_screening_of_another_patient_day_or_plan_does_not_count(bench: Bench) -> None:
    ada, other, plan = bench.patient(), bench.patient("Other"), bench.plan()
    consent = bench.consent(ada)
    screened = bench.screened(ada, plan)
    check = bench.clinic.visits.check
    assert "screening" in ids(check(other.patient_id, plan, screened.screening_id))
    assert ids(check(ada.patient_id, plan, screened.screening_id)) == {"off_label"}
    more = plan.model_copy(
        update={
            "screening": plan.screening.model_copy(update={"ask": (*plan.screening.ask, "eyelid_mucosa")})
        }
    )
    assert "eyelid_mucosa" in ids(check(ada.patient_id, more, screened.screening_id))
    bench.later(1)
    assert "screening" in ids(check(ada.patient_id, plan, screened.screening_id))
    with pytest.raises(ForbiddenStepError, match="holds for 2028-02-01, not for 2028-02-02"):
        bench.clinic.visits.open(ada.patient_id, plan, screened.screening_id, consent, ANNA)


def test_what_a_screening_found_forbids_the_visit_until_somebody_signs_for_it(bench: Bench) -> None:
    patient, plan = bench.patient(), bench.plan()
    consent = bench.consent(patient)
    found = bench.screened(patient, plan, {"malignancy": YES})
    with pytest.raises(ForbiddenStepError, match="Cancer"):
        bench.clinic.visits.open(patient.patient_id, plan, found.screening_id, consent, ANNA)
    signed = bench.screened(
        patient, plan, {"malignancy": YES}, (Override(rule_id="malignancy", reason="in remission", by=BOB),)
    )
    visit = bench.clinic.visits.open(patient.patient_id, plan, signed.screening_id, consent, ANNA)
    assert visit.overrides == ()


def test_no_override_passes_a_block(bench: Bench) -> None:
    patient, plan = bench.patient(), bench.plan()
    consent = bench.consent(patient)
    blocked = bench.screened(patient, plan, {"pregnancy": YES})
    passing = (Override(rule_id="pregnancy", reason="please", by=BOB),)
    with pytest.raises(ForbiddenStepError, match="Pregnant"):
        bench.clinic.visits.open(
            patient.patient_id, plan, blocked.screening_id, consent, ANNA, overrides=passing
        )
    assert bench.clinic.visits.of(patient.patient_id) == ()


def test_a_withdrawn_or_foreign_consent_is_none(bench: Bench) -> None:
    patient, plan = bench.patient(), bench.plan()
    mine, theirs = bench.consent(patient), bench.consent(bench.patient("Other"))
    screened = bench.screened(patient, plan)
    with pytest.raises(ForbiddenStepError, match="not the one that stands"):
        bench.clinic.visits.open(patient.patient_id, plan, screened.screening_id, theirs, ANNA)
    bench.clinic.consents.withdraw(mine, "changed my mind", ANNA)
    with pytest.raises(ForbiddenStepError, match="No consent"):
        bench.clinic.visits.open(patient.patient_id, plan, screened.screening_id, mine, ANNA)


@pytest.mark.parametrize("happens", ["withdraw", "erase"])
def test_what_happens_amid_the_opening_of_a_visit_is_seen(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, happens: str
) -> None:
    """Everything was looked at, and somebody else writes before the visit is."""
    patient = bench.patient()
    consent, visits_store = bench.consent(patient), bench.clinic.visits._store
    whole = visits_store.write

    def late(change: Callable[[Writing], Sequence[Draft]], by: Person) -> None:
        monkeypatch.setattr(visits_store, "write", whole)
        if happens == "withdraw":
            bench.clinic.consents.withdraw(consent, "thought again", BOB)
        else:
            bench.clinic.patients.erase(patient.patient_id, "asked for it", BOB)
        whole(change, by)

    screened = bench.screened(patient, bench.plan())
    monkeypatch.setattr(visits_store, "write", late)
    with pytest.raises((ForbiddenStepError, NotFoundError)):
        bench.clinic.visits.open(patient.patient_id, bench.plan(), screened.screening_id, consent, ANNA)
    assert bench.clinic.visits.opened() == ()


def test_a_patient_has_one_open_visit_by_the_database_too(bench: Bench) -> None:
    patient = bench.patient()
    visit = bench.visit(patient)
    with pytest.raises(ConflictError, match="open visit already"):
        bench.visit(patient)

    def past_every_check(writing: Writing) -> list[Draft]:
        row = writing.row(visits.select())
        assert row is not None
        copied = {
            name: value for name, value in row.items() if name not in {"id", "at", "by_name", "by_role"}
        }
        writing.add(visits, **{**copied, "id": "0" * 32, "station_id": writing.station_id})
        return []

    with pytest.raises(ConflictError, match="UNIQUE constraint"):
        bench.clinic._store.write(past_every_check, ANNA)
    assert bench.clinic.visits.opened() == (visit,)


# ---- intervals -------------------------------------------------------------------------------------------------------


def test_too_soon_is_blocked_then_asks_for_a_reason_then_passes(bench: Bench) -> None:
    patient = bench.patient()
    bench.treated(patient)
    plan = bench.plan()
    for days, expected in ((2, "interval_healing"), (10, "interval_short"), (13, "interval_short")):
        day = bench.day + timedelta(days=days)
        assert expected in ids(bench.clinic.visits.check(patient.patient_id, plan, day=day))
    due = bench.day + timedelta(days=14)
    assert not ids(bench.clinic.visits.check(patient.patient_id, plan, day=due)) & {
        "interval_healing",
        "interval_short",
    }
    bench.later(10)
    early = Override(rule_id="interval_short", reason="leaves the country", by=BOB)
    visit = bench.visit(patient, overrides=(early,))
    assert visit.overrides == (early,)
    (entry,) = bench.entries(Kind.OVERRIDE)
    assert (entry.payload["rule_id"], entry.payload["visit"]) == ("interval_short", visit.visit_id)


@pytest.mark.covers("REQ-1004")
def test_the_record_and_the_sessions_own_check_agree_on_the_day(bench: Bench) -> None:
    patient = bench.patient()
    visit = bench.treated(patient)
    for days in range(30):
        day = visit.day + timedelta(days=days)
        mine = [
            one.rule_id
            for one in bench.clinic.visits.check(patient.patient_id, visit.plan, day=day)
            if one.rule_id.startswith("interval_")
        ]
        assert mine == [one.rule_id for one in check_interval(visit.plan, visit.day, day)]


def test_an_authorised_weekly_protocol_is_due_in_a_week(bench: Bench) -> None:
    patient = bench.patient()
    with pytest.raises(ForbiddenStepError, match="shorter than the 28 days"):
        bench.visit(patient, WEEKLY)
    visit = bench.treated(patient, preset=WEEKLY, overrides=(AUTHORISED,))
    assert visit.next is not None
    assert (visit.next.day, visit.next.rule_id) == (date(2028, 2, 8), "interval_authorised")
    assert visit.reasons == {"interval_planned": AUTHORISED.reason, "interval_short": AUTHORISED.reason}
    bench.later(7)
    assert bench.visit(patient, WEEKLY, (AUTHORISED,)).state is VisitState.OPEN


def test_a_visit_without_a_session_opened_no_skin_and_an_abandoned_one_with_one_did(bench: Bench) -> None:
    patient = bench.patient()
    left = bench.visit(patient)
    bench.clinic.visits.abandon(left.visit_id, "changed her mind", ANNA)
    assert bench.clinic.visits.needlings(patient.patient_id) == []
    broken = bench.visit(patient)
    bench.clinic.visits.attach(broken.visit_id, "s00000001", PEN, ANNA)
    bench.clinic.visits.abandon(broken.visit_id, "power cut", ANNA)
    (needled,) = bench.clinic.visits.needlings(patient.patient_id)
    assert (needled.day, needled.depth_um) == (bench.day, 600)


def test_a_roller_used_at_home_moves_the_next_visit(bench: Bench) -> None:
    patient = bench.patient()
    rolled = HomeTool(
        tool=HomeToolKind.ROLLER, needle_um=1_000, times_a_week=1, last_used=bench.day - timedelta(days=5)
    )
    bench.clinic.patients.home_tool(patient.patient_id, rolled, ANNA)
    (found,) = [
        one
        for one in bench.clinic.visits.check(patient.patient_id, bench.plan())
        if one.rule_id == "interval_short"
    ]
    assert "at home" in found.sentence


# ---- the pen ---------------------------------------------------------------------------------------------------------


def test_a_pen_is_cleaned_between_patients(bench: Bench) -> None:
    bench.treated(bench.patient())
    other = bench.visit(bench.patient("Other"))
    (gate,) = bench.clinic.visits.check_pen(other.visit_id, PEN)
    assert (gate.level, gate.rule_id) == (Level.BLOCK, "pen_not_cleaned")
    assert "another patient" in gate.sentence
    assert bench.clinic.visits.check_pen(other.visit_id, "ANOTHERPEN") == []
    cleaned = bench.clinic.cleaning.cleaned(
        PEN, CleaningMethod.LOW_LEVEL_DISINFECTION, BOB, sheath_changed=True
    )
    assert bench.clinic.cleaning.last(PEN) == cleaned
    assert bench.clinic.visits.check_pen(other.visit_id, PEN) == []
    (entry,) = bench.entries(Kind.CLEANING)
    assert (entry.pen_serial, entry.actor) == (PEN, "bob")


def test_a_cleaning_before_the_last_patient_is_none(bench: Bench) -> None:
    bench.clinic.cleaning.cleaned(PEN, CleaningMethod.LOW_LEVEL_DISINFECTION, BOB, sheath_changed=True)
    bench.treated(bench.patient())
    other = bench.patient("Other").patient_id
    assert ids(bench.clinic.cleaning.check(PEN, other)) == {"pen_not_cleaned"}
    bench.clinic.cleaning.cleaned(PEN, CleaningMethod.NOSECONE_AUTOCLAVED, BOB, sheath_changed=False)
    assert bench.clinic.cleaning.check(PEN, other) == []


def test_a_second_session_of_one_visit_needs_no_cleaning_and_the_next_visit_does(bench: Bench) -> None:
    patient = bench.patient()
    visit = bench.visit(patient)
    bench.clinic.visits.attach(visit.visit_id, "s00000001", PEN, ANNA)
    assert bench.clinic.visits.check_pen(visit.visit_id, PEN) == []
    bench.clinic.visits.attach(visit.visit_id, "s00000002", PEN, ANNA)
    bench.clinic.visits.close(visit.visit_id, SEEN, ANNA)
    bench.later(14)
    again = bench.visit(patient)
    assert "this patient" in bench.clinic.visits.check_pen(again.visit_id, PEN)[0].sentence


def test_a_session_with_an_uncleaned_pen_is_on_record_as_what_it_was(bench: Bench) -> None:
    bench.treated(bench.patient())
    other = bench.visit(bench.patient("Other"))
    bench.clinic.visits.attach(other.visit_id, "s00000002", PEN, ANNA)
    told = [entry for entry in bench.entries(Kind.VISIT) if entry.payload["change"] == "session"]
    assert [entry.payload["uncleaned"] for entry in told] == [False, True]
    assert told[1].session_id == "s00000002"


def test_a_session_belongs_to_one_visit(bench: Bench) -> None:
    visit = bench.visit(bench.patient())
    bench.clinic.visits.attach(visit.visit_id, "s00000001", PEN, ANNA)
    other = bench.visit(bench.patient("Other"))
    for target in (visit, other):
        with pytest.raises(ConflictError, match="belongs to a visit already"):
            bench.clinic.visits.attach(target.visit_id, "s00000001", PEN, ANNA)
    with pytest.raises(InputError, match="session_id"):
        bench.clinic.visits.attach(other.visit_id, "<script>", PEN, ANNA)


# ---- closing ---------------------------------------------------------------------------------------------------------


def test_a_closed_visit_has_endpoint_next_day_and_signature(bench: Bench) -> None:
    visit = bench.treated(bench.patient())
    assert (visit.state, visit.endpoint) == (VisitState.CLOSED, Endpoint.MILD_ERYTHEMA)
    assert visit.next is not None
    assert (visit.next.day, visit.next.rule_id) == (date(2028, 2, 15), "interval_protocol")
    assert visit.signature is not None
    assert (visit.signature.signer, visit.signature.meaning) == (ANNA, "treated and reviewed")
    (seal,) = bench.entries(Kind.SIGNATURE)
    assert (seal.payload["of"], seal.actor) == (visit.visit_id, "anna")
    with pytest.raises(ConflictError, match="not open any more"):
        bench.clinic.visits.close(visit.visit_id, SEEN, ANNA)


def test_a_visit_without_treatment_is_not_signed_for(bench: Bench) -> None:
    visit = bench.visit(bench.patient())
    with pytest.raises(ConflictError, match="Abandon it"):
        bench.clinic.visits.close(visit.visit_id, SEEN, ANNA)
    assert bench.clinic.visits.get(visit.visit_id) == visit


def attached(bench: Bench) -> str:
    visit = bench.visit(bench.patient())
    bench.clinic.visits.attach(visit.visit_id, "s00000001", PEN, ANNA)
    return visit.visit_id


def test_earlier_than_the_rules_needs_a_reason_and_never_goes_below_healing(bench: Bench) -> None:
    visit, due = attached(bench), date(2028, 2, 15)
    assert bench.clinic.visits.propose_next(visit).day == due
    early = SEEN.model_copy(update={"next_day": due - timedelta(days=3)})
    with pytest.raises(InputError) as caught:
        bench.clinic.visits.close(visit, early, ANNA)
    assert set(caught.value.fields) == {"earlier_reason"}
    reason = {"earlier_reason": "leaves the country"}
    healing = SEEN.model_copy(update={"next_day": bench.day + timedelta(days=2), **reason})
    with pytest.raises(ForbiddenStepError, match="counts as closed from 2028-02-04"):
        bench.clinic.visits.close(visit, healing, ANNA)
    closed = bench.clinic.visits.close(visit, early.model_copy(update=reason), ANNA)
    assert closed.next is not None
    assert (closed.next.day, closed.next.reason) == (due - timedelta(days=3), "leaves the country")
    assert closed.next.rule_id == "interval_protocol"


def test_later_than_the_rules_is_anybodys_right(bench: Bench) -> None:
    closed = bench.clinic.visits.close(
        attached(bench), SEEN.model_copy(update={"next_day": date(2028, 2, 29)}), ANNA
    )
    assert closed.next is not None
    assert (closed.next.day, closed.next.reason) == (date(2028, 2, 29), None)


def test_what_was_applied_is_recorded_and_warned_about_never_asked_for(bench: Bench) -> None:
    visit = attached(bench)
    used = TopicalUse(substance=Substance.MINOXIDIL, detail="5 %", used_at=bench.now() - timedelta(hours=3))
    soon = TopicalUse(substance=Substance.VITAMIN_C, used_at=bench.now())
    closing = SEEN.model_copy(update={"topicals": (used, soon), "note": "well tolerated"})
    (warning,) = bench.clinic.visits.warnings(visit, closing)
    assert (warning.level, warning.rule_id) == (Level.INFORM, "topical_window")
    assert "Vitamin c was recorded 0 h after needling" in warning.sentence
    assert "granuloma" in warning.source
    closed = bench.clinic.visits.close(visit, closing, ANNA)
    assert set(bench.clinic.patients.topicals(closed.patient_id)) == {used, soon}
    assert [note.text for note in bench.clinic.patients.notes(closed.patient_id)] == ["well tolerated"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"after_care_at": datetime(2028, 2, 2, tzinfo=UTC)}, "after_care_at"),
        (
            {"topicals": (TopicalUse(substance=Substance.PRP, used_at=datetime(2028, 2, 2, tzinfo=UTC)),)},
            "topicals.0.used_at",
        ),
    ],
)
def test_what_lies_in_the_future_has_not_happened(
    bench: Bench, changes: dict[str, object], field: str
) -> None:
    visit = attached(bench)
    with pytest.raises(InputError) as caught:
        bench.clinic.visits.close(visit, SEEN.model_copy(update=changes), ANNA)
    assert set(caught.value.fields) == {field}
    assert bench.clinic.visits.get(visit).state is VisitState.OPEN


def test_an_abandoned_visit_says_why_and_lets_the_next_one_open(bench: Bench) -> None:
    patient = bench.patient()
    visit = bench.visit(patient)
    with pytest.raises(InputError, match="say why"):
        bench.clinic.visits.abandon(visit.visit_id, "  ", ANNA)
    ended = bench.clinic.visits.abandon(visit.visit_id, "fainted", BOB)
    assert (ended.state, ended.abandoned_reason, ended.signature) == (VisitState.ABANDONED, "fainted", None)
    again = bench.visit(patient)
    assert bench.clinic.visits.of(patient.patient_id) == (again, ended)


def test_a_visit_that_a_crash_left_open_is_found_again(bench: Bench) -> None:
    visit = attached(bench)
    assert [one.visit_id for one in bench.reopen().visits.opened()] == [visit]
    with pytest.raises(NotFoundError):
        bench.clinic.visits.get("0" * 32)


# ---- due -------------------------------------------------------------------------------------------------------------


def test_patients_are_due_from_their_next_day_on(bench: Bench) -> None:
    ada, eve = bench.patient("Ada"), bench.patient("Eve")
    bench.treated(ada, "S1", "s00000001")
    bench.later(3)
    bench.treated(eve, "S2", "s00000002")
    assert bench.clinic.due(ahead_days=10) == ()
    bench.later(12)
    found = bench.clinic.due(ahead_days=10)
    assert [(one.patient_name, one.next_day, one.overdue_days) for one in found] == [
        ("Ada", date(2028, 2, 15), 1),
        ("Eve", date(2028, 2, 18), -2),
    ]
    assert [one.patient_name for one in bench.clinic.due(ahead_days=0)] == ["Ada"]
    assert (found[0].preset_id, found[0].visits, found[0].sessions) == (FORTNIGHTLY, 1, None)


def test_who_is_due_is_answered_without_reading_a_visit(bench: Bench) -> None:
    asked: list[tuple[str, Any]] = []
    readers = bench.clinic._store._readers
    event.listen(readers, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])))
    bench.clinic.due()
    ((query, values),) = asked
    with readers.connect() as connection:
        steps = [step[3] for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values)]
    of_visits = [step for step in steps if "visits" in step or "later" in step or "earlier" in step]
    assert len(of_visits) == 3, of_visits
    assert all("COVERING INDEX" in step for step in of_visits), of_visits
    # each patient's own visits: the other index would have every closed visit read for each of them
    of_one = [step for step in of_visits if "later" in step or "earlier" in step]
    assert len(of_one) == 2
    assert all("visits_patient (patient_id=? AND state=?" in step for step in of_one), of_one


def test_who_has_finished_a_course_is_due_no_more(bench: Bench) -> None:
    patient = bench.patient()
    for number in range(12):
        bench.treated(patient, f"S{number}", f"s{number:08x}", WEEKLY, (AUTHORISED,))
        bench.later(7)
        due = bench.clinic.due()
        assert bool(due) is (number < 11)
    assert len(bench.clinic.visits.of(patient.patient_id)) == 12


def test_only_the_newest_visit_counts(bench: Bench) -> None:
    patient = bench.patient()
    bench.treated(patient)
    bench.later(20)
    bench.treated(patient, "S2", "s00000002")
    assert bench.clinic.due(ahead_days=0) == ()
    bench.later(14)
    assert [one.visits for one in bench.clinic.due(ahead_days=0)] == [2]


def test_who_has_not_come_for_half_a_year_is_in_no_course_any_more(bench: Bench) -> None:
    bench.treated(bench.patient())
    bench.later(14 + 180)
    assert [one.overdue_days for one in bench.clinic.due()] == [180]
    bench.later(1)
    assert bench.clinic.due() == ()


# ---- timeline --------------------------------------------------------------------------------------------------------


def test_the_timeline_holds_everything_newest_first(bench: Bench) -> None:
    patient = bench.patient()
    visit = bench.treated(patient)
    bench.clinic.patients.note(patient.patient_id, "well", ANNA)
    items = bench.clinic.timeline(patient.patient_id)
    assert [one.kind for one in items] == ["note", "cartridge", "visit", "consent", "screening"]
    assert [one.at for one in items] == sorted((one.at for one in items), reverse=True)
    told = {one.kind: one for one in items}
    assert told["visit"].key == visit.visit_id
    assert told["visit"].details["next"]["day"] == "2028-02-15"
    assert told["cartridge"].details["lot"] == "LOT-7"
    assert bench.clinic.timeline(bench.patient("Other").patient_id) == ()
