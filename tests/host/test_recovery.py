"""After a crash: what was open is settled and closed, strokes find their session, and what is not ours is left alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pen_host.errors import RefusedError
from pen_host.journal import Journal, Kind
from pen_host.session import Session, interrupted, open_session, recover
from pen_sim.rig import SimPen
from tests.host.treatment_bench import OPERATOR, Station, small_plan

SEED = 1


@pytest.fixture
def sim() -> SimPen:
    return SimPen(seed=SEED)


@pytest.fixture
def station(tmp_path: Path, sim: SimPen) -> Iterator[Station]:
    with Station(tmp_path, sim) as made:
        yield made


def stroking(station: Station) -> Session:
    """A session in which the needle runs."""
    session = station.open()
    session.home()
    session.set_depth(300)
    session.set_rate(100_000)
    read = station.pen.cartridge_read()
    session.act(
        "CARTRIDGE_USE", lambda: station.pen.cartridge_use(read.serial), {"serial": read.serial.hex()}
    )
    session.note(Kind.ZONE_SELECTED, {"zone": "frontal", "from_event_id": station.pen.status().next_event})
    session.arm(300, 100_000, small_plan().plan_hash)
    station.let_pass(0.2)
    station.sim.bench.touch_skin()
    station.sim.bench.press_trigger()
    station.let_pass(0.5)
    return session


def host_dies(station: Station) -> None:
    """The host is gone; the hand goes on holding the trigger."""
    station.close()
    station.sim.advance_ms(1_000)


def test_a_host_that_died_amid_strokes_finds_every_stroke_again(tmp_path: Path, sim: SimPen) -> None:
    first = Station(tmp_path, sim)
    session = stroking(first)
    host_dies(first)
    with Station(tmp_path, sim) as second:
        made = len(sim.trace.rises("coil", first.begun_us))
        (found,) = recover(second.pen, second.journal, OPERATOR)
        assert made > 40
        assert (found.session_id, found.strokes, found.sure, found.closed_on_pen) == (
            session.session_id,
            made,
            True,
            True,
        )
        with second.journal.reader() as reader:
            zones = reader.strokes(session.session_id).zones
        assert {zone: count.strokes for zone, count in zones.items()} == {"frontal": made}
        assert second.pen.status().session_nonce == 0
        assert recover(second.pen, second.journal, OPERATOR) == [], "settled once is settled"


def test_every_open_question_is_settled_and_none_is_taken_lightly(tmp_path: Path, sim: SimPen) -> None:
    first = Station(tmp_path, sim)
    session = first.open()
    session.home()
    for request in ("SET_RATE", "CLEAR_FAULT", "ARM"):
        session.note(Kind.INTENT, {"request": request})
    host_dies(first)
    with Station(tmp_path, sim) as second:
        (found,) = recover(second.pen, second.journal, OPERATOR)
        assert found.settled == ("SET_RATE", "CLEAR_FAULT", "ARM")
        answers = {row.payload["request"]: row.payload["executed"] for row in second.rows(Kind.SETTLED)}
        assert answers == {"SET_RATE": "no", "CLEAR_FAULT": "assumed", "ARM": "no"}


def test_after_a_restart_of_the_pen_whatever_was_open_counts_as_executed(tmp_path: Path, sim: SimPen) -> None:
    first = Station(tmp_path, sim)
    session = first.open()
    session.home()
    session.note(Kind.INTENT, {"request": "SET_RATE"})
    host_dies(first)
    sim.power_cycle()
    sim.advance_ms(2_000)
    with Station(tmp_path, sim) as second:
        (found,) = recover(second.pen, second.journal, OPERATOR)
        assert (found.settled, found.closed_on_pen) == (("SET_RATE",), False)
        (settled,) = second.rows(Kind.SETTLED)
        assert settled.payload["executed"] == "assumed"
        assert second.rows(Kind.SESSION_CLOSED)[-1].payload["reason"] == "interrupted"


def test_a_pen_that_was_reset_amid_strokes_keeps_their_number_or_says_that_one_may_be_missing(
    tmp_path: Path, sim: SimPen
) -> None:
    first = Station(tmp_path, sim)
    stroking(first)
    sim.at_ms(1, sim.reset)
    first.let_pass(0.01)
    host_dies(first)
    with Station(tmp_path, sim) as second:
        (found,) = recover(second.pen, second.journal, OPERATOR)
        missing = len(sim.trace.rises("coil", first.begun_us)) - found.strokes
        assert missing in ((0,) if found.sure else (0, 1)), "the stroke that the reset cut"
        assert second.pen.status().cause_text == "RESET_WHILE_ARMED"


def test_a_pen_that_lost_power_amid_strokes_says_that_some_may_be_missing(
    tmp_path: Path, sim: SimPen
) -> None:
    first = Station(tmp_path, sim)
    stroking(first)
    first.close()
    sim.power_cycle()
    sim.advance_ms(2_000)
    with Station(tmp_path, sim) as second:
        (found,) = recover(second.pen, second.journal, OPERATOR)
        assert not found.sure
        assert second.rows(Kind.SESSION_CLOSED)[-1].payload["sure"] is False


def test_a_session_of_another_station_is_refused_and_left_alone(tmp_path: Path, station: Station) -> None:
    session = station.open()
    with Journal.create_or_open(tmp_path / "other.sqlite") as other:
        with pytest.raises(RefusedError, match="another station opened it"):
            recover(station.pen, other, OPERATOR)
        with pytest.raises(RefusedError):
            open_session(station.pen, other, OPERATOR, small_plan(), None, {})
    assert station.pen.status().session_nonce == session.nonce
    assert session.home()


def test_what_is_settled_is_told_even_where_something_else_cannot_be(
    tmp_path: Path, station: Station
) -> None:
    station.open()
    with Journal.create_or_open(tmp_path / "other.sqlite") as other:
        left = Session(station.pen, other, OPERATOR, 7)
        left.note(Kind.SESSION_OPENED, {"nonce": left.nonce, "plan": "cut off by a crash"})
        told: list[str] = []
        with pytest.raises(RefusedError, match="another station opened it"):
            recover(station.pen, other, OPERATOR, lambda one: told.append(one.session_id))
        assert told == [left.session_id]
        assert interrupted(other, left.serial) == [], "nobody would find it again"


def test_a_session_with_another_pen_is_not_this_pens_to_settle(tmp_path: Path, sim: SimPen) -> None:
    first = Station(tmp_path, sim)
    session = first.open()
    host_dies(first)
    with Station(tmp_path, SimPen(seed=SEED + 1)) as second:
        assert recover(second.pen, second.journal, OPERATOR) == []
        serial = f"{session.serial}"
        assert [one.session_id for one in interrupted(second.journal, serial)] == [session.session_id]


def test_a_recovery_that_is_itself_cut_is_taken_up_again(tmp_path: Path, sim: SimPen) -> None:
    first = Station(tmp_path, sim)
    session = stroking(first)
    host_dies(first)
    sim.bench.release_trigger()
    second = Station(tmp_path, sim)
    again = Session(second.pen, second.journal, OPERATOR, session.nonce)
    again.begin()
    again.pull()
    again.note(Kind.INTENT, {"request": "CLOSE_SESSION"})  # and here it dies
    host_dies(second)
    with Station(tmp_path, sim) as third:
        (found,) = recover(third.pen, third.journal, OPERATOR)
        assert found.settled == ("CLOSE_SESSION",)
        assert found.strokes == len(sim.trace.rises("coil", first.begun_us))


def test_a_treatment_settles_what_an_earlier_crash_left_open_before_it_begins(
    tmp_path: Path, sim: SimPen
) -> None:
    first = Station(tmp_path, sim)
    session = first.open()
    session.home()
    host_dies(first)
    with Station(tmp_path, sim) as second:
        second.treat(patient="P-0002")
        with second.journal.reader() as reader:
            assert all(one.closed_utc_ns is not None for one in reader.sessions())
            assert len(reader.sessions()) == 2
