"""Every page in every state of the tour: axe-core finds nothing, every text is the catalogue's, nothing leaves the machine."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.console.desk import Desk, Studio
from tests.console.tour import tour

# one walk is the set-up of all tests here: minutes, where the machine does other things as well
pytestmark = [pytest.mark.xdist_group("console-pages"), pytest.mark.timeout(900)]
TOUCH_PX = 44
WIDTHS = ((1366, 768), (768, 1024))
RUN_AXE = "(options) => axe.run(document, options).then((told) => told.violations)"
"""Asked for here, not through the wrapper: one loading serves both themes, and what is right is not sent."""
SMALL = """(least) => [...document.querySelectorAll('button, a[href], input, select, textarea, summary')].filter((one) => {
  const box = (one.closest('label') ?? one).getBoundingClientRect();
  return one.checkVisibility() && box.width > 0 && (box.height < least - 0.5 || box.width < least - 0.5);
}).map((one) => one.outerHTML.slice(0, 120))"""
WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
HIDDEN_BY_BAR = """() => { const bar = document.querySelector('.stopbar').getBoundingClientRect();
  const stop = document.querySelector('.stop').getBoundingClientRect();
  const top = document.elementFromPoint(stop.left + stop.width / 2, stop.top + stop.height / 2);
  return { inside: stop.top >= bar.top && stop.bottom <= innerHeight && stop.right <= innerWidth,
    free: top?.closest('.stop') !== null }; }"""


@dataclass
class Found:
    """What the tour saw, by stop."""

    stops: list[str] = field(default_factory=list)
    axe: dict[str, list[str]] = field(default_factory=dict)
    small: dict[str, list[str]] = field(default_factory=dict)
    wide: dict[str, int] = field(default_factory=dict)
    covered: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    base: str = ""


def _look(found: Found, axe: Axe, name: str, desk: Desk) -> None:
    found.stops.append(name)
    page = desk.page
    if page.evaluate("() => typeof axe === 'undefined'"):
        page.evaluate(axe.axe_script)
    for theme, rules in (("light", {}), ("dark", {"runOnly": ["color-contrast"]})):
        page.evaluate("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
        violations = page.evaluate(RUN_AXE, {**rules, "resultTypes": ["violations"]})
        found.axe[f"{name} {theme}"] = [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in violations]
    page.evaluate("() => { document.documentElement.dataset.theme = 'light'; }")
    for width, height in WIDTHS:
        page.set_viewport_size({"width": width, "height": height})
        found.small[f"{name} {width}"] = page.evaluate(SMALL, TOUCH_PX)
        found.wide[f"{name} {width}"] = page.evaluate(WIDE)
        told = page.evaluate(HIDDEN_BY_BAR)
        if not (told["inside"] and told["free"]):
            found.covered.append(f"{name} {width}")
    page.set_viewport_size({"width": WIDTHS[0][0], "height": WIDTHS[0][1]})


@pytest.fixture(scope="module")
def found(room: Studio) -> Found:
    """One walk for all tests here, in a browser profile of its own."""
    seen, axe = Found(), Axe()
    desk = room.desk()
    seen.base = desk.served.base
    desk.context.on("request", lambda request: seen.requests.append(request.url))
    tour(desk, lambda name, at: _look(seen, axe, name, at))
    seen.errors = list(desk.errors)
    desk.close()
    return seen


def test_axe_core_finds_no_violation_on_any_page_in_either_theme(found: Found) -> None:
    assert len(found.stops) > 20
    assert {stop: told for stop, told in found.axe.items() if told} == {}


def test_everything_to_press_is_at_least_44_px_in_every_size(found: Found) -> None:
    assert {stop: told for stop, told in found.small.items() if told} == {}


def test_no_page_scrolls_sideways_in_any_size(found: Found) -> None:
    assert {stop: px for stop, px in found.wide.items() if px > 0} == {}


def test_stop_is_on_the_screen_with_nothing_over_it_on_every_page(found: Found) -> None:
    assert found.covered == []


def test_no_request_leaves_the_machine(found: Found) -> None:
    assert [url for url in found.requests if not url.startswith((found.base, "data:", "blob:"))] == []


def test_no_page_throws(found: Found) -> None:
    assert found.errors == []
