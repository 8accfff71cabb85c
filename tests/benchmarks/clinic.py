"""A clinic of five years, written in bulk in the record's real formats: every row sealed, every visit told and signed.

The rows and what the chain says of visits go through the record's own writer; pen sessions are added by `tests.benchmarks.chain`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
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

ROWS_A_PATIENT, ROWS_A_VISIT = 2, 7
LOT_OF = 100
"""Cartridges of one lot."""
PENS = 5
FIRST = date(2021, 1, 4)
LAST = FIRST + timedelta(days=1_700)
SEED = 5
ANNA = Person(name="anna", role="physician")
_BATCH = 5_000
Row = tuple[Table, dict[str, Any]]


def pen_serial(number: int) -> str:
    """The pen of a treatment."""
    return f"PEN{number % PENS:013}"


def session_id(number: int) -> str:
    """The session of a treatment; its number on the wire is one more than the treatment's."""
    return f"s{number + 1:08x}"


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
        self.visits: list[str] = []
        """In the order in which their treatments are numbered; complete once all rows were made."""
        self._visits_each = visits_each

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        return 1 + len(self.people) * (ROWS_A_PATIENT + self._visits_each * ROWS_A_VISIT)

    def rows(self) -> Iterator[Row]:
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

    def _person(self, index: int, person: str) -> Iterator[Row]:
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

    def _visit(self, person: str, number: int, visit: int) -> Iterator[Row]:
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
        self.visits.append(key)
        session = {"session_id": session_id(number), "visit_id": key, "pen_serial": pen_serial(number)}
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


def fill(clinic: Clinic, made: Made, told: Callable[[int, int], None]) -> None:
    """Writes all rows.

    Args:
        clinic: The record.
        made: What to write.
        told: Called with rows written and rows in all.
    """
    done = 0
    rows = made.rows()
    while batch := list(islice(rows, _BATCH)):

        def change(writing: Writing, batch: list[Row] = batch) -> list[Draft]:
            for table in metadata.sorted_tables:
                mine = [values for kind, values in batch if kind is table]
                keys = {name for values in mine for name in values}
                if mine:
                    whole = [dict.fromkeys(keys) | values for values in mine]
                    writing.connection.execute(insert(table), whole)
            return [draft for kind, values in batch if kind is visits for draft in _visit_told(values)]

        clinic._store.write(change, ANNA)
        done += len(batch)
        told(done, made.row_count)


def _visit_told(row: dict[str, Any]) -> Iterator[Draft]:
    """What the chain says of a visit, from its opening to its signature."""
    key, patient = row["id"], row["patient_id"]
    for change in ("opened", "attached", "closed"):
        yield Draft(
            Kind.VISIT, {"change": change, "visit": key, "day": row["day"].isoformat()}, subject=patient
        )
    yield Draft(Kind.SIGNATURE, {"of": key, "meaning": "treated", "digest": "0" * 64}, subject=patient)
