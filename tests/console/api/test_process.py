"""The console as a process: started, found, killed amid a stroke, started again; the pen lives on in another process."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pen_host.api import runtime
from pen_host.api.tls import fingerprint, self_signed
from pen_protocol import limits
from pen_sim.rig import SimPen
from pen_sim.serve import PenServer
from tests.console.api.bench import (
    PATIENCE_S,
    Browser,
    Tab,
    ask,
    environment,
    last_stroke_us,
    to_strokes,
    wait_until,
)

PIN = "7391"
CLI = "from pen_host.cli import main; main()"
pytestmark = pytest.mark.xdist_group("console-process")


class Process:
    """A console in a process of its own, without its pages."""

    def __init__(self, place: Path, *arguments: str) -> None:
        self.place = place
        self.environment = environment(place)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.console.api.serve", str(place), *arguments],
            stdout=subprocess.PIPE,
            text=True,
            env=self.environment,
        )
        assert self._process.stdout is not None
        self.told: dict[str, Any] = json.loads(self._process.stdout.readline())
        self.url: str = self.told["url"]
        self.port = int(self.url.split("/")[2].rpartition(":")[2])

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(PATIENCE_S)

    def end(self) -> int:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(PATIENCE_S)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code

    def cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", CLI, *words],
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=120,
            check=False,
        )

    def stops(self) -> list[tuple[str, bool]]:
        """Gives STOP from the command line: to which pens it went, and whether each confirmed it in time."""
        told = json.loads(self.cli("stop", "--json").stdout)["stops"]
        return [(one["url"], one["confirmed"]) for one in told]


@contextmanager
def process(place: Path, *arguments: str) -> Iterator[Process]:
    console = Process(place, *arguments)
    try:
        yield console
    finally:
        console.end()


@pytest.fixture
def pen() -> Iterator[PenServer]:
    """A pen that outlives every console."""
    with PenServer(SimPen(seed=3, strict=False)) as server:
        yield server


@dataclass(frozen=True)
class Outside:
    """Hands at a pen of another process, and its trace."""

    pen: PenServer

    def coil_rises(self, since_us: int = 0) -> list[int]:
        return self.pen.call(lambda sim: list(sim.trace.rises("coil", since_us)))

    def hand(self, *actions: str) -> int:
        def act(sim: SimPen) -> int:
            for action in actions:
                getattr(sim.bench, action)()
            return sim.now_us

        return self.pen.call(act)

    def now_us(self) -> int:
        return self.hand()


def clinician(console: Process, *, first: bool) -> Tab:
    browser = Browser.launched(console.port, console.url)
    if first:
        made = browser.post("/api/session/setup", name="Anna", pin=PIN, roles=["clinician"])
        assert made.status == 200, made.text
        added = browser.post("/api/patients", full_name="Berta Muster", birth_date="1980-05-05")
        assert added.status == 200, added.text
    else:
        browser.sign_in("Anna", PIN)
    tab = browser.tab()
    tab.until(lambda: tab.state["you_control"], "control")
    tab.until(lambda: tab.state["pen"]["link"] == "connected", "the pen")
    return tab


def test_a_console_killed_amid_a_stroke_is_started_again_and_settled_with_equal_counts(
    pen: PenServer, tmp_path: Path
) -> None:
    assert pen.addresses is not None
    bench = Outside(pen)
    with process(tmp_path, pen.addresses.url) as console:
        tab = clinician(console, first=True)
        to_strokes(bench, tab)
        console.kill()
        killed_us = bench.now_us()
    assert last_stroke_us(bench, 500) - killed_us < limits.BUDGET_HOST_SILENT_MS * 1_000
    bench.hand("release_trigger", "lift")
    with process(tmp_path, pen.addresses.url) as console:
        tab = clinician(console, first=False)
        tab.until(
            lambda: any("was interrupted" in one["text"] for one in tab.state["notices"]), "the settlement"
        )
        tab.until(lambda: tab.state["treatment"]["step"] == "close", "the treatment taken up again")
        assert tab.state["treatment"]["patient"]["label"] == "Berta Muster"
        sessions = tab._browser.get("/api/records/sessions").json
        assert [(one["state"], one["strokes"], one["sure"]) for one in sessions] == [
            ("closed", len(bench.coil_rises()), True)
        ]
        tab.must("/api/treatment/close", endpoint="none", aftercare_given=True, pin=PIN)
        items = tab._browser.get(
            f"/api/patients/{tab._browser.get('/api/patients').json[0]['patient_id']}/timeline"
        )
        assert any(one["kind"] == "visit" and "closed" in one["title"] for one in items.json)
        assert any(one["kind"] == "cartridge" for one in items.json)


def test_the_command_line_asks_the_console_that_owns_the_port(pen: PenServer, tmp_path: Path) -> None:
    assert pen.addresses is not None
    url = pen.addresses.url
    with process(tmp_path, url) as console:
        browser = Browser.launched(console.port, console.url)
        wait_until(lambda: browser.get("/api/state").json["pen"]["serial"], "the pen")
        told = json.loads(console.cli("status", "--url", url, "--json").stdout)
        assert told["state"] == "IDLE"
        info = json.loads(console.cli("info", "--json").stdout)
        assert info["serial"] == told.get("serial", info["serial"])
        assert console.cli("list").stdout.count(info["serial"]) == 1
        wait_until(lambda: console.stops() == [(url, True)], "the confirmation")
        assert json.loads(console.cli("status", "--json").stdout)["first_cause_name"] == "STOP_COMMAND"
        for words in (["clear", "STOP_COMMAND", "--operator", "x"], ["session", "recover"]):
            refused = console.cli(*words, "--url", url, "--json")
            assert refused.returncode == 5
            assert "a running console" in json.loads(refused.stdout)["error"]["sentence"]
        again = console.cli("console", "--no-browser", "--json", "--url", url)
        second = json.loads(again.stdout)
        assert second["pid"] == console.told["pid"], "one pen, one console"
        assert Browser.launched(console.port, second["url"]).get("/api/state").status == 200
        code = console.end()
    assert code == 0
    assert not list((tmp_path / "runtime").iterdir()), "it takes its file away"


def test_a_console_that_was_killed_is_not_asked(tmp_path: Path) -> None:
    with process(tmp_path, "sim:?seed=4") as console:
        console.kill()
    assert list((tmp_path / "runtime").iterdir())
    told = console.cli("stop", "--json")
    assert "No pen was found" in json.loads(told.stdout)["error"]["sentence"]
    assert not list((tmp_path / "runtime").iterdir())


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_the_file_with_the_key_is_for_this_user_only(tmp_path: Path) -> None:
    mine = runtime.Running(1234, runtime.new_key(), os.getpid())
    path = runtime.announce(mine, tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert runtime.find_all(tmp_path) == [mine]
    path.chmod(0o644)
    assert runtime.find_all(tmp_path) == [], "a file that others can read is not believed"
    path.chmod(0o600)
    for text in ("", "{", "[]", '{"port": 1}', '{"port": 1, "key": "k", "pid": 1, "more": 1}'):
        path.write_text(text)
        assert runtime.find_all(tmp_path) == []


@pytest.mark.covers("REQ-1802")
def test_the_lan_is_served_with_tls_and_by_name_only(tmp_path: Path) -> None:
    import ssl
    from http.client import HTTPException, HTTPSConnection

    with process(tmp_path, "sim:?seed=4", "--lan", "127.0.0.2") as console:
        found = runtime.find_all(tmp_path / "runtime")[0]
        assert found.certificate is not None
        assert fingerprint(Path(found.certificate)).count(":") == 31
        context = ssl.create_default_context(cafile=found.certificate)

        def get(address: str, host: str) -> int:
            line = HTTPSConnection(address, console.port, context=context, timeout=PATIENCE_S)
            try:
                line.request("GET", "/api/health", headers={"Host": host})
                response = line.getresponse()
                assert "max-age" in response.headers["strict-transport-security"]
                return response.status
            finally:
                line.close()

        assert get("127.0.0.2", f"127.0.0.2:{console.port}") == 200
        assert get("127.0.0.1", f"127.0.0.1:{console.port}") == 200
        assert get("127.0.0.2", f"evil.example:{console.port}") == 421
        with pytest.raises((OSError, HTTPException)):
            ask(console.port, "GET", "/api/health")
        wait_until(lambda: console.stops()[0][1], "the confirmation")


def test_a_certificate_is_for_an_address(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        self_signed("clinic.example", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--sim", "--url", "socket://127.0.0.1:1"], 2),
        (["--sim", "--lan", "not-an-address"], 2),
        (["--sim", "--tls-cert", "x.pem"], 2),
        (["--sim", "--listen", "70000"], 2),
    ],
)
def test_wrong_words_open_nothing(tmp_path: Path, words: list[str], code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CLI, "console", "--no-browser", *words],
        capture_output=True,
        text=True,
        env=environment(tmp_path),
        timeout=120,
        check=False,
    )
    assert done.returncode == code
    assert "nothing was opened" in done.stderr or "Nothing was sent" in done.stderr
    assert not list(tmp_path.iterdir())
