"""Reactions: linked to treatment, lot and pen, kept day by day, escalated before anybody has to remember."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_host.journal import Kind
from pen_host.records import ConflictError, InputError, NotFoundError
from pen_host.records.models import DiaryEntry, NewReaction, Reaction, ReactionKind, Severity
from pen_host.records.reactions import EXPECTED, escalation

from .conftest import ANNA, BOB, PEN, Bench

TRANSIENT = [kind for kind, expected in EXPECTED.items() if expected.days]
NEVER = [kind for kind, expected in EXPECTED.items() if not expected.days]


def redness(
    bench: Bench, severity: Severity = Severity.MILD, kind: ReactionKind = ReactionKind.REDNESS
) -> Reaction:
    visit = bench.treated(bench.patient())
    return bench.clinic.reactions.record(
        visit.visit_id, NewReaction(kind=kind, onset=bench.day, severity=severity, site="vertex"), ANNA
    )


def test_a_reaction_is_linked_to_its_treatment_its_lot_and_its_pen(bench: Bench) -> None:
    found = redness(bench)
    assert (found.lots, found.pen_serials, found.session_ids) == (("LOT-7",), (PEN,), ("s00000001",))
    assert bench.reopen().reactions.of(found.patient_id) == (found,)
    (entry,) = bench.entries(Kind.REACTION)
    assert (entry.payload["kind"], entry.subject) == ("redness", found.patient_id)


def test_what_passes_within_its_days_is_nobodys_business(bench: Bench) -> None:
    found = redness(bench)
    for day in range(1, 7):
        bench.later(1)
        bench.clinic.reactions.diary(
            found.reaction_id, DiaryEntry(day=bench.day, severity=Severity.MILD), ANNA
        )
        assert bench.clinic.reactions.escalated() == (), day
    bench.later(1)
    gone = bench.clinic.reactions.diary(found.reaction_id, DiaryEntry(day=bench.day, severity=None), ANNA)
    assert (gone.resolved, gone.escalated) == (bench.day, None)
    assert [one.day for one in gone.diary] == [date(2028, 2, 1) + timedelta(days=days) for days in range(8)]
    bench.later(60)
    assert bench.clinic.reactions.escalated() == ()


def test_what_outlasts_its_days_is_escalated_until_a_clinician_looked(bench: Bench) -> None:
    found = redness(bench)
    bench.later(7)
    assert bench.clinic.reactions.escalated() == ()
    bench.later(1)
    (late,) = bench.clinic.reactions.escalated()
    assert late.reaction_id == found.reaction_id
    assert late.escalated is not None
    assert "has lasted 8 days, longer than the expected 7" in late.escalated
    seen = bench.clinic.reactions.review(found.reaction_id, BOB)
    assert (seen.escalated, seen.reviewed_by) == (None, BOB)
    assert bench.clinic.reactions.escalated() == ()
    assert [entry.payload["change"] for entry in bench.entries(Kind.REACTION)] == ["recorded", "reviewed"]


@pytest.mark.parametrize("kind", NEVER)
def test_what_is_never_expected_is_escalated_at_once(bench: Bench, kind: ReactionKind) -> None:
    assert kind in {
        *(ReactionKind.INFECTION, ReactionKind.PIGMENT_CHANGE, ReactionKind.SCARRING),
        *(ReactionKind.GRANULOMA, ReactionKind.TRAM_TRACK),
    }
    found = redness(bench, kind=kind)
    assert found.escalated is not None
    assert "never expected" in found.escalated


def test_a_severe_day_escalates_and_stays_the_strongest(bench: Bench) -> None:
    found = redness(bench)
    bench.later(1)
    worse = bench.clinic.reactions.diary(
        found.reaction_id, DiaryEntry(day=bench.day, severity=Severity.SEVERE), ANNA
    )
    assert worse.escalated is not None
    assert "severe redness" in worse.escalated
    bench.later(1)
    better = bench.clinic.reactions.diary(
        found.reaction_id, DiaryEntry(day=bench.day, severity=Severity.MILD), ANNA
    )
    assert better.severity is Severity.SEVERE


@given(
    st.sampled_from(TRANSIENT),
    st.sampled_from([Severity.MILD, Severity.MODERATE]),
    st.integers(0, 40),
    st.integers(0, 40),
)
def test_the_days_it_lasted_count_whenever_it_is_looked_at(
    kind: ReactionKind, severity: Severity, lasted: int, looked_after: int
) -> None:
    onset = date(2028, 2, 25)
    resolved = onset + timedelta(days=lasted)
    expected = EXPECTED[kind].days
    gone = escalation(
        kind, severity, onset, resolved, reviewed=False, today=resolved + timedelta(days=looked_after)
    )
    there = escalation(kind, severity, onset, None, reviewed=False, today=onset + timedelta(days=lasted))
    assert (gone is not None) == (there is not None) == (lasted > expected)
    assert escalation(kind, Severity.SEVERE, onset, None, reviewed=True, today=resolved) is None


@pytest.mark.parametrize(
    ("onset", "why"), [(date(2028, 1, 31), "before the treatment"), (date(2028, 2, 2), "in the future")]
)
def test_a_reaction_begins_after_its_treatment_and_not_tomorrow(bench: Bench, onset: date, why: str) -> None:
    visit = bench.treated(bench.patient())
    new = NewReaction(kind=ReactionKind.PAIN, onset=onset, severity=Severity.MILD)
    with pytest.raises(InputError, match=why):
        bench.clinic.reactions.record(visit.visit_id, new, ANNA)
    with pytest.raises(NotFoundError):
        bench.clinic.reactions.record("0" * 32, new, ANNA)


def test_a_diary_has_each_day_once_and_none_after_the_end(bench: Bench) -> None:
    found, diary = redness(bench), bench.clinic.reactions.diary
    with pytest.raises(InputError, match="in the diary already"):
        diary(found.reaction_id, DiaryEntry(day=bench.day, severity=Severity.MILD), ANNA)
    with pytest.raises(InputError, match="before its onset"):
        diary(found.reaction_id, DiaryEntry(day=bench.day - timedelta(days=1), severity=None), ANNA)
    with pytest.raises(InputError, match="in the future"):
        diary(found.reaction_id, DiaryEntry(day=bench.day + timedelta(days=1), severity=None), ANNA)
    bench.later(3)
    diary(found.reaction_id, DiaryEntry(day=bench.day, severity=None), ANNA)
    bench.later(1)
    with pytest.raises(ConflictError, match="gone before that day"):
        diary(found.reaction_id, DiaryEntry(day=bench.day, severity=Severity.MILD), ANNA)
    with pytest.raises(NotFoundError):
        diary("0" * 32, DiaryEntry(day=bench.day, severity=None), ANNA)


def test_every_kind_has_its_expected_days_and_their_source() -> None:
    assert set(EXPECTED) == set(ReactionKind)
    assert all(expected.source for expected in EXPECTED.values())
