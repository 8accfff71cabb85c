"""What a caller holds while the worker works for it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from pen_protocol import limits

from ..outcomes import Outcome, Value

T = TypeVar("T")
CONFIRM_S = limits.STOP_CONFIRM_MS / 1000


class Ticket:
    """A request handed to the worker. It is always settled: by the pen, by patience, or by the end of the worker."""

    def __init__(self, name: str, values: Mapping[str, Value], timeout_s: float | None) -> None:
        self.name = name
        self.values = values
        self.timeout_s = timeout_s
        self._outcome: Outcome | None = None
        self._settled = threading.Event()

    @property
    def outcome(self) -> Outcome | None:
        """The outcome, None while it is open."""
        return self._outcome

    def wait(self) -> Outcome:
        """Wait for the outcome."""
        self._settled.wait()
        assert self._outcome is not None, "settled without an outcome"
        return self._outcome

    def settle(self, outcome: Outcome) -> None:
        """The worker's end; the first outcome stays."""
        if self._outcome is None:
            self._outcome = outcome
            self._settled.set()


@dataclass(frozen=True, slots=True)
class StopReport:
    """What became of a STOP."""

    confirmed: bool
    """The pen said it is stopped. If not, nobody knows: release the trigger and press the pen's button."""
    after_ms: int
    """From asking to confirmation, or to giving up waiting for it."""
    why: str = ""
    """Why it is not confirmed."""
    pending: bool = False
    """STOP is still being repeated: a confirmation may come late."""

    @property
    def sentence(self) -> str:
        """One sentence for a person."""
        if self.confirmed:
            return f"STOP CONFIRMED by the pen after {self.after_ms} ms: the needle is off."
        return f"STOP NOT CONFIRMED ({self.why}) - release the trigger and press the pen's button."


class StopTicket:
    """A STOP on its way. It stays on its way until the pen confirms, also after `wait` has given up."""

    def __init__(self) -> None:
        self._report: StopReport | None = None
        self._changed = threading.Event()
        self._confirmed = threading.Event()

    @property
    def report(self) -> StopReport | None:
        """What is known by now; a late confirmation replaces an earlier `not confirmed`."""
        return self._report

    def wait(self, timeout_s: float = CONFIRM_S) -> StopReport:
        """Wait until it is confirmed or its time is up."""
        if self._changed.wait(timeout_s) and self._report is not None:
            return self._report
        return StopReport(False, round(timeout_s * 1000), "the pen has not answered yet", pending=True)

    def wait_confirmed(self, timeout_s: float) -> StopReport:
        """Wait on, after `wait` gave up, for a late confirmation."""
        self._confirmed.wait(timeout_s)
        return self.wait(0)

    def settle(self, report: StopReport) -> None:
        """The worker's end."""
        self._report = report
        self._changed.set()
        if report.confirmed or not report.pending:
            self._confirmed.set()


class Subscription(Generic[T]):
    """News for one listener. A slow listener loses the oldest; nobody waits for it."""

    def __init__(self, size: int) -> None:
        self._news: deque[T] = deque(maxlen=size)
        self._ready = threading.Event()
        self.lost = 0
        """News dropped because the listener was slow."""
        self.closed = False

    def put(self, news: T) -> None:
        """The worker's end; never waits."""
        if len(self._news) == self._news.maxlen:
            self.lost += 1
        self._news.append(news)
        self._ready.set()

    def get(self, timeout_s: float | None = None) -> T | None:
        """The oldest news, None when none came in time or the worker has ended."""
        while not self._news:
            if self.closed or not self._ready.wait(timeout_s):
                return None
            self._ready.clear()
        try:
            return self._news.popleft()
        except IndexError:
            return None

    def close(self) -> None:
        """No more news; wakes a waiting listener."""
        self.closed = True
        self._ready.set()
