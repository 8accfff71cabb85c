"""A clinic's own presets: judged as the shipped ones, every version kept, none lost when the program dies amid a save."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pen_host.presets.own as own_module
from pen_host.errors import RefusedError, UsageError
from pen_host.presets import OwnPresets, PresetError, shipped_presets, to_toml
from pen_host.presets.own import HEAD

BASE = shipped_presets()[0].model_dump(mode="json")
OURS = "Ours"
START = datetime(2028, 2, 1, 12, tzinfo=UTC)


DEEPER = {**BASE["zones"][0]["depth_um"], "low": 1_000}


class Clock:
    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        self.at += timedelta(hours=1)
        return self.at


def text(**changes: Any) -> str:
    return to_toml({**BASE, "preset_id": "our_own", "title": OURS, **changes})


@pytest.fixture
def own(tmp_path: Path) -> OwnPresets:
    return OwnPresets(tmp_path / "presets", Clock())


def test_every_version_is_kept_and_found_by_its_time(own: OwnPresets) -> None:
    first = own.add(text(), "Anna")
    second = own.change("our_own", text(title="Ours, changed"), first.digest, "Bob")
    third = own.change("our_own", text(title="Ours, again"), second.digest, "Anna")
    assert own.versions("our_own") == (third, second, first)
    assert [one.saved_by for one in own.versions("our_own")] == ["Anna", "Bob", "Anna"]
    assert [preset.title for preset in own.all()] == ["Ours, again"]
    at = [START, first.saved_at, second.saved_at, START + timedelta(days=9)]
    found = [own.at("our_own", moment) for moment in at if moment]
    assert [one.title for one in found if one] == [
        OURS,
        OURS,
        "Ours, changed",
        "Ours, again",
    ]


def test_a_file_put_there_by_hand_is_the_first_version_of_nobody(own: OwnPresets, tmp_path: Path) -> None:
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets" / "our_own.toml").write_text(text(), "utf-8")
    (by_hand,) = own.versions("our_own")
    assert (by_hand.number, by_hand.saved_at, by_hand.saved_by) == (1, None, None)
    own.change("our_own", text(title="Ours, changed"), by_hand.digest, "Bob")
    assert own.at("our_own", START - timedelta(days=999)) == by_hand.preset


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"sources": []}, "sources"),
        ({"interval_days": 1, "short_interval": None}, "interval_days"),
        ({"off_label": False}, "off_label"),
        ({"title": ""}, "title"),
        ({"ask": ["no_such_rule"]}, None),
        ({"preset_id": shipped_presets()[0].preset_id}, "preset_id"),
        ({"title": f" {shipped_presets()[1].title.upper()}"}, "title"),
        ({"interval_days": 1}, "short_interval"),
        ({"zones": [{**BASE["zones"][0], "depth_um": DEEPER}]}, "short_interval"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_a_file_would_be_refused_for_is_not_saved(
    own: OwnPresets, tmp_path: Path, changes: dict[str, Any], field: str | None
) -> None:
    with pytest.raises(PresetError) as refused:
        own.add(text(**changes), "Anna")
    if field:
        assert list(refused.value.fields) == [field]
    assert not (tmp_path / "presets").exists()


def test_a_shipped_preset_an_old_version_and_no_change_are_refused(own: OwnPresets) -> None:
    first = own.add(text(), "Anna")
    shipped = shipped_presets()[0]
    with pytest.raises(PresetError, match="never changed"):
        own.change(shipped.preset_id, to_toml(shipped.model_dump(mode="json")), "0", "Anna")
    with pytest.raises(PresetError, match="no preset of its own"):
        own.change("another", text(), first.digest, "Anna")
    with pytest.raises(PresetError, match="nothing was changed"):
        own.change("our_own", text(), first.digest, "Anna")
    with pytest.raises(PresetError, match="stays so"):
        own.change("our_own", text(preset_id="renamed"), first.digest, "Anna")
    with pytest.raises(PresetError, match="small letters"):
        own.newest("../../etc/passwd")
    own.change("our_own", text(title="By Bob"), first.digest, "Bob")
    with pytest.raises(RefusedError, match="Bob saved version 2"):
        own.change("our_own", text(title="By Anna"), first.digest, "Anna")
    assert [preset.title for preset in own.all()] == ["By Bob"]


def test_a_ground_goes_with_its_numbers_and_is_given_anew_for_others(own: OwnPresets) -> None:
    assert BASE["short_interval"]
    first = own.add(text(zones=BASE["zones"][:1]), "Anna")
    with pytest.raises(PresetError) as refused:
        own.change("our_own", text(interval_days=14), first.digest, "Anna")
    assert list(refused.value.fields) == ["short_interval"]
    assert own.versions("our_own") == (first,)
    anew = text(interval_days=14, short_interval="Ours, of 2026: every two weeks.")
    second = own.change("our_own", anew, first.digest, "Anna")
    other = {"preset_id": "another", "title": "Another", "interval_days": 14}
    own.add(text(**other, short_interval="Ours, of 2026: every two weeks."), "Bob")
    with pytest.raises(PresetError, match="title"):
        own.change("our_own", text(title="another"), second.digest, "Anna")


@pytest.mark.parametrize("dies_at", [1, 2])
def test_a_save_that_dies_leaves_the_version_before_in_force_and_can_be_repeated(
    own: OwnPresets, monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    first, writes, whole = own.add(text(), "Anna"), 0, own_module.write_whole

    def dying(path: Path, content: bytes) -> str:
        nonlocal writes
        writes += 1
        if writes == dies_at:
            raise UsageError("No space left on device.")
        return whole(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(own_module, "write_whole", dying)
        with pytest.raises(UsageError):
            own.change("our_own", text(title="Ours, changed"), first.digest, "Bob")
    assert own.versions("our_own") == (first,)
    second = own.change("our_own", text(title="Ours, changed"), first.digest, "Bob")
    assert own.versions("our_own") == (second, first)


def test_a_first_line_that_was_tampered_with_says_nothing(own: OwnPresets, tmp_path: Path) -> None:
    own.add(text(), "Anna")
    file = tmp_path / "presets" / "our_own.toml"
    file.write_text(HEAD + '{"version": "x"}\n' + text(), "utf-8")
    found = own.newest("our_own")
    assert found is not None
    assert (found.number, found.saved_by) == (1, None)


VALUES = st.recursive(
    st.booleans() | st.integers(-(2**62), 2**62) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=40)
@given(st.dictionaries(st.from_regex(r"[a-z][a-z_]{0,9}", fullmatch=True), VALUES, max_size=4))
def test_what_is_written_is_read_back_as_it_was(content: dict[str, Any]) -> None:
    assert tomllib.loads(to_toml(content)) == content
