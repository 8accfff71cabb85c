"""A stretch of a bench's lines, with the moments and delays that a test judged in it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from hil_tests.benches.contract import Bench, Edge, Signal


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment with a name, on the bench's time line: `Mark(t_ns, "stop contact opens")`."""

    t_ns: int
    text: str


@dataclass(frozen=True, slots=True)
class Delay:
    """A measured time, drawn as an arrow on a line.

    Attributes:
        signal: The line it was measured on.
        from_ns: Its cause, on the bench's time line.
        to_ns: Its effect.
        limit_ns: How long it may be; None for no limit.
        text: What it is: "coil off".
    """

    signal: Signal
    from_ns: int
    to_ns: int
    limit_ns: int | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Lane:
    """One line.

    Attributes:
        name: Its name.
        initial: Its level from the window's first moment on.
        edges: Its changes after that moment, in order of time.
        passages: The bench tells of moments only, such as a sensor passed, and of no level between them.
    """

    name: str
    initial: int
    edges: tuple[Edge, ...]
    passages: bool = False


@dataclass(frozen=True, slots=True)
class Waveform:
    """Lines between two moments of a bench's time line. Times are shown since `zero_ns`."""

    title: str
    from_ns: int
    to_ns: int
    lanes: tuple[Lane, ...]
    marks: tuple[Mark, ...] = ()
    delays: tuple[Delay, ...] = ()
    zero_ns: int = 0


def capture(
    bench: Bench,
    title: str,
    signals: Sequence[Signal],
    window: tuple[int, int],
    marks: Sequence[Mark] = (),
    delays: Sequence[Delay] = (),
) -> Waveform:
    """What the lines did in a window.

    Raises:
        ValueError: The window is none, or there are no lines.
    """
    from_ns, to_ns = window
    if from_ns >= to_ns:
        raise ValueError(f"{title}: from {from_ns} to {to_ns} ns is no stretch of time")
    if not signals:
        raise ValueError(f"{title}: a waveform of no lines")
    lanes = tuple(_lane(bench, signal, from_ns, to_ns) for signal in signals)
    zero_ns = next((mark.t_ns for mark in marks if from_ns <= mark.t_ns <= to_ns), from_ns)
    return Waveform(title, from_ns, to_ns, lanes, tuple(marks), tuple(delays), zero_ns)


def _lane(bench: Bench, signal: Signal, from_ns: int, to_ns: int) -> Lane:
    edges = sorted(bench.edges(signal, from_ns), key=lambda edge: edge.t_ns)
    inside = tuple(edge for edge in edges if from_ns < edge.t_ns <= to_ns)
    if any(one.level == other.level for one, other in itertools.pairwise(edges)):
        return Lane(signal.value, 0, inside, passages=True)
    # before its next edge a line had the other level; without one, it still has the level it had
    initial = 1 - edges[0].level if edges else bench.level(signal)
    if edges and edges[0].t_ns == from_ns:
        initial = edges[0].level
    return Lane(signal.value, initial, inside)
