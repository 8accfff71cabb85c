"""A whole treatment in simulated time: what it does, and that no stroke is lost or made up on the way."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from pen_host.dose import PassCount, of_zone
from pen_host.errors import RefusedError, UsageError
from pen_host.journal import JournalReader, Kind
from pen_host.names import EventCode
from pen_host.outcomes import Refused
from pen_host.progress import Phase, Progress
from pen_host.reports.sessions import told as session_told
from pen_host.reports.words import treated
from pen_host.session import (
    ForbiddenError,
    clear_stop,
)
from pen_host.session.hands import Proceed
from tests.host.treatment_bench import OPERATOR, Station, counts_agree, small_plan

GOAL = 21
"""Strokes that bring 12 needles on 100 mm2 to 250 per cm2, and one more."""


# --- as planned --------------------------------------------------------------------------------------------------------


def test_a_treatment_goes_from_checks_to_picture_and_every_stroke_is_counted_once(station: Station) -> None:
    result = station.treat()
    assert result.strokes_pen == result.strokes_journal == station.strokes_made() > 2 * GOAL - 2
    assert [zone.name for zone in result.zones] == ["frontal", "midscalp"]
    assert sum(zone.strokes for zone in result.zones) == result.strokes_pen
    assert all(zone.dose_per_cm2 and zone.dose_per_cm2 >= 250 for zone in result.zones)
    assert (result.trips, result.faults, result.chain_ok) == (0, (), True)
    assert result.picture is not None
    assert result.picture.read_bytes().startswith(b"\x89PNG")
    counts_agree(station)


@pytest.mark.parametrize(
    ("decided", "ended"),
    [
        ((Proceed.ARM, Proceed.ARM), "completed"),
        ((Proceed.ARM, Proceed.FINISH), "ended early by the operator"),
        ((Proceed.SKIP, Proceed.ARM), "ended early by the operator"),
    ],
)
def test_a_zone_that_was_left_out_is_in_the_record_as_the_end_and_on_paper_as_no_treated_one(
    station: Station, decided: tuple[Proceed, Proceed], ended: str
) -> None:
    answers = dict(zip(("frontal", "midscalp"), decided, strict=True))
    station.hands.on_proceed = lambda zone: answers[zone.name]
    result = station.treat()
    (closed,) = station.rows(Kind.SESSION_CLOSED)
    assert closed.payload["reason"] == ended
    with station.journal.reader() as reader:
        told = session_told(reader, result.session_id)
    assert told.ended == ended
    passes = {
        zone: [
            PassCount(run.count.strokes, run.count.contact) for run in told.report.runs if run.zone == zone
        ]
        for zone in answers
    }
    doses = [of_zone(zone, 12, passes[zone.name], sure=True) for zone in small_plan().zones]
    assert treated(doses) == ", ".join(name for name in answers if answers[name] is Proceed.ARM)


def test_every_request_is_in_the_record_before_it_is_sent_and_its_outcome_after(station: Station) -> None:
    station.treat()
    intents = {row.seq: row.payload["request"] for row in station.rows(Kind.INTENT)}
    outcomes = {row.payload["intent"]: row for row in station.rows(Kind.OUTCOME)}
    assert set(outcomes) == set(intents)
    for seq, request in intents.items():
        assert outcomes[seq].seq > seq
        assert outcomes[seq].payload["request"] == request
    assert list(intents.values())[:2] == ["OPEN_SESSION", "TIGHTEN_LIMITS"]
    assert list(intents.values())[-1] == "CLOSE_SESSION"


def test_the_pen_itself_refuses_what_goes_beyond_the_plan(station: Station) -> None:
    tickets = []
    station.hands.on_hold = lambda _: tickets.append(station.worker.submit("SET_RATE", {"rate_mhz": 149_000}))
    station.treat()
    assert all(isinstance(ticket.outcome, Refused) for ticket in tickets)
    with station.journal.reader() as reader:
        events = [row.payload for row in reader.rows() if row.kind == Kind.PEN_EVENT]
    tightened = [event["value"] for event in events if event["code"] == EventCode.LIMITS_TIGHTENED]
    assert tightened == [300]


def test_the_goal_ends_the_strokes_even_when_the_hand_is_late(station: Station) -> None:
    late = [False]

    def keep_holding() -> None:
        if not late[0] and len(station.hands.asked) > 2:
            late[0] = True
            station.sim.at_ms(3_000, station.sim.bench.release_trigger)
        else:
            station.sim.bench.release_trigger()

    station.hands.on_release = keep_holding
    result = station.treat(small_plan(zones=1))
    assert late[0]
    assert GOAL <= result.strokes_pen < GOAL + 20
    counts_agree(station)


def test_strokes_off_the_skin_are_counted_and_are_no_dose(station: Station) -> None:
    station.hands.in_contact = False
    result = station.treat(small_plan(zones=1))
    (zone,) = result.zones
    assert zone.strokes > 100
    assert zone.contact_strokes == 0
    assert zone.dose_per_cm2 == 0
    assert zone.done_ms >= 2_000, "the zone's time is used up instead: two passes of a second"
    assert result.faults == (), "the host ends a hold before the pen's own limit does"
    counts_agree(station)


def test_many_short_holds_add_up_to_the_zones_dose(station: Station) -> None:
    station.hands.on_hold = lambda _: station.sim.at_ms(90, station.sim.bench.release_trigger)
    result = station.treat(small_plan(zones=1))
    assert len([kind for kind, _ in station.hands.asked if kind == "hold"]) > 2
    assert GOAL <= result.zones[0].contact_strokes < GOAL + 12
    counts_agree(station)


# --- before it begins --------------------------------------------------------------------------------------------------


def test_a_treatment_does_not_begin_on_a_stopped_pen_and_the_way_out_is_named(station: Station) -> None:
    station.pen.stop()
    with pytest.raises(RefusedError, match="pen clear STOP_COMMAND --operator NAME"):
        station.treat()
    assert not station.rows(Kind.SESSION_OPENED)
    with pytest.raises(UsageError, match="stopped for STOP_COMMAND, not for RATE_DROOP"):
        clear_stop(station.pen, station.journal, OPERATOR, "RATE_DROOP")
    cleared = clear_stop(station.pen, station.journal, OPERATOR, "stop_command")
    assert (cleared.cause, cleared.operator) == ("STOP_COMMAND", OPERATOR.name)
    assert [row.actor for row in station.rows(Kind.OUTCOME)] == [OPERATOR.name]
    assert station.treat().strokes_pen == station.strokes_made()


def test_a_stop_whose_cause_is_still_there_is_not_cleared(station: Station) -> None:
    station.sim.bench.open_estop()
    station.let_pass(0.3)
    with pytest.raises(RefusedError, match="CLEAR_FAULT was refused"):
        clear_stop(station.pen, station.journal, OPERATOR, "ESTOP_OPEN")
    assert station.pen_stopped()


def test_an_answer_that_forbids_keeps_everything_still(station: Station) -> None:
    plan = small_plan()
    answers = {**plan.screening.answers, "keloid": True}
    plan = plan.model_copy(update={"screening": plan.screening.model_copy(update={"answers": answers})})
    with pytest.raises(ForbiddenError, match="nothing was moved"):
        station.treat(plan)
    assert not station.rows(Kind.SESSION_OPENED)
    assert not station.sim.trace.of("step", station.begun_us)


def test_the_same_patient_is_not_treated_again_before_the_interval(station: Station) -> None:
    station.treat()
    with pytest.raises(ForbiddenError, match="needled 0 days ago"):
        station.treat()
    assert station.treat(patient="P-0002").trips == 0


def test_a_plan_above_the_pens_settings_is_refused_and_tighter_settings_are_kept(station: Station) -> None:
    held = station.pen.settings_read()
    tighter = replace(held, version=held.version + 1, stroking_max_ms=20_000, session_armed_max_s=600)
    station.pen.settings_write(tighter)
    station.treat(small_plan(zones=1))
    asked = [row.payload for row in station.rows(Kind.INTENT) if row.payload["request"] == "TIGHTEN_LIMITS"]
    assert asked[0]["session_armed_max_s"] == 600
    shallow = replace(tighter, version=tighter.version + 1, depth_cap_um=200)
    station.pen.settings_write(shallow)
    with pytest.raises(ForbiddenError, match="above this pen's limit of 200 um"):
        station.treat(small_plan(zones=1), patient="P-0002")


def test_a_place_where_nothing_can_be_written_is_told_before_anything_moves(station: Station) -> None:
    blocked = station.place / "file"
    blocked.write_text("")
    station.place = blocked / "below"
    with pytest.raises(UsageError, match="Name another directory with --out"):
        station.treat()
    assert not station.rows(Kind.SESSION_OPENED)


def test_a_pen_that_refuses_the_session_leaves_none_open_in_the_record(station: Station) -> None:
    station.pen.stop()
    with pytest.raises(RefusedError):
        station.open()
    with JournalReader(station.journal.path) as reader:
        assert [one.closed_utc_ns is None for one in reader.sessions()] == [False]


def test_strokes_of_a_hand_that_is_quicker_than_the_host_count_for_their_zone(station: Station) -> None:
    """The trigger is pressed the moment the pen is armed, before the host has looked at it again."""

    def press_at_once(progress: Progress) -> None:
        if progress.phase is Phase.READY and threading.current_thread() is threading.main_thread():
            station.sim.bench.touch_skin()
            station.sim.bench.press_trigger()
            station.let_pass(0.1)

    station.watch = press_at_once
    result = station.treat(small_plan(zones=1))
    assert sum(zone.strokes for zone in result.zones) == station.strokes_made()
