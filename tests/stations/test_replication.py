"""Stations replicate with a real PostgreSQL: nothing lost, nothing twice, what excludes each other is shown."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from typing import Any

import psycopg
import pytest

from pen_host.journal import Kind, audit_record
from pen_host.records.models import Demographics
from pen_host.stations import (
    ForkedChainError,
    NotJoinedError,
    ServerGoneError,
    ServerNewerError,
    ServerRowsError,
    conflicts,
    fetching,
    replicate,
    server_url,
    status,
    verify_server,
)
from tests.stations.conftest import ANNA, Site

pytestmark = pytest.mark.xdist_group("postgres")


def names(site: Site) -> list[str]:
    found = site.ask("SELECT full_name FROM demographics WHERE newest = 1 ORDER BY 1")
    return [str(name) for (name,) in found]


def test_what_one_station_writes_the_other_reads_and_every_seal_holds(site: Site) -> None:
    one, two = site.station("s1"), site.station("s2")
    patient = one.patient()
    one.clinic.patients.note(patient.patient_id, "Dry skin.", ANNA)
    sent = one.replicate()
    assert (sent.rows, sent.conflicts, sent.held) == (3, [], [])
    assert sent.entries == one.clinic.journal.head.seq
    assert two.replicate().fetched == 3
    assert two.clinic.patients.get(patient.patient_id).label == patient.label
    assert [note.text for note in two.clinic.patients.notes(patient.patient_id)] == ["Dry skin."]
    for station in (one, two):
        audit = audit_record(station.record, station.vault)
        assert audit.intact, audit.report.damages
    assert all(not damages for _, damages in verify_server(site.admin).values())


def test_a_replay_sends_nothing_twice(site: Site) -> None:
    one = site.station("s1")
    one.patient()
    one.replicate()
    with closing(
        sqlite3.connect(one.record)
    ) as tool:  # as after a crash between the server's commit and our own
        tool.execute("UPDATE station_link SET sent_change_no = 0")
        tool.execute("DELETE FROM station_bases")
        tool.commit()
    again = one.replicate()
    assert (again.rows, again.known, again.conflicts) == (0, 2, [])
    assert site.ask("SELECT count(*) FROM patients") == [(1,)]


def test_a_row_that_is_changed_amid_a_fetch_is_no_damaged_one(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = site.station("s1"), site.station("s2")
    patient = one.patient()
    one.replicate()
    whole, changed = fetching._contents, list[int]()

    def contents(*given: Any) -> Any:
        """Its digest is read; before its content is, the other station sends a newer one."""
        if not changed:
            changed.append(0)
            said = Demographics(full_name="Ada Muster", birth_date=date(1980, 2, 29))
            one.clinic.patients.correct(patient.patient_id, said, ANNA)
            changed[0] = one.replicate().rows
        return whole(*given)

    with monkeypatch.context() as patched:
        patched.setattr(fetching, "_contents", contents)
        assert two.replicate().held == []
    assert changed[0] > 0
    assert two.replicate().held == []
    assert two.clinic.patients.get(patient.patient_id).label == "Ada Muster"


def test_rows_that_came_from_elsewhere_are_not_sent_back(site: Site) -> None:
    one, two = site.station("s1"), site.station("s2")
    one.patient()
    one.replicate()
    two.replicate()
    assert (two.replicate().rows, one.replicate().fetched) == (0, 0)


def test_a_row_of_another_station_is_changed_here_and_comes_back(site: Site) -> None:
    one, two = site.station("s1"), site.station("s2")
    text = one.clinic.consents.publish("microneedling", "en", "Consent", "I agree.", ANNA)
    patient = one.patient()
    consent = one.clinic.consents.sign(patient.patient_id, text.text_id, "Ada Example", ANNA)
    one.replicate()
    two.replicate()
    two.clinic.consents.withdraw(consent.consent_id, "asked by phone", ANNA)
    assert two.replicate().conflicts == []
    one.replicate()
    assert one.clinic.consents.get(consent.consent_id).withdrawn_reason == "asked by phone"


def test_one_row_changed_at_two_stations_is_shown_and_both_versions_are_kept(site: Site) -> None:
    one, two = site.station("s1"), site.station("s2")
    patient = one.patient()
    one.replicate()
    two.replicate()
    assert patient.demographics
    for station, phone in ((one, "555-0101"), (two, "555-0202")):
        who = patient.demographics.model_copy(update={"phone": phone})
        station.clinic.patients.correct(patient.patient_id, who, ANNA)
    one.replicate()
    (said, *_) = two.replicate().conflicts
    assert "station s1 changed it at the same time" in said
    (kept, *_) = [
        one for one in conflicts(site.admin) if one.table == "demographics" and "0202" in one.content
    ]
    assert (kept.station_id, kept.other_station) == ("s2", "s1")
    found = two.clinic.patients.get(patient.patient_id).demographics
    assert found
    assert found.phone == "555-0101"
    with two.clinic.journal.reader() as reader:
        told = [row["change"] for row in reader.payloads(Kind.REPLICATION)]
    assert "conflict" in told
    audit = audit_record(two.record, two.vault)
    assert audit.intact, audit.report.damages


def test_an_erased_patient_goes_from_server_and_other_stations(site: Site) -> None:
    one, two = site.station("s1"), site.station("s2")
    patient = one.patient()
    one.clinic.patients.note(patient.patient_id, "Dry skin.", ANNA)
    one.replicate()
    two.replicate()
    two.clinic.patients.erase(patient.patient_id, "asked for it", ANNA)
    two.replicate()
    assert names(site) == []
    assert site.ask("SELECT count(*) FROM notes") == [(0,)]
    one.replicate()
    assert one.clinic.patients.get(patient.patient_id).demographics is None
    assert b"Ada Example" not in one.record.read_bytes()
    audit = audit_record(one.record, one.vault)
    assert audit.intact, audit.report.damages


@pytest.mark.covers("REQ-1405")
def test_the_server_goes_away_amid_a_replication_and_nothing_is_lost(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib

    module = importlib.import_module("pen_host.stations.replicate")
    one = site.station("s1")
    for number in range(5):
        one.patient(f"Ada {number}")
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(module, "ENTRIES_AT_ONCE", 4)
    cuts = 0
    for cut in range(1, 40):
        commits = 0
        real = psycopg.Connection.commit

        def commit(connection: Any, cut: int = cut, real: Any = real) -> None:
            nonlocal commits
            commits += 1
            if commits == cut:
                backend = connection.info.backend_pid
                site.ask("SELECT pg_terminate_backend(%s)", backend)
            real(connection)

        with monkeypatch.context() as patch:
            patch.setattr(psycopg.Connection, "commit", commit)
            try:
                one.replicate()
                break
            except ServerGoneError:
                cuts += 1
        one.patient(f"Ada {cut} later")
    assert cuts > 3
    one.replicate()
    assert status(one.record).waiting == 0
    assert len(names(site)) == 5 + cuts
    assert verify_server(site.admin)["s1"] == (one.clinic.journal.head.seq, ())
    assert conflicts(site.admin) == ()


def test_without_the_server_everything_is_recorded_and_sent_later(site: Site) -> None:
    one = site.station("s1")
    gone = site.postgres.url("absent")
    one.patient()
    with pytest.raises(ServerGoneError, match="Go on treating"):
        replicate(one.clinic.journal, gone)
    one.patient("Bea Example")
    assert one.clinic.journal.healthy
    one.replicate()
    assert names(site) == ["Ada Example", "Bea Example"]


def test_a_newer_server_is_refused_in_one_sentence_and_nothing_is_sent(site: Site) -> None:
    one = site.station("s1")
    one.patient()
    site.ask("UPDATE clinic_version SET version_num = 'c0099'")
    with pytest.raises(ServerNewerError, match=r"newer version of this program \(layout c0099\)"):
        one.replicate()
    assert site.ask("SELECT count(*) FROM entries") == [(0,)]


def test_a_record_that_was_set_back_does_not_overwrite_the_chain_on_the_server(site: Site) -> None:
    one = site.station("s1")
    site.ask(
        "INSERT INTO entries SELECT 's1', 1, 1, 0, 0, '', '', '', '', NULL, NULL, NULL, NULL, '{}',"
        " repeat('0', 64), repeat('1', 64)"
    )
    with pytest.raises(ForkedChainError, match="Entry 1 of station s1"):
        one.replicate()


def test_a_row_that_was_altered_here_is_not_sent(site: Site) -> None:
    one = site.station("s1")
    one.patient()
    with closing(sqlite3.connect(one.record)) as tool:
        tool.execute("UPDATE demographics SET full_name = 'Eve'")
        tool.commit()
    (said,) = one.replicate().held
    assert "not as its seal says" in said
    assert names(site) == []


@pytest.mark.covers("REQ-1405")
def test_rows_that_somebody_tore_apart_on_the_server_do_a_station_no_harm(site: Site) -> None:
    one, two = site.station("s1"), site.station("s2")
    one.patient()
    one.replicate()
    site.ask("UPDATE patients SET by_name = 'eve'")
    with pytest.raises(ServerRowsError, match="Go on treating"):
        two.replicate()
    assert two.clinic.journal.healthy
    own = two.patient("Bea Example")
    with pytest.raises(ServerRowsError):
        two.replicate()
    assert names(site) == ["Ada Example", "Bea Example"], "what is written here is sent all the same"
    assert two.clinic.patients.find("Ada") == ()
    assert two.clinic.patients.get(own.patient_id)
    site.ask("UPDATE patients SET by_name = 'anna'")
    assert two.replicate().held == []
    assert two.clinic.patients.find("Ada") != ()


def test_a_station_that_never_joined_is_told_so(site: Site) -> None:
    one = site.station("s1")
    from pen_host.vault import FileVault

    with pytest.raises(NotJoinedError, match="pen station join"):
        server_url(one.clinic.journal, FileVault(site.folder / "none"))


def test_a_patient_with_open_visits_at_two_stations_is_shown(site: Site) -> None:
    """By the constraint alone: the rows are made as two offline stations would."""
    one, two = site.station("s1"), site.station("s2")
    patient = one.patient()
    one.replicate()
    two.replicate()
    for station in (one, two):
        _opened(station, patient.patient_id)
    assert one.replicate().conflicts == []
    sent = two.replicate()
    assert [said for said in sent.conflicts if said.startswith("visits ") and "open_for" in said]
    assert status(two.record).held
    assert site.ask("SELECT count(*) FROM visits") == [(1,)]
    assert two.clinic.visits.opened()


def _opened(station: Any, patient_id: str) -> None:
    from pen_host.presets import ZoneChoice
    from pen_host.screening import NO

    clinic = station.clinic
    plan = clinic.presets.to_plan(
        "hair_fortnightly_faghihi_2021", [ZoneChoice(name="vertex", area_mm2=5_000)]
    )
    given = {rule.rule_id: NO for rule in clinic.screening.questions(plan)}
    screened = clinic.screening.record(patient_id, plan, given, (), ANNA)
    text = clinic.consents.publish("microneedling", "en", "Consent", f"I agree at {station.name}.", ANNA)
    consent = clinic.consents.sign(patient_id, text.text_id, "Ada Example", ANNA)
    clinic.visits.open(patient_id, plan, screened.screening_id, consent.consent_id, ANNA)


def test_demographics_are_what_was_entered(site: Site) -> None:
    one = site.station("s1")
    who = Demographics.model_validate_json('{"full_name": "Ada %s \\\\N É", "birth_date": "1980-02-29"}')
    one.clinic.patients.add(who, ANNA)
    one.replicate()
    assert names(site) == [who.full_name]
