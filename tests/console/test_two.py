"""Two consoles: one controls, the other watches; a take-over is asked for on purpose and stops the needle first."""

from __future__ import annotations

import pytest

from tests.console.desk import TRIES, Desk, Studio, wait_until

pytestmark = pytest.mark.xdist_group("console-pages")


def test_the_second_console_watches_live_and_cannot_arm(room: Studio, desk: Desk) -> None:
    desk.to_live()
    other = room.desk()
    other.sign_in("Admin")
    other.go("/live")
    other.page.get_by_text("This page watches.").wait_for()
    assert not other.page.locator("[data-decide=arm]").is_visible()
    _armed_as_seen_by(other, desk)
    other.go("/treat")
    other.page.get_by_text("Another console controls the pen").wait_for()
    other.close()


def _armed_as_seen_by(other: Desk, desk: Desk) -> None:
    """Armed at the desk until the other page shows it; a busy machine may stop the pen before it has, see `Desk.arm`."""
    armed = other.page.locator("[data-live=banner-word]", has_text="Armed")
    for _ in range(TRIES):
        desk.arm()
        if desk.shows(armed.is_visible, "the other page"):
            return
        desk.again()
    raise AssertionError(f"the other page has not shown it in {TRIES} tries")


def test_a_take_over_stops_the_needle_first_and_both_consoles_say_so(room: Studio, desk: Desk) -> None:
    desk.to_live()
    other = room.desk()
    other.sign_in("Admin")
    other.go("/live")
    desk.strokes()
    other.page.get_by_role("button", name="Take over").click()
    desk.until_state("STOPPED")
    desk.page.get_by_text("This page watches.").wait_for()
    other.page.wait_for_function("() => window.penStream.state.you_control")
    wait_until(
        lambda: any("took control over" in one["text"] for one in desk.bench.state()["notices"]), "the notice"
    )
    other.close()
