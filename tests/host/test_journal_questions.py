"""What is asked of a record: the right answers, and never by going through all of it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from pen_host.journal import Journal, JournalReader, Kind
from pen_host.models import PenEvent
from pen_host.session.precheck import last_treated
from pen_host.vault import FileVault
from pen_protocol.faults import Event

PEN = "PEN1"


def event(number: int, code: int = Event.DEPTH_REACHED, value: int = 0) -> PenEvent:
    return PenEvent(
        event_id=number, time_ms=number, code=code, arg=0, value=value, strokes_total=number, contact_total=0
    )


def chip(number: int) -> str:
    return f"{number:016x}"


def treated(journal: Journal, number: int, *, closed: bool) -> None:
    """A session with three events of its own."""
    session, first = f"t{number}", 3 * number
    of = {"session_id": session, "pen_serial": PEN, "subject": f"P-{number}"}
    journal.append(Kind.SESSION_OPENED, {"nonce": number}, **of)
    opens = event(first, Event.SESSION_OPENED, number)
    journal.append_events(
        PEN, [opens, event(first + 1), event(first + 2, Event.SESSION_CLOSED)], session_id=session
    )
    burn = {"request": "CARTRIDGE_USE", "lot": 'L"1', "serial": chip(number)}
    journal.append(Kind.INTENT, burn, **of)
    journal.append(Kind.INTENT, {"request": "SET_DEPTH", "serial": chip(77), "why": "CARTRIDGE_USE"}, **of)
    if closed:
        journal.append(Kind.SESSION_CLOSED, {}, **of)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("asked")
    with Journal.create_or_open(
        folder / "r.sqlite3", station_id="s1", vault=FileVault(folder / "k")
    ) as journal:
        for number in range(1, 6):
            treated(journal, number, closed=number != 3)
        journal.append(Kind.NOTE, {"text": "x"}, session_id="t9", pen_serial="PEN2")
    return folder / "r.sqlite3"


def test_one_session_is_what_the_list_says_of_it(path: Path) -> None:
    with JournalReader(path) as reader:
        every = reader.sessions()
        assert [one.session_id for one in every] == ["t1", "t2", "t3", "t4", "t5", "t9"]
        assert [reader.session(one.session_id) for one in every] == list(every)
        assert reader.newest_sessions(2) == every[-3:-1]
        assert reader.newest_sessions(9) == every[:-1]
        assert reader.newest_sessions(0) == ()
        assert reader.session("t7") is None
        assert every[-1].opened.kind == Kind.NOTE, "one without an opening begins with its first entry"


def test_what_a_session_asks_at_its_start(path: Path) -> None:
    with JournalReader(path) as reader:
        assert [one.session_id for one in reader.left_open(PEN)] == ["t3"]
        assert reader.left_open("PEN2") == ()
        opened = reader.session("t4")
        assert opened
        assert reader.last_opened_utc_ns("P-4") == opened.opened.utc_ns
        assert reader.last_opened_utc_ns("P-7") is None
        assert all(reader.tried_to_burn(chip(number)) for number in range(1, 6))
        assert not any(reader.tried_to_burn(serial) for serial in (chip(6), chip(77), chip(1)[:-1], ""))
        burns = reader.payloads(Kind.INTENT, {"request": "CARTRIDGE_USE"})
        assert [one["serial"] for one in burns] == [chip(number) for number in range(1, 6)]
        assert [row.session_id for row in reader.saying(Kind.INTENT, {"serial": chip(2)})] == ["t2"]
        assert reader.payloads(Kind.INTENT, {"request": "CARTRIDGE"}) == []


ASKED: dict[str, Callable[[JournalReader], object]] = {
    "strokes": lambda reader: reader.strokes("t4"),
    "one session": lambda reader: reader.session("t4"),
    "its entries": lambda reader: list(reader.rows("t4")),
    "left open": lambda reader: reader.left_open(PEN),
    "last opened": lambda reader: reader.last_opened_utc_ns("P-4"),
    "tried to burn": lambda reader: reader.tried_to_burn(chip(4)),
    "burned": lambda reader: reader.payloads(Kind.INTENT, {"request": "CARTRIDGE_USE"}),
    "newest event": lambda reader: reader.last_event_id(PEN),
    "newest sessions": lambda reader: reader.newest_sessions(2),
    "sessions": lambda reader: reader.sessions(),
}


AT_START = {
    "left open": "entries_openings",
    "last opened": "entries_treated",
    "tried to burn": "entries_burns",
}


@pytest.mark.parametrize("name", ASKED)
def test_no_question_goes_through_all_entries(path: Path, name: str) -> None:
    asked: list[str] = []
    with JournalReader(path) as reader:
        reader._raw.set_trace_callback(asked.append)
        ASKED[name](reader)
    with closing(sqlite3.connect(path)) as tool:
        steps = [step[3] for query in asked for step in tool.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert steps
    # the list of sessions goes through the index of sessions, in which nothing else lies
    through = [step for step in steps if step.startswith("SCAN") and "USING COVERING INDEX" not in step]
    assert not through, steps
    assert AT_START.get(name, "") in steps[0], (
        "its index holds only what is asked for, and not every session ever"
    )
    assert not any("entries_kind" in step for step in steps) or name not in ("strokes", "its entries")


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process is set on POSIX only")
@pytest.mark.covers("REQ-1004")
@pytest.mark.parametrize(("zone", "day"), [("JST-9", 2), ("UTC", 1), ("PST8", 1)])
def test_the_day_of_the_last_treatment_is_the_clinics_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str, day: int
) -> None:
    """By UTC, a morning in Tokyo would count as the day before, and the next treatment might come a day early."""
    at = datetime(2028, 2, 1, 23, 30, tzinfo=UTC)
    with Journal.create_or_open(
        tmp_path / "r.sqlite3", utc_ns=lambda: int(at.timestamp()) * 10**9
    ) as journal:
        journal.append(Kind.SESSION_OPENED, {"nonce": 7}, session_id="t1", pen_serial=PEN, subject="P-1")
        with monkeypatch.context() as patch:
            patch.setenv("TZ", zone)
            time.tzset()
            found = last_treated(journal, "P-1")
        time.tzset()
    assert found == date(2028, 2, day)
