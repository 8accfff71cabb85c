"""Strokes from events: differences only, nothing counted twice, nothing lost with a lost event, doubts reported."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_host.journal import Count, GapKind, Witness, ZoneMark, tally
from pen_host.journal.strokes import difference
from pen_host.models import PenEvent
from pen_protocol.faults import Event
from pen_protocol.limits import WORD_MAX


def event(event_id: int, code: int, strokes: int, contact: int = 0, value: int = 0, arg: int = 0) -> PenEvent:
    return PenEvent(
        event_id=event_id,
        time_ms=0,
        code=code,
        arg=arg,
        value=value,
        strokes_total=strokes % (WORD_MAX + 1),
        contact_total=contact % (WORD_MAX + 1),
    )


SESSION = [
    event(10, Event.SESSION_OPENED, 1_000, 500, value=77),
    event(11, Event.RUN_STARTED, 1_000, 500, value=600),
    event(12, Event.RUN_ENDED, 1_400, 800, value=3),
    event(13, Event.RUN_STARTED, 1_400, 800, value=600),
    event(14, Event.RUN_ENDED, 1_500, 900, value=1, arg=32),
    event(15, Event.SESSION_CLOSED, 1_500, 900, value=77),
]
ZONES = [ZoneMark(11, "frontal"), ZoneMark(13, "vertex")]


def test_runs_zones_and_session_of_a_plain_treatment() -> None:
    report = tally(SESSION, ZONES)
    assert [(run.zone, run.count, run.truncated, run.cause, run.depth_um) for run in report.runs] == [
        ("frontal", Count(400, 300), 3, 0, 600),
        ("vertex", Count(100, 100), 1, 32, 600),
    ]
    assert report.zones == {"frontal": Count(400, 300), "vertex": Count(100, 100)}
    assert report.of_session(77).total == report.total == Count(500, 400)
    assert report.gaps == ()
    assert report.sure


@pytest.mark.parametrize("lost", [11, 12, 13, 14])
def test_a_lost_event_takes_no_strokes_with_it_and_is_reported(lost: int) -> None:
    report = tally([entry for entry in SESSION if entry.event_id != lost], ZONES)
    assert report.of_session(77).total == Count(500, 400)
    (gap,) = report.gaps
    assert (gap.kind, gap.first_id, gap.last_id, gap.nonce) == (GapKind.EVENTS_MISSING, lost, lost, 77)
    assert report.sure


def test_strokes_of_a_run_whose_start_was_lost_count_for_the_zone_that_was_selected() -> None:
    report = tally([entry for entry in SESSION if entry.event_id != 11], ZONES)
    assert report.zones["frontal"] == Count(400, 300)


def test_a_zone_of_an_earlier_session_is_not_taken_over() -> None:
    later = [
        event(16, Event.SESSION_OPENED, 1_500, 900, value=78),
        event(17, Event.RUN_STARTED, 1_500, 900),
        event(18, Event.RUN_ENDED, 1_600, 950),
    ]
    assert tally(SESSION + later, ZONES).of_session(78).zones == {None: Count(100, 50)}


@pytest.mark.parametrize("said_at_boot", [0, 1_000, 1_250])
def test_a_run_cut_short_by_a_reset_keeps_its_strokes(said_at_boot: int) -> None:
    boot = [
        event(12, Event.BOOTED, said_at_boot, min(said_at_boot, 600)),
        event(13, Event.RECOVERED, 1_250, 600, arg=1),
    ]
    report = tally([*SESSION[:2], *boot], ZONES)
    assert report.of_session(77).total == report.total == Count(250, 100)
    assert report.sure
    (run,) = report.runs
    assert (run.last_id, run.nonce, run.count) == (None, 77, Count(250, 100))


def test_after_a_reset_strokes_belong_to_no_session_until_one_is_opened() -> None:
    events = [
        *SESSION[:3],
        event(13, Event.BOOTED, 1_400, 800),
        event(14, Event.RECOVERED, 1_400, 800, arg=1),
        event(15, Event.SELF_TEST, 1_402, 800),
    ]
    report = tally(events, ZONES)
    assert report.of_session(77).total == Count(400, 300)
    assert report.parts[None, None] == Count(2, 0)


def test_power_lost_while_armed_is_never_called_sure_and_what_the_host_saw_is_kept() -> None:
    events = [
        *SESSION[:2],
        event(500, Event.BOOTED, 1_000, 500),
        event(501, Event.RECOVERED, 1_000, 500, arg=0),
    ]
    blind = tally(events, ZONES)
    assert blind.of_session(77).total == Count()
    assert not blind.sure
    seen = tally(events, ZONES, [Witness(12, 1_300, 700)])
    assert seen.of_session(77).total == Count(300, 200)
    assert {gap.kind for gap in seen.gaps} == set(GapKind)
    assert not seen.sure


def test_counters_that_wrap_go_on() -> None:
    top = WORD_MAX + 1
    report = tally([event(1, Event.RUN_STARTED, top - 10), event(2, Event.RUN_ENDED, top + 15)])
    assert report.total == Count(25, 0)
    assert report.gaps == ()
    assert difference(5, 3) is None


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                Event.SESSION_OPENED,
                Event.SESSION_CLOSED,
                Event.RUN_STARTED,
                Event.RUN_ENDED,
                Event.BOOTED,
                Event.RECOVERED,
                Event.STOPPED,
            ]
        ),
        st.integers(0, 1_000),
        st.integers(0, 500),
        st.integers(1, 3),
    ),
    max_size=30,
)
MARKS = st.lists(st.builds(ZoneMark, st.integers(0, 60), st.sampled_from(["frontal", "vertex"])), max_size=4)


def history(steps: list[tuple[int, int, int, int]]) -> list[PenEvent]:
    """Events whose totals only grow; numbers may have gaps."""
    events, number, strokes, contact = [], 0, 0, 0
    for code, more, touched, step in steps:
        number, strokes, contact = number + step, strokes + more, contact + min(more, touched)
        events.append(event(number, code, strokes, contact, value=number, arg=1))
    return events


@given(STEPS, MARKS)
def test_every_stroke_is_counted_exactly_once(
    steps: list[tuple[int, int, int, int]], marks: list[ZoneMark]
) -> None:
    events = history(steps)
    report = tally(events, marks)
    expected = Count()
    if events:
        first, last = events[0], events[-1]
        expected = Count(last.strokes_total - first.strokes_total, last.contact_total - first.contact_total)
    assert report.total == expected
    assert sum(report.zones.values(), Count()) == expected
    in_runs = sum((run.count for run in report.runs), Count())
    assert in_runs.strokes <= expected.strokes


@given(STEPS, MARKS, st.randoms(use_true_random=False))
def test_pulling_again_and_in_any_order_changes_nothing(
    steps: list[tuple[int, int, int, int]], marks: list[ZoneMark], chance: random.Random
) -> None:
    events = history(steps)
    pulled = events + chance.sample(events, len(events) // 2)
    chance.shuffle(pulled)
    assert tally(pulled, marks) == tally(events, marks)


@given(STEPS, st.data())
def test_losing_any_events_between_the_ends_loses_no_strokes(
    steps: list[tuple[int, int, int, int]], data: st.DataObject
) -> None:
    events = history(steps)
    kept = [
        entry
        for index, entry in enumerate(events)
        if index in {0, len(events) - 1} or data.draw(st.booleans(), label=f"keep {entry.event_id}")
    ]
    report = tally(kept)
    assert report.total == tally(events).total
    missing = sum(gap.last_id - gap.first_id + 1 for gap in report.gaps)
    assert missing == sum(later.event_id - earlier.event_id - 1 for earlier, later in pairwise(kept))


@given(STEPS, st.data())
def test_totals_seen_by_the_host_never_add_to_what_the_pen_knows(
    steps: list[tuple[int, int, int, int]], data: st.DataObject
) -> None:
    events = history(steps)
    witnesses = []
    for earlier, later in pairwise(events):
        if data.draw(st.booleans()):
            share = data.draw(st.floats(0, 1))
            strokes = earlier.strokes_total + int((later.strokes_total - earlier.strokes_total) * share)
            contact = earlier.contact_total + int((later.contact_total - earlier.contact_total) * share)
            witnesses.append(Witness(earlier.event_id + 1, strokes, contact))
    assert tally(events, (), witnesses).total == tally(events).total
