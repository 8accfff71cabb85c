"""What the console costs and how fast it is: start, live values, STOP, CPU, memory; beside what a bare page was measured at.

The pen is a simulated one in this process, behind a TCP port as a serial line is; the console is a process of its own, opened
in Debian's Chromium. Each figure is taken where it counts: a live value when the page has painted and acknowledged it, STOP when
its frame arrives at the pen.

    python -m tests.benchmarks.console [--json] [--seconds 60] [--stops 200]
"""

from __future__ import annotations

import argparse
import json
import os
import queue
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from pen_host.link.frames import decode_body
from pen_protocol import framing
from pen_sim.rig import SimPen
from pen_sim.serve import PenServer
from tests.console.api.bench import environment

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
STARTS = 3
PAGE_MS = 90_000
"""A machine that is busy with other things is slow, which shows in the figures and is no failure."""
MIB = 1 << 20
WATCH = """
window.__acks = [];
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) {
  if (typeof data === 'string' && data.includes('"ack"')) window.__acks.push(performance.timeOrigin + performance.now());
  return send.call(this, data);
};
window.__stops = [];
addEventListener('pointerdown', () => window.__stops.push(performance.timeOrigin + performance.now()), true);
"""
"""Notes when the page acknowledges a frame, which it does when it has painted it, and when a pointer goes down."""


@dataclass(frozen=True)
class Figure:
    """One measurement.

    Attributes:
        name: What.
        value: Measured.
        unit: Its unit.
        budget: What it must stay below.
        bare: What a bare page of the same toolkit was measured at, where it was.
    """

    name: str
    value: float
    unit: str
    budget: float
    bare: str = ""

    @property
    def met(self) -> bool:
        return self.value < self.budget


class Wire:
    """The pen's end of the line: when each STOP frame arrived, by the calendar's clock."""

    def __init__(self, server: PenServer) -> None:
        self.stops: queue.SimpleQueue[float] = queue.SimpleQueue()
        self._decoder = framing.Decoder()
        stream = server.pen.stream
        write = stream.write

        def watched(data: bytes) -> None:
            now_ms, at = time.time() * 1000, 0
            while at < len(data):
                at = self._decoder.feed(data, at, len(data))
                frame = decode_body(bytes(self._decoder.frame[: self._decoder.length]))
                if frame is not None and frame.name == "STOP":
                    self.stops.put(now_ms)
            write(data)

        stream.write = watched  # type: ignore[method-assign]


class Station:
    """A console process."""

    def __init__(self, place: Path, url: str) -> None:
        self.begun_s = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from pen_host.cli import main; main()", "console", "--no-browser", "--json",
             "--url", url, "--journal", str(place / "record.sqlite3"), "--data", str(place / "data")],
            stdout=subprocess.PIPE,
            text=True,
            env=environment(place),
        )  # fmt: skip
        assert self._process.stdout is not None
        self.url: str = json.loads(self._process.stdout.readline())["url"]
        self.origin = self.url.partition("/launch")[0]

    def cpu_s(self) -> float:
        """Processor time so far, of the whole process."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_mib(self) -> float:
        """Resident memory."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / MIB

    def end(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(20)
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def station(place: Path, url: str) -> Iterator[Station]:
    """A console whose record lies there."""
    found = Station(place, url)
    try:
        yield found
    finally:
        found.end()


@contextmanager
def browser() -> Iterator[Any]:
    """Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield opened
        finally:
            opened.close()


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))]


def start(chromium: Any, place: Path, url: str) -> float:
    """Seconds from the command to a live value that the first page has painted."""
    with station(place, url) as console:
        page = _page(chromium, console)
        took_s = time.monotonic() - console.begun_s
        page.context.close()
    return took_s


def live(page: Any, console: Station, seconds: float) -> list[Figure]:
    """Gaps between painted frames, and what they cost the server."""
    page.evaluate("window.__acks = []")
    cpu_s, begun_s = console.cpu_s(), time.monotonic()
    page.wait_for_timeout(seconds * 1000)
    spent = (console.cpu_s() - cpu_s) / (time.monotonic() - begun_s)
    acks = page.evaluate("window.__acks")
    gaps = [after - before for before, after in pairwise(acks)]
    return [
        Figure("live update gap, p95", percentile(gaps, 0.95), "ms", 70, "52 plain, 61 NiceGUI"),
        Figure("live update gap, worst", max(gaps), "ms", 250, "56 plain, 225 NiceGUI"),
        Figure("server CPU, one console at 20 Hz", spent * 100, "% of a core", 15, "1.4 plain, 10.3 NiceGUI"),
    ]


def stops(page: Any, wire: Wire, count: int) -> Figure:
    """From the pointer that goes down on STOP to the STOP frame at the pen."""
    button = page.locator("[data-stop]").first
    took_ms = []
    for _ in range(count):
        while not wire.stops.empty():
            wire.stops.get()
        page.evaluate("window.__stops = []")
        button.dispatch_event("pointerdown")
        arrived_ms = wire.stops.get(timeout=5)
        took_ms.append(arrived_ms - page.evaluate("window.__stops[0]"))
        time.sleep(0.12)  # a STOP of the one before may still be repeated for this long
    return Figure("STOP click to STOP frame at the pen, p99", percentile(took_ms, 0.99), "ms", 20)


def memory() -> Figure:
    """Growth over an hour of frames, as fast as they can be made, sent and acknowledged."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.console_hour"], capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    return Figure("memory growth over an hour of frames", told["growth_mib"], "MiB", 8)


def measure(seconds: float, count: int) -> list[Figure]:
    """Everything."""
    with (
        PenServer(SimPen(seed=1, strict=False)) as server,
        browser() as chromium,
        tempfile.TemporaryDirectory(prefix="console-bench-") as folder,
    ):
        assert server.addresses is not None
        wire, url, place = Wire(server), server.addresses.url, Path(folder)
        # the first start makes the record and the bytecode, which a clinic does once
        starts = [start(chromium, place, url) for _ in range(STARTS + 1)][1:]
        figures = [
            Figure(
                "command to painted live value",
                statistics.median(starts),
                "s",
                2.5,
                "0.85 plain, 1.19 NiceGUI, server up",
            )
        ]
        with station(place, url) as console:
            page = _page(chromium, console)
            page.goto(f"{console.origin}/live")
            page.wait_for_function("window.__acks.length > 0", timeout=PAGE_MS)
            figures += live(page, console, seconds)
            figures.append(
                Figure("resident memory of the server", console.rss_mib(), "MiB", 400, "54 plain, 78 NiceGUI")
            )
            figures.append(stops(page, wire, count))
            page.context.close()
    return [*figures, memory()]


def _page(chromium: Any, console: Station) -> Any:
    page = chromium.new_context().new_page()
    page.add_init_script(WATCH)
    page.goto(console.url, timeout=PAGE_MS)
    page.wait_for_function("window.__acks.length > 0", timeout=PAGE_MS)
    return page


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--seconds", type=float, default=60, help="of live values")
    parser.add_argument("--stops", type=int, default=200, help="STOPs")
    given = parser.parse_args()
    figures = measure(given.seconds, given.stops)
    load = os.getloadavg()[0]
    if given.json:
        told = [{**asdict(one), "met": one.met} for one in figures]
        print(json.dumps({"figures": told, "cores": os.cpu_count(), "load": load}))
        return
    table = Table(title=f"Console ({os.cpu_count()} cores, load {load:.1f})")
    for column in ("figure", "measured", "budget", "bare page"):
        table.add_column(column)
    for one in figures:
        table.add_row(
            one.name,
            f"{one.value:.1f} {one.unit}" + ("" if one.met else "  ABOVE"),
            f"< {one.budget:g} {one.unit}",
            one.bare,
        )
    Console().print(table)


if __name__ == "__main__":
    main()
