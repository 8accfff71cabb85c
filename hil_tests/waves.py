"""Arithmetic on measured edges: pulses, periods, when a line was last high."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from hil_tests.benches.contract import Edge


class Pulse(NamedTuple):
    """One high time of a line."""

    rise_ns: int
    fall_ns: int

    @property
    def length_us(self) -> float:
        """How long the line was high."""
        return (self.fall_ns - self.rise_ns) / 1_000


def pulses(edges: Sequence[Edge]) -> list[Pulse]:
    """Whole high times; one that began before the first edge or has not ended is left out."""
    found = []
    rise_ns: int | None = None
    for edge in edges:
        if edge.level:
            rise_ns = edge.t_ns if rise_ns is None else rise_ns
        elif rise_ns is not None:
            found.append(Pulse(rise_ns, edge.t_ns))
            rise_ns = None
    return found


def rises(edges: Sequence[Edge]) -> list[int]:
    """Times of the rising edges, in ns."""
    return [edge.t_ns for edge in edges if edge.level]


def periods_us(edges: Sequence[Edge]) -> list[float]:
    """Times between rising edges."""
    return [(later - earlier) / 1_000 for earlier, later in itertools.pairwise(rises(edges))]


def off_after_ns(edges: Sequence[Edge], cause_ns: int) -> int:
    """How long after `cause_ns` the line was high for the last time; 0 when it was low from then on.

    Raises:
        ValueError: The line is still high at the last edge.
    """
    if edges and edges[-1].level:
        raise ValueError("the line is still high: it never went off")
    falls = [edge.t_ns for edge in edges if not edge.level and edge.t_ns > cause_ns]
    return falls[-1] - cause_ns if falls else 0
