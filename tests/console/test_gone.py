"""The console is not looked at any more: frozen, killed, closed, hidden, cut off. The needle stops by itself.

Budget: 400 ms to the host's lease and 300 ms to the pen's (safety baseline), measured on the simulated pen's coil.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Error

from tests.console.desk import CHROMIUM_ARGS, TRIES, Desk, Studio, chromium, wait_until

pytestmark = pytest.mark.xdist_group("console-pages")
BUDGET_MS = 700


@contextmanager
def _own_browser(room: Studio, profile: Path) -> Iterator[Desk]:
    """A browser process of its own, whose profile names its processes."""
    context = room.playwright.chromium.launch_persistent_context(
        profile, executable_path=chromium(), args=list(CHROMIUM_ARGS), viewport={"width": 1366, "height": 768}
    )
    try:
        desk = room.sit_down(context)
        desk.sign_in()
        desk.clear_up()
        yield desk
    finally:
        _signal(profile, signal.SIGCONT)
        with suppress(Error):  # killed: there is nothing left to close
            context.close()


def _signal(profile: Path, number: signal.Signals) -> None:
    for process in _processes(profile):
        with suppress(ProcessLookupError):  # ended meanwhile
            os.kill(process, number)


def _processes(profile: Path) -> list[int]:
    """Every process of the browser with this profile, its main process and all below it."""
    parents: dict[int, int] = {}
    mains = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if str(profile) in (entry / "cmdline").read_text():
                mains.append(int(entry.name))
        except (OSError, ValueError):
            continue
    found = set(mains)
    while below := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= below
    return sorted(found)


def _measured(desk: Desk, happens: Callable[[], object]) -> None:
    before_us = _stroking(desk)
    happens()
    after_us = desk.bench.now_us()
    last_us = desk.bench.last_coil_us(before_us)
    desk.until_state("STOPPED")
    assert last_us > before_us, "the needle stroked until then"
    assert last_us - after_us < BUDGET_MS * 1000, (
        f"the coil was driven for {(last_us - after_us) / 1000:.0f} ms more"
    )


def _stroking(desk: Desk) -> int:
    """It strokes now, see `Desk.strokes`; a machine too busy to keep the leases may have stopped it again: then once more."""
    for _ in range(TRIES):
        before_us = desk.strokes()
        if desk.bench.state()["pen"]["state"] == "STROKING":
            return before_us
        desk.again()
    raise AssertionError(f"not stroking in {TRIES} tries")


def _told(desk: Desk, words: str) -> None:
    """Whoever stops the needle says so after that."""
    wait_until(
        lambda: any(re.search(words, one["text"]) for one in desk.bench.state()["notices"]),
        f"the words {words}",
    )


def test_a_browser_that_is_frozen_and_then_killed_stops_the_needle_both_times(
    room: Studio, desk: Desk, tmp_path: Path
) -> None:
    profile = tmp_path / "profile"
    with _own_browser(room, profile) as other:
        other.to_live()
        _measured(other, lambda: _signal(profile, signal.SIGSTOP))
        _told(other, "has not shown anything new")
        _signal(profile, signal.SIGCONT)
        other.again()
        _measured(other, lambda: _signal(profile, signal.SIGKILL))


def test_a_closed_tab_stops_the_needle(room: Studio, desk: Desk) -> None:
    tab = room.desk()
    tab.sign_in()
    tab.clear_up()
    tab.to_live()
    _measured(tab, tab.page.close)
    _told(tab, "closed|hidden")  # a page that is closed is hidden first
    tab.close()


def test_a_page_whose_script_hangs_stops_the_needle(desk: Desk) -> None:
    desk.to_live()
    hang = "() => { setTimeout(() => { const end = Date.now() + 2500; while (Date.now() < end) {} }, 0); }"
    _measured(desk, lambda: desk.page.evaluate(hang))
    desk.page.wait_for_function("() => window.penStream.penState() === 'STOPPED'")


def test_a_hidden_page_stops_the_needle_at_once_and_the_console_says_why(desk: Desk) -> None:
    desk.to_live()
    hide = """() => { Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true });
                      document.dispatchEvent(new Event('visibilitychange')); }"""
    _measured(desk, lambda: desk.page.evaluate(hide))
    _told(desk, "is hidden")


def test_a_page_whose_network_is_cut_stops_the_needle(desk: Desk) -> None:
    desk.to_live()
    devtools = desk.context.new_cdp_session(desk.page)
    devtools.send("Network.enable")
    cut = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}

    def cut_off() -> None:
        devtools.send("Network.emulateNetworkConditions", cut)
        # what is open stays open in this emulation: nothing leaves by it any more
        desk.page.evaluate("() => { window.penStream.send = () => {}; }")

    _measured(desk, cut_off)
    devtools.send("Network.emulateNetworkConditions", {**cut, "offline": False})
    devtools.detach()


def test_leaving_the_page_by_a_link_while_armed_is_refused_with_the_reason(desk: Desk) -> None:
    desk.to_live()
    refusal = desk.page.get_by_text("The pen is armed. Finish the zone or press STOP")
    for _ in range(TRIES):
        desk.arm()
        desk.page.locator("[data-live=banner-word]", has_text=re.compile("Armed|Stopped")).wait_for()
        desk.page.get_by_role("link", name="Records").click(no_wait_after=True)
        # said at once, and for some seconds only
        if refusal.is_visible():
            break
        # stopped by a machine too busy to keep the leases: then the page may be left
        desk.bench.post("/api/stop")
        desk.go("/live")
        desk.again()
    else:
        raise AssertionError(f"not refused in {TRIES} tries")
    assert desk.page.url.endswith("/live")
