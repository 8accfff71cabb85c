"""Each interlock as a clinician meets it: the needle stops, the screen says why and what to do, and there is a way out."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pen_host.advice import for_cause
from pen_host.names import Condition
from tests.console.desk import Desk, wait_until

pytestmark = pytest.mark.xdist_group("console-pages")


@dataclass(frozen=True)
class Trip:
    """Something that happens while the needle strokes, and what a hand does about it."""

    cause: Condition
    happens: str
    cured: tuple[str, ...]


TRIPS = (
    Trip(Condition.ESTOP_OPEN, "open_estop", ("close_estop",)),
    Trip(Condition.ESTOP_MISSING, "remove_estop", ("plug_estop",)),
    Trip(Condition.CARTRIDGE_UNLATCHED, "unlatch", ("take_cartridge", "insert_new_cartridge")),
    Trip(Condition.CHARGER, "connect_charger", ("disconnect_charger",)),
)
"""By hand; the others are injected as faults."""
FAULTS = (
    ("jam", Condition.RATE_DROOP),
    ("coil_hot", Condition.COIL_HOT),
    ("supply_low", Condition.SUPPLY_LOW),
)
BLOCKS = (
    ("unlatch", "latch", Condition.CARTRIDGE_UNLATCHED),
    ("connect_charger", "disconnect_charger", Condition.CHARGER),
    ("open_estop", "close_estop", Condition.ESTOP_OPEN),
)


def _told(desk: Desk, cause: str) -> None:
    """The live view names what the pen says is the first cause, in the words that belong to it."""
    advice = for_cause(Condition[cause])
    lock = desk.page.locator(f".lock.first[data-name={cause}]")
    lock.wait_for()
    assert advice.title in lock.inner_text()
    assert advice.now in lock.inner_text()
    assert desk.page.locator("[data-live=banner-word]").inner_text() == "Stopped"


def test_each_trip_while_stroking_is_named_told_and_left_by_name(desk: Desk) -> None:
    desk.to_live(target_low=1500, target_high=1900, passes=20)
    for trip in TRIPS:
        desk.arm()
        since_us = desk.stroke()
        desk.bench.hand(trip.happens)
        desk.bench.last_coil_us(since_us)
        desk.until_state("STOPPED")
        cause = desk.bench.state()["pen"]["cause"]
        assert cause in {trip.cause.name, "NEEDLE_TRIPPED"}
        _told(desk, cause) if cause in Condition.__members__ else None
        desk.bench.hand("release_trigger", "lift", *trip.cured)
        desk.again()


def test_what_blocks_before_the_pen_is_prepared_is_shown_with_what_to_do_and_goes_when_it_is_cured(
    desk: Desk,
) -> None:
    desk.to_step("pen_ready")
    page = desk.go("/treat")
    desk.heading("Pen ready?")
    go = desk.button("prepare the pen")
    for happens, cured, cause in BLOCKS:
        desk.bench.hand(happens)
        advice = for_cause(cause)
        page.get_by_text(advice.now).first.wait_for()
        wait_until(go.is_disabled, "the button to be off")
        desk.bench.hand(cured)
        if cause is Condition.ESTOP_OPEN:
            desk.button("Acknowledge").click()
        page.get_by_text("Nothing stands in the way").wait_for()
        wait_until(go.is_enabled, "the button to be on")


def test_a_used_cartridge_is_refused_with_the_reason(desk: Desk) -> None:
    desk.to_live()
    desk.page.locator("[data-decide=finish]").click()
    desk.page.get_by_role("link", name="Close the treatment").wait_for()
    desk.ask("/api/treatment/close", endpoint="none", aftercare_given=True, pin="2580")
    desk.to_step("cartridge")
    page = desk.go("/treat")
    desk.heading("Cartridge")
    desk.button("Read the cartridge in the pen").click()
    page.get_by_text("This cartridge is refused.").wait_for()
    desk.bench.hand("take_cartridge", "insert_new_cartridge")
    desk.button("Read the cartridge in the pen").click()
    desk.heading("Pen ready?")
