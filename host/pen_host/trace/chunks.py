"""Chunks of samples as the record holds them: each an entry of the chain, each readable by itself.

Form 2 is dense: names of the columns and of the pen's states in clear, the numbers as `pen_host.trace.dense` packs them, in
base64. Form 1, which earlier programs wrote and which names no form, has a row for each sample. Both are read, for a record
outlives the programs that wrote it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from ..errors import VerificationError
from .dense import COUNT_MAX, DenseError, pack_columns, unpack_columns
from .samples import COLUMNS, Sample

FORM = 2
"""Number of the form that is written."""
_STATE = "state"
_NUMBERS = tuple(name for name in COLUMNS if name != _STATE)
_MAY_BE_UNKNOWN = frozenset({"depth_measured_um"})
_EXTREMES = ("depth_measured_um", "rate_measured_mhz")
"""What a thinned trace keeps the least and the greatest of."""
_KEPT_A_STRETCH = 1 + 2 * len(_EXTREMES)

Chunk = Mapping[str, Any]
Columns = dict[str, list[Any]]


class TraceError(VerificationError):
    """A chunk of samples is not what this program knows how to read.

    Args:
        why: What was found, as a clause.
    """

    def __init__(self, why: str) -> None:
        super().__init__(
            f"A telemetry record cannot be drawn: {why}. The samples were kept and strokes and doses do not depend on them. "
            "Use the version that wrote them, or verify the record with `pen log verify`."
        )


def pack(samples: Sequence[Sample]) -> dict[str, object]:
    """Samples as one chunk of the dense form.

    Raises:
        TraceError: There are too many of them, or a value is beyond what a record can carry.
    """
    states = sorted({sample.state for sample in samples})
    index = {state: number for number, state in enumerate(states)}
    numbers = [list(map(attrgetter(name), samples)) for name in _NUMBERS]
    try:
        packed = pack_columns([[index[sample.state] for sample in samples], *numbers])
    except DenseError as error:
        raise TraceError(str(error)) from error
    return {
        "form": FORM,
        "columns": [_STATE, *_NUMBERS],
        "states": states,
        "count": len(samples),
        "packed": base64.b64encode(packed).decode(),
    }


def columns(chunk: Chunk) -> Columns:
    """The values of a chunk of either form, by column.

    Raises:
        TraceError: It is of another form, has other columns, or is damaged.
    """
    form = chunk.get("form", 1)
    if form == 1:
        return _rows(chunk)
    if form == FORM:
        return _dense(chunk)
    raise TraceError(f"its form is {form!r}, and this version knows forms 1 and {FORM}")


def unpack(chunks: Iterable[Chunk]) -> list[Sample]:
    """Every sample of chunks, in their order.

    Raises:
        TraceError: A chunk cannot be read.
    """
    samples: list[Sample] = []
    for chunk in chunks:
        samples.extend(_samples(columns(chunk)))
    return samples


def thinned(
    chunks: Sequence[Chunk], at_most: int, seen: Callable[[Columns], None] | None = None
) -> list[Sample]:
    """Samples for a picture: all of them where they are few, else of each stretch the first and the extremes.

    The least and greatest protrusion and rate of a stretch stay, and so does each sample at which zone or state changes, so a
    picture of them shows every spike and every stop. Those changes come on top of `at_most`.

    Args:
        chunks: Chunks of one session.
        at_most: About how many.
        seen: Called with the values of each chunk, for whoever needs all of them.

    Raises:
        TraceError: A chunk cannot be read.
    """
    count = sum(_count(chunk) for chunk in chunks)
    stretch = 1 if count <= at_most else -(-count * _KEPT_A_STRETCH // max(at_most, 1))
    samples: list[Sample] = []
    for chunk in chunks:
        found = columns(chunk)
        if seen:
            seen(found)
        if stretch > 1:
            places = _places(found, stretch)
            found = {name: [values[place] for place in places] for name, values in found.items()}
        samples.extend(_samples(found))
    return samples


def _places(found: Columns, stretch: int) -> list[int]:
    """Indices of the samples that are kept."""
    count = len(found["t_ms"])
    kept = {0, count - 1} if count else set()
    for name in ("zone", _STATE):
        values = found[name]
        if len(set(values)) > 1:
            changes = (place for place in range(1, count) if values[place] != values[place - 1])
            kept.update(other for place in changes for other in (place - 1, place))
    for begin in range(0, count, stretch):
        kept.add(begin)
        for name in _EXTREMES:
            values = found[name]
            known = [
                place for place in range(begin, min(begin + stretch, count)) if values[place] is not None
            ]
            if known:
                kept.update((min(known, key=values.__getitem__), max(known, key=values.__getitem__)))
    return sorted(kept)


def _samples(found: Columns) -> Iterable[Sample]:
    return (Sample(*row) for row in zip(*(found[name] for name in COLUMNS), strict=True))


def _count(chunk: Chunk) -> int:
    count = chunk.get("count", None)
    if isinstance(count, int):
        return count
    rows = chunk.get("rows")
    return len(rows) if isinstance(rows, list) else 0


def _rows(chunk: Chunk) -> Columns:
    names, rows = chunk.get("columns"), chunk.get("rows")
    if names != list(COLUMNS) or not isinstance(rows, list):
        raise TraceError(f"its columns are {names}, this version knows {list(COLUMNS)}")
    if not all(isinstance(row, list) and len(row) == len(COLUMNS) for row in rows):
        raise TraceError("a row of it has another number of values than it has columns")
    found = {name: [row[place] for row in rows] for place, name in enumerate(COLUMNS)}
    if not all(isinstance(state, str) for state in found[_STATE]):
        raise TraceError("a state of it is no name")
    for name in _NUMBERS:
        if not all(_is_whole(value) or (value is None and name in _MAY_BE_UNKNOWN) for value in found[name]):
            raise TraceError(f"a value of its column {name} is no whole number")
    return found


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _dense(chunk: Chunk) -> Columns:
    names, states, count = chunk.get("columns"), chunk.get("states"), chunk.get("count")
    if not isinstance(names, list) or sorted(map(str, names)) != sorted(COLUMNS):
        raise TraceError(f"its columns are {names}, this version knows {list(COLUMNS)}")
    if not isinstance(states, list) or not all(isinstance(state, str) for state in states):
        raise TraceError("the pen's states are not named in it")
    if not _is_whole(count) or not isinstance(count, int) or count > COUNT_MAX:
        raise TraceError(f"it claims {count!r} samples")
    try:
        packed = base64.b64decode(str(chunk.get("packed")), validate=True)
        found = dict(zip(names, unpack_columns(packed, count, len(names)), strict=True))
    except (DenseError, binascii.Error) as error:
        raise TraceError(f"its numbers are damaged: {error}") from error
    for name, values in found.items():
        if None in values and name not in _MAY_BE_UNKNOWN:
            raise TraceError(f"a value of its column {name} is missing")
    places = found[_STATE]
    if not all(place is not None and 0 <= place < len(states) for place in places):
        raise TraceError("it has a state that it does not name")
    return {**found, _STATE: [states[place] for place in places if place is not None]}
