"""One press is one act: the second half of a double click, or a click that still waited in the line, does nothing twice.

A press is known by what its button says, not by the element: the part of the page that it stood in may have been drawn anew
meanwhile, with the same button under the same finger.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from nicegui import Client

QUIET_S = 0.4
"""How long after something was written the same button writes nothing more, unless something was typed or chosen since; above
what the two clicks of a double click are apart. (J)"""


@dataclass(slots=True)
class _Running:
    """What became of a press so far."""

    wrote: bool = False


_RUNNING: ContextVar[_Running | None] = ContextVar("running", default=None)


class Presses:
    """The presses of one page in one browser.

    Args:
        now_s: Seconds of a clock that is never set.
    """

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._running: set[str] = set()
        self._quiet_until_s: dict[str, float] = {}

    async def press(self, what: str, do: Callable[[], Awaitable[object]]) -> bool:
        """Do what a button says, unless it is being done or was done just now.

        Args:
            what: What the button says.
            do: Does it.

        Returns:
            Whether it was done; False for a press that was ignored.
        """
        if what in self._running or self._now_s() < self._quiet_until_s.get(what, 0.0):
            return False
        running = _Running()
        before = _RUNNING.set(running)
        self._running.add(what)
        try:
            await do()
        finally:
            self._running.discard(what)
            _RUNNING.reset(before)
            if running.wrote:
                self._quiet_until_s[what] = self._now_s() + QUIET_S
        return True

    def changed(self) -> None:
        """Something was typed or chosen: the next press is meant."""
        self._quiet_until_s.clear()


def wrote() -> None:
    """The press that is being done has written something; the same again at once would write it twice."""
    running = _RUNNING.get()
    if running is not None:
        running.wrote = True


_OF: WeakKeyDictionary[Client, Presses] = WeakKeyDictionary()


def presses_of(client: Client) -> Presses:
    """Those of a page."""
    return _OF.setdefault(client, Presses())
