"""A clinician's desk: a console in a process of its own on the simulated pen, Debian's Chromium in front of it, and the bench.

What the pen did is read from the simulated pen's own trace, never from the page.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright
from playwright.sync_api import TimeoutError as NotInTimeError

from pen_host.api.client import ConsoleClient
from pen_host.api.runtime import find_all
from tests.console.api.bench import Answer, ask, environment

PIN = "2580"
PATIENCE_S = 60.0
"""A machine that does other things as well is no failure; budgets are measured in the pen's own time."""
START_S = 120.0
TRIES = 6
AGAIN_MS = 15_000
LAPTOP = (1366, 768)
CHROMIUM = ("chromium-headless-shell", "chromium", "chromium-browser")
CHROMIUM_ARGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--force-color-profile=srgb",
)
START = "import sys; from pen_host.cli import main; sys.argv[0] = 'pen'; main()"


def chromium() -> str:
    """Debian's Chromium, without its own windows where that is installed: a quarter less work. None is ever downloaded."""
    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    assert found is not None, f"the pages are tested in Debian's Chromium: apt-get install {CHROMIUM[0]}"
    return found


def wait_until(there: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Look until it is so: the event is another process's, so nothing else can be waited on."""
    end_s = time.monotonic() + patience_s
    while not (found := there()):
        assert time.monotonic() < end_s, f"waited {patience_s} s for {what} in vain"
        time.sleep(0.01)
    return found


class Served:
    """`pen console --sim` in a process of its own.

    Args:
        place: For its data and runtime file.
        seed: Of the simulated pen.
        before: What its process runs before it starts.
    """

    def __init__(self, place: Path, seed: int = 11, before: str = "") -> None:
        self._place = place
        self._errors = (place / "console.err").open("w")
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                before + START,
                "console",
                "--sim",
                "--no-browser",
                "--json",
                "--url",
                f"sim:?seed={seed}",
            ],
            env=environment(place),
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, (place / "console.err").read_text()
        self._first: str | None = json.loads(line)["url"]
        self.base = self._first.split("/launch")[0] if self._first else ""
        self.port = int(self.base.rpartition(":")[2])

    def complaints(self) -> str:
        """What its process wrote where errors go."""
        return (self._place / "console.err").read_text()

    def launch_url(self) -> str:
        """A way in that works once."""
        if self._first is not None:
            url, self._first = self._first, None
            return url
        (running,) = find_all(self._place / "runtime")
        return ConsoleClient(running).launch_url()

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._errors.close()


class Bench:
    """Hands at the simulated pen, and its trace, through a browser's cookie."""

    def __init__(self, served: Served, cookie: str) -> None:
        self._served = served
        self._cookie = cookie

    def get(self, path: str) -> Any:
        answer = ask(self._served.port, "GET", path, headers={"Cookie": self._cookie})
        assert answer.status == 200, answer.text
        return answer.json

    def post(self, path: str, **body: object) -> Answer:
        headers = {"Cookie": self._cookie, "Origin": self._served.base, "Content-Type": "application/json"}
        return ask(self._served.port, "POST", path, json.dumps(body), headers)

    def send(self, path: str, raw: bytes, media: str) -> None:
        """A file as it is."""
        headers = {"Cookie": self._cookie, "Origin": self._served.base, "Content-Type": media}
        answer = ask(self._served.port, "POST", path, raw, headers)
        assert answer.status == 200, answer.text

    def hand(self, *actions: str) -> None:
        for action in actions:
            answer = self.post("/api/bench", do=action)
            assert answer.status == 200, answer.text

    def inject(self, fault: str) -> None:
        assert self.post("/api/bench", do="inject", name=fault).status == 200

    def cure(self, fault: str) -> None:
        assert self.post("/api/bench", do="clear", name=fault).status == 200

    def now_us(self) -> int:
        return int(self.get("/api/bench/edges?signal=coil&since_us=99999999999")["now_us"])

    def coil_on(self, since_us: int) -> list[int]:
        """When the coil was switched on."""
        return [
            at
            for at, level in self.get(f"/api/bench/edges?signal=coil&since_us={since_us}")["edges"]
            if level
        ]

    def last_coil_us(self, since_us: int, quiet_ms: int = 400) -> int:
        """The last edge of the coil, once none has come for a while; `since_us` where there was none at all."""

        def quiet() -> int | None:
            told = self.get(f"/api/bench/edges?signal=coil&since_us={since_us}")
            last = max((at for at, _ in told["edges"]), default=since_us)
            return last if told["now_us"] - last > quiet_ms * 1000 else None

        return int(wait_until(quiet, "the coil to be quiet"))

    def state(self) -> Any:
        return self.get("/api/state")


@dataclass
class Desk:
    """One browser at one console."""

    served: Served
    context: BrowserContext
    page: Page
    bench: Bench
    errors: list[str] = field(default_factory=list)
    patients: int = 0

    # --- getting about --------------------------------------------------------------------------------------------------

    def go(self, path: str) -> Page:
        """Open a page and wait until it is alive: painted by its code, and its stream greeted."""
        self.page.goto(self.served.base + path)
        self.alive(self.page)
        return self.page

    def alive(self, page: Page) -> None:
        page.wait_for_function(
            "() => document.querySelector('.page')?.inert === false && window.penStream.state && window.penStream.frame"
        )

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name)

    def press_until(
        self,
        button: Locator,
        there: Callable[[int], object],
        press: Callable[[Locator], object] | None = None,
    ) -> None:
        """Press a button of a page that rests on the pen: one that is drawn again amid a click has lost it. Then once more.

        Args:
            button: Which.
            there: Waits for what the press does, for so many milliseconds.
            press: Instead of a click.
        """
        for _ in range(TRIES):
            with suppress(NotInTimeError):
                if button.is_visible():
                    (press or Locator.click)(button)
                there(AGAIN_MS)
                return
        raise AssertionError(f"{button} was pressed {TRIES} times in vain")

    def heading(self, name: str) -> None:
        self.page.get_by_role("heading", name=name, exact=True).first.wait_for()
        self.alive(self.page)

    def sign_in(self, name: str = "Trainee") -> None:
        self.go("/login")
        self.page.get_by_text(name, exact=True).first.click()
        self.page.get_by_label("PIN", exact=True).fill(PIN)
        self.button("Sign in").click()
        self.page.wait_for_url(self.served.base + "/")
        self.alive(self.page)

    # --- the short way ----------------------------------------------------------------------------------------------------

    def ask(self, path: str, **body: object) -> Any:
        """The API as this page asks it."""
        console_id = self.page.evaluate("() => window.penStream.consoleId")
        answer = self.bench.post(path, console_id=console_id, **body)
        assert answer.status == 200, answer.text
        return answer.json

    def control(self) -> None:
        """This page commands."""
        if not self.page.evaluate("() => window.penStream.state.you_control"):
            self.ask("/api/control/take", take_over=True)
        self.page.wait_for_function("() => window.penStream.state.you_control")

    def to_step(self, step: str, **zone: int) -> None:
        """A new, healthy patient up to a step of the preparation, without the pages."""
        order = ("screening", "plan", "consent", "cartridge", "pen_ready")
        for one in order[: order.index(step) + 1]:
            self._do(one, zone)

    def _do(self, step: str, zone: dict[str, int]) -> None:
        if step == "screening":
            self.patients += 1
            added = self.bench.post(
                "/api/patients", full_name=f"Patient {self.patients}", birth_date="1980-05-01"
            )
            self.ask("/api/treatment/patient", reference=added.json["patient_id"])
        elif step == "plan":
            questions = self.bench.get("/api/treatment/questions")
            self.ask("/api/treatment/screening", answers={one["rule_id"]: False for one in questions})
        elif step == "consent":
            self.ask("/api/treatment/plan", preset="demo_scalp", zones=self._zones(zone))
        elif step == "cartridge":
            text = self.bench.get("/api/treatment/consent-text")
            self.ask("/api/treatment/consent", text_sha256=text["sha256"], agreed=True, off_label_said=True)
        else:
            self.ask("/api/treatment/cartridge")

    def _zones(self, changes: dict[str, int]) -> list[dict[str, object]]:
        presets = self.bench.get("/api/presets")
        keys = ("name", "area_mm2", "depth_um", "rate_mhz", "passes", "hold_s", "target_low", "target_high")
        zones = next(one for one in presets if one["name"] == "demo_scalp")["zones"]
        return [
            {**{key: zone[key] for key in keys}, "area_mm2": 2_000, "hold_s": 30, **changes} for zone in zones
        ]

    def to_live(self, **zone: int) -> None:
        """The live view, asked whether the first zone may be armed."""
        self.clear_up()
        self.to_step("pen_ready", **zone)
        self.prepare()
        self.go("/live")
        self.page.locator("[data-decide=arm]").wait_for()

    def prepare(self) -> None:
        """The pen is cleaned, and prepared for whom and what is shown."""
        self._clean()
        shown = self.bench.get("/api/treatment")
        meant = {"reference": shown["patient"]["reference"], "plan_digest": shown["plan"]["digest"]}
        self.ask("/api/treatment/prepare", **meant)

    def _clean(self) -> None:
        self.ask("/api/treatment/cleaned", method="low_level_disinfection", sheath_changed=True)

    def arm(self) -> None:
        """Armed. A machine that is too busy to keep the leases stops the pen, as it must: then once more."""
        for _ in range(TRIES):
            self.page.locator("[data-decide=arm]").click()
            if self.becomes("ARMED"):
                return
            self.again()
        raise AssertionError(f"not armed in {TRIES} tries")

    def strokes(self) -> int:
        """Armed, tip on skin, trigger held, needle stroking; returns the simulated time before the press. See `arm`."""
        for _ in range(TRIES):
            self.arm()
            before_us = self.bench.now_us()
            self.bench.hand("touch_skin", "press_trigger")
            if self.becomes("STROKING"):
                wait_until(lambda: self._stroked(before_us), "strokes")  # noqa: B023 - waited for at once
                return before_us
            self.again()
        raise AssertionError(f"no strokes in {TRIES} tries")

    def becomes(self, state: str) -> bool:
        """Whether the pen comes to a state; False when it is stopped first."""
        seen = wait_until(lambda: self._state_in({state, "STOPPED"}), f"the pen to be {state} or stopped")
        return bool(seen == state)

    def shows(self, there: Callable[[], Any], where: str) -> bool:
        """Whether a page comes to show what the pen does; False when the pen is stopped first."""
        wait_until(lambda: there() or self._state_in({"STOPPED"}), f"{where}, or a stop")
        return bool(there())

    def _state_in(self, states: set[str]) -> str:
        state = str(self.bench.state()["pen"]["state"])
        return state if state in states else ""

    def _stroked(self, since_us: int) -> bool:
        return len(self.bench.coil_on(since_us)) > 10 or self._state_in({"STOPPED"}) != ""

    def again(self) -> None:
        """After a stop: hands off, acknowledged by name, and the zone is asked for again."""
        self.bench.hand("release_trigger", "lift")
        self.page.locator("[data-decide=clear]:visible").click()
        self.page.locator("[data-decide=arm]").wait_for()

    def until_state(self, state: str) -> None:
        wait_until(lambda: self.bench.state()["pen"]["state"] == state, f"the pen to be {state}")

    def until_there(self, interlock: str) -> None:
        """The pen has seen it."""
        wait_until(lambda: interlock in self._interlocks(), f"{interlock} to be there")

    def until_free(self, interlock: str) -> None:
        """The pen has seen that it is gone."""
        wait_until(lambda: interlock not in self._interlocks(), f"{interlock} to be gone")

    def _interlocks(self) -> set[str]:
        return {one["name"] for one in self.bench.state()["pen"]["interlocks"]}

    def clear_up(self) -> None:
        """Whatever a test left: hands off, nothing open, the pen idle with a new cartridge."""
        self.bench.hand(
            "release_trigger",
            "lift",
            "clear_all",
            "close_estop",
            "plug_estop",
            "disconnect_charger",
            "plug_usb",
        )
        wait_until(lambda: self.bench.state()["pen"]["link"] == "connected", "the pen")
        self.control()
        self._close_treatment()
        self.bench.hand("take_cartridge", "insert_new_cartridge")
        wait_until(self._cleared, "the pen to be idle")

    def _close_treatment(self) -> None:
        treatment = self.bench.state()["treatment"]
        if treatment["step"] is None:
            return
        if treatment["step"] != "close":
            console_id = self.page.evaluate("() => window.penStream.consoleId")
            given_up = self.bench.post("/api/treatment/cancel", console_id=console_id, why="the test is over")
            assert given_up.status in (HTTPStatus.OK, HTTPStatus.CONFLICT), "given up, or it ended by itself"
        end = wait_until(lambda: self._ended(), "the run to end")
        if end == "close":
            self.ask("/api/treatment/close", endpoint="none", aftercare_given=True, pin=PIN)

    def _ended(self) -> str:
        step = self.bench.state()["treatment"]["step"]
        return "none" if step is None else step if step == "close" else ""

    def _cleared(self) -> bool:
        pen = self.bench.state()["pen"]
        if pen["stopped"]:
            console_id = self.page.evaluate("() => window.penStream.consoleId")
            self.bench.post("/api/stop/clear", console_id=console_id, cause=pen["cause"])
            return False
        return bool(pen["state"] == "IDLE")

    def close(self) -> None:
        self.context.close()


@dataclass
class Studio:
    """A console process, and browsers in front of it."""

    served: Served
    playwright: Playwright
    browser: Browser
    opened: list[Desk] = field(default_factory=list)

    def desk(
        self, size: tuple[int, int] = LAPTOP, theme: str = "light", browser: Browser | None = None
    ) -> Desk:
        """Another browser profile, let in by a launch address of its own."""
        context = (browser or self.browser).new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if theme == "dark" else "light",
        )
        return self.sit_down(context)

    def sit_down(self, context: BrowserContext) -> Desk:
        context.set_default_timeout(PATIENCE_S * 1000)
        page = context.pages[0] if context.pages else context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(self.served.launch_url(), timeout=START_S * 1000)
        (cookie,) = [one for one in context.cookies() if one["name"] == "pen_console"]
        desk = Desk(self.served, context, page, Bench(self.served, f"pen_console={cookie['value']}"), errors)
        desk.alive(page)
        self.opened.append(desk)
        return desk

    def another_browser(self) -> Browser:
        """A browser process of its own."""
        return self.playwright.chromium.launch(executable_path=chromium(), args=list(CHROMIUM_ARGS))


@contextmanager
def studio(place: Path, playwright: Playwright, before: str = "") -> Iterator[Studio]:
    """A console and a browser, until the block is left.

    Args:
        place: Directory for what the console keeps.
        playwright: The one driver of this process; there cannot be two.
        before: See `Served`.
    """
    with ExitStack() as stack:
        served = Served(place, before=before)
        stack.callback(served.close)
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(CHROMIUM_ARGS))
        stack.callback(browser.close)
        yield Studio(served, playwright, browser)
