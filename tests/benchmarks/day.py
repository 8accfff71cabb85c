"""A day of the clinic, sent to a PostgreSQL on this machine."""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from pen_host.records import Clinic
from pen_host.stations import enrol, join, replicate, server_url, setup
from pen_host.vault import FileVault
from tests.benchmarks.chain import Bulk
from tests.benchmarks.clinic import Made, fill
from tests.benchmarks.lines import Line, timed
from tests.stations.conftest import Postgres

DAY_S = 10.0
DAYS = 5 * 250
"""Days on which the clinic is open."""


def replication(folder: Path, treatments: int, samples: list[str]) -> list[Line]:
    """Sends a day's rows, visits, events and samples; the peer is a bare COPY of the same entries to the same server.

    Args:
        folder: For the record.
        treatments: Of the day, each another patient's.
        samples: Payloads of the sample chunks that each of them has.
    """
    folder.mkdir()
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as place:
        postgres = Postgres(Path(place))
        try:
            database = postgres.database()
            admin = postgres.url(database)
            setup(admin, folder / "backups")
            vault = FileVault(folder / "keys")
            with Clinic.open(folder, station_id="bench", vault=vault) as clinic:
                journal = clinic._store.journal
                assert journal is not None, "it was opened for writing"
                login = enrol(admin, "bench")
                join(journal, postgres.url(database, login.user, login.password), vault)
                made = Made(clinic, treatments, 1)
                fill(clinic, made, lambda _done, _total: None)
                Bulk(journal, samples, 1).add(treatments, made.people, lambda _done, _total: None)
                found = []
                took = timed(lambda: found.append(replicate(journal, server_url(journal, vault))))
                (sent,) = found
                assert not sent.held, sent.held
                again = timed(lambda: replicate(journal, server_url(journal, vault)))
                lines = _entries(journal.path)
            with psycopg.connect(admin) as server:
                server.execute("CREATE TABLE plain (line text)")
                copied = timed(lambda: _copy(server, lines))
            name = f"a day replicated: {treatments} treatments, {sent.entries} entries, {sent.rows} rows"
            return [
                Line(name, "s", took.wall_s, took.cpu_s, copied.wall_s, "COPY of the entries alone", DAY_S),
                Line("replicated again with nothing new", "s", again.wall_s, again.cpu_s),
            ]
        finally:
            postgres.stop()


def _entries(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as plain:
        found = plain.execute(
            "SELECT session_id, kind, payload, prev_hash, hash FROM entries ORDER BY station_id, seq"
        )
        return ["\x1f".join(map(str, row)) for row in found]


def _copy(server: psycopg.Connection[Any], lines: list[str]) -> None:
    with server.cursor() as cursor, cursor.copy("COPY plain FROM STDIN") as copy:
        for line in lines:
            copy.write_row((line,))
    server.commit()
