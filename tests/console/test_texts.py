"""Every visible text comes from the catalogue, and another language is a file."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pen_host.console
from pen_host.console.steps.plan_edit import FIELDS, NumberField
from pen_host.console.texts import Catalogue, UnknownTextError, catalogue, languages, places, read

HERE = Path(pen_host.console.__file__).parent
ENGLISH = catalogue()
CALLED = re.compile(
    r"""(?:(?<![\w.])(?:text|t|words)|visit\.text|_text|\.other)\(\s*f?(["'])(.+?)\1(\s*~)?"""
)
SAID = re.compile(r"""say\(\s*["'`]([^"'`]+)["'`]""")
MADE_UP = re.compile(r"\{[^}]*\}|\$\{[^}]*\}")


def _sources(pattern: str) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(HERE.rglob(pattern)))


def _asked() -> set[str]:
    """Keys as the code names them; what is filled in at run time stands as a star."""
    called = CALLED.findall(_sources("*.py") + _sources("*.html"))
    asked = {MADE_UP.sub("*", key) + ("*" if joined else "") for _, key, joined in called}
    asked |= {f"script.{MADE_UP.sub('*', key)}" for key in SAID.findall(_sources("*.js"))}
    return {key.replace("script.zones.", "zones.") for key in asked if "." in key}


@cache  # more of them than `re` keeps by itself
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", r"[^.]+"))


def _matches(pattern: str, key: str) -> bool:
    return _compiled(pattern).fullmatch(key) is not None


def test_every_text_that_the_pages_ask_for_is_there() -> None:
    # by code, for a language that wants to say it in its own words; English has the program's own
    optional = {"causes.*", "rules.*", "questions.*", "kinds.*"}
    missing = {one for one in _asked() - optional if not any(_matches(one, key) for key in ENGLISH.keys)}
    assert missing == set()


def test_every_text_is_asked_for_somewhere() -> None:
    code = _sources("*.py") + _sources("*.html") + _sources("*.js")
    asked = _asked()
    unused = {
        key
        for key in ENGLISH.keys
        if not any(_matches(one, key) for one in asked)
        and f'"{key}"' not in code
        and f'"{key.removeprefix("script.")}"' not in code
    }
    assert unused == set()


@pytest.mark.parametrize("language", languages())
def test_a_language_has_no_key_of_its_own_and_fills_in_what_english_does(language: str) -> None:
    words = catalogue(language)
    assert words.keys <= ENGLISH.keys
    differs = {
        key
        for key in words.keys
        if places(words.section("").get(key, "")) - places(ENGLISH.section("").get(key, ""))
    }
    assert differs == set()


def test_another_language_is_a_file_and_falls_back_to_english() -> None:
    german = Catalogue("de", read('[frame]\ntoday = "Heute"\n'), ENGLISH)
    assert german("frame.today") == "Heute"
    assert german("frame.records") == ENGLISH("frame.records")
    assert german.other("causes.CHARGER", "Charger connected") == "Charger connected"
    assert german.section("frame")["today"] == "Heute"


def test_a_text_that_nobody_has_is_an_error_and_not_an_empty_page() -> None:
    with pytest.raises(UnknownTextError):
        ENGLISH("frame.no_such_key")


@pytest.mark.parametrize("content", ["a = 1", "a = [1]", "[a]\nb = true", "not toml"])
def test_a_file_that_is_no_catalogue_is_refused(content: str) -> None:
    with pytest.raises(ValueError, match=r"is no text|at line"):
        read(content)


@given(st.sampled_from(FIELDS), st.integers(min_value=1, max_value=100_000))
def test_a_number_that_is_shown_is_read_back_as_it_was(field: NumberField, steps: int) -> None:
    value = steps * field.scale // 10**field.digits
    if value:
        assert field.read(field.shown(value)) == value
        assert field.read(field.shown(value).replace(".", ",")) == value


@pytest.mark.parametrize("typed", ["1e999999", "1e999999999", "1e-9999", "Infinity", "sNaN"])
def test_a_number_that_is_longer_than_any_is_refused_at_once(typed: str) -> None:
    with pytest.raises(ValueError, match=typed):
        FIELDS[0].read(typed)


@given(st.sampled_from(FIELDS), st.text(max_size=12))
def test_whatever_is_typed_is_a_number_of_the_wire_or_no_number(field: NumberField, typed: str) -> None:
    with suppress(ValueError):
        assert isinstance(field.read(typed), int)
