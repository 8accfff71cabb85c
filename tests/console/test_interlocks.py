"""Each interlock as a clinician meets it: the needle stops, the screen says why and what to do, and there is a way out."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pen_host.advice import Advice, for_cause
from pen_host.names import Condition, Fault
from tests.console.desk import PIN, TRIES, Desk, wait_until

pytestmark = pytest.mark.xdist_group("console-pages")


@dataclass(frozen=True)
class Trip:
    """Something that happens while the needle strokes.

    Attributes:
        causes: What the pen may call it first: a contact that takes the coil's supply is seen by the needle's own program too.
        hands: What a hand does, or "" for a fault.
        fault: What is injected, or "" for a hand.
        cured: What hands do about it.
    """

    causes: tuple[str, ...]
    hands: str = ""
    fault: str = ""
    cured: tuple[str, ...] = ()


BY_HANDS = (
    Trip(("ESTOP_OPEN", "NEEDLE_TRIPPED"), "open_estop", cured=("close_estop",)),
    Trip(("ESTOP_MISSING", "ESTOP_OPEN", "NEEDLE_TRIPPED"), "remove_estop", cured=("plug_estop",)),
    Trip(("CARTRIDGE_UNLATCHED",), "unlatch", cured=("take_cartridge", "insert_new_cartridge")),
    Trip(("CHARGER",), "connect_charger", cured=("disconnect_charger",)),
)
BY_FAULTS = (
    Trip(("STROKE_MISMATCH", "RATE_DROOP"), fault="droop"),
    Trip(("RATE_DROOP", "STROKE_MISMATCH"), fault="needle_slow"),
    Trip(("OVER_CURRENT",), fault="coil_short"),
    Trip(("SUPPLY_LOW",), fault="supply_low"),
)
LEASES = ("HOST_LEASE", "STOP_COMMAND")
"""What a lost lease is called: the pen's own, and the console's answer to it."""
BLOCKS = (
    ("unlatch", "latch", Condition.CARTRIDGE_UNLATCHED),
    ("connect_charger", "disconnect_charger", Condition.CHARGER),
    ("open_estop", "close_estop", Condition.ESTOP_OPEN),
)


def _advice(cause: str) -> Advice:
    return for_cause(Condition[cause] if cause in Condition.__members__ else Fault[cause])


def _happens(desk: Desk, trip: Trip) -> None:
    if trip.hands:
        desk.bench.hand(trip.hands)
    else:
        desk.bench.inject(trip.fault)


def _trips(desk: Desk, trip: Trip) -> str:
    """The cause. A machine too busy to keep the leases stops the pen first, as it must: then once more."""
    for _ in range(TRIES):
        since_us = desk.strokes()
        _happens(desk, trip)
        desk.until_state("STOPPED")
        desk.bench.last_coil_us(since_us)
        cause = str(desk.bench.state()["pen"]["cause"])
        if cause not in LEASES:
            return cause
        _is_cured(desk, trip)
        desk.again()
    raise AssertionError(f"no trip in {TRIES} tries")


def _is_cured(desk: Desk, trip: Trip) -> None:
    desk.bench.hand("release_trigger", "lift", *trip.cured)
    if trip.fault:
        desk.bench.cure(trip.fault)


@pytest.mark.parametrize("trips", [BY_HANDS, BY_FAULTS], ids=["by hands", "by faults"])
def test_each_trip_while_stroking_is_named_told_and_left_by_name(desk: Desk, trips: tuple[Trip, ...]) -> None:
    # half of them in each treatment: one with more than eight stops is closed, and a busy machine may add some
    desk.to_live(target_low=1500, target_high=1900, passes=20)
    for trip in trips:
        cause = _trips(desk, trip)
        assert cause in trip.causes
        lock = desk.page.locator(f".lock.first[data-name={cause}]")
        lock.wait_for()
        assert _advice(cause).title in lock.inner_text()
        assert _advice(cause).now in lock.inner_text()
        # painted with the next frame of the pen
        desk.page.locator("[data-live=banner-word]", has_text="Stopped").wait_for()
        assert not desk.page.locator("[data-decide=arm]").is_visible()
        _is_cured(desk, trip)
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
        page.get_by_text(for_cause(cause).now).first.wait_for()
        wait_until(go.is_disabled, "the button to be off")
        desk.bench.hand(cured)
        free = page.get_by_text("Nothing stands in the way")
        if cause is Condition.ESTOP_OPEN:
            desk.press_until(desk.button("Acknowledge"), lambda ms: free.wait_for(timeout=ms))  # noqa: B023
        free.wait_for()
        wait_until(go.is_enabled, "the button to be on")


def test_a_used_cartridge_is_refused_with_the_reason(desk: Desk) -> None:
    desk.to_live()
    desk.page.locator("[data-decide=finish]").click()
    desk.page.get_by_role("link", name="Close the treatment").wait_for(timeout=60_000)
    desk.ask("/api/treatment/close", endpoint="none", aftercare_given=True, pin=PIN)
    desk.to_step("cartridge")
    page = desk.go("/treat")
    desk.heading("Cartridge")
    desk.button("Read the cartridge in the pen").click()
    page.get_by_text("This cartridge is refused.").wait_for()
    desk.bench.hand("take_cartridge")
    desk.until_free("CARTRIDGE_USED")
    desk.bench.hand("insert_new_cartridge")
    for interlock in ("CARTRIDGE_ABSENT", "CARTRIDGE_UNLATCHED", "CARTRIDGE_UNREADABLE"):
        desk.until_free(interlock)
    desk.button("Read the cartridge in the pen").click()
    desk.heading("Pen ready?")
