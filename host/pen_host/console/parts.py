"""Parts of a page that are drawn again as a whole, and when: one drawing at a time, and no change missed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ParamSpec

from nicegui import background_tasks, ui

P = ParamSpec("P")
WATCH_S = 0.25
"""How often a page looks whether it is still true; live values come by their own stream."""
BUILD_S = 60.0
"""How long making a page may take on a busy computer; the toolkit's three seconds end in a page of its own, without STOP. (J)"""


def page(path: str, title: str) -> ui.page:
    """Puts a page on the server; decorates what draws it."""
    return ui.page(path, title=title, response_timeout=BUILD_S)


class Part(ui.refreshable[P, Awaitable[None]]):
    """A part whose drawing waits for something, as `ui.refreshable` has none.

    That one empties the part at once: a drawing that waited goes on in what is gone, or beside the next one, and all stands there
    twice. Here each waits for the one before; of several that wait only one is drawn, for each shows what is so when it begins.
    """

    def __init__(self, draw: Callable[P, Awaitable[None]]) -> None:
        super().__init__(draw)
        self._turn = asyncio.Lock()
        self._waiting: asyncio.Task[None] | None = None

    def __call__(self, *given: P.args, **named: P.kwargs) -> Awaitable[None]:
        """Draw it here, for the first time."""
        return self._in_turn(super().__call__(*given, **named))

    def refresh(self, *_args: object, **_kwargs: object) -> asyncio.Task[None]:  # type: ignore[override]
        """Draw it again, as soon as no drawing is under way; may be awaited."""
        if self._waiting is None:
            self._waiting = background_tasks.create(self._again(super().refresh), name="draw a part again")
        return self._waiting

    async def _in_turn(self, drawing: Awaitable[None]) -> None:
        async with self._turn:
            await drawing

    async def _again(self, draw: Callable[[], Awaitable[object]]) -> None:
        async with self._turn:
            self._waiting = None  # what changes from here on wants another
            await draw()


class Kept:
    """What a part of a page rests on. Made before the part is drawn, so that what changes amid the drawing is drawn as well.

    Args:
        key: Another value when the part is to be drawn again; costs nothing to ask.
    """

    def __init__(self, key: Callable[[], object]) -> None:
        self._key = key
        self._seen = key()

    def true(self, redraw: Callable[[], object]) -> None:
        """Draw the part again when what it rests on has changed, and only then: what is being typed stays."""

        def look() -> object:
            now = self._key()
            if now == self._seen:
                return None
            self._seen = now
            return redraw()  # what it returns is awaited before the next look

        ui.timer(WATCH_S, look)
