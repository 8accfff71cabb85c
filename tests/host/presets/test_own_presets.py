"""A clinic's own presets in versions: which is in force, the same wherever rows came from; what cannot be used is told."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pen_host.presets import (
    Book,
    Planned,
    PresetError,
    Version,
    digest_of,
    shipped_presets,
    to_toml,
    version_names,
)

BASE = shipped_presets()[0].model_dump(mode="json")
START = datetime(2028, 2, 1, 12, tzinfo=UTC)


def text(preset_id: str = "our_own", **changes: Any) -> str:
    return to_toml({**BASE, "preset_id": preset_id, "title": "Ours", **changes})


def version(
    number: int = 1,
    content: str = "",
    *,
    key: str = "a",
    days: int | None = 0,
    station: str = "s1",
    name: str = "our_own",
) -> Version:
    said = content or text(name, title=f"Ours, {number} of {station}")
    saved_at = None if days is None else START + timedelta(days=days)
    return Version(key, name, number, said, digest_of(said), saved_at, "anna", station)


ROWS = st.lists(
    st.builds(
        version,
        st.integers(1, 3),
        key=st.text("0123456789abcdef", min_size=1, max_size=3),
        days=st.none() | st.integers(0, 2),
        station=st.sampled_from(["s1", "s2"]),
        name=st.sampled_from(["our_own", "our_other"]),
    ),
    unique_by=lambda one: one.version_id,
    max_size=8,
)


@settings(max_examples=60)
@given(ROWS, st.randoms(use_true_random=False))
def test_in_force_is_the_same_in_whatever_order_rows_came_and_none_is_lost(
    rows: list[Version], random: Any
) -> None:
    shuffled = [*rows]
    random.shuffle(shuffled)
    book, other = Book(rows), Book(shuffled)
    assert book.names == other.names
    for name in book.names:
        found = book.versions(name)
        assert found == other.versions(name)
        assert book.newest(name) == found[0]
        assert found[0].number == max(one.number for one in found)
        names = version_names(found)
        assert len(set(names.values())) == len(found), "each is told apart"
    assert sorted(one.version_id for name in book.names for one in book.versions(name)) == sorted(
        one.version_id for one in rows
    )


def test_two_stations_versions_of_one_number_both_stay_and_the_later_is_in_force() -> None:
    here, there = version(2, key="f", days=1, station="s1"), version(2, key="0", days=2, station="s2")
    book = Book([here, version(1, key="1"), there])
    assert [one.station_id for one in book.versions("our_own")] == ["s2", "s1", "s1"]
    assert [preset.title for preset in book.presets()] == ["Ours, 2 of s2"]
    names = version_names(book.versions("our_own"))
    assert list(names.values()) == ["version 2 of station s2", "version 2 of station s1", "version 1"]
    twice = version_names([version(2, key="f" * 32), version(2, key="e" * 32)])
    assert list(twice.values()) == [
        "version 2 of station s1 (ffffffff)",
        "version 2 of station s1 (eeeeeeee)",
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("this is [no preset", "not valid TOML"),
        (text(surprise=1), "bring this one up to date"),
        (
            text(zones=[{**BASE["zones"][0], "depth_um": {"low": 1_000, "usual": 3_000, "high": 3_000}}]),
            "depth_um",
        ),
        (text("another"), "its text is that of another"),
        ("#" * 70_000, "larger than 64 KiB"),
        (text(title="\ud800"), "cannot be used"),
    ],
)
def test_a_text_that_cannot_be_used_is_told_stands_in_nobodys_way_and_is_not_replaced_by_an_older_one(
    content: str, why: str
) -> None:
    bad = version(2, content, key="b")
    book = Book([version(1), bad, version(1, key="c", name="our_other")])
    assert [preset.preset_id for preset in book.presets()] == ["our_other"]
    (told,) = book.unusable()
    assert why in told
    assert told.startswith("The preset our_own, version 2 of station s1, cannot be used")
    with pytest.raises(PresetError):
        book.in_force("our_own")
    assert book.versions("our_own")[1].preset.title == "Ours, 1 of s1", (
        "what was planned by it still knows it"
    )


def test_a_text_that_is_not_the_one_that_was_saved_is_not_used() -> None:
    was = version(1)
    altered = Version("a", "our_own", 1, was.text.replace("Ours", "Mine"), was.digest, START, "anna", "s1")
    assert altered.problem is not None
    assert "somebody changed it" in altered.problem


def test_a_name_that_the_program_took_meanwhile_is_told() -> None:
    shipped = shipped_presets()[0].preset_id
    book = Book([version(1, name=shipped)])
    assert book.presets() == ()
    (told,) = book.unusable()
    assert "comes with the program has its name by now" in told


def test_a_visit_was_planned_by_the_version_it_names_and_by_no_other() -> None:
    first, second = version(1, key="1"), version(2, key="2", days=5)
    book = Book([first, second])
    for one in (first, second):
        planned = Planned("our_own", one.digest, START + timedelta(days=9), "s1")
        assert book.planned_by(planned) == one
    assert book.planned_by(Planned("our_own", "0" * 64, START + timedelta(days=9), "s1")) is None
    assert book.planned_by(Planned("never_there", None, START, "s1")) is None


def test_a_visit_of_before_was_planned_by_what_its_own_station_had_then() -> None:
    own = [version(1, key="1", days=0), version(2, key="2", days=4)]
    elsewhere = version(3, key="3", days=2, station="s2")
    book = Book([*own, elsewhere])
    numbers = [
        found.number
        for days in (-1, 0, 3, 4, 9)
        if (found := book.planned_by(Planned("our_own", None, START + timedelta(days=days), "s1")))
    ]
    assert numbers == [1, 1, 1, 2, 2]
    there = book.planned_by(Planned("our_own", None, START + timedelta(days=9), "s2"))
    assert there == elsewhere
    nowhere = book.planned_by(Planned("our_own", None, START + timedelta(days=3), "s9"))
    assert nowhere == elsewhere, "a station that had none rests on what is known of that day"


VALUES = st.recursive(
    st.booleans() | st.integers(-(2**62), 2**62) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40)
@given(st.dictionaries(st.from_regex(r"[a-z][a-z_]{0,9}", fullmatch=True), VALUES, max_size=4))
def test_what_is_written_is_read_back_as_it_was(content: dict[str, Any]) -> None:
    assert tomllib.loads(to_toml(content)) == content
