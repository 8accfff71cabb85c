"""A whole treatment on the simulated pen as a clinician does it: by mouse, and again by keyboard only."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page

from tests.console.desk import PIN, Desk, wait_until

pytestmark = pytest.mark.xdist_group("console-pages")
QUICK = {"area_cm2": "3", "hold_s": "20", "low": "40", "high": "60"}
"""A small area and a low target: three zones in a few seconds of strokes."""
ASKED = 40
"""Questions of one treatment: three zones, and stops of a machine that is busy."""


class Mouse:
    """Points and clicks; the keyboard only writes."""

    def press(self, control: Locator) -> None:
        control.click()

    def choose(self, control: Locator) -> None:
        control.check(force=True)

    def write(self, field: Locator, words: str) -> None:
        field.click()
        field.fill("")
        field.type(words)

    def select(self, field: Locator, value: str) -> None:
        field.select_option(value)


class Keys:
    """No pointer at all: Tab to where it is wanted, then Enter, Space, arrows or letters."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def _reach(self, control: Locator) -> None:
        """Tab through the page as a person does; whatever Tab does not reach cannot be used."""
        wait_until(control.is_enabled, f"{control} to be on")
        for _ in range(260):
            # looked up each time: a page may be drawn again on the way
            if control.evaluate("(element) => element === document.activeElement"):
                return
            self._page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not reach {control}")

    def press(self, control: Locator) -> None:
        self._reach(control)
        self._page.keyboard.press("Enter")

    def choose(self, control: Locator) -> None:
        """A radio of a group that has no answer is reached by Tab; an arrow goes to its neighbour."""
        group = control.get_attribute("name")
        first = self._page.locator(f"input[name='{group}']").first
        if control.get_attribute("type") == "radio":
            self._reach(first)
            self._page.keyboard.press("Space")
            while not control.is_checked():
                self._page.keyboard.press("ArrowDown")
            return
        self._reach(control)
        self._page.keyboard.press("Space")

    def write(self, field: Locator, words: str) -> None:
        self._reach(field)
        self._page.keyboard.press("Control+A")
        self._page.keyboard.type(words)

    def select(self, field: Locator, value: str) -> None:
        self._reach(field)
        for _ in range(20):
            if field.input_value() == value:
                return
            self._page.keyboard.press("ArrowDown")
        raise AssertionError(f"no arrow reaches {value}")


def _treat(desk: Desk, hand: Mouse | Keys, name: str) -> None:
    page = desk.page
    hand.press(page.get_by_role("link", name="New treatment"))
    desk.heading("Who is treated?")
    hand.write(page.get_by_label("Full name"), name)
    page.get_by_label("Date of birth").fill("1984-02-29")  # the system's own date field
    hand.press(desk.button("Add and begin"))
    desk.heading("Screening")
    _screen(page, hand)
    hand.press(desk.button("Go on to the plan"))
    desk.heading("Plan")
    hand.press(desk.button("Choose Demonstration"))
    _plan(desk, hand)
    desk.heading("Consent")
    desk.button("The patient agrees").wait_for()  # drawn last
    for box in page.get_by_role("checkbox").all():
        hand.choose(box)
    hand.press(desk.button("The patient agrees"))
    desk.heading("Cartridge")
    hand.press(desk.button("Read the cartridge in the pen"))
    desk.heading("Pen ready?")
    page.locator(".so-far").wait_for()  # drawn behind the gate's card, which waits for the record
    if desk.button("Record the cleaning").is_visible():
        hand.press(desk.button("Record the cleaning"))
        desk.button("Record the cleaning").wait_for(state="detached")
    live = desk.served.base + "/live"
    desk.press_until(
        desk.button("prepare the pen"), lambda ms: page.wait_for_url(live, timeout=ms), hand.press
    )
    _zones(desk, hand)
    hand.press(page.get_by_role("link", name="Close the treatment"))
    desk.heading("Close the treatment")
    hand.select(page.get_by_label("Endpoint seen on the skin"), "mild_erythema")
    hand.choose(page.get_by_label("After-care sheet given"))
    hand.write(page.get_by_label("Your PIN signs it"), PIN)
    hand.press(desk.button("Sign and close"))
    desk.heading("Who is treated?")


def _screen(page: Page, hand: Mouse | Keys) -> None:
    groups = page.get_by_role("radiogroup")
    groups.first.wait_for()
    for group in groups.all():
        hand.choose(group.locator("input[value=no]"))
    page.get_by_text(f"{groups.count()} of {groups.count()} answered").wait_for()


def _plan(desk: Desk, hand: Mouse | Keys) -> None:
    page = desk.page
    desk.button("Another preset").wait_for()
    for index in range(3):
        hand.write(page.locator(f"[id='f-zones.{index}.area_mm2']"), QUICK["area_cm2"])
        hand.write(page.locator(f"[id='f-zones.{index}.hold_s']"), QUICK["hold_s"])
        hand.write(page.locator(f"[id='f-zones.{index}.target_low']"), QUICK["low"])
        hand.write(page.locator(f"[id='f-zones.{index}.target_high']"), QUICK["high"])
    hand.press(desk.button("Go on to consent"))


def _zones(desk: Desk, hand: Mouse | Keys) -> None:
    """Every zone to its goal, as the page asks for it: a machine too busy to keep the leases may stop the needle at any time."""
    page = desk.page
    clear, arm = page.locator("[data-decide=clear]:visible"), page.locator("[data-decide=arm]:visible")
    # shown when the session is closed and its picture is drawn
    closed = page.get_by_role("link", name="Close the treatment")
    for _ in range(ASKED):
        clear.or_(arm).or_(closed).first.wait_for(timeout=60_000)
        if closed.is_visible():
            return
        if clear.is_visible():
            hand.press(clear)
            clear.wait_for(state="hidden")
        else:
            _zone(desk, hand, arm)
    raise AssertionError(f"the treatment asked {ASKED} times and is not over")


def _zone(desk: Desk, hand: Mouse | Keys, arm: Locator) -> None:
    """The zone that is asked for, to its goal or to a stop on the way."""
    hand.press(arm)
    arm.wait_for(state="hidden")
    if desk.becomes("ARMED"):
        desk.bench.hand("touch_skin", "press_trigger")
        desk.becomes("IDLE")
    desk.bench.hand("release_trigger", "lift")


def _kept(desk: Desk, name: str) -> None:
    """What the record says: the patient's visit, three zones, and as many strokes as the coil made."""
    newest = desk.bench.get("/api/records/sessions")[-1]
    told = desk.bench.get(f"/api/records/sessions/{newest['session_id']}")
    assert newest["state"] == "closed"
    assert newest["sure"]
    assert set(told["zones"]) == {"frontal", "midscalp", "vertex"}
    assert all(zone["strokes"] > 0 for zone in told["zones"].values())
    page = desk.go("/records")
    page.get_by_role("link", name=name).first.click()
    page.get_by_text("Visit", exact=True).wait_for()


def test_a_whole_treatment_by_mouse(desk: Desk) -> None:
    since_us = desk.bench.now_us()
    _treat(desk, Mouse(), "Anna Mouse")
    _kept(desk, "Anna Mouse")
    newest = desk.bench.get("/api/records/sessions")[-1]
    assert len(desk.bench.coil_on(since_us)) == newest["strokes"]


def test_a_whole_treatment_by_keyboard_only(desk: Desk) -> None:
    desk.go("/")
    _treat(desk, Keys(desk.page), "Ben Keys")
    _kept(desk, "Ben Keys")
