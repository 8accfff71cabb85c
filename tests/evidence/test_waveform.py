"""Waveforms: the edges of the bench, all of them, in the file; lanes, arrows and names in the picture."""

from __future__ import annotations

import itertools
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from vcd.reader import TokenKind, tokenize

from hil_tests.benches import Edge, Signal
from hil_tests.evidence import layout
from hil_tests.evidence.drawing import DPI, OUTSIDE, WITHIN, draw
from hil_tests.evidence.measure import Picture, from_properties
from hil_tests.evidence.recorder import Evidence
from hil_tests.evidence.vcd_file import write_vcd
from hil_tests.evidence.waveform import Delay, Lane, Mark, Waveform, capture
from tests.evidence.fakes import PaperBench

END_NS = 10_000_000


def alternating(times: list[int], first: int) -> tuple[Edge, ...]:
    return tuple(Edge(t_ns, (first + number) % 2) for number, t_ns in enumerate(times))


edge_times = st.lists(st.integers(0, END_NS), unique=True, max_size=60).map(sorted)
lines = st.dictionaries(
    st.sampled_from(Signal), st.builds(alternating, edge_times, st.integers(0, 1)), min_size=1, max_size=4
)


def read_vcd(path: Path) -> tuple[dict[str, list[tuple[int, object]]], int, str]:
    """Changes by name of the variable, the first of them its level at the beginning; last time; comment."""
    names: dict[str, str] = {}
    changes: dict[str, list[tuple[int, object]]] = {}
    now, comment = 0, ""
    with path.open("rb") as file:
        for token in tokenize(file):
            if token.kind is TokenKind.COMMENT:
                comment = token.comment
            elif token.kind is TokenKind.TIMESCALE:
                assert str(token.timescale) == "1 ns"
            elif token.kind is TokenKind.VAR:
                names[token.var.id_code] = token.var.reference
                changes[token.var.reference] = []
            elif token.kind is TokenKind.CHANGE_TIME:
                now = token.time_change
            elif token.kind is TokenKind.CHANGE_SCALAR:
                changes[names[token.scalar_change.id_code]].append((now, token.scalar_change.value))
            elif token.kind is TokenKind.CHANGE_STRING:
                changes[names[token.string_change.id_code]].append((now, token.string_change.value))
    return changes, now, comment


@settings(max_examples=60)
@given(lines, st.integers(0, END_NS - 1), st.integers(1, END_NS))
def test_the_file_holds_every_edge_of_the_window_and_no_other(
    tmp_path_factory: pytest.TempPathFactory,
    edges: dict[Signal, tuple[Edge, ...]],
    from_ns: int,
    length_ns: int,
) -> None:
    to_ns = from_ns + length_ns
    waveform = capture(PaperBench(edges), "a title $end of it", list(edges), (from_ns, to_ns))
    path = tmp_path_factory.mktemp("vcd") / "a.vcd"
    write_vcd(waveform, path)
    changes, last_ns, comment = read_vcd(path)
    assert last_ns == to_ns
    assert comment.strip() == "a title end of it"
    for signal, every in edges.items():
        before = [edge.level for edge in every if edge.t_ns <= from_ns]
        level = before[-1] if before else 1 - every[0].level if every else 0
        inside = [edge for edge in every if from_ns < edge.t_ns <= to_ns]
        (_, initial), *found = changes[signal.value]
        assert initial == str(level)
        assert found == [(edge.t_ns, str(edge.level)) for edge in inside]


def test_moments_without_levels_are_events_in_the_file(tmp_path: Path) -> None:
    bench = PaperBench({Signal.HALL: [Edge(t_ns, 1) for t_ns in (0, 1_000, 2_000, 9_000)]})
    waveform = capture(bench, "hall", [Signal.HALL], (0, 8_000))
    assert waveform.lanes[0].passages
    changes, _, _ = read_vcd(write_vcd(waveform, tmp_path / "a.vcd"))
    assert [t_ns for t_ns, _ in changes["hall"]] == [1_000, 2_000]


def test_names_of_moments_are_in_the_file(tmp_path: Path) -> None:
    marks = [Mark(2_000, "stop contact opens"), Mark(5_000, "coil\noff $end"), Mark(99_000, "outside")]
    waveform = capture(PaperBench({}), "x", [Signal.COIL], (1_000, 9_000), marks)
    changes, _, _ = read_vcd(write_vcd(waveform, tmp_path / "a.vcd"))
    told = [(t_ns, str(text).replace("\\x20", " ")) for t_ns, text in changes["mark"]]
    assert told == [(1_000, "-"), (2_000, "stop contact opens"), (5_000, "coil off end")]


@pytest.mark.parametrize("window", [(5, 5), (6, 5)])
def test_a_window_of_no_time_is_refused(window: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no stretch of time"):
        capture(PaperBench({}), "x", [Signal.COIL], window)


def test_a_waveform_of_no_lines_is_refused() -> None:
    with pytest.raises(ValueError, match="no lines"):
        capture(PaperBench({}), "x", [], (0, 1))


# --- layout -----------------------------------------------------------------------------------------------------------------


@given(st.builds(alternating, edge_times, st.integers(0, 1)), st.integers(1, END_NS))
def test_the_line_drawn_is_the_line_measured_where_ink_can_show_it(
    edges: tuple[Edge, ...], to_ns: int
) -> None:
    edges = tuple(edge for edge in edges if edge.t_ns <= to_ns)
    lane = Lane("coil", 1 - edges[0].level if edges else 0, edges)
    points = layout.points_of(lane, Waveform("x", 0, to_ns, (lane,)))
    assert points[0] == (0, lane.initial)
    assert points[-1] == (to_ns, edges[-1].level if edges else lane.initial)
    assert [t_ns for t_ns, _ in points] == sorted(t_ns for t_ns, _ in points)
    column_ns = max(to_ns // layout.COLUMNS, 1)
    columns = itertools.groupby(edges, key=lambda edge: edge.t_ns // column_ns)
    if all(len(list(group)) <= 4 for _, group in columns):
        assert points[1:-1] == [tuple(edge) for edge in edges]


@given(st.lists(st.tuples(st.integers(0, END_NS), st.text(min_size=1, max_size=30)), max_size=12))
def test_no_name_of_a_moment_lies_on_another(given_marks: list[tuple[int, str]]) -> None:
    marks = tuple(Mark(t_ns, text) for t_ns, text in given_marks)
    flags = layout.flags_of(Waveform("x", 0, END_NS, (Lane("coil", 0, ()),), marks))
    assert len(flags) == len(marks)
    letter_ns = layout.CHARACTER_IN * END_NS / layout.AXIS_IN
    spans = []
    for flag in flags:
        width_ns = (len(flag.mark.text) + 2) * letter_ns
        start_ns = flag.mark.t_ns - width_ns if flag.left else flag.mark.t_ns
        assert start_ns + width_ns <= END_NS * 1.001
        spans.append((flag.row, start_ns, start_ns + width_ns))
    for one, other in itertools.combinations(spans, 2):
        assert one[0] != other[0] or one[2] <= other[1] + 1 or other[2] <= one[1] + 1


@pytest.mark.parametrize(
    ("span_ns", "words"),
    [(5, "5 ns"), (5_000, "5 µs"), (9_400_000, "9.4 ms"), (1_500_000_000, "1.5 s"), (0, "0 ns")],
)
def test_times_are_told_in_the_unit_a_person_would_take(span_ns: int, words: str) -> None:
    assert layout.duration(span_ns) == words


def test_a_delay_too_short_to_see_is_shown_close_up_with_its_limit_in_view() -> None:
    delay = Delay(Signal.COIL, 5_000_000, 5_005_000, 10_000, "coil off")
    lane = Lane("coil", 1, (Edge(5_005_000, 0),))
    near = layout.close_up(Waveform("x", 0, END_NS, (lane,), (), (delay,)))
    assert near is not None
    assert near.from_ns < 5_000_000
    assert near.to_ns > 5_010_000
    assert near.lanes[0].edges == lane.edges
    wide = Delay(Signal.COIL, 1_000_000, 5_000_000, None)
    assert layout.close_up(Waveform("x", 0, END_NS, (lane,), (), (wide,))) is None


# --- ink --------------------------------------------------------------------------------------------------------------------


def ink(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def pixels_of(picture: np.ndarray, color: str) -> int:
    wanted = np.array([int(color[index : index + 2], 16) for index in (1, 3, 5)])
    return int((np.abs(picture - wanted).sum(axis=2) < 24).sum())


STROKES = alternating(list(range(1_000_000, 9_000_000, 500_000)), 1)
STOP = Mark(5_100_000, "stop contact opens")


def waveform(delay: Delay) -> Waveform:
    lanes = (Lane("estop", 1, (Edge(STOP.t_ns, 0),)), Lane("coil", 0, STROKES))
    return Waveform("The stop contact opens", 0, END_NS, lanes, (STOP,), (delay,), STOP.t_ns)


@pytest.mark.parametrize(
    ("limit_ns", "color", "other"), [(2_000_000, WITHIN, OUTSIDE), (900_000, OUTSIDE, WITHIN)]
)
def test_the_arrow_has_the_colour_of_its_verdict(
    tmp_path: Path, limit_ns: int, color: str, other: str
) -> None:
    delay = Delay(Signal.COIL, STOP.t_ns, STOP.t_ns + 1_900_000, limit_ns, "coil off")
    picture = ink(draw(waveform(delay), tmp_path / "a.png"))
    assert picture.shape[1] == layout.WIDTH_IN * DPI
    assert pixels_of(picture, color) > 300
    # the limit's upright line is green in both
    assert pixels_of(picture, other) < pixels_of(picture, color) / 3


def test_strokes_are_seen_as_ink_where_they_are_and_nowhere_else(tmp_path: Path) -> None:
    lane = Lane("coil", 0, alternating(list(range(0, END_NS // 2, 250_000)), 1))
    picture = ink(draw(Waveform("x", 0, END_NS, (lane,)), tmp_path / "a.png"))
    left, right = np.array_split(picture[95:140, 140:], 2, axis=1)
    assert (left.sum(axis=2) < 600).sum() > 10 * max((right.sum(axis=2) < 600).sum(), 1)


def test_words_are_words_even_where_they_look_like_formulas(tmp_path: Path) -> None:
    odd = r"$\frac{1}{0 $x_1$ <b>"
    delay = Delay(Signal.COIL, STOP.t_ns, STOP.t_ns + 5_000, 10_000, odd)
    lanes = (Lane("coil", 0, STROKES),)
    draw(Waveform(odd, 0, END_NS, lanes, (Mark(STOP.t_ns, odd),), (delay,), STOP.t_ns), tmp_path / "a.png")


def test_thousands_of_strokes_are_drawn_within_seconds(tmp_path: Path) -> None:
    many = alternating(list(range(0, 100_000 * 5_000, 5_000)), 1)
    lane = Lane("coil", 0, many)
    whole = Waveform("x", 0, many[-1].t_ns, (lane, Lane("hall", 0, many, passages=True)))
    assert len(layout.points_of(lane, whole)) <= 4 * (layout.COLUMNS + 1) + 2
    draw(whole, tmp_path / "first.png")  # which also looks for fonts
    start_s = time.process_time()  # its own work: a machine may do other things as well
    picture = ink(draw(whole, tmp_path / "a.png"))
    assert time.process_time() - start_s < 10
    assert (picture.sum(axis=2) < 600).mean() > 0.1


def test_files_are_kept_when_the_run_has_a_folder_and_only_then(tmp_path: Path) -> None:
    properties: list[tuple[str, object]] = []
    bench = PaperBench({Signal.COIL: STROKES})
    taken = Evidence("a.py::test_x", properties, None).waveform(bench, "x", [Signal.COIL], 0, END_NS)
    assert taken.lanes[0].edges == STROKES
    assert not properties
    evidence = Evidence("a.py::test_x", properties, tmp_path)
    for _ in range(2):
        evidence.waveform(bench, "x", [Signal.COIL], 0, END_NS)
    pictures = [one for one in from_properties(properties) if isinstance(one, Picture)]
    assert len({one.png for one in pictures}) == 2
    for one in pictures:
        assert (tmp_path / one.png).read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / one.vcd).read_text().startswith("$comment")
