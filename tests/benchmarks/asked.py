"""What is asked of a record: questions of the console, reports, verification."""

from __future__ import annotations

import hashlib
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median

from pen_host.history import session_lines
from pen_host.journal import JournalReader, Kind, audit_record, verify_record
from pen_host.records import Clinic
from pen_host.reports import paper
from pen_host.reports.treatment import treatment_record
from pen_host.vault import FileVault
from tests.benchmarks.clinic import LAST, Made, pen_serial, session_id
from tests.benchmarks.lines import Line, p95, timed

PATIENTS, VISITS_EACH = 10_000, 6
QUESTION_MS, REPORT_MS, VERIFY_ROWS_S = 50.0, 1_000.0, 200_000.0
REPORTS, FRESH = 10, 3
LISTED = 50
NEVER_SEEN = "00000000000000ff"
"""A new cartridge's number."""
SEED = 11
_OF_PATIENT = (
    *("visits", "consents", "screenings", "outcomes", "reactions", "notes", "topicals", "home_tools"),
)


@dataclass(frozen=True, slots=True)
class Question:
    """One question, and how plain SQLite answers as much.

    Attributes:
        name: Of the line.
        subjects: What it is asked of.
        ask: Through the program.
        plain: Queries; each takes the subject as often as it has marks.
        target: In ms.
    """

    name: str
    subjects: Sequence[str]
    ask: Callable[[str], object]
    plain: Sequence[str] = ()
    target: float | None = None


def asked_of(clinic: Clinic, reader: JournalReader, made: Made) -> list[Question]:
    """Every question."""
    day = (LAST - timedelta(days=180)).isoformat()
    sessions = [session_id(number) for number in range(0, len(made.visits), 7)]
    lot = (
        "SELECT * FROM cartridges c JOIN cartridge_uses u ON u.cartridge_id = c.id JOIN visits v ON v.id = u.visit_id"
        " JOIN demographics d ON d.patient_id = u.patient_id AND d.newest = 1 WHERE c.lot = ?"
    )
    due = "SELECT * FROM visits WHERE state = 'closed' AND next_day BETWEEN ? AND date(?, '+194 days')"
    timeline = [f"SELECT * FROM {table} WHERE patient_id = ?" for table in _OF_PATIENT]
    events = ["SELECT payload FROM entries WHERE session_id = ? AND +kind = 'pen_event'"]
    return [
        Question("timeline of a patient", made.people, clinic.timeline, timeline, QUESTION_MS),
        Question("who got a lot", made.lots, clinic.lot, [lot], QUESTION_MS),
        Question("who is due", [day], lambda _: clinic.due(), [due]),
        Question("a patient found by name", ["anna person1", "bnna"], clinic.patients.find),
        Question("strokes of a session", sessions, reader.strokes, events),
        Question(f"the newest {LISTED} sessions", [""], lambda _: session_lines(reader, LISTED)),
        Question("what a session asks at its start", made.people, lambda who: at_start(reader, who)),
    ]


def at_start(reader: JournalReader, subject: str) -> None:
    """What is looked up before a treatment may begin."""
    serial = pen_serial(0)
    reader.left_open(serial)
    reader.last_event_id(serial)
    reader.last_opened_utc_ns(subject)
    reader.tried_to_burn(NEVER_SEEN)
    reader.payloads(Kind.STOCK, {"change": "recalled"})


def questions(folder: Path, made: Made, times: int) -> list[Line]:
    """p95 of every question, in a process that has asked before."""
    chosen = random.Random(SEED)
    with (
        Clinic.read(folder, today=lambda: LAST) as clinic,
        JournalReader(folder / "record.sqlite3") as reader,
        closing(sqlite3.connect(folder / "record.sqlite3")) as plain,
    ):
        return [_line(one, plain, chosen, times) for one in asked_of(clinic, reader, made)]


def _line(one: Question, plain: sqlite3.Connection, chosen: random.Random, times: int) -> Line:
    one.ask(one.subjects[0])
    walls, cpus, others = [], [], []
    for _ in range(times if one.target else max(3, times // 6)):
        about = chosen.choice(one.subjects)
        took = timed(lambda about=about: one.ask(about))  # type: ignore[misc]
        walls.append(took.wall_s * 1e3)
        cpus.append(took.cpu_s * 1e3)
        for query in one.plain:
            marks = (about,) * query.count("?")
            others.append(timed(lambda q=query, m=marks: plain.execute(q, m).fetchall()).wall_s * 1e3)  # type: ignore[misc]
    peer = p95(others) * len(one.plain) if others else None
    name = "plain SQLite" if one.plain else ""
    return Line(f"{one.name}, p95", "ms", p95(walls), median(cpus), peer, name, one.target)


def reports(folder: Path, made: Made) -> list[Line]:
    """A treatment record as PDF: in a process that has made one, as the console is, and in one that begins with it."""
    step = len(made.visits) // 20
    visits = made.visits[::step][:REPORTS]
    with Clinic.read(folder, today=lambda: LAST) as clinic:
        paper.pdf(*treatment_record(clinic, visits[0]))
        told = [timed(lambda visit=visit: treatment_record(clinic, visit)) for visit in visits]  # type: ignore[misc]
        whole = [timed(lambda visit=visit: paper.pdf(*treatment_record(clinic, visit))) for visit in visits]  # type: ignore[misc]
    out = folder / "report.pdf"
    words = [
        sys.executable,
        "-c",
        "from pen_host.cli import main; main()",
        "report",
        "treatment",
        visits[0],
        "--out",
        str(out),
    ]
    words += ["--journal", str(folder / "record.sqlite3")]
    fresh = [timed(lambda: _must_run(words)) for _ in range(FRESH)]
    of_told = [one.wall_s * 1e3 for one in told]
    return [
        Line(
            "treatment report, console running, p95",
            "ms",
            p95([one.wall_s * 1e3 for one in whole]),
            median([one.cpu_s * 1e3 for one in whole]),
            p95(of_told),
            "its content without setting it",
            REPORT_MS,
        ),
        Line(
            "treatment report, a command from its start, imports and all",
            "ms",
            median([one.wall_s * 1e3 for one in fresh]),
            median([one.cpu_s * 1e3 for one in fresh]),
        ),
    ]


def _must_run(words: Sequence[str]) -> None:
    subprocess.run(words, check=True, capture_output=True)


def verification(path: Path) -> list[Line]:
    """Rows a second of the chain's verification, and seconds of the tables'."""
    found = []
    took = timed(lambda: found.append(verify_record(path)))
    (report,) = found
    assert report.intact, report.sentence
    hashed = timed(lambda: _hashed(path))
    chain = Line(
        "chain verified",
        "rows/s",
        report.checked / took.wall_s,
        report.checked / took.cpu_s,
        report.checked / hashed.wall_s,
        "SHA-256 of each payload, one process",
        VERIFY_ROWS_S,
        more_is_better=True,
    )
    walk = Line(
        "the whole chain verified",
        "s",
        took.wall_s,
        took.cpu_s,
        hashed.wall_s,
        "SHA-256 of each payload, one process",
    )
    audits = []
    took = timed(lambda: audits.append(audit_record(path, FileVault(path.parent / "keys"))))
    (audit,) = audits
    assert audit.intact, audit.sentence
    rows = Line("chain, signatures and every row of the tables", "s", took.wall_s, took.cpu_s)
    return [chain, walk, rows]


def _hashed(path: Path) -> None:
    """The least that could be called a verification: no link, no column but one."""
    with closing(sqlite3.connect(path)) as plain:
        for payload, said in plain.execute("SELECT payload, hash FROM entries ORDER BY station_id, seq"):
            assert hashlib.sha256(payload.encode()).hexdigest() != said
