"""How long the clinical record takes to answer, for a clinic of half a year and one of five years, side by side.

The rows are written in bulk, as if they had come in over the years; every question is asked through the interface that
the console uses, each time for another patient or lot. A question whose time grows with the clinic shows in the last column.

    python -m tests.benchmarks.clinic [--json] [--patients 10000] [--visits 6] [--asked 60] [--folder .]
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import quantiles
from typing import Any

from sqlalchemy import Table, insert

from pen_host.journal import Draft, Kind
from pen_host.presets import ZoneChoice
from pen_host.records import Clinic
from pen_host.records.keys import new_key, new_pseudonym
from pen_host.records.models import Person
from pen_host.records.store import Writing, new_salt
from pen_host.records.tables import (
    cartridge_uses,
    cartridges,
    consent_texts,
    consents,
    demographics,
    metadata,
    outcomes,
    patients,
    screenings,
    visit_sessions,
    visits,
)

TARGET_MS = 50.0
"""A page of a patient, and who got a lot, within this (p95)."""
SMALLER = 10
LOT_OF = 100
"""Cartridges of one lot."""
FIRST = date(2021, 1, 4)
SEED = 5
ANNA = Person(name="anna", role="physician")
_BATCH = 2_000


class Made:
    """Rows of a clinic, and what can be asked for in it."""

    def __init__(self, clinic: Clinic, count: int, visits_each: int) -> None:
        self._random = random.Random(SEED)
        self._clinic = clinic
        self._text = new_key()
        self._plan = clinic.presets.to_plan(
            "hair_fortnightly_faghihi_2021", [ZoneChoice(name="vertex", area_mm2=5_000)]
        )
        self.people = [new_pseudonym() for _ in range(count)]
        self.lots = [f"LOT{number:06}" for number in range(1 + count * visits_each // LOT_OF)]
        self._visits_each = visits_each

    def rows(self) -> Iterator[tuple[Table, dict[str, Any]]]:
        """Every row, in an order that constraints allow."""
        yield (
            consent_texts,
            self._row(
                0,
                id=self._text,
                name="microneedling",
                language="en",
                version=1,
                title="t",
                body="b",
                digest="0" * 64,
            ),
        )
        number = 0
        for index, person in enumerate(self.people):
            yield from self._person(index, person)
            for visit in range(self._visits_each):
                yield from self._visit(person, number, visit)
                number += 1

    def _row(self, after_days: int, **values: Any) -> dict[str, Any]:
        at = datetime(FIRST.year, FIRST.month, FIRST.day, 9, tzinfo=UTC) + timedelta(
            days=after_days, seconds=self._random.randrange(30_000)
        )
        return {"station_id": "bench", "at": at, "by_name": "anna", "by_role": "physician", **values}

    def _person(self, index: int, person: str) -> Iterator[tuple[Table, dict[str, Any]]]:
        yield patients, self._row(0, id=person)
        name = f"{self._random.choice('ABCDEFGHIKLMNOPRSTUW')}nna Person{index}"
        yield (
            demographics,
            self._row(
                0,
                patient_id=person,
                version=1,
                newest=True,
                full_name=name,
                search_name=name.casefold(),
                birth_date=date(1980, 1, 1),
                salt=new_salt(),
            ),
        )

    def _visit(self, person: str, number: int, visit: int) -> Iterator[tuple[Table, dict[str, Any]]]:
        key, screening, consent, cartridge = (new_key() for _ in range(4))
        day = number % 1_700 + 14 * visit
        when = FIRST + timedelta(days=day)
        of = {"patient_id": person}
        yield (
            screenings,
            self._row(day, id=screening, **of, day=when, answers={}, findings=[], settled={}, overrides=[]),
        )
        yield (
            consents,
            self._row(
                day,
                id=consent,
                **of,
                text_id=self._text,
                signed_by="x",
                relation="patient",
                signed_on="paper",
                salt="0",
            ),
        )
        yield (
            visits,
            self._row(
                day,
                **{
                    "id": key,
                    **of,
                    "day": when,
                    "state": "closed",
                    "preset_id": "hair_fortnightly_faghihi_2021",
                },
                plan=self._plan.model_dump(mode="json"),
                depth_um=600,
                interval_days=14,
                overrides=[],
                screening_id=screening,
                consent_id=consent,
                endpoint="none",
                next_rule="interval_protocol",
                next_day=when + timedelta(days=14),
                next_sentence="14 days",
                signer_name="anna",
                closed_at=datetime.now(UTC),
                signer_role="physician",
                signed_meaning="treated",
            ),
        )
        session = {"session_id": f"s{number:08x}", "visit_id": key, "pen_serial": f"PEN{number % 5}"}
        yield visit_sessions, self._row(day, id=new_key(), **session)
        lot = self.lots[number // LOT_OF]
        label = {
            "gtin": "1" * 14,
            "serial": f"S{number}",
            "lot": lot,
            "expiry": date(2099, 1, 1),
            "needles": 12,
        }
        yield cartridges, self._row(day, id=cartridge, **label)
        yield cartridge_uses, self._row(day, cartridge_id=cartridge, visit_id=key, **of)
        measured = {"kind": "shedding", "score": 1 + number % 6}
        yield (
            outcomes,
            self._row(
                day,
                id=new_key(),
                **of,
                visit_id=key,
                day=when,
                kind="shedding",
                measured=measured,
                baseline=False,
                salt="0",
            ),
        )


def fill(clinic: Clinic, made: Made) -> int:
    """Writes all rows; how many."""
    total = 0
    rows = made.rows()
    while batch := list(islice(rows, _BATCH)):
        total += len(batch)

        def change(writing: Writing, batch: list[tuple[Table, dict[str, Any]]] = batch) -> list[Draft]:
            for table in metadata.sorted_tables:
                mine = [values for kind, values in batch if kind is table]
                keys = {name for values in mine for name in values}
                if mine:
                    whole = [dict.fromkeys(keys) | values for values in mine]
                    writing.connection.execute(insert(table), whole)
            return [Draft(Kind.NOTE, {"text": "rows of a benchmark"})]

        clinic._store.write(change, ANNA)
    return total


def timed_ms(work: Callable[[], object]) -> float:
    """Milliseconds that a call takes."""
    start = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - start) / 1e6


def measure(folder: Path, count: int, visits_each: int, asked: int) -> dict[str, list[float]]:
    """Milliseconds of every question, for one clinic."""
    chosen = random.Random(SEED)
    last = FIRST + timedelta(days=1_700)
    with Clinic.open(folder, station_id="bench", today=lambda: last) as clinic:
        made = Made(clinic, count, visits_each)
        fill(clinic, made)
        person = clinic.patients.get(made.people[count // 2]).label
        questions: dict[str, Callable[[], object]] = {
            "timeline of a patient": lambda: clinic.timeline(chosen.choice(made.people)),
            "who got this lot": lambda: clinic.lot(chosen.choice(made.lots)),
            "find by name": lambda: clinic.patients.find(person[:8]),
            "find by id": lambda: clinic.patients.get(chosen.choice(made.people)),
            "look up a cartridge": lambda: clinic.cartridges.stock(lot=chosen.choice(made.lots)),
            "visits of a patient": lambda: clinic.visits.of(chosen.choice(made.people)),
            "who is due": lambda: clinic.due(),
            "reactions to look at": lambda: clinic.reactions.escalated(),
        }
        found: dict[str, list[float]] = {name: [] for name in questions}
        for _ in range(asked):
            for name, question in questions.items():
                found[name].append(timed_ms(question))
        return found


def figures(folder: Path, count: int, visits_each: int, asked: int) -> dict[str, dict[str, float]]:
    """p95 of every question for both clinics, and how it grew."""
    small = measure(folder / "small", count // SMALLER, visits_each, asked)
    large = measure(folder / "large", count, visits_each, asked)
    found = {}
    for name, times in large.items():
        own, before = quantiles(times, n=20)[18], quantiles(small[name], n=20)[18]
        found[name] = {"small p95 ms": before, "large p95 ms": own, "ratio": own / before}
        if name in {"timeline of a patient", "who got this lot"}:
            found[name]["target"] = TARGET_MS
    return found


def main() -> int:
    """Measures and prints; 1 where a target is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--patients", type=int, default=10_000, help="patients of the large clinic")
    parser.add_argument("--visits", type=int, default=6, help="visits of each")
    parser.add_argument("--asked", type=int, default=60, help="how often each question is asked")
    parser.add_argument("--folder", type=Path, default=Path.cwd(), help="measure on this folder's disk")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix=".bench-") as folder:
        found = figures(Path(folder), arguments.patients, arguments.visits, arguments.asked)
    missed = [name for name, line in found.items() if line["large p95 ms"] > line.get("target", float("inf"))]
    if arguments.json:
        sizes = {"patients": arguments.patients, "visits": arguments.patients * arguments.visits}
        sys.stdout.write(json.dumps({"sizes": sizes, "figures": found, "missed": missed}, indent=2) + "\n")
        return 1 if missed else 0
    heading = (
        f"{arguments.patients} patients, {arguments.patients * arguments.visits} visits; a tenth of them"
    )
    sys.stdout.write(f"{heading}\n{'p95 [ms]':<26}{'tenth':>10}{'whole':>10}{'ratio':>8}{'target':>8}\n")
    for name, line in found.items():
        target = f"{line['target']:>8.0f}" if "target" in line else ""
        numbers = f"{line['small p95 ms']:>10.2f}{line['large p95 ms']:>10.2f}{line['ratio']:>8.2f}"
        sys.stdout.write(f"{name:<26}{numbers}{target}\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
