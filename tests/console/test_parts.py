"""Parts of a page: drawn one at a time, never twice side by side, and again when something changed amid the drawing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from nicegui import Client, core, ui

from pen_host.console.parts import BUILD_S, Kept, Part, page


@pytest.fixture
def on_a_page() -> Iterator[Callable[[Callable[[], Awaitable[None]]], None]]:
    """Runs something as a page's own code."""

    def run(do: Callable[[], Awaitable[None]]) -> None:
        async def inside() -> None:
            core.loop = asyncio.get_running_loop()
            with Client(ui.page("/parts"), request=None):
                await do()

        try:
            # not in this thread: where a browser is driven, a loop runs there already
            with ThreadPoolExecutor(1) as hand:
                hand.submit(lambda: asyncio.run(asyncio.wait_for(inside(), 30))).result()
        finally:
            core.loop = None

    yield run
    Client.instances.clear()


def test_a_drawing_that_waits_is_neither_joined_by_another_nor_goes_on_in_what_is_gone(
    on_a_page: Any,
) -> None:
    begun: list[asyncio.Event] = []
    drawn: list[str] = []

    async def draw() -> None:
        number = len(begun)
        begun.append(asyncio.Event())
        await begun[number].wait()
        drawn.append(ui.label(f"drawing {number}").text)

    async def do() -> None:
        part = Part(draw)
        first = asyncio.ensure_future(part())
        await asyncio.sleep(0)
        again = [part.refresh() for _ in range(5)]
        await asyncio.sleep(0)
        assert len(begun) == 1, "the first one is under way"
        begun[0].set()
        await first
        while len(begun) < 2:
            await asyncio.sleep(0)
        begun[1].set()
        await asyncio.gather(*again)
        (target,) = part.targets
        assert [one.text for one in target.container if isinstance(one, ui.label)] == ["drawing 1"]
        assert drawn == ["drawing 0", "drawing 1"], "one for all that waited"

    on_a_page(do)


def test_what_changes_amid_a_drawing_is_drawn_again(on_a_page: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Callable[[], object]] = []
    monkeypatch.setattr(ui, "timer", lambda _every_s, look: looks.append(look))

    async def do() -> None:
        so, shown = ["before"], list[str]()
        kept = Kept(lambda: so[0])
        shown.append(so[0])  # it is drawn,
        so[0] = "after"  # it changes,
        kept.true(lambda: shown.append(so[0]))  # and is watched from then on
        looks[0]()
        looks[0]()
        assert shown == ["before", "after"]

    on_a_page(do)


def test_a_page_that_takes_long_on_a_busy_computer_is_shown_all_the_same() -> None:
    """The toolkit's own bound shows a page without STOP in its place."""
    assert page("/slow", "Slow").response_timeout == BUILD_S
