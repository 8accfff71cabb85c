"""Whose turn it is to write: first come, first served.

A lock of the system may be taken again by who has just let it go, over and over, while others wait for it; whoever writes much in
small pieces would keep a treatment waiting to the end. Here each waits for those who came before, and for nobody else.
"""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType


class Turn:
    """A lock that is handed on in the order in which it was asked for. Not to be taken twice by one thread."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._held = False
        self._queue: deque[threading.Lock] = deque()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._queue)

    def __enter__(self) -> None:
        with self._guard:
            if not self._held:
                self._held = True
                return
            place = threading.Lock()
            place.acquire()
            self._queue.append(place)
        try:
            place.acquire()
        except BaseException:  # interrupted while waiting: nobody may be left behind a place that is given up
            self._give_up(place)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._guard:
            self._hand_on()

    def _give_up(self, place: threading.Lock) -> None:
        with self._guard:
            if place in self._queue:
                self._queue.remove(place)
            else:  # it was this one's turn already
                self._hand_on()

    def _hand_on(self) -> None:
        if self._queue:
            self._queue.popleft().release()
        else:
            self._held = False
