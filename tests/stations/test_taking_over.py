"""A clinic is taken over slice by slice: whole between any two of them, and a treatment's entry gets in."""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

import pytest

from pen_host.journal import Journal, Kind, audit_record
from pen_host.journal.turn import Turn
from pen_host.records import keys
from pen_host.stations import status, taking_over
from pen_host.stations.families import Change, together
from tests.stations.conftest import ANNA, Site, Station
from tests.stations.test_replication import _opened as opened
from tests.stations.test_settling import called

pytestmark = pytest.mark.xdist_group("postgres")
PATIENTS = 3
PATIENCE_S = 60


class Killed(BaseException):
    """The process dies here."""


def filled(station: Station) -> list[str]:
    """Patients with something in several tables, an amended note among it; and rows that are nobody's."""
    clinic = station.clinic
    text = clinic.consents.publish("microneedling", "en", "Consent", "I agree.", ANNA)
    station.cartridge("1")
    people = []
    for number in range(PATIENTS):
        patient = station.patient(f"Ada {number}").patient_id
        clinic.consents.sign(patient, text.text_id, "Ada Example", ANNA)
        note = clinic.patients.note(patient, "Dry skin.", ANNA)
        clinic.patients.note(patient, "Dry skin, left.", ANNA, amends=note.note_id)
        people.append(patient)
    return people


def ask(station: Station, text: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(station.record)) as plain:
        return plain.execute(text).fetchall()


@contextmanager
def foreign(monkeypatch: pytest.MonkeyPatch, before: Any = None, after: Any = None) -> Iterator[None]:
    """Something happens before or after each slice is committed."""
    real = Journal.together

    def together(self: Journal, change: Any, **how: Any) -> Any:
        if how.get("foreign") and before:
            before()
        rows = real(self, change, **how)
        if how.get("foreign") and after:
            after()
        return rows

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "together", together)
        yield


def counted_down(after: int) -> Any:
    """Kills at the so many-th call."""
    calls = iter(range(after))

    def call() -> None:
        if next(calls, None) is None:
            raise Killed

    return call


def is_whole(station: Station, people: list[str]) -> int:
    """What holds between any two slices; how many patients are there."""
    audit = audit_record(station.record, station.vault)
    assert audit.intact, audit.report.damages
    assert ask(station, "PRAGMA foreign_key_check") == []
    there = 0
    for patient in people:
        tables = ("demographics", "consents", "notes")
        rows = [
            ask(station, f"SELECT count(*) FROM {table} WHERE patient_id = '{patient}'")[0][0]
            for table in tables
        ]
        assert rows in ([0, 0, 0], [1, 1, 2]), f"{patient} by halves: {rows}"
        there += rows[0]
    return there


@pytest.mark.covers("REQ-1409")
def test_killed_between_any_two_slices_it_goes_on_with_nothing_lost_and_nothing_twice(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = site.station("s1"), site.station("s2")
    people = filled(one)
    one.replicate()
    monkeypatch.setattr(taking_over, "SLICE_ROWS", 1)
    seen = []
    while ask(two, "SELECT fetched_version FROM station_link") == [(0,)]:
        # by turns as soon as a slice is committed, and just before the next one is
        how: dict[str, Any] = {"after": counted_down(0)} if len(seen) % 2 else {"before": counted_down(1)}
        with foreign(monkeypatch, **how), suppress(Killed):
            two.replicate()
        seen.append(is_whole(two, people))
    assert seen == sorted(seen)
    assert set(seen) == set(range(PATIENTS + 1))
    assert len(seen) == 2 + PATIENTS, "one slice a time"
    two.replicate()
    assert is_whole(two, people) == PATIENTS
    assert status(two.record).held == ()
    with two.clinic.journal.reader() as reader:
        told = [row["rows"] for row in reader.payloads(Kind.ROWS) if row.get("foreign")]
    times = Counter((name, key) for rows in told for name in rows for key in rows[name])
    assert set(times.values()) == {1}, "each row is taken over once"
    assert len(times) == site.ask("SELECT count(*) FROM row_versions")[0][0]
    assert two.replicate().fetched == 0


@pytest.mark.covers("REQ-1409")
def test_a_treatments_entry_waits_for_one_slice_and_not_for_the_take_over(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = site.station("s1"), site.station("s2")
    filled(one)
    one.replicate()
    monkeypatch.setattr(taking_over, "SLICE_ROWS", 1)
    journal = two.clinic.journal
    wrote: list[int] = []
    slices: list[int] = []
    real = taking_over._Slice.take

    def take(self: Any, connection: Any) -> Any:
        if not slices:  # within the first slice a treatment begins, and waits
            writer.start()
            while not journal._turn.waiting:
                assert writer.is_alive()
        slices.append(journal.head.seq)
        return real(self, connection)

    def write() -> None:
        wrote.append(journal.append(Kind.NOTE, {"text": "a treatment"}).seq)

    writer = threading.Thread(target=write)
    monkeypatch.setattr(taking_over._Slice, "take", take)
    two.replicate()
    writer.join(PATIENCE_S)
    assert len(slices) == 2 + PATIENTS, "text, cartridge, and each patient"
    assert slices[1] == wrote[0], "it is in before the second slice begins"


def test_what_is_changed_here_between_two_slices_is_not_written_over(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = site.station("s1"), site.station("s2")
    known = [one.patient("Ada Example"), one.patient("Bea Example")]
    one.replicate()
    two.replicate()
    for patient in known:
        called(one, patient, "555-0101")
    one.replicate()
    monkeypatch.setattr(taking_over, "SLICE_ROWS", 1)
    slices: list[int] = []

    def between() -> None:
        slices.append(1)
        if len(slices) == 1:
            called(two, known[1], "555-0202")

    with foreign(monkeypatch, after=between):
        two.replicate()
    assert len(slices) == 2
    phones = [two.clinic.patients.get(patient.patient_id).demographics for patient in known]
    assert [who and who.phone for who in phones] == ["555-0101", "555-0202"]
    assert any("changed it at the same time" in said for said in two.replicate().conflicts)


def test_a_slice_ends_by_the_clock_and_never_within_a_patient(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = site.station("s1"), site.station("s2")
    people = filled(one)
    one.replicate()
    now_s = [0.0]
    real = taking_over._write

    def write(connection: Any, name: str, rows: Sequence[Change]) -> None:
        now_s[0] += taking_over.SLICE_S / 4 * len(rows)
        real(connection, name, rows)

    monkeypatch.setattr(taking_over, "_write", write)
    monkeypatch.setattr(taking_over.take_over, "__defaults__", (lambda: now_s[0],))
    with foreign(monkeypatch, after=lambda: is_whole(two, people)):
        two.replicate()
    with two.clinic.journal.reader() as reader:
        sizes = [
            sum(map(len, row["rows"].values())) for row in reader.payloads(Kind.ROWS) if row.get("foreign")
        ]
    # text, cartridge and the first patient's five rows begin within the time; later ones have a slice each
    assert sizes == [7, 5, 5]


def test_rows_that_let_one_another_in_are_taken_in_whatever_order_they_come(site: Site) -> None:
    """An amended note that was changed after its amendment comes later than that, though that refers to it."""
    one, two = site.station("s1"), site.station("s2")
    filled(one)
    one.replicate()
    site.ask("UPDATE row_versions SET version = 1000 - version WHERE name = 'notes'")
    assert two.replicate().held == []
    assert len(ask(two, "SELECT * FROM notes")) == 2 * PATIENTS


def test_a_row_whose_parent_was_held_back_is_held_back_as_well(site: Site) -> None:
    one, two = site.station("s1"), site.station("s2")
    patient = one.patient().patient_id
    cartridge = one.cartridge("7")
    one.replicate()
    two.replicate()
    for station in (one, two):
        opened(station, patient)
    (visit,) = one.clinic.visits.opened()
    one.clinic.cartridges.bind(cartridge, visit.visit_id, ANNA)
    one.clinic.patients.note(patient, "Dry skin.", ANNA)
    one.replicate()
    done = two.replicate()
    held = [said.split()[0] for said in done.held]
    assert held == ["visits", "cartridge_uses"]
    assert [note.text for note in two.clinic.patients.notes(patient)] == ["Dry skin."], "the rest is here"
    assert two.clinic.journal.healthy
    assert ask(two, "PRAGMA foreign_key_check") == []


def test_a_patients_rows_are_one_unit_also_where_they_name_the_patient_through_others(site: Site) -> None:
    one = site.station("s1")
    row = {"station_id": "s9", "at": 0, "by_name": "x", "by_role": "x"}
    patient, visit, day = "P-1", keys.new_key(), keys.new_key()
    changes = [
        Change("patients", patient, 1, {"id": patient, **row}),
        Change("patients", "P-2", 2, {"id": "P-2", **row}),
        Change("recalls", "r", 3, {"id": "r", **row}),
        Change("reactions", visit, 4, {"id": visit, "patient_id": patient, **row}),
        Change("reaction_days", f"{visit}/{day}", 5, {"reaction_id": visit, "day": day, **row}),
    ]
    with closing(sqlite3.connect(one.record)) as plain:
        units = together(plain, changes)
    assert [[change.version for change in unit] for unit in units] == [[3], [1, 4, 5], [2]]


def test_writers_take_turns_in_the_order_in_which_they_asked() -> None:
    turn, order = Turn(), []
    threads = []

    def work(number: int) -> None:
        with turn:
            order.append(number)

    with turn:
        for number in range(5):
            threads.append(threading.Thread(target=work, args=(number,)))
            threads[-1].start()
            while turn.waiting <= number:
                assert threads[-1].is_alive()
    with turn:  # asked last
        order.append(5)
    for thread in threads:
        thread.join(PATIENCE_S)
    assert order == [0, 1, 2, 3, 4, 5]


def test_who_gives_up_waiting_leaves_nobody_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = Turn()
    real = threading.Lock

    class Interrupted:
        """A place at which Ctrl-C comes."""

        def __init__(self) -> None:
            self._calls = 0

        def acquire(self) -> None:
            self._calls += 1
            if self._calls == 2:
                raise KeyboardInterrupt

    with turn, monkeypatch.context() as patch:
        patch.setattr(threading, "Lock", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            turn.__enter__()
        patch.setattr(threading, "Lock", real)
        assert turn.waiting == 0
    with turn:
        pass
