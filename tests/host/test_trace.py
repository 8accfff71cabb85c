"""Samples in the record: they come out as they went in, in both forms, or a sentence says why not."""

from __future__ import annotations

import base64
import threading
import zlib
from dataclasses import astuple, replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_host.canonical import canonical_json
from pen_host.journal import Kind
from pen_host.names import Flag, State
from pen_host.progress import Phase, Progress
from pen_host.session import observer
from pen_host.trace import COLUMNS, FORM, Sample, TraceError, as_dict, columns, pack, thinned, unpack
from pen_host.trace.dense import VALUE_MAX, DenseError, pack_columns, unpack_columns
from tests.host.test_picture import sample, samples

numbers = st.integers(-VALUE_MAX, VALUE_MAX)
near = st.integers(-3, 3)


def in_rows(taken: list[Sample]) -> dict[str, Any]:
    """A chunk as programs wrote it before there was a dense form."""
    return {"columns": list(COLUMNS), "rows": [list(astuple(one)) for one in taken]}


@given(st.lists(samples))
def test_samples_come_out_of_the_record_as_they_went_in(taken: list[Sample]) -> None:
    middle = len(taken) // 2
    assert unpack([pack(taken[:middle]), pack(taken[middle:])]) == taken
    assert unpack([in_rows(taken[:middle]), pack(taken[middle:])]) == taken
    assert [as_dict(one)["t_ms"] for one in taken] == [one.t_ms for one in taken]


@given(
    st.integers(1, 40).flatmap(
        lambda n: st.lists(st.lists(st.none() | numbers | near, min_size=n, max_size=n))
    )
)
def test_columns_of_any_numbers_come_back_and_what_is_unknown_stays_unknown(
    found: list[list[int | None]],
) -> None:
    count = len(found[0]) if found else 0
    assert unpack_columns(pack_columns(found), count, len(found)) == found


@pytest.mark.parametrize("height", [0, 127, 128, 32_767, 32_768, 2**31 - 1, 2**31, VALUE_MAX])
def test_a_step_of_any_width_fits_up_and_down(height: int) -> None:
    column: list[int | None] = [0, height, 0, -height, height, None, 1]
    assert unpack_columns(pack_columns([column]), len(column), 1) == [column]


@pytest.mark.parametrize("value", [VALUE_MAX + 1, -VALUE_MAX - 1, 2**80])
def test_a_value_that_no_record_carries_is_refused_before_it_is_written(value: int) -> None:
    with pytest.raises(DenseError, match="beyond"):
        pack_columns([[0, value]])
    with pytest.raises(TraceError, match="beyond"):
        pack([replace(sample(0), strokes=value)])


def test_an_axis_that_was_never_homed_is_unknown_and_not_nought() -> None:
    taken = [sample(0, depth_um=None), sample(1, depth_um=0), sample(2, depth_um=None)]
    assert columns(pack(taken))["depth_measured_um"] == [None, 0, None]
    nowhere = [sample(0, depth_um=None)] * 3
    assert columns(pack(nowhere))["depth_measured_um"] == [None] * 3


def test_a_chunk_that_was_written_years_ago_is_still_read() -> None:
    """Both are texts of a record, kept here by hand: never to be made anew by the program under test."""
    dense = {
        "form": 2,
        "columns": ["state", *(name for name in COLUMNS if name != "state")],
        "states": ["ARMED", "STROKING"],
        "count": 3,
        "packed": KEPT,
    }
    first = Sample(100, -1, "ARMED", 600, None, 100_000, 0, 0, 0, 2_500, 200)
    last = Sample(300, 0, "STROKING", 600, 598, 100_000, 99_990, 20, 18, 2_512, 190)
    assert unpack([dense]) == [first, replace(first, t_ms=200), last]
    rows = {
        "columns": list(COLUMNS),
        "rows": [[100, -1, "ARMED", 600, None, 100000, 0, 0, 0, 2500, 200]],
    }
    assert unpack([rows]) == [first]


KEPT = "eJxjZIABRsYUKCslhfE/FDAwMkQwQUQbWMKgLIYFbYxgmgWueRpDG1ApAyNcQATBFGI8wgll8jCegIl+AwB/hQ9p"


def dense_chunk(**changed: object) -> dict[str, Any]:
    return {**pack([sample(0), sample(1, depth_um=None), sample(2)]), **changed}


def zipped(content: bytes, level: int = -1) -> str:
    return base64.b64encode(zlib.compress(content, level)).decode()


MALFORMED: dict[str, dict[str, Any]] = {
    "nothing": {},
    "a column only": {"columns": ["t_ms"], "rows": []},
    "no rows": {"columns": None, "rows": 7},
    "a short row": {"columns": list(COLUMNS), "rows": [[1, 2]]},
    "a row that is none": {"columns": list(COLUMNS), "rows": [7]},
    "a missing time": {"columns": list(COLUMNS), "rows": [[None, *astuple(sample(0))[1:]]]},
    "a state without name": {"columns": list(COLUMNS), "rows": [[0, 0, None, *astuple(sample(0))[3:]]]},
    "another form": dense_chunk(form=3),
    "a form that is no number": dense_chunk(form="2"),
    "other columns": dense_chunk(columns=["t_ms"]),
    "a column twice": dense_chunk(columns=[*COLUMNS[:-1], "t_ms"]),
    "columns that are none": dense_chunk(columns=[7]),
    "no states": dense_chunk(states=None),
    "states that are numbers": dense_chunk(states=[1]),
    "a state it does not name": dense_chunk(states=[]),
    "fewer than it claims": dense_chunk(count=4),
    "more than it claims": dense_chunk(count=2),
    "less than nothing": dense_chunk(count=-1),
    "a count that is true": dense_chunk(count=True),
    "no count": dense_chunk(count=None),
    "a count beyond any chunk": dense_chunk(count=10**9),
    "no base64": dense_chunk(packed="?"),
    "no zlib": dense_chunk(packed="AAAA"),
    "half a stream": dense_chunk(packed=base64.b64encode(pack_columns([[1, 2, 3]] * 11)[:-5]).decode()),
    "two streams": dense_chunk(packed=base64.b64encode(pack_columns([[1, 2, 3]] * 11) * 2).decode()),
    "too few columns": dense_chunk(packed=base64.b64encode(pack_columns([[0, 0, 0]] * 10)).decode()),
    "a time that is unknown": dense_chunk(
        packed=base64.b64encode(pack_columns([[0, None, 0]] * 11)).decode()
    ),
    "differences of three bytes": dense_chunk(packed=zipped(bytes([3]) + bytes(40))),
    "known values beyond the last": dense_chunk(packed=zipped(bytes([0x81, 0xFF]) + bytes(40))),
    "a bomb": dense_chunk(packed=zipped(bytes(50_000_000), level=1)),
}


@pytest.mark.parametrize("chunk", MALFORMED.values(), ids=MALFORMED)
def test_samples_that_are_damaged_or_of_another_version_are_told_and_not_guessed_at(
    chunk: dict[str, Any],
) -> None:
    with pytest.raises(TraceError, match=r"cannot be drawn: .+ samples were kept") as told:
        unpack([chunk])
    assert told.value.exit_code == 9


@given(st.binary(max_size=60), st.integers(0, 9))
def test_no_bytes_are_unpacked_to_anything_but_columns_or_a_refusal(content: bytes, count: int) -> None:
    for packed in (content, zlib.compress(content)):
        try:
            found = unpack_columns(packed, count, 2)
        except DenseError:
            continue
        assert [len(column) for column in found] == [count, count]


@given(st.lists(samples, min_size=1), st.data())
def test_one_wrong_letter_is_never_read_as_other_samples(taken: list[Sample], data: st.DataObject) -> None:
    chunk = pack(taken)
    packed = str(chunk["packed"])
    place = data.draw(st.integers(0, len(packed) - 1))
    letter = data.draw(st.characters(codec="ascii"))
    try:
        assert unpack([{**chunk, "packed": packed[:place] + letter + packed[place + 1 :]}]) == taken
    except TraceError:
        return


def test_a_second_of_1_khz_takes_a_twelfth_of_its_rows() -> None:
    train = [
        replace(sample(t), rate_measured_mhz=100_000 + t * 7 % 90, coil_cc=2_500 + t // 400)
        for t in range(500)
    ]
    assert len(canonical_json(pack(train))) * 12 < len(canonical_json(in_rows(train)))


# ---- pictures of long traces -----------------------------------------------------------------------------------------


@given(st.lists(samples, max_size=60), st.integers(1, 80))
def test_a_thinned_trace_keeps_extremes_and_changes_and_their_order(
    taken: list[Sample], at_most: int
) -> None:
    taken = [replace(one, t_ms=number) for number, one in enumerate(taken)]
    chunks = [pack(taken[:25]), in_rows(taken[25:])]
    heard: list[int] = []
    found = thinned(chunks, at_most, lambda columns: heard.extend(columns["t_ms"]))
    assert heard == [one.t_ms for one in taken], "who needs all values gets all"
    assert set(found) <= set(taken)
    assert found == sorted(found, key=lambda one: one.t_ms)
    if len(taken) <= at_most:
        assert found == taken
    for name in ("depth_measured_um", "rate_measured_mhz"):
        every = [getattr(one, name) for one in taken if getattr(one, name) is not None]
        kept = [getattr(one, name) for one in found if getattr(one, name) is not None]
        assert (min(every, default=0), max(every, default=0)) == (min(kept, default=0), max(kept, default=0))
    for before, after in pairwise(taken):
        if (before.zone, before.state) != (after.zone, after.state):
            assert {before, after} <= set(found)


def test_half_an_hour_is_thinned_to_about_what_was_asked_for() -> None:
    chunks = [pack([sample(t) for t in range(start, start + 500)]) for start in range(0, 30_000, 500)]
    assert 200 <= len(thinned(chunks, 1_000)) <= 1_500


# ---- who writes them -------------------------------------------------------------------------------------------------


class Watched:
    """A session whose pen says something new at every look."""

    def __init__(self) -> None:
        self.written: list[dict[str, Any]] = []
        self.status = SimpleNamespace(
            age_ms=0, state=State.STROKING, depth_requested_um=600, depth_measured_um=600, flags=Flag.HOMED,
            rate_requested_mhz=100_000, rate_measured_mhz=100_000, strokes_total=0, contact_total=0, coil_cc=2_500,
            lease_left_ms=200, condition_names=(),
        )  # fmt: skip
        self.pen = SimpleNamespace(
            status=lambda: self.status, snapshot=lambda: SimpleNamespace(status=self.status)
        )

    def note(self, kind: Kind, payload: dict[str, Any]) -> None:
        assert kind is Kind.SAMPLES
        self.written.append(payload)


def test_what_was_looked_at_before_something_was_said_is_not_told_after_it() -> None:
    """A look that is held up would tell an old phase, in which no lost lease stops the needle."""
    session, told, speakers = Watched(), list[Progress](), list[threading.Thread]()
    watch = observer.Observer(session, told.append, (), lambda: 0.0)  # type: ignore[arg-type]

    def held_up() -> SimpleNamespace:
        if not speakers:
            speakers.append(threading.Thread(target=watch.say, args=(Phase.ARMING, "armed")))
            speakers[0].start()
            speakers[0].join(0.2)  # who must wait for the look goes on after it
        return SimpleNamespace(status=session.status)

    session.pen.snapshot = held_up
    watch._show()
    speakers[0].join(30)
    assert [one.phase for one in told] == [Phase.CHECKS, Phase.ARMING]


@pytest.mark.parametrize(("period_ms", "count", "span_ms"), [(100, 21, 2_000), (1, 500, 499)])
def test_a_chunk_is_written_when_it_is_full_or_two_seconds_old(
    period_ms: int, count: int, span_ms: int
) -> None:
    now_s = 0.0
    session = Watched()
    watch = observer.Observer(session, lambda _: None, (), lambda: now_s)  # type: ignore[arg-type]
    for _ in range(count):
        assert not session.written
        watch._look()
        now_s += period_ms / 1_000
    (chunk,) = session.written
    times = columns(chunk)["t_ms"]
    assert chunk["form"] == FORM
    assert (len(times), times[-1] - times[0]) == (count, span_ms)
