"""What stops a treatment in simulated time, hands, faults or the host itself: the needle rests and the counts agree."""

from __future__ import annotations

import threading

import pytest

from pen_host.errors import ExitCode, JournalError
from pen_host.journal import Kind
from pen_host.names import EventCode, Fault
from pen_host.outcomes import Outcome
from pen_host.progress import Phase
from pen_host.session import (
    TreatmentAbandonedError,
    bedside,
    recover,
    way_out,
)
from pen_protocol import limits
from tests.host.treatment_bench import OPERATOR, Station, closed_in_order, counts_agree, small_plan

# --- stops on the way --------------------------------------------------------------------------------------------------


def test_a_cartridge_that_comes_off_stops_and_the_old_one_is_refused(station: Station) -> None:
    bench = station.sim.bench
    old = bench.cartridge

    def come_off(number: int) -> None:
        if number == 2:
            station.sim.at_ms(100, bench.unlatch)

    def give(number: int) -> None:
        if number <= 2:
            bench.latch()  # first the one that is in, then the same again after it came off
        else:
            station.hands.change(bench.insert_new_cartridge)

    station.hands.on_hold, station.hands.on_cartridge = come_off, give
    result = station.treat()
    assert (result.trips, result.faults) == (1, ("CARTRIDGE_UNLATCHED",))
    assert bench.cartridge is not old
    refused = [why for kind, why in station.hands.asked if kind == "cartridge" and "refused" in why]
    assert refused
    assert "mark of an earlier session" in refused[0]
    assert len([row for row in station.rows(Kind.INTENT) if row.payload["request"] == "CARTRIDGE_USE"]) == 2
    counts_agree(station)


def test_a_stop_is_cleared_by_its_cause_in_the_operators_name(station: Station) -> None:
    bench = station.sim.bench
    station.hands.on_hold = lambda number: station.sim.at_ms(100, bench.open_estop) if number == 1 else None
    station.hands.on_resolve = bench.close_estop
    result = station.treat()
    assert result.faults == ("ESTOP_OPEN",)
    assert ("clear", "ESTOP_OPEN") in station.hands.asked
    cleared = [
        row.payload for row in station.rows(Kind.PEN_EVENT) if row.payload["code"] == EventCode.FAULT_CLEARED
    ]
    assert [event["value"] for event in cleared] == [OPERATOR.number]
    (intent,) = [row for row in station.rows(Kind.INTENT) if row.payload["request"] == "CLEAR_FAULT"]
    assert intent.payload["operator"] == intent.actor == OPERATOR.name
    counts_agree(station)


def test_a_stop_that_nobody_clears_ends_the_treatment(station: Station) -> None:
    bench = station.sim.bench
    station.hands.on_hold = lambda _: station.sim.at_ms(100, bench.open_estop)
    station.hands.on_resolve = bench.close_estop
    station.hands.agrees = False
    with pytest.raises(TreatmentAbandonedError, match="ESTOP_OPEN was not cleared"):
        station.treat()
    assert station.pen_stopped()
    closed_in_order(station)


def test_too_many_stops_end_the_treatment(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(way_out, "TRIPS_MAX", 2)
    bench = station.sim.bench
    station.hands.on_hold = lambda _: station.sim.at_ms(60, bench.open_estop)
    station.hands.on_resolve = bench.close_estop
    with pytest.raises(TreatmentAbandonedError, match="more than 2 times"):
        station.treat()
    assert len(station.rows(Kind.TRIP)) == 3
    closed_in_order(station)


def test_stop_from_another_thread_ends_the_strokes_at_once_and_is_a_stop_like_any_other(
    station: Station,
) -> None:
    given_us: list[int] = []

    def give_stop() -> None:
        given_us.append(station.sim.now_us)
        station.worker.stop_now()

    station.hands.on_hold = lambda number: station.sim.at_ms(100, give_stop) if number == 1 else None
    result = station.treat()
    assert result.faults == (Fault.STOP_COMMAND.name,)
    after = [rise for rise in station.sim.trace.rises("coil", given_us[0]) if rise < given_us[0] + 200_000]
    assert all(rise - given_us[0] < 20_000 for rise in after), "STOP takes effect within a few passes"
    counts_agree(station)


def test_a_hand_that_never_comes_ends_the_treatment(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bedside, "HAND_TIMEOUT_S", 2.0)
    station.hands.presses = False
    with pytest.raises(TreatmentAbandonedError, match="Waited 2 s for the trigger in vain"):
        station.treat()
    assert station.strokes_made() == 0
    assert station.pen_stopped()
    closed_in_order(station)


def test_cartridges_that_are_all_refused_end_the_treatment_before_anything_moves(station: Station) -> None:
    spent = station.sim.bench.cartridge
    assert spent is not None
    spent.memory[32:40] = bytes(8)
    station.hands.on_cartridge = lambda _: station.hands.change(
        lambda: station.sim.bench.insert_cartridge(spent)
    )
    with pytest.raises(TreatmentAbandonedError, match="5 cartridges were refused"):
        station.treat()
    assert station.strokes_made() == 0
    assert not station.sim.trace.of("step", station.begun_us)
    closed_in_order(station)


def test_a_refused_cartridge_is_not_tried_again_before_it_was_taken_out(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person needs longer than the pen to read the same cartridge five times."""
    monkeypatch.setattr(bedside, "HAND_TIMEOUT_S", 10.0)
    spent = station.sim.bench.cartridge
    assert spent is not None
    spent.memory[32:40] = bytes(8)

    def give(number: int) -> None:
        if number == 2:
            station.sim.at_ms(3_000, lambda: station.hands.change(station.sim.bench.insert_new_cartridge))

    station.hands.on_cartridge = give
    assert station.treat(small_plan(zones=1)).trips == 0
    assert len([kind for kind, _ in station.hands.asked if kind == "cartridge"]) == 2


@pytest.mark.parametrize(
    "fault",
    [
        "hall_lost",
        "droop",
        "needle_slow",
        "coil_short",
        "edge_counter",
        "overheat",
        "supply_low",
        "charger",
        "step_counter",
        "estop_missing",
        "tick_slow",
    ],
)
def test_after_a_fault_that_a_hand_can_remove_the_treatment_goes_on_and_counts_agree(
    station: Station, fault: str
) -> None:
    bench = station.sim.bench
    arguments = {"celsius": 61.0, "factor": 1.0} if fault == "overheat" else {}

    def begin(number: int) -> None:
        if number == 1:
            station.sim.at_ms(80, lambda: bench.inject(fault, **arguments))

    def remove() -> None:
        bench.clear_all()
        bench.release_trigger()

    station.hands.on_hold, station.hands.on_resolve = begin, remove
    result = station.treat(small_plan(hold_s=5, area_mm2=400))
    assert result.trips == 1, result.faults
    assert result.strokes_journal == result.strokes_pen
    # a pen whose counter counts too many says so, and its record then holds too many rather than too few
    assert station.strokes_recorded() == station.strokes_made() + (5 if fault == "edge_counter" else 0)
    assert result.chain_ok


@pytest.mark.parametrize("fault", ["fluid", "sensor_open"])
def test_after_a_fault_that_needs_an_engineer_the_treatment_ends_with_advice(
    station: Station, fault: str
) -> None:
    bench = station.sim.bench
    station.hands.on_hold = lambda _: station.sim.at_ms(80, lambda: bench.inject(fault))
    with pytest.raises(TreatmentAbandonedError, match="engineer"):
        station.treat(small_plan(hold_s=5, area_mm2=400))
    assert not any(kind == "clear" for kind, _ in station.hands.asked)
    closed_in_order(station)


def test_what_blocks_between_two_zones_is_removed_and_the_treatment_goes_on(station: Station) -> None:
    bench = station.sim.bench
    released = [0]

    def release() -> None:
        bench.release_trigger()
        released[0] += 1
        if released[0] == 1:
            bench.connect_charger()

    station.hands.on_release, station.hands.on_resolve = release, bench.disconnect_charger
    result = station.treat()
    assert any(kind == "resolve" and "Unplug the charger" in text for kind, text in station.hands.asked)
    assert result.strokes_pen == result.strokes_journal == station.strokes_made()
    assert any(progress.phase is Phase.BLOCKED for progress in station.shown)


def test_a_cartridge_taken_between_two_zones_is_replaced_by_a_new_one(station: Station) -> None:
    bench = station.sim.bench
    taken = [False]

    def release() -> None:
        bench.release_trigger()
        if not taken[0]:
            taken[0] = True
            bench.take_cartridge()

    station.hands.on_release = release
    result = station.treat()
    assert taken[0]
    burned = [
        row.payload["serial"]
        for row in station.rows(Kind.INTENT)
        if row.payload["request"] == "CARTRIDGE_USE"
    ]
    assert len(set(burned)) == 2
    assert result.strokes_pen == result.strokes_journal


# --- the host fails ----------------------------------------------------------------------------------------------------


def test_a_full_disk_amid_strokes_stops_the_needle_in_time_and_loses_no_stroke(station: Station) -> None:
    full_us: list[int] = []

    def disk_full() -> None:
        station.fill_disk()
        full_us.append(station.sim.now_us)

    station.hands.on_hold = lambda _: station.sim.at_ms(100, disk_full)
    with pytest.raises(JournalError) as caught:
        station.treat(small_plan(zones=1, hold_s=5, area_mm2=1_000))
    assert caught.value.exit_code is ExitCode.JOURNAL
    assert station.last_stroke_us() - full_us[0] < limits.BUDGET_HOST_SILENT_MS * 1_000
    station.sim.bench.release_trigger()
    station.free_disk()
    station.journal.recover(actor="Dr. Test", role="clinician")
    (settled,) = recover(station.pen, station.journal, OPERATOR)
    assert settled.strokes == station.strokes_made() > 5
    assert settled.sure
    assert station.journal.verify().intact


def test_ctrl_c_amid_strokes_stops_first_and_closes_the_session(station: Station) -> None:
    broken_us: list[int] = []

    def ctrl_c() -> None:
        if station.strokes_made() > 5 and not broken_us:
            broken_us.append(station.sim.now_us)
            raise KeyboardInterrupt

    station.on_pause = ctrl_c
    station.hands.on_release = lambda: None  # a hand that does not let go
    with pytest.raises(KeyboardInterrupt):
        station.treat(small_plan(hold_s=5, area_mm2=1_000))
    assert station.last_stroke_us() - broken_us[0] < 20_000
    assert station.pen_stopped()
    closed_in_order(station)
    assert any("Ctrl-C" in str(row.payload["text"]) for row in station.rows(Kind.NOTE))


def test_a_request_that_ctrl_c_cut_is_settled_before_the_session_closes(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = station.pen.home

    def cut() -> Outcome:
        home()
        raise KeyboardInterrupt

    monkeypatch.setattr(station.pen, "home", cut)
    with pytest.raises(KeyboardInterrupt):
        station.treat()
    (settled,) = station.rows(Kind.SETTLED)
    assert (settled.payload["request"], settled.payload["executed"]) == ("HOME", "assumed")
    closed_in_order(station)


def test_an_error_of_the_program_itself_stops_the_needle_too(station: Station) -> None:
    def fail(progress: object) -> None:
        if station.strokes_made() > 5 and threading.current_thread() is threading.main_thread():
            raise RuntimeError("the view is broken")

    station.watch = fail
    station.hands.on_release = lambda: None
    with pytest.raises(RuntimeError, match="the view is broken"):
        station.treat(small_plan(hold_s=5, area_mm2=1_000))
    assert station.pen_stopped()
    station.sim.bench.release_trigger()
    (settled,) = recover(station.pen, station.journal, OPERATOR)
    assert settled.strokes == station.strokes_made()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_nobody_treats_blind_when_the_view_fails_in_its_own_thread(station: Station) -> None:
    def fail(progress: object) -> None:
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("the view is broken")

    station.watch = fail
    with pytest.raises(TreatmentAbandonedError, match="shows and records"):
        station.treat(small_plan(hold_s=50, area_mm2=10_000))
    closed_in_order(station)
