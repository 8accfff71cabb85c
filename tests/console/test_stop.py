"""STOP: from every page, with every key it has, without login, while the server is busy; measured on the pen's coil."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.console.desk import TRIES, Desk, Studio, wait_until

pytestmark = pytest.mark.xdist_group("console-pages")
PAGES = ("/", "/treat", "/live", "/records", "/service", "/bench", "/login", "/no-such-page")
WITH_STROKES = ("/", "/login", "/no-such-page")
"""On the others the pen is idle: STOP latches it from every state."""
STOP_MS = 500
"""Less than a lost lease would take, so STOP did it; how fast it is on a quiet machine, `tests.benchmarks.console` measures."""


def _stops(desk: Desk, press: Callable[[], object]) -> None:
    """A press ends the strokes: counted from when the driver of the browser says that the event was delivered."""
    press()
    delivered_us = desk.bench.now_us()
    last_us = desk.bench.last_coil_us(delivered_us)
    desk.until_state("STOPPED")
    assert last_us - delivered_us < STOP_MS * 1000, (
        f"the coil was driven for {(last_us - delivered_us) / 1000:.0f} ms more"
    )


def test_stop_is_on_every_page_and_stops_a_pen_that_another_page_controls(room: Studio, desk: Desk) -> None:
    desk.to_live()
    watcher = room.desk()
    for path in PAGES:
        watcher.page.goto(watcher.served.base + path)
        button = watcher.page.get_by_role("button", name="STOP the needle")
        button.wait_for()
        if path in WITH_STROKES:
            desk.strokes()
        _stops(desk, lambda: button.dispatch_event("pointerdown"))  # noqa: B023 - called at once
        desk.again()
    watcher.close()


def test_escape_and_space_stop_a_stroking_pen_even_from_a_text_field(room: Studio, desk: Desk) -> None:
    desk.to_live()
    writer = room.desk()
    writer.go("/login")
    field = writer.page.get_by_label("PIN", exact=True)
    field.fill("12")
    for key in ("Escape", "Space"):
        _strokes_as_seen_by(writer, desk)
        _stops(desk, lambda: field.press(key))  # noqa: B023 - called at once
        assert field.input_value() == "12"
        desk.again()
    writer.close()


def _strokes_as_seen_by(other: Desk, desk: Desk) -> None:
    """Strokes until the other page knows; a busy machine may stop the pen before it does, see `Desk.arm`."""
    for _ in range(TRIES):
        desk.strokes()
        if desk.shows(
            lambda: other.page.evaluate("() => window.penStream.penState() === 'STROKING'"), "strokes"
        ):
            return
        desk.again()
    raise AssertionError(f"the other page has not seen strokes in {TRIES} tries")


def test_space_types_and_presses_buttons_while_nothing_is_armed_and_stops_elsewhere(desk: Desk) -> None:
    page = desk.go("/records")
    field = page.get_by_label("Lot", exact=True)
    field.click()
    field.press("a")
    field.press("Space")
    assert field.input_value() == "a "
    assert desk.bench.state()["pen"]["state"] == "IDLE"
    page.locator("h1").click()
    page.evaluate("() => document.activeElement.blur()")
    page.keyboard.press("Space")
    desk.until_state("STOPPED")


def test_the_bar_says_confirmed_from_the_pens_own_status_and_how_long_it_took(desk: Desk) -> None:
    page = desk.go("/")
    page.keyboard.press("Escape")
    page.locator(".stopbar .what", has_text="Confirmed by the pen after").wait_for()
    assert desk.bench.state()["pen"]["cause"] == "STOP_COMMAND"


def test_without_a_confirmation_the_sentence_stands_and_stop_is_sent_until_the_pen_is_there(
    desk: Desk,
) -> None:
    page = desk.go("/")
    desk.bench.hand("unplug_usb")
    wait_until(lambda: desk.bench.state()["pen"]["link"] != "connected", "the link to be gone")
    page.keyboard.press("Escape")
    page.get_by_text("STOP NOT CONFIRMED – release the trigger and press the pen's button").wait_for()
    desk.bench.hand("plug_usb")
    desk.until_state("STOPPED")
    page.locator(".stopbar .what", has_text="Confirmed by the pen after").wait_for()


def test_with_the_server_gone_the_page_says_so_and_stop_is_not_claimed(room: Studio, desk: Desk) -> None:
    page = desk.go("/")
    desk.context.route("**/api/stop", lambda route: route.abort())
    try:
        page.evaluate("() => { window.penStream.send = () => {}; }")
        page.keyboard.press("Escape")
        page.get_by_text("STOP NOT CONFIRMED – release the trigger and press the pen's button").wait_for()
    finally:
        desk.context.unroute("**/api/stop")


def test_stop_gets_through_while_the_server_is_busy_with_other_requests(desk: Desk) -> None:
    desk.to_live()
    desk.strokes()
    page = desk.page
    page.evaluate(
        """() => { for (let i = 0; i < 60; i += 1) {
             fetch('/api/records/sessions'); fetch('/api/presets'); fetch('/api/treatment/questions'); } }"""
    )
    _stops(desk, lambda: page.get_by_role("button", name="STOP the needle").dispatch_event("pointerdown"))
