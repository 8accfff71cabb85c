"""The journal: what it returns is on the disk, and it is read as it was written."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from pen_host.errors import UsageError
from pen_host.journal import (
    Draft,
    EntryError,
    Journal,
    JournalReader,
    JournalUnwritableError,
    Kind,
    verify_record,
)
from tests.host.journal_bench import either, event, kinds, note

# ---- writing -------------------------------------------------------------------------------------------------------


@either
def test_an_entry_is_readable_elsewhere_when_append_returns(journal: Journal, path: Path) -> None:
    row = journal.append(
        "intent",
        {"request": "SET_DEPTH"},
        actor="anna",
        role="physician",
        session_id="t1",
        subject="p",
        pen_serial="P",
    )
    with JournalReader(path) as reader:
        assert list(reader.rows("t1")) == [row]
    assert (row.actor, row.role, row.session_id, row.subject, row.pen_serial) == (
        "anna",
        "physician",
        "t1",
        "p",
        "P",
    )
    assert row.payload == {"request": "SET_DEPTH"}


def test_a_record_says_who_made_it_and_when_it_was_open(path: Path) -> None:
    Journal.create_or_open(path).close()
    Journal.create_or_open(path).close()
    opened = [Kind.JOURNAL_OPENED, Kind.JOURNAL_CLOSED]
    assert kinds(path) == [Kind.JOURNAL_CREATED, *opened, *opened]
    assert verify_record(path).intact


def test_openings_have_boots_of_their_own_and_one_station(path: Path) -> None:
    with Journal.create_or_open(path, station_id="s1") as first:
        one = first.append(Kind.NOTE, {"text": "x"})
    with Journal.create_or_open(path, station_id="ignored") as second:
        other = second.append(Kind.NOTE, {"text": "x"})
    assert one.boot_id != other.boot_id
    assert one.station_id == other.station_id == "s1"


@either
def test_several_entries_share_one_fate(journal: Journal) -> None:
    before = journal.head
    good = Draft(Kind.NOTE, {"text": "x"})
    with pytest.raises(EntryError):
        journal.append_all([good, Draft(Kind.NOTE, {})])
    assert journal.head == before
    assert [row.seq for row in journal.append_all([good, good])] == [before.seq + 1, before.seq + 2]


@pytest.mark.parametrize(
    ("kind", "payload", "clause"),
    [
        ("gossip", {}, "no kind of entry"),
        (Kind.INTENT, {}, "must say request"),
        (Kind.STATUS, {"strokes_total": 1, "contact_total": 1, "next_event": 1}, "must name its pen"),
        (Kind.NOTE, {"text": float("nan")}, "no number JSON can carry"),
        (Kind.NOTE, {"text": "\ud800"}, "surrogate"),
        (Kind.PEN_EVENT, {}, "append_events"),
    ],
)
def test_an_entry_that_says_too_little_is_refused_and_does_no_harm(
    journal: Journal, kind: str, payload: dict[str, object], clause: str
) -> None:
    with pytest.raises(EntryError, match=clause):
        journal.append(kind, payload)
    assert journal.healthy
    note(journal)


def test_a_name_that_no_file_can_carry_is_refused(journal: Journal) -> None:
    with pytest.raises(EntryError, match="surrogate"):
        journal.append(Kind.NOTE, {"text": "x"}, actor="\ud800")
    note(journal)


@either
def test_threads_share_one_chain(journal: Journal, path: Path) -> None:
    threads = [threading.Thread(target=lambda: [note(journal) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kinds(path).count(Kind.NOTE) == 80
    assert journal.verify().intact


def test_a_clock_that_was_set_is_on_record(path: Path) -> None:
    utc, mono = [1_000_000_000_000], [5_000_000_000]
    with Journal.create_or_open(path, utc_ns=lambda: utc[0], monotonic_ns=lambda: mono[0]) as journal:
        utc[0] += 500_000_000
        note(journal)
        utc[0] -= 3_600_000_000_000
        note(journal)
    assert kinds(path).count(Kind.CLOCK_STEPPED) == 1
    with JournalReader(path) as reader:
        (stepped,) = [row.payload for row in reader.rows() if row.kind == Kind.CLOCK_STEPPED]
    assert stepped == {"by_ms": -3_600_000}


# ---- pen events ----------------------------------------------------------------------------------------------------


@either
def test_an_event_pulled_twice_is_in_the_record_once(journal: Journal, path: Path) -> None:
    first = journal.append_events("PEN1", [event(1), event(2)], session_id="t1")
    again = journal.append_events("PEN1", [event(2), event(3), event(3)], session_id="t2")
    assert [row.event_id for row in first.added + again.added] == [1, 2, 3]
    assert again.known == (2, 3)
    assert kinds(path).count(Kind.PEN_EVENT) == 3
    with journal.reader() as reader:
        assert reader.last_event_id("PEN1") == 3
        assert reader.last_event_id("PEN2") is None


def test_the_same_number_from_another_pen_is_another_event(journal: Journal) -> None:
    journal.append_events("PEN1", [event(1)])
    assert len(journal.append_events("PEN2", [event(1)]).added) == 1


def test_a_number_with_other_content_is_kept_beside_the_first_and_reported_every_time(
    journal: Journal, path: Path
) -> None:
    journal.append_events("PEN1", [event(1)])
    for _ in range(2):
        found = journal.append_events("PEN1", [event(1, strokes_total=999)])
        assert (found.added, found.known, found.conflicts) == ((), (), (1,))
    assert kinds(path).count(Kind.EVENT_CONFLICT) == 1


def test_a_thousand_events_in_one_batch(journal: Journal) -> None:
    batch = [event(number) for number in range(1_200)]
    assert len(journal.append_events("PEN1", batch).added) == 1_200
    assert len(journal.append_events("PEN1", batch).known) == 1_200


# ---- reading ---------------------------------------------------------------------------------------


@either
def test_a_reader_cannot_write_and_misses_nothing_it_needs(journal: Journal, path: Path) -> None:
    note(journal)
    with JournalReader(path) as reader:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader._raw.execute("DELETE FROM entries")
        assert len(list(reader.rows())) == 3
        note(journal)
        assert len(list(reader.rows())) == 4
        with pytest.raises(UsageError, match="no session"):
            reader.strokes("t9")
    with pytest.raises(JournalUnwritableError, match="no such file"):
        JournalReader(path.with_name("absent.sqlite3"))


@either
def test_sessions_are_listed_with_their_ends(journal: Journal) -> None:
    journal.append(Kind.SCREENING, {}, session_id="t1")
    opened = journal.append(Kind.SESSION_OPENED, {"nonce": 7}, session_id="t1", pen_serial="PEN1")
    closed = journal.append(Kind.SESSION_CLOSED, {}, session_id="t1")
    journal.append(Kind.SESSION_OPENED, {"nonce": 8}, session_id="t2", pen_serial="PEN1")
    with journal.reader() as reader:
        first, second = reader.sessions()
    assert (first.session_id, first.opened, first.closed_utc_ns) == ("t1", opened, closed.utc_ns)
    assert (first.entries, first.last_seq) == (3, closed.seq)
    assert (second.session_id, second.closed_utc_ns) == ("t2", None)


def test_reading_goes_on_past_one_batch(journal: Journal) -> None:
    journal.append_events("PEN1", [event(number) for number in range(2_500)], session_id="t1")
    with journal.reader() as reader:
        assert [row.event_id for row in reader.rows("t1")] == list(range(2_500))
        assert [row.seq for row in reader.rows(after_seq=1_300)] == list(range(1_301, 2_503))


def test_strokes_of_a_session_come_from_the_pens_events_whenever_they_were_pulled(journal: Journal) -> None:
    journal.append(Kind.SESSION_OPENED, {"nonce": 7}, session_id="t1", pen_serial="PEN1")
    journal.append(
        Kind.ZONE_SELECTED, {"zone": "vertex", "from_event_id": 3}, session_id="t1", pen_serial="PEN1"
    )
    journal.append_events(
        "PEN1",
        [
            event(1, code=1, strokes_total=100),
            event(2, code=2, value=7, strokes_total=100),
            event(3, code=10, value=600, strokes_total=100),
        ],
        session_id="t1",
    )
    journal.append(Kind.SESSION_OPENED, {"nonce": 8}, session_id="t2", pen_serial="PEN1")
    journal.append_events(
        "PEN1",
        [
            event(4, code=11, value=2, strokes_total=350, contact_total=200),
            event(5, code=3, value=7, strokes_total=350, contact_total=200),
            event(6, code=2, value=8, strokes_total=350, contact_total=200),
            event(7, code=10, strokes_total=350, contact_total=200),
            event(8, code=11, strokes_total=360, contact_total=210),
        ],
        session_id="t2",
    )
    with journal.reader() as reader:
        first, second = reader.strokes("t1"), reader.strokes("t2")
    assert (first.total.strokes, first.total.contact) == (250, 200)
    assert first.zones["vertex"] == first.total
    assert [(run.zone, run.depth_um, run.truncated) for run in first.runs] == [("vertex", 600, 2)]
    assert second.total.strokes == 10
    assert second.zones == {None: second.total}


def test_strokes_that_only_a_status_saw_are_counted(journal: Journal) -> None:
    journal.append(Kind.SESSION_OPENED, {"nonce": 7}, session_id="t1", pen_serial="PEN1")
    journal.append_events(
        "PEN1", [event(2, code=2, value=7, strokes_total=100), event(3, code=10, strokes_total=100)]
    )
    seen = {"strokes_total": 180, "contact_total": 0, "next_event": 4}
    journal.append(Kind.STATUS, seen, session_id="t1", pen_serial="PEN1")
    with journal.reader() as reader:
        assert reader.strokes("t1").total.strokes == 80
