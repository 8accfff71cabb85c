"""How long the record takes: one entry to the disk, and the verification of a long chain.

The peer is the least one can do with the same durability: a table without chain, guards, canonical JSON or checks,
written by sqlite3 in autocommit and read back with one SELECT. Both are measured in turns within one run.

    python -m tests.benchmarks.journal [--json] [--commits 2000] [--rows 100000] [--folder .]
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from statistics import median, quantiles

from pen_host.journal import Draft, Journal, Kind, verify_record
from pen_host.journal import sqlite as settings

COMMIT_P99_TARGET_MS = 10.0
VERIFY_TARGET_S_PER_100K = 1.0
_BATCH = 2_000
_VERIFICATIONS = 5

PAYLOAD: dict[str, object] = {
    "request": "SET_DEPTH",
    "depth_um": 600,
    "sequence": 1234,
    "session": 123456789,
    "why": "zone vertex, pass 1",
}


def timed_ms(work: Callable[[], object]) -> float:
    """Milliseconds that a call takes."""
    start = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - start) / 1e6


def peer_table(path: Path) -> sqlite3.Connection:
    """The peer's file, with the durability that the journal has."""
    connection = settings.connect_writer(path)
    connection.execute(
        "CREATE TABLE plain (seq INTEGER PRIMARY KEY, utc_ns INTEGER, actor TEXT, kind TEXT, session_id TEXT,"
        " payload TEXT)"
    )
    return connection


def peer_insert(connection: sqlite3.Connection) -> None:
    """One row of the peer."""
    connection.execute(
        "INSERT INTO plain (utc_ns, actor, kind, session_id, payload) VALUES (?, ?, ?, ?, ?)",
        (time.time_ns(), "anna", "intent", "t1", json.dumps(PAYLOAD)),
    )


def measure_commits(folder: Path, count: int) -> tuple[list[float], list[float]]:
    """Milliseconds of single commits, ours and the peer's, in turns."""
    ours: list[float] = []
    peer: list[float] = []
    with (
        Journal.create_or_open(folder / "ours.sqlite3") as journal,
        closing(peer_table(folder / "peer.sqlite3")) as connection,
    ):
        for _ in range(count):
            ours.append(
                timed_ms(
                    lambda: journal.append(Kind.INTENT, PAYLOAD, actor="anna", role="nurse", session_id="t1")
                )
            )
            peer.append(timed_ms(lambda: peer_insert(connection)))
    return ours, peer


def measure_verification(folder: Path, rows: int) -> tuple[float, float]:
    """Seconds to verify a chain, and to read as many rows of the peer; medians."""
    path, other = folder / "long.sqlite3", folder / "long-peer.sqlite3"
    with Journal.create_or_open(path) as journal:
        while journal.head.seq < rows:
            count = min(_BATCH, rows - journal.head.seq)
            journal.append_all(
                [Draft(Kind.INTENT, PAYLOAD, session_id="t1")] * count, actor="anna", role="nurse"
            )
    with closing(peer_table(other)) as connection:
        connection.execute("BEGIN")
        for _ in range(rows):
            peer_insert(connection)
        connection.execute("COMMIT")
        ours, peer = [], []
        for _ in range(_VERIFICATIONS):
            ours.append(timed_ms(lambda: _verified(path)) / 1000)
            peer.append(timed_ms(lambda: connection.execute("SELECT * FROM plain").fetchall()) / 1000)
    return median(ours), median(peer)


def _verified(path: Path) -> None:
    report = verify_record(path)
    assert report.intact, report.sentence


def results(folder: Path, commits: int, rows: int) -> dict[str, dict[str, float]]:
    """Every figure as ours, peer and ratio; with a target where there is one."""
    ours, peer = measure_commits(folder, commits)
    verify_s, read_s = measure_verification(folder, rows)

    def line(own: float, other: float, target: float | None = None) -> dict[str, float]:
        figures = {"ours": own, "peer": other, "ratio": own / other}
        return figures if target is None else {**figures, "target": target}

    own, other = quantiles(ours, n=100), quantiles(peer, n=100)
    return {
        "commit p50 [ms]": line(own[49], other[49]),
        "commit p99 [ms]": line(own[98], other[98], COMMIT_P99_TARGET_MS),
        "verify 100k rows [s]": line(
            verify_s * 100_000 / rows, read_s * 100_000 / rows, VERIFY_TARGET_S_PER_100K
        ),
        "verify [1000 rows/s]": line(rows / verify_s / 1000, rows / read_s / 1000),
    }


def main() -> int:
    """Measures and prints; 1 where a target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--commits", type=int, default=2_000, help="single commits of each")
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the long chain")
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="measure on this folder's disk")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix=".bench-") as folder:
        figures = results(Path(folder), arguments.commits, arguments.rows)
    chosen = settings.durability(sqlite3.sqlite_version_info)
    if arguments.json:
        surroundings = {
            "sqlite": sqlite3.sqlite_version,
            "journal_mode": chosen.journal_mode,
            "synchronous": chosen.synchronous,
        }
        sys.stdout.write(json.dumps({"surroundings": surroundings, "figures": figures}, indent=2) + "\n")
    else:
        heading = f"SQLite {sqlite3.sqlite_version}, {chosen.journal_mode} + {chosen.synchronous}"
        sys.stdout.write(f"{heading:<36}{'ours':>10}{'peer':>10}{'ratio':>8}{'target':>8}\n")
        for name, line in figures.items():
            target = f"{line['target']:>8.1f}" if "target" in line else ""
            sys.stdout.write(
                f"{name:<36}{line['ours']:>10.3f}{line['peer']:>10.3f}{line['ratio']:>8.2f}{target}\n"
            )
    missed = [name for name, line in figures.items() if line["ours"] > line.get("target", float("inf"))]
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
