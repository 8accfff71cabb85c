"""Pseudonyms: typed by people, so one slip must never name another patient."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pen_host.errors import ExitCode
from pen_host.records.keys import (
    ALPHABET,
    DRAWN,
    PseudonymError,
    check_letter,
    new_key,
    new_pseudonym,
    pseudonym,
)

PSEUDONYMS = st.text(ALPHABET, min_size=DRAWN, max_size=DRAWN).map(
    lambda drawn: pseudonym(drawn + check_letter(drawn))
)


def test_new_ones_are_valid_and_differ() -> None:
    drawn = {new_pseudonym() for _ in range(500)}
    assert len(drawn) == 500
    assert all(pseudonym(one) == one for one in drawn)
    assert len({new_key() for _ in range(100)}) == 100


@given(PSEUDONYMS, st.integers(0, DRAWN), st.sampled_from(ALPHABET))
def test_one_wrong_letter_is_nobody(known: str, place: int, letter: str) -> None:
    letters = list(known.replace("P-", "", 1).replace("-", ""))
    assume(letters[place] != letter)
    letters[place] = letter
    with pytest.raises(PseudonymError, match="check letter"):
        pseudonym("".join(letters))


@given(PSEUDONYMS, st.integers(0, DRAWN - 1))
def test_two_letters_exchanged_are_nobody(known: str, place: int) -> None:
    letters = list(known.replace("P-", "", 1).replace("-", ""))
    assume(letters[place] != letters[place + 1])
    letters[place], letters[place + 1] = letters[place + 1], letters[place]
    with pytest.raises(PseudonymError, match="check letter"):
        pseudonym("".join(letters))


@given(PSEUDONYMS)
def test_the_same_patient_however_it_is_typed(known: str) -> None:
    bare = known.replace("-", "")
    for typed in (known.lower(), f" {known} ", bare, bare[1:], known.replace("-", " ")):
        assert pseudonym(typed) == known
    assert pseudonym(known[:2] + known[2:].replace("0", "O").replace("1", "l").replace("2", "z")) == known


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "0 letters"),
        ("P-1234", "5 letters"),
        ("P-12345-1234!", "holds !"),
        ("P-12345-12345-1", "letters instead"),
    ],
)
def test_anything_else_is_refused(typed: str, why: str) -> None:
    with pytest.raises(PseudonymError, match=why) as caught:
        pseudonym(typed)
    assert caught.value.exit_code is ExitCode.USAGE
