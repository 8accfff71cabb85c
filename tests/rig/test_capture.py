"""Words of the sampler to edges: right for every train, an error for everything else."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil_tests.rig import pins, programs
from hil_tests.rig.capture import MARK, SAMPLED, SLACK_LOOKS, Capture, GapError, Timing

TIMING = Timing(125_000_000, 1)
MARK_LOOKS = TIMING.looks(programs.MARK_US)
FIRST_MARK = 120
LINES = [name for name in SAMPLED if name != "MARK"]


@dataclass
class Train:
    """A run: words, and the changes they stand for."""

    words: list[int]
    changes: list[tuple[int, str, int]]


def make(steps: list[tuple[int, str]], first_levels: int = 0, first_time: int = 0) -> Train:
    """Words as the sampler writes them for changes so many looks apart, marks between them."""
    moments: dict[int, int] = {}
    at = 0
    for gap, line in steps:
        at += gap
        moments[at] = moments.get(at, 0) ^ pins.bit(line)
    for mark in range(FIRST_MARK, at + 2 * MARK_LOOKS, MARK_LOOKS):
        moments[mark] = moments.get(mark, 0) ^ MARK
    levels = first_levels
    words = [levels << programs.TIME_BITS | first_time & programs.TIME_MASK]
    changes = []
    for look in sorted(moments):
        if not moments[look]:
            continue
        levels ^= moments[look]
        words.append(levels << programs.TIME_BITS | (first_time - look) & programs.TIME_MASK)
        changes += [
            (TIMING.ns(look), name, int(bool(levels & pins.bit(name))))
            for name in SAMPLED
            if moments[look] & pins.bit(name)
        ]
    return Train(words, changes)


trains = st.builds(
    make,
    st.lists(st.tuples(st.integers(1, 3 * programs.TIME_MASK), st.sampled_from(LINES)), max_size=12),
    st.integers(0, (1 << pins.COUNT) - 1).map(lambda levels: levels & ~MARK),
    st.integers(0, programs.TIME_MASK),
)


@given(trains, st.data())
def test_every_change_comes_out_with_its_time_however_the_words_are_cut_into_frames(
    train: Train, data: st.DataObject
) -> None:
    """Gaps of several wraps of the time included: marks carry it through."""
    capture = Capture(TIMING)
    at = 0
    while at < len(train.words):
        count = data.draw(st.integers(1, len(train.words) - at))
        capture.feed(at, train.words[at : at + count])
        at += count
    seen = sorted((edge.t_ns, name, edge.level) for name in SAMPLED for edge in capture.edges(name))
    assert seen == sorted(train.changes)
    assert all(
        capture.first_level(name) == bool(train.words[0] >> programs.TIME_BITS & pins.bit(name))
        for name in LINES
    )


@given(trains, st.data())
def test_frames_that_are_missing_repeated_or_out_of_order_are_an_error(
    train: Train, data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, len(train.words) + 3).filter(lambda number: number != 1))
    capture = Capture(TIMING)
    capture.feed(0, train.words[:1])
    with pytest.raises(GapError, match="was due"):
        capture.feed(first, train.words[1:])


@given(trains, st.data())
def test_a_missing_mark_is_an_error(train: Train, data: st.DataObject) -> None:
    """Also when the numbers of the words were made to fit."""
    marks = [
        index
        for index in range(1, len(train.words))
        if (train.words[index] ^ train.words[index - 1]) >> programs.TIME_BITS == MARK
        # what follows so closely would pass for the mark, which then is that much late: no more than its tolerance
        and (train.words[index] - train.words[(index + 1) % len(train.words)]) & programs.TIME_MASK
        > 2 * SLACK_LOOKS
    ]
    if len(marks) < 3:
        return
    lost = data.draw(st.sampled_from(marks[:-1]))
    words = train.words[:lost] + train.words[lost + 1 :]
    with pytest.raises(GapError):
        Capture(TIMING).feed(0, words)


@given(trains, st.integers(3, 2000), st.data())
def test_a_word_from_another_time_shows_at_the_next_mark(
    train: Train, shift: int, data: st.DataObject
) -> None:
    """Time altered from some word on, as by a word written over."""
    at = data.draw(st.integers(1, len(train.words) - 1))
    words = [
        word if index < at else word & ~programs.TIME_MASK | (word - shift) & programs.TIME_MASK
        for index, word in enumerate(train.words)
    ]
    marks = [
        index
        for index in range(1, len(words))
        if (words[index] ^ words[index - 1]) >> programs.TIME_BITS & MARK
    ]
    if not any(later >= at > earlier for earlier, later in pairwise(marks)):
        return
    with pytest.raises(GapError):
        Capture(TIMING).feed(0, words)


def test_a_word_that_says_nothing_new_is_an_error() -> None:
    word = 5 << programs.TIME_BITS | 100
    for second in (word, word - 1):
        with pytest.raises(GapError, match="nothing new"):
            Capture(TIMING).feed(0, [word, second])


def test_a_run_without_marks_is_an_error_before_its_time_could_wrap() -> None:
    assert programs.TIME_MASK > 2 * MARK_LOOKS
    capture = Capture(TIMING)
    capture.feed(0, [0])
    with pytest.raises(GapError, match="no mark"):
        capture.feed(1, [1 << programs.TIME_BITS | -(MARK_LOOKS + 5) & programs.TIME_MASK])


def test_time_neither_drifts_nor_overflows_in_an_hour() -> None:
    capture = Capture(TIMING)
    words = [0]
    marks = 3_600_000_000 // programs.MARK_US
    for number in range(marks):
        look = FIRST_MARK + number * MARK_LOOKS
        level = MARK if number % 2 == 0 else 0
        words.append(level << programs.TIME_BITS | -look & programs.TIME_MASK)
    capture.feed(0, words)
    assert capture.now_ns == TIMING.ns(FIRST_MARK) + (marks - 1) * MARK_LOOKS * TIMING.look_ns
