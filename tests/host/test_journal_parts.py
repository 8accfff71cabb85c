"""A long chain is walked by several processes, which say what one says."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from pen_host.journal import Draft, Head, Journal, Kind, parts, verify_record
from pen_host.journal.stretch import holds
from pen_host.models import PenEvent
from pen_host.vault import FileVault


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("long")
    with Journal.create_or_open(
        folder / "r.sqlite3", station_id="s1", vault=FileVault(folder / "k")
    ) as journal:
        journal.append_all([Draft(Kind.NOTE, {"text": f"note {number}"}) for number in range(200)])
    return folder / "r.sqlite3"


@pytest.fixture
def long(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(parts, "LONG", 100)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    return Path(shutil.copyfile(made, tmp_path / "r.sqlite3"))


def stretches(path: Path) -> int:
    """How many processes walk it."""
    with closing(sqlite3.connect(path)) as tool:
        (last,) = tool.execute("SELECT max(seq) FROM entries").fetchone()
    with parts.Parts(path, "s1", 0, last) as begun:
        assert begun.hold()
        return len(begun._begun)


def test_an_intact_chain_is_right_in_parts_as_well(long: Path) -> None:
    assert stretches(long) == 2
    told: list[tuple[int, int]] = []
    report = verify_record(long, progress=lambda done, total: told.append((done, total)))
    assert report.intact
    assert told[-1] == (report.checked, report.checked)
    with closing(sqlite3.connect(long)) as tool:
        kept = Head(*tool.execute("SELECT station_id, seq, hash FROM entries WHERE seq = 70").fetchone())
    assert verify_record(long, known=[kept]).intact
    for wrong in (Head("s1", 70, "0" * 64), Head("s1", 999, "0" * 64), Head("s2", 70, kept.hash)):
        assert not verify_record(long, known=[wrong]).intact


def test_a_stretch_holds_whatever_letters_and_gaps_its_entries_have(tmp_path: Path) -> None:
    odd = 'q" b\\ \n\x01\x7f \u2028 \U0001f600 % {x}'
    with Journal.create_or_open(
        tmp_path / "r.sqlite3", station_id=odd, vault=FileVault(tmp_path / "k")
    ) as journal:
        journal.append(Kind.NOTE, {"text": odd}, actor=odd, role=odd, session_id=odd, subject=odd)
        event = PenEvent(event_id=0, time_ms=1, code=1, arg=0, value=0, strokes_total=0, contact_total=0)
        journal.append_events(odd, [event])
        journal.append(Kind.NOTE, {"text": ""})
        with closing(sqlite3.connect(tmp_path / "r.sqlite3")) as tool:
            last = journal.head.seq
            assert holds(tool, odd, 0, last)
            assert holds(tool, odd, 2, last)
            assert not holds(tool, odd, 0, last + 1), "an entry is missing"
            assert not holds(tool, odd, last + 1, last + 2), "nobody knows what came before"
            assert not holds(tool, "another", 0, last)


def test_a_stretch_that_cannot_be_started_is_walked_here(long: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", str(long.with_name("no such program")))
    assert stretches(long) == 0


@pytest.mark.parametrize("seq", [1, 67, 68, 69, 135, 136, 137, 201])
@pytest.mark.parametrize(
    "change", ["UPDATE entries SET actor = 'eve'", "UPDATE entries SET hash = prev_hash"]
)
def test_one_altered_entry_anywhere_is_found_by_a_stretch(long: Path, seq: int, change: str) -> None:
    with closing(sqlite3.connect(long)) as tool:
        (last,) = tool.execute("SELECT max(seq) FROM entries").fetchone()
        tool.execute("DROP TRIGGER entries_never_updated")
        tool.execute(f"{change} WHERE seq = {seq}")
        tool.commit()
    bounds = [0, last // 3, 2 * last // 3, last]
    ends = [parts.main([str(long), "s1", str(a), str(b)]) for a, b in pairwise(bounds)]
    assert 1 in ends


def test_a_damaged_chain_is_named_as_one_walk_names_it(long: Path) -> None:
    with closing(sqlite3.connect(long)) as tool:
        tool.execute("DROP TRIGGER entries_never_updated")
        tool.execute("UPDATE entries SET actor = 'eve' WHERE seq = 150")
        tool.commit()
        guard = (
            "CREATE TRIGGER entries_never_updated BEFORE UPDATE ON entries BEGIN SELECT RAISE(ABORT, ''); END"
        )
        tool.execute(guard)
    (damage,) = verify_record(long).damages
    assert "Entry 150 (note" in damage.sentence
