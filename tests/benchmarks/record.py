"""The record of a clinic of five years, and of one a tenth of that: questions, reports, verification, replication, samples.

10,000 patients, 60,000 treatments and 3 million events of pens are written in bulk, but in the real formats: every row sealed,
every entry chained, every commit signed; a record that does not verify ends the benchmark. Each question is asked through the
interface that the console uses and once more by other means, in the same run: the ratio says what the program costs. Times are
of this machine as it is; beside them stands the processors' time, which another load on the machine changes little, and by which
growth is told. Samples are measured for half an hour of 1 kHz; of the clinic's own treatments twenty have them, ten minutes each
as the program samples today: in all of them they would be five sixths of the record, and the benchmark would take an hour. The
report's target is the running console's; a command that begins with it loads matplotlib first, which is told beside it.

    python -m tests.benchmarks.record [--json] [--scale 1.0] [--asked 60] [--folder DIR]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import sys
import tempfile
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

from pen_host.records import Clinic
from pen_host.vault import FileVault
from tests.benchmarks import telemetry
from tests.benchmarks.asked import PATIENTS, VISITS_EACH, questions, reports, verification
from tests.benchmarks.chain import EVENTS_EACH, Bulk
from tests.benchmarks.clinic import LAST, Made, fill
from tests.benchmarks.day import DAYS, replication
from tests.benchmarks.lines import Line, Progress, timed

SMALLER = 10
GROWN_MAX = 1.5
"""Cost may be this many times what linear growth makes of it: two measurements on one machine differ by as much. (J)"""
SAMPLED_SESSIONS = 20


def built(folder: Path, patients: int, samples: list[str], progress: Progress) -> tuple[Made, Path]:
    """A clinic of that many patients, closed."""
    folder.mkdir()
    sessions = patients * VISITS_EACH
    with Clinic.open(
        folder, station_id="bench", today=lambda: LAST, vault=FileVault(folder / "keys")
    ) as clinic:
        made = Made(clinic, patients, VISITS_EACH)
        fill(clinic, made, progress.step(f"rows of {patients} patients"))
        journal = clinic._store.journal
        assert journal is not None, "it was opened for writing"
        bulk = Bulk(journal, samples, max(1, sessions // SAMPLED_SESSIONS))
        bulk.add(sessions, made.people, progress.step(f"chain of {sessions} treatments"))
    return made, folder / "record.sqlite3"


def measured(folder: Path, patients: int, asked: int, samples: list[str], progress: Progress) -> list[Line]:
    """Every figure of one clinic that depends on its size."""
    made, path = built(folder, patients, samples, progress)
    with closing(sqlite3.connect(path)) as tool:
        entries = tool.execute("SELECT count(*) FROM entries").fetchone()[0]
    progress.step(f"{entries} entries, {path.stat().st_size / 1e6:.0f} MB: questions")
    found = progress.found(questions(folder, made, asked))
    progress.step("reports")
    found += progress.found(reports(folder, made))
    progress.step("verification")
    found += progress.found(verification(path))
    vault = FileVault(folder / "keys")
    opened = timed(lambda: Clinic.open(folder, station_id="bench", today=lambda: LAST, vault=vault).close())
    found.append(Line("the record opened for writing, and closed", "s", opened.wall_s, opened.cpu_s))
    return [*found, Line("size of the record", "MB", path.stat().st_size / 1e6, 0.0)]


def too_much(before: list[Line], after: list[Line]) -> list[str]:
    """Costs that grew by more than the clinic did."""
    found = []
    for one, other in zip(before, after, strict=True):
        grown = other.grown(one)
        if grown > SMALLER * GROWN_MAX:
            found.append(f"{other.name}: {grown:.1f} times as much in a clinic {SMALLER} times as large")
    return found


def said(small: list[Line], large: list[Line], once: list[Line], sizes: str) -> str:
    """The table."""
    heads = ("tenth", "whole", "grown", "cpu", "target", "peer", "ratio")
    lines = [sizes, f"{'':<66}" + "".join(f"{head:>11}" for head in heads)]
    for before, line in [*zip(small, large, strict=True), *((None, line) for line in once)]:
        cells: list[float | None] = [before.value if before else None, line.value]
        cells += [line.grown(before) if before else None, line.cpu or None, line.target]
        cells += [line.peer, line.value / line.peer if line.peer else None]
        told = "".join(f"{'':>11}" if cell is None else f"{cell:>11.2f}" for cell in cells)
        mark = " MISSED" if line.missed else ""
        lines.append(f"{line.name + ' [' + line.unit + ']':<66}{told}  {line.peer_name}{mark}")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measures and prints; 1 where a target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="of 10,000 patients; a tenth of it is measured beside it"
    )
    parser.add_argument("--asked", type=int, default=60, help="how often each question is asked")
    parser.add_argument("--folder", type=Path, default=None, help="measure on this folder's disk")
    arguments = parser.parse_args()
    count = max(SMALLER, int(PATIENTS * arguments.scale))
    progress = Progress()
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix=".bench-") as place:
        folder = Path(place)
        os.environ["PEN_KEYS"] = str(folder / "vault")
        progress.step("samples of the simulated pen")
        once = progress.found(telemetry.measured(folder / "telemetry"))
        samples = telemetry.of_a_treatment(telemetry.simulated())
        small = measured(folder / "small", count // SMALLER, arguments.asked, samples, progress)
        large = measured(folder / "large", count, arguments.asked, samples, progress)
        progress.step("a day replicated")
        once += progress.found(replication(folder / "day", max(1, PATIENTS * VISITS_EACH // DAYS), samples))
        progress.step("done")
    missed = [line.name for line in [*large, *once] if line.missed] + too_much(small, large)
    treatments = count * VISITS_EACH
    sizes = (
        f"Ran with {count} patients, {treatments} treatments, {treatments * EVENTS_EACH} events of pens ({arguments.scale:g} of "
        f"the clinic of five years), and with a tenth of each. Samples are in {SAMPLED_SESSIONS} sessions of each."
    )
    if not arguments.json:
        sys.stdout.write(said(small, large, once, sizes))
        return 1 if missed else 0
    content = {
        "ran": sizes,
        "machine": {
            "cores": os.cpu_count(),
            "load": os.getloadavg()[0],
            "python": platform.python_version(),
            "sqlite": sqlite3.sqlite_version,
        },
        "small": [asdict(line) for line in small],
        "large": [asdict(line) for line in large],
        "once": [asdict(line) for line in once],
        "grown_at_ten_times": {
            line.name: line.grown(before) for before, line in zip(small, large, strict=True)
        },
        "missed": missed,
    }
    sys.stdout.write(json.dumps(content, indent=1) + "\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
