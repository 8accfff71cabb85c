"""Live frames: made twenty times a second in a thread of its own, handed to every console, waited for by nobody."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from .models import STREAM_HZ

T = TypeVar("T")
PERIOD_S = 1 / STREAM_HZ
QUEUE = 4
"""Frames that wait for a slow console: what is older is dropped, for old values are worth nothing."""


class Subscriber(Generic[T]):
    """A listener in some event loop or thread. The oldest is dropped when it is slow.

    Args:
        wake: Called in the feed's thread when there is something; must return at once.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._waiting: deque[T] = deque(maxlen=QUEUE)

    def put(self, item: T) -> None:
        """The feed's end."""
        self._waiting.append(item)
        self._wake()

    def take(self) -> T | None:
        """The oldest one that waits."""
        try:
            return self._waiting.popleft()
        except IndexError:
            return None


class Feed:
    """Calls `turn` every `PERIOD_S` with the frame's number.

    Args:
        turn: Makes and publishes one frame; what it raises ends the feed, and with it every lease.
        clock: Seconds that never go back.
    """

    def __init__(self, turn: Callable[[int], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._turn = turn
        self._clock = clock
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="console-feed", daemon=True)
        self.seq = 0

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        due_s = self._clock()
        while not self._closing.wait(max(0.0, due_s - self._clock())):
            self.seq += 1
            self._turn(self.seq)
            # a stall is not made up for: frames that would all be late help nobody
            due_s = max(due_s + PERIOD_S, self._clock())
