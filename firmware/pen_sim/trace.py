"""The exact edges of a simulated pen's lines, for tests that judge times to the microsecond."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple, overload

DEFAULT_LIMIT = 1_000_000
"""Edges kept; older ones are dropped. An hour of strokes at 100 Hz makes 720 000."""


class Edge(NamedTuple):
    """One change of one line."""

    t_us: int
    """Simulated time of the change."""
    signal: str
    """`coil` (needle pad), `lease`, `step`, `hall`, `estop` or `power` (coil current flows although told off)."""
    level: int
    """Level from this moment on: 1 high, 0 low. A hall pulse is a single entry of level 1."""


class Trace(Sequence[Edge]):
    """Edges in order of time, the newest `limit` of them."""

    def __init__(self, limit: int = DEFAULT_LIMIT) -> None:
        self._edges: deque[Edge] = deque(maxlen=limit)
        self.enabled = True
        """False records nothing: for runs of many simulated hours."""

    def record(self, t_us: int, signal: str, level: int) -> None:
        """Add one edge."""
        if self.enabled:
            self._edges.append(Edge(t_us, signal, level))

    def clear(self) -> None:
        """Forget every edge."""
        self._edges.clear()

    def of(self, signal: str, since_us: int = 0) -> list[Edge]:
        """Edges of one line at or after `since_us`, in order of time."""
        return sorted(edge for edge in self._edges if edge.signal == signal and edge.t_us >= since_us)

    def rises(self, signal: str, since_us: int = 0) -> list[int]:
        """Times of the rising edges of one line."""
        return [edge.t_us for edge in self.of(signal, since_us) if edge.level]

    def pulses(self, signal: str, since_us: int = 0) -> list[tuple[int, int]]:
        """(rise, fall) of every whole pulse of one line."""
        found: list[tuple[int, int]] = []
        rise = -1
        for edge in self.of(signal, since_us):
            if edge.level:
                rise = edge.t_us
            elif rise >= 0:
                found.append((rise, edge.t_us))
                rise = -1
        return found

    def level(self, signal: str, at_us: int) -> int:
        """Level of one line at a time; 0 before its first edge."""
        level = 0
        for edge in self.of(signal):
            if edge.t_us > at_us:
                break
            level = edge.level
        return level

    def __len__(self) -> int:
        return len(self._edges)

    def __iter__(self) -> Iterator[Edge]:
        return iter(self._edges)

    @overload
    def __getitem__(self, index: int) -> Edge: ...

    @overload
    def __getitem__(self, index: slice) -> list[Edge]: ...

    def __getitem__(self, index: int | slice) -> Edge | list[Edge]:
        if isinstance(index, slice):
            return list(self._edges)[index]
        return self._edges[index]
