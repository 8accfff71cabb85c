"""The record of a clinic of five years, and of one a tenth of that: how long questions, verification and replication take.

10,000 patients, 60,000 treatments and 3 million events of pens are written in bulk, but in the real formats: every row sealed,
every entry chained. Each question is asked through the interface that the console uses and once more of the same file by plain
sqlite3 without models, in the same run: the ratio says what the program costs. Times are of this machine as it is; beside them
stands the processor time, which another load on the machine does not change.

    python -m tests.benchmarks.record [--json] [--scale 1.0] [--asked 40] [--folder DIR]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles

from pen_host.canonical import canonical_json
from pen_host.journal import Draft, Head, Kind, audit_record, verify_record
from pen_host.journal.chain import COLUMNS, FORM, RawRow, row_hash
from pen_host.records import Clinic
from pen_host.trace import Sample, pack
from pen_host.vault import FileVault
from tests.benchmarks.clinic import FIRST, Made, fill

PATIENTS, VISITS_EACH, EVENTS_A_VISIT = 10_000, 6, 50
SMALLER = 10
QUESTION_MS, VERIFY_ROWS_S, DAY_S, TELEMETRY_MB = 50.0, 200_000.0, 10.0, 35.0
TELEMETRY_S, TELEMETRY_HZ, CHUNK_S = 1_800, 1_000, 0.5
DAYS = 5 * 250
"""Days on which the clinic is open."""
SEED = 11
_BATCH = 20_000


@dataclass(frozen=True, slots=True)
class Line:
    """One figure: wall and processor time, the same by plain SQLite, and the target where there is one."""

    name: str
    unit: str
    value: float
    cpu: float
    plain: float | None = None
    target: float | None = None
    more_is_better: bool = False

    @property
    def missed(self) -> bool:
        """Whether the target is missed."""
        if self.target is None:
            return False
        return self.value < self.target if self.more_is_better else self.value > self.target


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds and processor seconds of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def add_events(path: Path, head: Head, count: int) -> None:
    """Appends events of pens to a chain, by the record's own rules and past its own writer, which would take an hour."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        marks = ", ".join("?" * len(COLUMNS))
        for start in range(0, count, _BATCH):
            rows: list[RawRow] = []
            for number in range(start, min(start + _BATCH, count)):
                row = event_row(head, number)
                head = Head(head.station_id, row[1], row[-1])
                rows.append(row)
            connection.execute("BEGIN")
            connection.executemany(f"INSERT INTO entries VALUES ({marks})", rows)
            connection.execute("COMMIT")


def event_row(head: Head, number: int) -> RawRow:
    """The next entry of a chain: one event of a pen."""
    said = {"event_id": number, "time_ms": 7 * number % 2**29, "code": 5, "arg": number % 3, "value": 600}
    payload = canonical_json(
        {**said, "strokes_total": 10 * number % 2**29, "contact_total": 8 * number % 2**29}
    )
    session = f"s{number // EVENTS_A_VISIT:08x}"
    at = (1_600_000_000_000_000_000 + number, number)
    columns = (
        *(head.station_id, head.seq + 1, FORM, *at, "bench", "pen", "system", str(Kind.PEN_EVENT)),
        *(session, None, f"PEN{number % 5:013}", number, payload, head.hash),
    )
    return (*columns, row_hash((*columns, "")))


def built(folder: Path, patients: int) -> tuple[Made, Path]:
    """A clinic of that many patients, closed."""
    vault = FileVault(folder / "keys")
    last = FIRST + timedelta(days=1_700)
    with Clinic.open(folder, station_id="bench", today=lambda: last, vault=vault) as clinic:
        made = Made(clinic, patients, VISITS_EACH)
        fill(clinic, made)
    path = folder / "record.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        row = connection.execute(
            "SELECT station_id, seq, hash FROM entries ORDER BY seq DESC LIMIT 1"
        ).fetchone()
    add_events(path, Head(*row), patients * VISITS_EACH * EVENTS_A_VISIT)
    return made, path


PLAIN = {
    "timeline of a patient": [
        f"SELECT * FROM {table} WHERE patient_id = ?"
        for table in (
            "visits",
            "consents",
            "screenings",
            "outcomes",
            "reactions",
            "notes",
            "topicals",
            "home_tools",
        )
    ],
    "who got a lot": [
        "SELECT * FROM cartridges c JOIN cartridge_uses u ON u.cartridge_id = c.id JOIN visits v ON v.id = u.visit_id"
        " JOIN demographics d ON d.patient_id = u.patient_id AND d.newest = 1 WHERE c.lot = ?"
    ],
    "who is due": [
        "SELECT * FROM visits WHERE state = 'closed' AND next_day BETWEEN ? AND date(?, '+194 days')"
    ],
}


def questions(folder: Path, made: Made, asked: int) -> list[Line]:
    """p95 of every question."""
    chosen = random.Random(SEED)
    last = FIRST + timedelta(days=1_700)
    day = (last - timedelta(days=180)).isoformat()
    with (
        Clinic.read(folder, today=lambda: last) as clinic,
        closing(sqlite3.connect(folder / "record.sqlite3")) as plain,
    ):
        asks: dict[str, tuple[Callable[[], str], Callable[[str], object], int]] = {
            "timeline of a patient": (lambda: chosen.choice(made.people), clinic.timeline, 1),
            "who got a lot": (lambda: chosen.choice(made.lots), clinic.lot, 1),
            "who is due": (lambda: day, lambda _: clinic.due(), 2),
        }
        found = []
        for name, (subject, question, marks) in asks.items():
            question(subject())
            times, cpus, others = [], [], []
            for _ in range(asked):
                about = subject()
                wall, cpu = timed(lambda question=question, about=about: question(about))  # type: ignore[misc]
                times.append(wall * 1000)
                cpus.append(cpu * 1000)
                texts = PLAIN[name]
                others.append(
                    timed(
                        lambda t=texts, a=about, m=marks: [plain.execute(x, (a,) * m).fetchall() for x in t]
                    )[0]
                    * 1000  # type: ignore[misc]
                )
            target = None if name == "who is due" else QUESTION_MS
            found.append(Line(f"{name}, p95", "ms", p95(times), median(cpus), p95(others), target))
        return found


def p95(values: list[float]) -> float:
    """The 95th percentile."""
    return quantiles(values, n=20)[18]


def verification(path: Path) -> list[Line]:
    """Rows a second of the chain's verification, and seconds of the tables'."""
    reports = []
    wall, cpu = timed(lambda: reports.append(verify_record(path)))
    report = reports[0]
    assert report.intact, report.sentence
    with closing(sqlite3.connect(path)) as plain:
        columns = ", ".join(COLUMNS)
        query = f"SELECT {columns} FROM entries ORDER BY station_id, seq"
        read, _ = timed(lambda: sum(1 for _ in plain.execute(query)))
    rate, plain_rate = report.checked / wall, report.checked / read
    chain = Line(
        "chain verified", "rows/s", rate, report.checked / max(cpu, 1e-9), plain_rate, VERIFY_ROWS_S, True
    )
    audits = []
    wall, cpu = timed(lambda: audits.append(audit_record(path, FileVault(path.parent / "keys"))))
    # the events were appended by the benchmark itself, so the tail is unsigned; the tables must be as the chain says
    assert all(
        "under no signature" in damage.sentence or "known" in damage.sentence
        for damage in audits[0].report.damages
    )
    return [chain, Line("chain, signatures and every row of the tables", "s", wall, cpu)]


def sample(number: int, drawn: random.Random) -> Sample:
    """A millisecond of a stroke train, as a pen measures it."""
    depth, rate, coil = 590 + drawn.randrange(20), 99_000 + drawn.randrange(2_000), 3_100 + drawn.randrange(9)
    return Sample(number, 0, "stroking", 600, depth, 100_000, rate, number // 10, number // 12, coil, 250)


def telemetry(folder: Path) -> Line:
    """What half an hour at 1 kHz takes in the record, in chunks as a session writes them."""
    drawn = random.Random(SEED)
    count = int(TELEMETRY_HZ * CHUNK_S)
    chunks = int(TELEMETRY_S / CHUNK_S)
    with Clinic.open(folder / "telemetry", station_id="bench", vault=FileVault(folder / "keys")) as clinic:
        before = clinic.journal.path.stat().st_size
        for start in range(0, 40 * count, count):
            samples = [sample(n, drawn) for n in range(start, start + count)]
            clinic.journal.append_all([Draft(Kind.SAMPLES, pack(samples))])
        size = clinic.journal.path.stat().st_size - before
    return Line(
        "30 min of 1 kHz samples in the record", "MB", size / 40 * chunks / 1e6, 0.0, None, TELEMETRY_MB
    )


def replication(folder: Path, per_day: int) -> Line:
    """A day of the clinic sent to a PostgreSQL on this machine."""
    from pen_host.stations import enrol, join, replicate, server_url, setup
    from tests.stations.conftest import Postgres

    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as place:
        postgres = Postgres(Path(place))
        try:
            database = postgres.database()
            admin = postgres.url(database)
            setup(admin, folder / "backups")
            vault = FileVault(folder / "day-keys")
            with Clinic.open(folder / "day", station_id="bench", vault=vault) as clinic:
                login = enrol(admin, "bench")
                join(clinic.journal, postgres.url(database, login.user, login.password), vault)
                made = Made(clinic, max(1, per_day // VISITS_EACH), VISITS_EACH)
                fill(clinic, made)
                drafts = [
                    Draft(
                        Kind.PEN_EVENT,
                        {"event_id": n, "code": 5, "value": 600},
                        f"s{n // 50:08x}",
                        None,
                        "PEN1",
                        n,
                    )
                    for n in range(per_day * EVENTS_A_VISIT)
                ]
                clinic.journal.append_all(drafts)
                done = []
                wall, cpu = timed(
                    lambda: done.append(replicate(clinic.journal, server_url(clinic.journal, vault)))
                )
                sent = done[0]
                assert not sent.held, sent.held
                with closing(sqlite3.connect(folder / "plain.sqlite3")) as plain:
                    plain.execute("CREATE TABLE e (a, b)")
                    rows = [(n, "x" * 300) for n in range(sent.entries + sent.rows)]
                    other, _ = timed(
                        lambda: (plain.executemany("INSERT INTO e VALUES (?, ?)", rows), plain.commit())
                    )
            return Line(
                f"a day replicated ({sent.entries} entries, {sent.rows} rows)", "s", wall, cpu, other, DAY_S
            )
        finally:
            postgres.stop()


def measured(folder: Path, patients: int, asked: int) -> list[Line]:
    """Every figure of one clinic that depends on its size."""
    folder.mkdir()
    made, path = built(folder, patients)
    return [
        *questions(folder, made, asked),
        *verification(path),
        Line("size of the record", "MB", path.stat().st_size / 1e6, 0.0),
    ]


def main() -> int:
    """Measures and prints; 1 where a target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="of 10,000 patients; a tenth of it is measured beside it"
    )
    parser.add_argument("--asked", type=int, default=40, help="how often each question is asked")
    parser.add_argument("--folder", type=Path, default=None, help="measure on this folder's disk")
    arguments = parser.parse_args()
    count = int(PATIENTS * arguments.scale)
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix=".bench-") as place:
        folder = Path(place)
        os.environ["PEN_KEYS"] = str(folder / "vault")
        small = measured(folder / "small", count // SMALLER, arguments.asked)
        large = measured(folder / "large", count, arguments.asked)
        once = [telemetry(folder), replication(folder, max(VISITS_EACH, PATIENTS * VISITS_EACH // DAYS))]
    missed = [line.name for line in [*large, *once] if line.missed]
    grown = {before.name: after.value / before.value for before, after in zip(small, large, strict=True)}
    if arguments.json:
        content = {
            "patients": count,
            "small": [asdict(line) for line in small],
            "large": [asdict(line) for line in large],
        }
        content |= {"once": [asdict(line) for line in once], "grown_at_ten_times": grown, "missed": missed}
        sys.stdout.write(json.dumps(content, indent=1) + "\n")
        return 1 if missed else 0
    heads = ("tenth", "whole", "grown", "cpu", "plain", "ratio", "target")
    sys.stdout.write(f"{'':<58}" + "".join(f"{head:>12}" for head in heads) + "\n")
    for before, line in [*zip(small, large, strict=True), *((None, line) for line in once)]:
        cells: list[float | None] = [before.value if before else None, line.value]
        cells += [grown[line.name] if before else None, line.cpu, line.plain]
        cells += [line.value / line.plain if line.plain else None, line.target]
        told = "".join(f"{'':>12}" if cell is None else f"{cell:>12.2f}" for cell in cells)
        sys.stdout.write(f"{line.name + ' [' + line.unit + ']':<58}{told}\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
