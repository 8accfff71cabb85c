"""Two consoles: one controls, the other watches; a take-over is asked for on purpose and stops the needle first."""

from __future__ import annotations

import pytest

from tests.console.desk import Desk, Studio

pytestmark = pytest.mark.xdist_group("console-needle")


def test_the_second_console_watches_live_and_cannot_arm(room: Studio, desk: Desk) -> None:
    desk.to_live()
    other = room.desk()
    other.sign_in("Admin")
    other.go("/live")
    other.page.get_by_text("This page watches.").wait_for()
    assert not other.page.locator("[data-decide=arm]").is_visible()
    desk.arm()
    other.page.locator("[data-live=banner-word]", has_text="Armed").wait_for()
    other.go("/treat")
    other.page.get_by_text("Another console controls the pen").wait_for()
    other.close()


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
    assert any("took control over" in one["text"] for one in desk.bench.state()["notices"])
    other.close()
