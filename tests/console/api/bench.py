"""A served console on a simulated pen, and a browser made of plain sockets that does what it is told and nothing else."""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
from websockets.sync.client import ClientConnection, connect

from pen_host.api import live_socket
from pen_host.api.opening import TRAINING_PIN, open_console
from pen_host.api.options import Options
from pen_host.api.server import ConsoleServer
from pen_host.transport.sim import SimTransport
from pen_sim.rig import SimPen

PATIENCE_S = 30.0
TRIES = 6
AT_ONCE_US = 500_000
"""What STOP is granted here, on a machine that does other things as well: less than a lost lease would take, so STOP did it.

On a quiet machine it takes milliseconds, see `tests.benchmarks.console`.
"""
PRESET = "hair_weekly_dhurat_2013"
"""Of a console that is no simulated one."""


def environment(place: Path) -> dict[str, str]:
    """Of a console process: a runtime directory of its own, and bytecode kept between starts, as an installed program has it."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PEN_RUNTIME_DIR": str(place / "runtime")}


def wait_until(there: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Look until it is so; the event is another thread's, so nothing else can be waited on."""
    end_s = time.monotonic() + patience_s
    while not (found := there()):
        assert time.monotonic() < end_s, f"waited {patience_s} s for {what} in vain"
        time.sleep(0.005)
    return found


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        return str(self.json["code"])


def ask(
    port: int, method: str, path: str, body: bytes | str | None = None, headers: dict[str, str] | None = None
) -> Answer:
    """One request with exactly these headers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        data = body.encode() if isinstance(body, str) else body
        given = {"Host": f"127.0.0.1:{port}", **(headers or {})}
        if data is not None and "Content-Length" not in given and "Transfer-Encoding" not in given:
            given["Content-Length"] = str(len(data))
        for name, value in given.items():
            connection.putheader(name, value)
        connection.endheaders(data)
        response = connection.getresponse()
        told = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, told, response.read())
    finally:
        connection.close()


class Tab:
    """One tab: a live stream whose frames it acknowledges until it is told not to."""

    def __init__(self, browser: Browser, console_id: str | None = None) -> None:
        self._browser = browser
        self._open = ExitStack()
        self._socket: ClientConnection = self._open.enter_context(
            connect(
                f"ws://127.0.0.1:{browser.port}/api/live",
                origin=browser.origin,  # type: ignore[arg-type]
                additional_headers={"Cookie": browser.cookie},
                compression=None,
                open_timeout=PATIENCE_S,
            )
        )
        self.acknowledges = True
        self.live: dict[str, Any] = {}
        self.state: dict[str, Any] = {}
        self.closed = ""
        self.say(type="hello", console_id=console_id)
        greeting = json.loads(self._socket.recv(PATIENCE_S))
        self.console_id: str = greeting["console_id"]
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        wait_until(lambda: self.state, "the first state")

    def say(self, **message: object) -> None:
        self._socket.send(json.dumps(message))

    def post(self, path: str, **body: object) -> Answer:
        return self._browser.post(path, console_id=self.console_id, **body)

    def must(self, path: str, **body: object) -> Any:
        answer = self.post(path, **body)
        assert answer.status == 200, answer.text
        return answer.json

    @property
    def run(self) -> dict[str, Any]:
        found: dict[str, Any] = self.state["treatment"]["run"] or {}
        return found

    def until(self, there: Callable[[], Any], what: str) -> Any:
        return wait_until(there, what)

    def close(self) -> None:
        self._open.close()
        self._thread.join(PATIENCE_S)

    def _listen(self) -> None:
        try:
            for text in self._socket:
                message = json.loads(text)
                if message["type"] == "live":
                    self.live = message
                    if self.acknowledges:
                        self.say(type="ack", seq=message["seq"])
                elif message["type"] == "state":
                    self.state = message
                elif message["type"] == "closing":
                    self.closed = message["sentence"]
        except Exception:  # noqa: BLE001 - a connection that ends in whatever way has ended
            return


@dataclass
class Browser:
    """A browser that came in by a launch token."""

    port: int
    cookie: str = ""
    tabs: list[Tab] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @classmethod
    def launched(cls, port: int, url: str) -> Browser:
        answer = ask(port, "GET", url.partition(f":{port}")[2])
        assert answer.status == 303, answer.text
        return cls(port, answer.headers["set-cookie"].partition(";")[0])

    def get(self, path: str) -> Answer:
        return ask(self.port, "GET", path, headers={"Cookie": self.cookie})

    def post(self, path: str, **body: object) -> Answer:
        headers = {"Cookie": self.cookie, "Origin": self.origin, "Content-Type": "application/json"}
        return ask(self.port, "POST", path, json.dumps(body), headers)

    def sign_in(self, name: str = "Trainee", pin: str = TRAINING_PIN) -> Browser:
        answer = self.post("/api/session/sign-in", name=name, pin=pin)
        assert answer.status == 200, answer.text
        return self

    def tab(self, console_id: str | None = None) -> Tab:
        tab = Tab(self, console_id)
        self.tabs.append(tab)
        return tab

    def close(self) -> None:
        for tab in self.tabs:
            tab.close()


class Hands(Protocol):
    """At a simulated pen, wherever it lives, and what its coil did."""

    def hand(self, *actions: str) -> int: ...

    def now_us(self) -> int: ...

    def coil_rises(self, since_us: int = 0) -> list[int]: ...


class ConsoleBench:
    """A console served from this process, its pen a simulated one whose trace is the truth."""

    def __init__(self, server: ConsoleServer) -> None:
        self.server = server
        self.port = server.port
        self.service = server.console
        self._browsers: list[Browser] = []

    @property
    def sim(self) -> SimPen:
        return self._line().sim

    def _line(self) -> SimTransport:
        docked = wait_until(lambda: self.service.dock.ready, "the pen")
        assert isinstance(docked.transport, SimTransport)
        return docked.transport

    def now_us(self) -> int:
        with self._line().hands():
            return self.sim.now_us

    def hand(self, *actions: str) -> int:
        """What hands do at the pen; returns the simulated time."""
        with self._line().hands() as bench:
            for action in actions:
                getattr(bench, action)()
            return self.sim.now_us

    def inject(self, fault: str) -> None:
        with self._line().hands() as bench:
            bench.inject(fault)

    def coil_rises(self, since_us: int = 0) -> list[int]:
        """Times of every stroke, as they physically happened."""
        with self._line().hands():
            return list(self.sim.trace.rises("coil", since_us))

    def browser(self, name: str | None = "Trainee") -> Browser:
        browser = Browser.launched(self.port, self.server.launch_url())
        self._browsers.append(browser)
        return browser.sign_in(name) if name else browser

    def clinician(self) -> Tab:
        """A tab that controls."""
        tab = self.browser().tab()
        tab.until(lambda: tab.state["you_control"], "control")
        return tab

    def close(self) -> None:
        for browser in self._browsers:
            browser.close()


@contextmanager
def console_bench(
    place: Path, url: str = "sim:?seed=5", record: Path | None = None
) -> Iterator[ConsoleBench]:
    """A console that runs until the block is left, over a record of its own where none is given."""
    options = Options(sim=True, url=url, journal=record, data=place / "data", runtime=place / "runtime")
    with pytest.MonkeyPatch.context() as patient, open_console(options) as server:
        # a real page that was let go of comes again; a tab here does not
        patient.setattr(live_socket, "HELLO_S", PATIENCE_S)
        thread = server.start_in_thread()
        bench = ConsoleBench(server)
        try:
            wait_until(lambda: bench.service.dock.ready, "the pen")
            wait_until(lambda: _serves(server.port), "the server")
            yield bench
        finally:
            bench.close()
            server.end()
            thread.join(PATIENCE_S)


def _serves(port: int) -> bool:
    try:
        return ask(port, "GET", "/api/health").status == 200
    except OSError:
        return False


def to_cartridge(tab: Tab, area_mm2: int = 2_000, patient: int = 0) -> None:
    """The steps up to the cartridge, as a clinician with a healthy patient does them."""
    browser = tab._browser
    reference = browser.get("/api/patients").json[patient]["patient_id"]
    tab.must("/api/treatment/patient", reference=reference)
    questions = browser.get("/api/treatment/questions").json
    tab.must("/api/treatment/screening", answers={one["rule_id"]: False for one in questions})
    presets = {one["name"]: one for one in browser.get("/api/presets").json}
    preset = presets.get("demo_scalp") or presets[PRESET]
    zone = {**preset["zones"][0], "area_mm2": area_mm2, "depth_um": 300, "hold_s": 30}
    wanted = ("name", "area_mm2", "depth_um", "rate_mhz", "passes", "hold_s", "target_low", "target_high")
    tab.must("/api/treatment/plan", preset=preset["name"], zones=[{key: zone[key] for key in wanted}])
    text = browser.get("/api/treatment/consent-text").json
    tab.must("/api/treatment/consent", text_sha256=text["sha256"], agreed=True, off_label_said=True)


def meant(tab: Tab) -> dict[str, str]:
    """Whom and by which plan, as a screen shows it to whoever prepares the pen."""
    view = tab._browser.get("/api/treatment").json
    plan = view["plan"] or {"digest": ""}
    return {"reference": (view["patient"] or {"reference": ""})["reference"], "plan_digest": plan["digest"]}


def to_first_zone(tab: Tab) -> None:
    """Up to the question whether the first zone may be armed."""
    to_cartridge(tab)
    tab.must("/api/treatment/cartridge")
    tab.must("/api/treatment/prepare", **meant(tab))
    tab.until(lambda: tab.run.get("waiting") == "zone", "the question about the first zone")


def to_strokes(bench: Hands, tab: Tab) -> int:
    """Up to strokes on skin; returns the simulated time of the trigger's press."""
    to_first_zone(tab)
    return stroke(bench, tab)


def stroke(bench: Hands, tab: Tab) -> int:
    """Arm the zone that is asked about and hold the trigger; returns the simulated time of the press.

    A machine that is too busy to keep the leases stops the pen, as it must: then once more.
    """
    for _ in range(TRIES):
        tab.must("/api/treatment/zone", zone=tab.run["zones"][tab.run["active"]]["name"], decision="arm")
        if _becomes(tab, "ARMED"):
            pressed_us = bench.hand("touch_skin", "press_trigger")
            if wait_until(lambda: _strokes_or_stopped(bench, tab, pressed_us), "strokes") == "strokes":  # noqa: B023
                return pressed_us
        again(bench, tab)
    raise AssertionError(f"no strokes in {TRIES} tries")


def treat_zone(bench: Hands, tab: Tab) -> None:
    """Hold the trigger until the zone that is asked about has its dose."""
    for _ in range(TRIES):
        stroke(bench, tab)
        tab.until(lambda: tab.live["state"] in ("IDLE", "STOPPED"), "the end of the hold")
        bench.hand("release_trigger", "lift")
        if tab.live["state"] == "IDLE":
            return
        again(bench, tab)
    raise AssertionError(f"not one whole hold in {TRIES} tries")


def again(bench: Hands, tab: Tab) -> None:
    """After a stop: hands off, acknowledged by name, and the zone is asked for again."""
    bench.hand("release_trigger", "lift")
    tab.until(lambda: tab.run["waiting"] == "clear", "the question whether the stop may be cleared")
    tab.must("/api/stop/clear", cause=tab.run["cause"])
    tab.until(
        lambda: tab.run["waiting"] == "zone" and tab.live["state"] == "IDLE", "the zone to be asked for"
    )


def _becomes(tab: Tab, state: str) -> bool:
    seen = {state, "STOPPED"}
    wait_until(lambda: tab.live["state"] in seen, f"the pen to be {state} or stopped")
    return bool(tab.live["state"] == state)


def _strokes_or_stopped(bench: Hands, tab: Tab, since_us: int) -> str:
    if len(bench.coil_rises(since_us)) > 10:
        return "strokes"
    return "stopped" if tab.live["state"] == "STOPPED" else ""


def last_stroke_us(bench: Hands, quiet_ms: int = 400) -> int:
    """When the last stroke began, once none has come for a while."""
    wait_until(lambda: bench.now_us() - bench.coil_rises()[-1] > quiet_ms * 1_000, "the end of the strokes")
    return bench.coil_rises()[-1]
