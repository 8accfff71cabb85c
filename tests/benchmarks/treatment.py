"""What an hour of treatment costs a station: memory of host and simulator, and how fast the record grows.

Treatments of five minutes, one after the other in one program, as a clinic would run them, with simulated time that passes as
fast as it can. At every ten-minute mark: resident memory, what Python holds and how many objects, and the size of the record.
Flat memory is what a program needs that stays open all day; how much a record grows by the minute is what a disk is bought for.
What Python holds is traced in the last third only: tracing makes everything several times slower.

    python -m tests.benchmarks.treatment [--json] [--minutes 60]
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tempfile
import time
import tracemalloc
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pen_host.session import Session, open_session, wait_for_boot
from pen_host.session.observer import Observer
from pen_sim.rig import SimPen
from tests.campaigns.crash_bench import small_plan
from tests.system.world import OPERATOR, Station

MARK_MIN = 10
SESSION_MIN = 5
HOLD_S, REST_S = 15, 10
"""One hold of the trigger, and the pause after it, in which events are pulled."""
SAMPLE_S = 0.1
DEPTH_UM, RATE_MHZ = 300, 100_000
GROWTH_MAX_KIB_MIN = 8
"""Memory counts as flat below this: less than 4 MiB in a day of eight hours."""


@dataclass(frozen=True)
class At:
    """What was measured at one mark.

    Attributes:
        minute: Of simulated time.
        rss_kib: Resident memory of the process: host, simulated pen and record.
        python_kib: Memory that Python objects hold which were made since tracing began; 0 before.
        blocks: Pieces of memory that Python's allocator has given out.
        objects: How many objects the collector tracks.
        record_kib: Record and its write-ahead log.
        entries: In the record.
        strokes: In the record.
    """

    minute: int
    rss_kib: int
    python_kib: int
    blocks: int
    objects: int
    record_kib: int
    entries: int
    strokes: int


class Hour:
    """One station, one pen, session after session."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.sim = SimPen(seed=1)
        self.sim.trace.enabled = False
        self.station = Station(self.sim, place, 1)
        self.begun_us = self.sim.now_us

    @property
    def minute(self) -> float:
        """Simulated minutes since the start."""
        return (self.sim.now_us - self.begun_us) / 60e6

    def treat(self, until_min: float) -> None:
        """One session of holds and rests, closed at `until_min`."""
        station = self.station
        self.sim.bench.insert_new_cartridge()
        session = open_session(station.pen, station.journal, OPERATOR, small_plan(), None, {})
        watch = Observer(session, lambda _progress: None, (), station.line.clock)
        station.let_pass(1_000)
        session.home()
        cartridge = station.pen.cartridge_read()
        serial = cartridge.serial
        session.act("CARTRIDGE_USE", lambda: station.pen.cartridge_use(serial), {"serial": serial.hex()})
        while self.minute < until_min:
            self._hold(session, watch)
        watch._write()
        session.close()
        self.station.forget()

    def _hold(self, session: Session, watch: Observer) -> None:
        session.set_depth(DEPTH_UM)
        session.set_rate(RATE_MHZ)
        session.arm(DEPTH_UM, RATE_MHZ, 0)
        self.station.let_pass(100)
        self.sim.bench.touch_skin()
        self.sim.bench.press_trigger()
        for _ in range(round(HOLD_S / SAMPLE_S)):
            self.station.let_pass(SAMPLE_S * 1_000)
            watch._look()  # its thread would look by the wall clock
        self.sim.bench.release_trigger()
        self.station.let_pass(100)
        session.disarm()
        self.station.let_pass(REST_S * 1_000)

    def measure(self) -> At:
        """Everything at this moment."""
        gc.collect()
        with self.station.journal.reader() as reader:
            strokes = sum(reader.strokes(one.session_id).total.strokes for one in reader.sessions())
        record = sum(file.stat().st_size for file in self.place.iterdir())
        return At(
            round(self.minute),
            _rss_kib(),
            tracemalloc.get_traced_memory()[0] // 1_024,
            sys.getallocatedblocks(),
            len(gc.get_objects()),
            record // 1_024,
            self.station.journal.head.seq,
            strokes,
        )


def _rss_kib() -> int:
    """Resident memory now, not its peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def run(minutes: int) -> list[At]:
    """A measurement at the first session's end and at every mark."""
    marks = []
    with tempfile.TemporaryDirectory() as directory:
        hour = Hour(Path(directory))
        hour.station.worker.connect()
        wait_for_boot(hour.station.pen, lambda pause_s: hour.station.let_pass(pause_s * 1_000))
        for end_min in range(SESSION_MIN, minutes + 1, SESSION_MIN):
            if end_min > minutes * 2 // 3 and not tracemalloc.is_tracing():
                tracemalloc.start()
            hour.treat(end_min)
            if end_min % MARK_MIN == 0:
                marks.append(hour.measure())
                print(f"minute {marks[-1].minute}", file=sys.stderr)
        hour.station.close()
    return marks


def summary(marks: list[At], took_s: float) -> dict[str, object]:
    """What the hour came to."""
    first, last = marks[0], marks[-1]
    minutes = max(1, last.minute - first.minute)
    traced = [mark for mark in marks if mark.python_kib] or [last]
    traced_min = max(1, traced[-1].minute - traced[0].minute)
    untraced = [mark for mark in marks if not mark.python_kib] or [first]
    untraced_min = max(1, untraced[-1].minute - untraced[0].minute)
    traced_kib = traced[-1].python_kib - traced[0].python_kib
    return {
        "minutes": last.minute,
        "strokes": last.strokes,
        "rss_kib": last.rss_kib,
        "rss_growth_kib_per_min": round((untraced[-1].rss_kib - untraced[0].rss_kib) / untraced_min, 2),
        "traced_growth_kib_per_min": round(traced_kib / traced_min, 2),
        "blocks_growth_per_min": round((last.blocks - first.blocks) / minutes, 1),
        "objects_growth_per_min": round((last.objects - first.objects) / minutes, 1),
        "record_kib_per_min": round((last.record_kib - first.record_kib) / minutes, 1),
        "entries_per_min": round((last.entries - first.entries) / minutes, 1),
        "flat": traced_kib <= GROWTH_MAX_KIB_MIN * traced_min,
        "seconds": round(took_s, 1),
        "load": round(os.getloadavg()[0], 1),
        "marks": [asdict(mark) for mark in marks],
    }


def show(found: dict[str, object], marks: list[At]) -> None:
    """For a person."""
    table = Table(title="One station, session after session; simulated time")
    names = {
        "minute": "minute",
        "rss_kib": "resident KiB",
        "python_kib": "traced KiB",
        "blocks": "blocks",
        "objects": "objects",
        "record_kib": "record KiB",
        "entries": "entries",
        "strokes": "strokes",
    }
    for title in names.values():
        table.add_column(title, justify="right")
    for mark in marks:
        table.add_row(*(f"{getattr(mark, name):,}" for name in names))
    console = Console()
    console.print(table)
    for name, value in found.items():
        if name != "marks":
            console.print(f"{name:28} {value}")


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description="Memory and record over an hour of simulated treatment.")
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    begun_s = time.monotonic()
    marks = run(options.minutes)
    found = summary(marks, time.monotonic() - begun_s)
    if options.json:
        print(json.dumps(found))
    else:
        show(found, marks)
    return 0 if found["flat"] else 1


if __name__ == "__main__":
    sys.exit(main())
