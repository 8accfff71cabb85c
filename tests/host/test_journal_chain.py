"""The chain finds every single change of a record, says what it was, and never doubts an intact one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_host.canonical import canonical_json
from pen_host.journal.chain import (
    COLUMNS,
    GENESIS,
    HASH,
    PREV_HASH,
    SEQ,
    ChainCheck,
    DamageKind,
    Head,
    RawRow,
    row_hash,
)

GOLDEN = Path(__file__).parent / "golden" / "journal_rows.json"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
MAYBE = st.none() | TEXT

ENTRY = st.fixed_dictionaries(
    {
        "utc_ns": st.integers(0, 2**62),
        "monotonic_ns": st.integers(0, 2**62),
        "boot_id": TEXT,
        "actor": TEXT,
        "role": TEXT,
        "kind": TEXT,
        "session_id": MAYBE,
        "subject": MAYBE,
        "pen_serial": MAYBE,
        "event_id": st.none() | st.integers(0, 2**30 - 1),
        "payload": st.dictionaries(TEXT, st.integers(-100, 100), max_size=3).map(canonical_json),
    }
)


def chained(contents: list[dict[str, Any]]) -> list[RawRow]:
    """Entries as the journal would have written them."""
    rows: list[RawRow] = []
    last = GENESIS
    for seq, content in enumerate(contents, 1):
        columns = {"station_id": "s1", "seq": seq, "form": 1, **content, "prev_hash": last, "hash": ""}
        row = tuple(columns[name] for name in COLUMNS)
        last = row_hash(row)
        rows.append((*row[:-1], last))
    return rows


RECORD = st.lists(ENTRY, min_size=2, max_size=12).map(chained)


def head_of(rows: list[RawRow]) -> Head:
    return Head("s1", rows[-1][SEQ], rows[-1][HASH])


def check(rows: list[RawRow], known: tuple[Head, ...] = (), cut: int = 0) -> list[tuple[DamageKind, int]]:
    """What a check finds, fed in two parts."""
    checker = ChainCheck(known)
    checker.feed(rows[:cut])
    checker.feed(rows[cut:])
    return [(damage.kind, damage.seq) for damage in checker.finish()]


@given(RECORD, st.data())
def test_an_intact_record_is_never_doubted(rows: list[RawRow], data: st.DataObject) -> None:
    kept = data.draw(st.sampled_from(rows))
    cut = data.draw(st.integers(0, len(rows)))
    assert check(rows, (Head("s1", kept[SEQ], kept[HASH]), head_of(rows)), cut) == []


@given(RECORD, st.data())
@pytest.mark.covers("REQ-1401")
def test_any_changed_column_of_any_entry_is_found_there(rows: list[RawRow], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(rows) - 1))
    column = data.draw(st.sampled_from([c for c in range(len(COLUMNS)) if c != SEQ]))
    old = rows[index][column]
    new = data.draw(
        {
            "form": st.integers(2, 9),
            "utc_ns": st.integers(0, 2**62),
            "monotonic_ns": st.integers(0, 2**62),
            "event_id": st.none() | st.integers(0, 2**30 - 1),
            "prev_hash": st.text("0123456789abcdef", min_size=64, max_size=64),
            "hash": st.text("0123456789abcdef", min_size=64, max_size=64),
        }.get(COLUMNS[column], TEXT)
    )
    if new == old:
        return
    rows[index] = (*rows[index][:column], new, *rows[index][column + 1 :])
    found = check(rows, cut=data.draw(st.integers(0, len(rows))))
    assert [seq for _, seq in found] == [index + 1]
    last = index == len(rows) - 1
    expected = {
        "form": DamageKind.UNREADABLE,
        "prev_hash": DamageKind.LINK_ALTERED,
        "hash": DamageKind.ALTERED if last else DamageKind.HASH_ALTERED,
    }
    assert found[0][0] == expected.get(COLUMNS[column], DamageKind.ALTERED)


@given(RECORD, st.data())
@pytest.mark.covers("REQ-1401")
def test_removed_entries_are_named(rows: list[RawRow], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(rows) - 2))
    last = data.draw(st.integers(first, len(rows) - 2))
    assert check(rows[:first] + rows[last + 1 :]) == [(DamageKind.MISSING, first + 1)]


@given(RECORD, st.data())
def test_a_tail_cut_off_is_found_with_a_known_head(rows: list[RawRow], data: st.DataObject) -> None:
    left = data.draw(st.integers(0, len(rows) - 1))
    assert check(rows[:left], (head_of(rows),)) == [(DamageKind.TRUNCATED, len(rows))]


@given(st.lists(ENTRY, min_size=4, max_size=12).map(chained), st.data())
@pytest.mark.covers("REQ-1401")
def test_entries_that_changed_places_are_told_apart_from_altered_ones(
    rows: list[RawRow], data: st.DataObject
) -> None:
    one = data.draw(st.integers(0, len(rows) - 3))
    other = data.draw(st.integers(one + 1, len(rows) - 2))
    swapped = list(rows)
    swapped[one] = _numbered(rows[other], one + 1)
    swapped[other] = _numbered(rows[one], other + 1)
    found = check(swapped)
    assert {seq for _, seq in found} >= {one + 1, other + 1}
    if other - one > 1:
        assert found == [(DamageKind.MISPLACED, one + 1), (DamageKind.MISPLACED, other + 1)]


@given(RECORD, ENTRY, st.data())
def test_an_entry_written_anew_with_a_fitting_hash_breaks_the_link(
    rows: list[RawRow], content: dict[str, Any], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(rows) - 2))
    columns = {
        "station_id": "s1",
        "seq": index + 1,
        "form": 1,
        **content,
        "prev_hash": rows[index][PREV_HASH],
    }
    row = tuple({**columns, "hash": ""}[name] for name in COLUMNS)
    forged = (*row[:-1], row_hash(row))
    if forged == rows[index]:
        return
    assert check([*rows[:index], forged, *rows[index + 1 :]]) == [(DamageKind.REWRITTEN, index + 2)]


@given(st.lists(ENTRY, min_size=2, max_size=8))
def test_a_record_written_anew_throughout_is_found_with_a_known_head(contents: list[dict[str, Any]]) -> None:
    head = head_of(chained(contents))
    forged = chained([{**contents[0], "actor": contents[0]["actor"] + "x"}, *contents[1:]])
    assert check(forged) == []
    assert check(forged, (head,)) == [(DamageKind.REWRITTEN, len(contents))]


def test_a_finding_names_entry_what_when_and_who() -> None:
    rows = chained([_content("anna", 1_700_000_000_000_000_000), _content("ben", 1_700_000_001_000_000_000)])
    rows[0] = tuple(
        "set_depth 900" if name == "payload" else old for name, old in zip(COLUMNS, rows[0], strict=True)
    )
    checker = ChainCheck()
    checker.feed(rows)
    (damage,) = checker.finish()
    assert damage.sentence == (
        "Entry 1 (note, written 2023-11-14T22:13:20.000+00:00 by anna): its content was altered after it was written."
    )


def test_hashes_are_those_of_the_golden_file_and_need_nothing_of_ours() -> None:
    for row in json.loads(GOLDEN.read_text(encoding="utf-8")):
        columns = tuple(row[name] for name in COLUMNS)
        assert row_hash(columns) == row["hash"]
        plain = {name: value for name, value in row.items() if name != "hash"}
        plain |= {name: str(row[name]) for name in ("utc_ns", "monotonic_ns")}
        plain["payload"] = json.loads(row["payload"])
        text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert hashlib.sha256(text.encode()).hexdigest() == row["hash"]


@pytest.mark.parametrize("column", ["actor", "payload", "prev_hash", "seq"])
def test_a_column_of_another_type_is_a_finding_not_a_crash(column: str) -> None:
    rows = chained([_content("anna", 1), _content("ben", 2), _content("cleo", 3)])
    rows[1] = tuple(
        (b"\xff" if column != "seq" else 2.5) if name == column else old
        for name, old in zip(COLUMNS, rows[1], strict=True)
    )
    assert check(rows) != []


def _numbered(row: RawRow, seq: int) -> RawRow:
    return (*row[:SEQ], seq, *row[SEQ + 1 :])


def _content(actor: str, utc_ns: int) -> dict[str, Any]:
    blank = dict.fromkeys(("session_id", "subject", "pen_serial", "event_id"))
    return blank | {
        "utc_ns": utc_ns,
        "monotonic_ns": 5,
        "boot_id": "b",
        "actor": actor,
        "role": "r",
        "kind": "note",
        "payload": "{}",
    }
