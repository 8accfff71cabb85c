"""One press is one act: what a double click, a click that waited, and a second press that was meant do."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor

import pytest

from pen_host.console.presses import QUIET_S, Presses, wrote
from tests.console.desk import Desk, wait_until

pytestmark = pytest.mark.xdist_group("console-pages")
GO = "Write it"


class Hand:
    """Presses buttons at known times.

    Attributes:
        at_s: The time.
        done: What was done.
    """

    def __init__(self) -> None:
        self.at_s = 50.0
        self.done: list[str] = []
        self.presses = Presses(lambda: self.at_s)

    async def press(self, what: str, *, writes: bool, waits: asyncio.Event | None = None) -> bool:
        async def do() -> None:
            self.done.append(what)
            if waits is not None:
                await waits.wait()
            if writes:
                wrote()

        return await self.presses.press(what, do)


def alone(go: Coroutine[None, None, Hand]) -> Hand:
    """Run it in a thread of its own: the browser's driver has a loop in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, go).result()


def test_a_press_while_the_first_is_being_done_is_ignored() -> None:
    async def go() -> Hand:
        hand, may = Hand(), asyncio.Event()
        first = asyncio.create_task(hand.press(GO, writes=False, waits=may))
        await asyncio.sleep(0)
        assert not await hand.press(GO, writes=False)
        assert await hand.press("Another", writes=False)
        may.set()
        assert await first
        assert await hand.press(GO, writes=False)
        return hand

    assert alone(go()).done == [GO, "Another", GO]


def test_a_click_that_waited_writes_nothing_again_and_one_after_reading_does() -> None:
    async def go() -> Hand:
        hand = Hand()
        await hand.press(GO, writes=True)
        hand.at_s += QUIET_S - 0.01
        assert not await hand.press(GO, writes=True)
        assert await hand.press("The next step", writes=False)
        hand.at_s += 0.02
        assert await hand.press(GO, writes=True)
        return hand

    assert alone(go()).done == [GO, "The next step", GO]


def test_what_was_typed_since_is_meant_and_so_is_a_press_that_wrote_nothing() -> None:
    async def go() -> Hand:
        hand = Hand()
        await hand.press(GO, writes=True)
        hand.presses.changed()
        assert await hand.press(GO, writes=False)
        assert await hand.press(GO, writes=True)
        return hand

    assert alone(go()).done == [GO] * 3


def test_a_press_that_failed_can_be_repeated_at_once() -> None:
    async def go() -> Hand:
        hand = Hand()

        async def fail() -> None:
            raise OSError("no space")

        with pytest.raises(OSError, match="no space"):
            await hand.presses.press(GO, fail)
        assert await hand.press(GO, writes=True)
        return hand

    assert alone(go()).done == [GO]


def test_a_double_click_writes_once_on_every_kind_of_page(desk: Desk) -> None:
    page = desk.go("/treat")
    desk.control()
    before = len(desk.bench.get("/api/patients"))
    page.get_by_label("Full name").fill("Twice Clicked")
    page.get_by_label("Date of birth").fill("1980-05-01")
    desk.button("Add and begin").dblclick()
    desk.heading("Screening")
    known = desk.bench.get("/api/patients")
    assert len(known) == before + 1
    patient = next(one for one in known if "Twice" in str(one))["patient_id"]

    desk.go(f"/patients/{patient}/measures")
    page.get_by_label("Measure", exact=True).select_option("seven_point")
    page.get_by_label("Score").fill("2")
    page.get_by_label("Rater", exact=True).fill("Bob")
    desk.button("Record the measure").dblclick()
    page.get_by_text("The measure is in the record.").first.wait_for()

    desk.go(f"/patients/{patient}/filing")
    page.get_by_label("Phone", exact=True).fill("0123")
    desk.button("Correct it").dblclick()
    page.get_by_text("Corrected.").first.wait_for()
    page.get_by_label("Note", exact=True).fill("seen twice")
    desk.button(GO).dblclick()
    page.locator("article", has_text="seen twice").wait_for()
    desk.go(f"/patients/{patient}/filing")
    wait_until(lambda: page.locator("article").count() > 0, "the notes")
    assert page.locator("article").count() == 1
    assert page.locator(".note.danger:visible").count() == 0
    desk.go(f"/patients/{patient}/measures")
    assert page.get_by_role("button", name="Correct: seven-point").count() == 1
    assert "RuntimeError" not in desk.served.complaints()
