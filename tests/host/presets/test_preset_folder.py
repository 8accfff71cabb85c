"""The folder that own presets once lay in: whatever a file holds, it is told or kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pen_host.presets import shipped_presets, to_toml
from pen_host.presets.folder import HEAD, bare, filed

TEXT = to_toml({**shipped_presets()[0].model_dump(mode="json"), "preset_id": "our_own", "title": "Ours"})
SAVED = datetime(2028, 2, 1, 12, tzinfo=UTC)


def head(**changes: object) -> str:
    return HEAD + json.dumps({"version": 3, "saved_at": SAVED.isoformat(), "by": "anna", **changes}) + "\n"


def test_a_file_says_its_version_and_one_put_there_by_hand_is_the_first_of_nobody(tmp_path: Path) -> None:
    assert list(filed(tmp_path / "none")) == []
    (tmp_path / "versions").mkdir()
    (tmp_path / "our_own.toml").write_text(head() + TEXT, "utf-8")
    (tmp_path / "By hand.toml").write_text(TEXT, "utf-8")
    (tmp_path / "versions" / "damaged.2.toml").write_text("no [preset", "utf-8")
    found = {one.name: one for one in filed(tmp_path)}
    own, by_hand, damaged = found["our_own.toml"], found["By hand.toml"], found["versions/damaged.2.toml"]
    assert (own.preset_id, own.number, own.saved_at, own.saved_by, own.text) == (
        "our_own",
        3,
        SAVED,
        "anna",
        TEXT,
    )
    assert (by_hand.preset_id, by_hand.number, by_hand.saved_at, by_hand.saved_by) == (
        "our_own",
        1,
        None,
        None,
    )
    assert (damaged.preset_id, damaged.number, damaged.problem) == ("damaged", 2, ""), (
        "kept, and told where it is used"
    )


@pytest.mark.parametrize(
    "first",
    [
        HEAD + '{"version": "x"}\n',
        HEAD + "[" * 9_000 + "\n",
        head(version=0),
        head(saved_at="2028-02-01T12:00:00"),
        head(by="an\u0000na"),
        head(by="\ud800"),
        head(by="a" * 200),
    ],
)
def test_a_first_line_that_was_tampered_with_says_nothing(tmp_path: Path, first: str) -> None:
    (tmp_path / "our_own.toml").write_text(first + TEXT, "utf-8")
    (one,) = filed(tmp_path)
    assert (one.number, one.saved_at, one.saved_by, one.text) == (1, None, None, TEXT)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("our_own.toml", b"\xff\xfe", "not UTF-8"),
        ("our_own.toml", b"#" * 70_000, "larger than"),
        ("our_own.toml", b"a = 1\0", "no text"),
        ("Ours!.toml", b"a = 1", "which preset it is"),
    ],
)
def test_what_no_record_can_keep_is_left_with_its_reason(
    tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    (tmp_path / name).write_bytes(content)
    (one,) = filed(tmp_path)
    assert why in one.problem


@settings(max_examples=40)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_is_kept_as_it_was_but_for_its_end(text: str) -> None:
    once = bare(head() + text)
    assert once == f"{text.rstrip()}\n"
    assert text.startswith(HEAD) or bare(once) == once
