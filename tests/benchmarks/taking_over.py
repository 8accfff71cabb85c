"""How long a treatment's entry waits while its station takes a whole clinic over for the first time.

    uv run python -m tests.benchmarks.taking_over [--patients N]

A second station joins a server that has the rows of a clinic; meanwhile an entry is written every few milliseconds, as a
treatment does. Printed are rows, how long the take-over took, and the waits of the entries with and without it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

from pen_host.journal import Journal, JournalLockedError, Kind
from pen_host.records import Clinic
from pen_host.stations import enrol, join, replicate, server_url
from pen_host.vault import FileVault
from tests.benchmarks.clinic import Made, fill
from tests.benchmarks.lines import p95
from tests.stations.conftest import Postgres

VISITS_EACH = 10
PATIENTS = 700
"""With ten visits each: about 50,000 rows."""
EVERY_S = 0.005
ALONE_S = 3.0


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--patients", type=int, default=PATIENTS)
    count = parser.parse_args().patients
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as place:
        postgres = Postgres(Path(place) / "s")
        try:
            _measure(postgres, Path(place), count)
        finally:
            postgres.stop()


def _measure(postgres: Postgres, folder: Path, count: int) -> None:
    database = postgres.database()
    clinics = []
    for name in ("bench", "s2"):  # the first is who `Made` writes as
        vault = FileVault(folder / f"keys-{name}")
        clinic = Clinic.open(folder / name, station_id=name, vault=vault)
        login = enrol(postgres.url(database), name)
        join(clinic.journal, postgres.url(database, login.user, login.password), vault)
        clinics.append(clinic)
    one, two = clinics
    fill(one, Made(one, count, VISITS_EACH), lambda _done, _total: None)
    replicate(one.journal, server_url(one.journal, one.journal.vault))
    alone = _waits(two.journal, threading.Timer(ALONE_S, lambda: None))
    found: list[int] = []
    url = server_url(two.journal, two.journal.vault)

    def take_over() -> None:
        while not found:
            with suppress(
                JournalLockedError
            ):  # a reader that found no moment between two entries: again, as a console does
                found.append(replicate(two.journal, url).fetched)

    work = threading.Thread(target=take_over)
    begun = time.perf_counter()
    waits = _waits(two.journal, work)
    took = time.perf_counter() - begun
    sys.stdout.write(
        f"{found[0]} rows taken over in {took:.1f} s\n"
        f"an entry of a treatment, alone:     p95 {p95(alone) * 1e3:.1f} ms, longest {max(alone) * 1e3:.1f} ms\n"
        f"an entry of a treatment, meanwhile: p95 {p95(waits) * 1e3:.1f} ms, longest {max(waits) * 1e3:.1f} ms\n"
    )
    for clinic in clinics:
        clinic.close()


def _waits(journal: Journal, work: threading.Thread) -> list[float]:
    """How long entries take while something works."""
    waits = []
    work.start()
    while work.is_alive():
        begun = time.perf_counter()
        journal.append(Kind.STATUS, STATUS, session_id="s1", pen_serial="PEN1")
        waits.append(time.perf_counter() - begun)
        time.sleep(EVERY_S)
    work.join()
    return waits


STATUS = {"next_event": 1, "strokes_total": 0, "contact_total": 0}

if __name__ == "__main__":
    main()
