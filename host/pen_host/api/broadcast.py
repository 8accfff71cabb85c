"""What every console is shown: frames twenty times a second, and the state when something in it has changed."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from .feed import Feed, Subscriber
from .models import ControlView, LiveFrame, Notice, PenView, StopView

NOTICES = 20
STATE_EVERY_S = 0.1
"""What is not a live value is looked at as often as the pen says it."""


@dataclass(frozen=True, slots=True)
class Shared:
    """What every console is shown alike."""

    version: int
    pen: PenView
    stop: StopView
    control: ControlView
    record_failure: str | None = None
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """What is handed out twenty times a second: a frame, and the number of the newest state."""

    seq: int
    frame: bytes
    version: int


class Broadcast:
    """Makes frames and states in a thread of its own and hands them to whoever subscribed; waits for nobody.

    Args:
        before: Called first in each turn, with the frame's number.
        frame: Makes a frame.
        shared: Makes the state; its version and notices are filled in here.
        moved: Whether something moved that is no part of the state, but shown with it.
        clock: Seconds that never go back.

    Attributes:
        shared: The newest state. Replaced whole; any thread may look.
    """

    def __init__(
        self,
        before: Callable[[int], None],
        frame: Callable[[int], LiveFrame],
        shared: Callable[[], Shared],
        moved: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        self._before = before
        self._make_frame = frame
        self._make_shared = shared
        self._moved = moved
        self._clock = clock
        self._feed = Feed(self._turn, clock)
        self._lock = threading.Lock()
        self._subscribers: tuple[Subscriber[Turn], ...] = ()
        self._notices: deque[Notice] = deque(maxlen=NOTICES)
        self._notice_ids = 0
        self._changes = 0
        self._looked = (-1, float("-inf"))
        self.shared = shared()

    @property
    def seq(self) -> int:
        """Number of the newest frame."""
        return self._feed.seq

    def start(self) -> None:
        """Begin."""
        self._feed.start()

    def close(self) -> None:
        """End."""
        self._feed.close()

    def change(self) -> None:
        """Something is to be shown that is new: look with the next frame."""
        self._changes += 1

    def tell(self, level: Literal["info", "warning", "danger"], text: str) -> None:
        """A sentence that everybody at a console should know."""
        with self._lock:
            self._notice_ids += 1
            utc = datetime.now(UTC).isoformat(timespec="seconds")
            self._notices.appendleft(Notice(id=self._notice_ids, level=level, text=text, utc=utc))
        self.change()

    def subscribe(self, wake: Callable[[], None]) -> Subscriber[Turn]:
        """Turns from now on; `wake` is called in the thread here and must return at once."""
        subscriber: Subscriber[Turn] = Subscriber(wake)
        with self._lock:
            self._subscribers = (*self._subscribers, subscriber)
        return subscriber

    def unsubscribe(self, subscriber: Subscriber[Turn]) -> None:
        """No more of them."""
        with self._lock:
            self._subscribers = tuple(one for one in self._subscribers if one is not subscriber)

    def _turn(self, seq: int) -> None:
        self._before(seq)
        frame = self._make_frame(seq)
        self._refresh()
        turn = Turn(seq, frame.model_dump_json().encode(), self.shared.version)
        for subscriber in self._subscribers:
            subscriber.put(turn)

    def _refresh(self) -> None:
        """Make the state anew when something was changed, and every `STATE_EVERY_S`."""
        now_s, changes = self._clock(), self._changes
        if changes == self._looked[0] and now_s - self._looked[1] < STATE_EVERY_S:
            return
        with self._lock:
            notices = tuple(self._notices)
        made = replace(self._make_shared(), version=self.shared.version, notices=notices)
        if changes != self._looked[0] or made != self.shared or self._moved():
            self.shared = replace(made, version=self.shared.version + 1)
        self._looked = (changes, now_s)
