"""The benchmark of the record measures a whole record, and says so when a target is missed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from pen_host.canonical import canonical_json
from pen_host.journal import JournalReader, Kind, audit_record
from pen_host.records import Clinic
from pen_host.trace import pack
from pen_host.vault import FileVault
from tests.benchmarks.asked import VISITS_EACH
from tests.benchmarks.chain import ENTRIES_EACH, RUNS, STROKES_A_RUN
from tests.benchmarks.clinic import FIRST, LAST, Made, session_id
from tests.benchmarks.lines import Line, Progress
from tests.benchmarks.record import built, too_much
from tests.host.test_picture import sample

PATIENTS = 4
SESSIONS = PATIENTS * VISITS_EACH


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Clinic, Made, Path]]:
    folder = tmp_path_factory.mktemp("bench") / "c"
    made, path = built(folder, PATIENTS, [canonical_json(pack([sample(0), sample(1)]))], Progress())
    with Clinic.read(folder, today=lambda: LAST) as clinic:
        yield clinic, made, path


def test_what_is_written_in_bulk_is_a_record_that_verifies_whole(clinic: tuple[Clinic, Made, Path]) -> None:
    _, made, path = clinic
    audit = audit_record(path, FileVault(path.parent / "keys"))
    assert audit.intact, audit.report.damages[:3]
    assert not audit.not_checked
    assert audit.rows == made.row_count
    assert audit.report.checked > SESSIONS * ENTRIES_EACH
    with JournalReader(path) as reader:
        assert len(reader.sessions()) == SESSIONS
        last = reader.strokes(session_id(SESSIONS - 1))
        assert (len(last.runs), last.total.strokes, last.gaps) == (RUNS, RUNS * STROKES_A_RUN, ())
        assert len(reader.payloads(Kind.SAMPLES)) == SESSIONS


ASKED: dict[str, Callable[[Clinic, Made], object]] = {
    "timeline": lambda clinic, made: clinic.timeline(made.people[1]),
    "lot": lambda clinic, made: clinic.lot(made.lots[0]),
    "due": lambda clinic, _: clinic.due(FIRST + timedelta(days=90)),
    "a visit's last entry": lambda clinic, made: clinic.seal(made.visits[3]),
    "the newest entry": lambda clinic, _: clinic.seal(),
    "dose": lambda clinic, made: clinic.doses(made.visits[3]),
}


@pytest.mark.parametrize("name", ASKED)
def test_no_question_of_a_page_goes_through_a_whole_table(
    clinic: tuple[Clinic, Made, Path], name: str
) -> None:
    record, made, path = clinic
    asked: list[tuple[str, object]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
        asked.append((statement, parameters))

    engine = record._store._readers
    event.listen(engine, "before_cursor_execute", note)
    try:
        assert ASKED[name](record, made)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert asked
    with closing(sqlite3.connect(path)) as tool:
        for statement, parameters in asked:
            steps = [row[3] for row in tool.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]  # type: ignore[arg-type]
            # the first row in the order of the key is a walk of one step
            through = [step for step in steps if step.startswith("SCAN") and "LIMIT" not in statement]
            assert not through, (statement, steps)


def test_a_target_is_missed_on_its_own_side_and_growth_beyond_the_clinics_is_told() -> None:
    time, rate = (
        Line("t", "ms", 60, 1.0, target=50),
        Line("r", "rows/s", 60, 1.0, target=50, more_is_better=True),
    )
    assert (time.missed, rate.missed) == (True, False)
    assert not Line("s", "MB", 1e9, 0.0).missed
    assert too_much([time, rate], [replace(time, cpu=9.0), rate]) == []
    (said,) = too_much([time, rate], [replace(time, cpu=40.0), rate])
    assert "40.0 times" in said
