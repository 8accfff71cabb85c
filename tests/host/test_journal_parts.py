"""A long chain is walked by several processes, which say what one says."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from pen_host.journal import Draft, Head, Journal, Kind, parts, verify_record
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
    monkeypatch.setattr(parts.os, "cpu_count", lambda: 3)
    return Path(shutil.copyfile(made, tmp_path / "r.sqlite3"))


def in_parts(path: Path, *known: Head) -> bool:
    head = verify_record(path).head
    assert head
    return parts.intact_in_parts(path, "s1", head, known, None)


def test_an_intact_chain_is_right_in_parts_as_well(long: Path) -> None:
    with closing(sqlite3.connect(long)) as tool:
        kept = Head(*tool.execute("SELECT station_id, seq, hash FROM entries WHERE seq = 70").fetchone())
    assert in_parts(long, kept)
    assert not in_parts(long, Head("s1", 70, "0" * 64))
    assert not in_parts(long, Head("s1", 999, "0" * 64))


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
