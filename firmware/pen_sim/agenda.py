"""Things that happen at a given microsecond: a hand, a fault, a script. Played in order while time passes."""

from __future__ import annotations

import heapq
from collections.abc import Callable

Action = Callable[[], None]


class Agenda:
    """Actions by time; equal times keep the order in which they were added."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Action]] = []
        self._count = 0

    def at(self, time_us: int, action: Action) -> None:
        """Run `action` when simulated time reaches `time_us`."""
        self._count += 1
        heapq.heappush(self._heap, (time_us, self._count, action))

    def next_us(self, limit_us: int) -> int | None:
        """Time of the next action if it is due by `limit_us`."""
        if not self._heap or self._heap[0][0] > limit_us:
            return None
        return self._heap[0][0]

    def pop(self) -> Action:
        """The next action, taken off the list."""
        return heapq.heappop(self._heap)[2]

    def clear(self) -> None:
        """Forget everything still to come."""
        self._heap.clear()
