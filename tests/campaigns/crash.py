"""Crash campaign: a treatment is cut at hundreds of instants, then settled, then counted against what really happened.

    python -m tests.campaigns.crash --points 300 --json

Three ways to cut: the host dies (before every statement of its record, before and after every sending, while it waits), the
pen's watchdog resets it, its power goes. The hand goes on holding the trigger. Then:

- unsafe: a stroke later than the budget after the host's death, or after a reset or the settling without a new ARM;
- lost: strokes in the record differ from the edges on the coil (after a power cut: differ without the pen saying so), an entry
  that was acknowledged is gone, or the chain does not verify.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from pen_host.errors import PenError
from pen_host.journal import JournalReader, verify_record
from pen_protocol import limits
from pen_sim.resets import ChipReset, PowerLost
from pen_sim.rig import SimPen

from .crash_bench import CrashBench

AFTERMATH_MS = 800
"""How long the hand goes on holding the trigger after the cut."""
HOST_DEATHS, RESETS = 0.7, 0.2
"""Shares of the points; the rest are power cuts."""


@dataclass(frozen=True, slots=True)
class Point:
    """One instant to cut at.

    Attributes:
        kind: host, reset or power.
        at: Number of the host's instant, or microseconds since the treatment began.
        seed: Of the simulated pen.
    """

    kind: str
    at: int
    seed: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one point. `lost` and `unsafe` say what is wrong, empty when nothing is."""

    point: Point
    where: str
    strokes: int
    settled: int
    lost: str
    unsafe: str


@dataclass(frozen=True, slots=True)
class Extent:
    """An undisturbed treatment: how many instants the host has, and how long it takes."""

    instants: int
    duration_us: int
    strokes: int


def measure(place: Path) -> Extent:
    """Run the treatment undisturbed.

    Raises:
        PenError: It failed without being cut: nothing can be said about cuts.
    """
    bench = CrashBench(place, SimPen(seed=1))
    begun_us = bench.sim.now_us
    bench.treat()
    return Extent(
        bench.hooks.count, bench.sim.now_us - begun_us, len(bench.sim.trace.rises("coil", begun_us))
    )


def points(extent: Extent, number: int, seed: int) -> list[Point]:
    """Instants spread over the whole treatment, host deaths evenly, the others at random."""
    draw = random.Random(seed)
    deaths = round(number * HOST_DEATHS)
    resets = round(number * RESETS)
    spread = [
        Point("host", 1 + index * (extent.instants - 1) // max(1, deaths - 1), index)
        for index in range(deaths)
    ]
    kinds = ["reset"] * resets + ["power"] * (number - deaths - resets)
    return spread + [
        Point(kind, draw.randrange(extent.duration_us), 1_000 + index) for index, kind in enumerate(kinds)
    ]


def judge(point: Point) -> Verdict:
    """Cut one treatment, settle it, and compare the record with the coil."""
    with tempfile.TemporaryDirectory() as directory:
        return _judge(point, Path(directory))


def _judge(point: Point, place: Path) -> Verdict:
    sim = SimPen(seed=point.seed)
    bench = CrashBench(place, sim, point.at if point.kind == "host" else None)
    begun_us = sim.now_us
    cuts_us: list[int] = []
    if point.kind != "host":
        sim.at_ms(point.at / 1_000, lambda: _cut_pen(sim, point.kind, cuts_us))
    try:
        bench.treat()
        where = bench.hooks.killed or "after the end"
    except PenError as error:
        where = bench.hooks.killed or f"{point.kind}: {type(error).__name__}"
    sim.advance_ms(AFTERMATH_MS)
    unsafe = _ran_on(bench, cuts_us)
    settled_from_us = sim.now_us
    settled = bench.settle()
    sim.advance_ms(AFTERMATH_MS)
    if sim.trace.rises("coil", settled_from_us):
        unsafe = unsafe or "strokes after the record was settled, with nobody arming"
    made = len(sim.trace.rises("coil", begun_us))
    counted, sure = _recorded(bench.remains)
    return Verdict(point, where, made, len(settled), _lost(bench, made, counted, sure), unsafe)


def _cut_pen(sim: SimPen, kind: str, cuts_us: list[int]) -> None:
    cuts_us.append(sim.now_us)
    raise PowerLost if kind == "power" else ChipReset


def _ran_on(bench: CrashBench, cuts_us: list[int]) -> str:
    """Whether a stroke came later than it may."""
    coil = bench.sim.trace
    coil_end_us = bench.sim.now_us + 1
    if bench.killed_at_us >= 0:
        late_us = bench.killed_at_us + limits.BUDGET_HOST_SILENT_MS * 1_000
        if coil.rises("coil", late_us) or coil.level("coil", late_us):
            return f"strokes later than {limits.BUDGET_HOST_SILENT_MS} ms after the host's death"
    for cut_us in cuts_us:
        arm_us = next((arm_us for arm_us in bench.line.arms_us if arm_us > cut_us), coil_end_us)
        if coil.level("coil", cut_us + 1) or any(
            rise_us < arm_us for rise_us in coil.rises("coil", cut_us + 1)
        ):
            return "strokes after the pen was reset, before anybody armed it again"
    return "" if not coil.level("coil", bench.sim.now_us) else "the coil is still on"


def _recorded(record: Path) -> tuple[int, bool]:
    """Strokes of all sessions in a record, and whether it says that none can be missing."""
    strokes, sure = 0, True
    with JournalReader(record) as reader:
        for one in reader.sessions():
            report = reader.strokes(one.session_id)
            strokes += report.total.strokes
            sure = sure and report.sure
    return strokes, sure


def _lost(bench: CrashBench, made: int, counted: int, sure: bool) -> str:
    report = verify_record(bench.remains, known=[bench.acknowledged] if bench.acknowledged else [])
    if not report.intact:
        return "; ".join(damage.sentence for damage in report.damages)
    if counted > made or (counted < made and sure):
        return f"{made} edges on the coil, {counted} strokes in the record"
    return ""


def run(number: int, seed: int, workers: int) -> tuple[Extent, list[Verdict]]:
    """Judge `number` points on `workers` processes, with progress on stderr."""
    with tempfile.TemporaryDirectory() as directory:
        extent = measure(Path(directory))
    chosen = points(extent, number, seed)
    verdicts = []
    for verdict in _judged(chosen, workers):
        verdicts.append(verdict)
        print(f"\r{len(verdicts)}/{number} points", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return extent, verdicts


def _judged(chosen: list[Point], workers: int) -> Iterator[Verdict]:
    if workers == 1:
        yield from map(judge, chosen)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(judge, chosen)


def summary(extent: Extent, verdicts: list[Verdict], seed: int, took_s: float) -> dict[str, object]:
    """What the campaign found."""
    return {
        "points": len(verdicts),
        "lost": sum(bool(verdict.lost) for verdict in verdicts),
        "unsafe": sum(bool(verdict.unsafe) for verdict in verdicts),
        "seed": seed,
        "instants_of_the_host": extent.instants,
        "strokes_undisturbed": extent.strokes,
        "strokes_in_all": sum(verdict.strokes for verdict in verdicts),
        "cuts_amid_strokes": sum(0 < verdict.strokes < extent.strokes for verdict in verdicts),
        "sessions_settled": sum(verdict.settled for verdict in verdicts),
        "kinds": dict(Counter(verdict.point.kind for verdict in verdicts)),
        "where": dict(Counter(verdict.where for verdict in verdicts)),
        "seconds": round(took_s, 1),
    }


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        description="Cut a treatment at many instants and count what is lost or unsafe."
    )
    parser.add_argument("--points", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    print(f"seed {options.seed}", file=sys.stderr)
    begun_s = time.monotonic()
    extent, verdicts = run(options.points, options.seed, options.workers)
    found = summary(extent, verdicts, options.seed, time.monotonic() - begun_s)
    for verdict in verdicts:
        if verdict.lost or verdict.unsafe:
            print(json.dumps(asdict(verdict)), file=sys.stderr)
    if options.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:24} {value}")
    return 1 if found["lost"] or found["unsafe"] else 0


if __name__ == "__main__":
    sys.exit(main())
