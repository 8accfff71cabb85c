"""Conflicts are settled by a named person at any station, and all have what was decided; an erasure reaches every one."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from pen_host.cli import main
from pen_host.errors import UsageError
from pen_host.journal import Kind, audit_record
from pen_host.records import photo_folder
from pen_host.records.models import Patient, Person, View
from pen_host.records.patient_keys import GONE, PatientKeys
from pen_host.stations import Conflict, Keep, ServerGoneError, SettleError, conflicts, server_url, settle
from tests.host.told_clinic import picture
from tests.stations.conftest import ANNA, Site, Station

pytestmark = pytest.mark.xdist_group("postgres")
BOB = Person(name="bob", role="physician")


def called(station: Station, patient: Patient, phone: str) -> None:
    assert patient.demographics
    who = patient.demographics.model_copy(update={"phone": phone})
    station.clinic.patients.correct(patient.patient_id, who, ANNA)


def torn(site: Site) -> tuple[Station, Station, Patient]:
    """Two stations that gave one patient two numbers; that of the first stands."""
    one, two = site.station("s1"), site.station("s2")
    patient = one.patient()
    one.replicate()
    two.replicate()
    called(one, patient, "555-0101")
    called(two, patient, "555-0202")
    one.replicate()
    two.replicate()
    return one, two, patient


def settled(station: Station, conflict: Conflict, keep: Keep, reason: str = "asked her") -> Any:
    url = server_url(station.clinic.journal, station.vault)
    return settle(
        station.clinic.journal,
        url,
        (conflict.table, conflict.row_key),
        keep,
        reason,
        BOB,
        conflict.digest[:8],
    )


def phone(station: Station, patient: Patient) -> str | None:
    found = station.clinic.patients.get(patient.patient_id).demographics
    assert found
    return found.phone


def test_what_two_stations_changed_alike_is_no_conflict(site: Site) -> None:
    _, two, patient = torn(site)
    (only,) = conflicts(site.admin)
    assert (only.table, only.row_key) == ("demographics", f"{patient.patient_id}/2"), (
        "that version 1 is the newest no more, both said"
    )
    assert audit_record(two.record, two.vault).intact


@pytest.mark.covers("REQ-1408")
@pytest.mark.parametrize(
    ("keep", "stands", "versions", "at"),
    [
        (Keep.STANDING, "555-0101", 2, 1),
        (Keep.PUT_ASIDE, "555-0202", 2, 0),
        (Keep.PUT_ASIDE, "555-0202", 2, 1),
        (Keep.BOTH, "555-0202", 3, 0),
    ],
)
def test_a_conflict_is_settled_at_any_station_and_every_station_has_it(
    site: Site, keep: Keep, stands: str, versions: int, at: int
) -> None:
    one, two, patient = torn(site)
    (conflict,) = conflicts(site.admin)
    where = (one, two)[at]
    settled(where, conflict, keep)
    assert conflicts(site.admin) == ()
    one.replicate()
    two.replicate()
    for station in (one, two):
        assert phone(station, patient) == stands
        assert station.clinic.patients.get(patient.patient_id).version == versions
        audit = audit_record(station.record, station.vault)
        assert audit.intact, audit.report.damages
    with where.clinic.journal.reader() as reader:
        (said,) = [row for row in reader.payloads(Kind.REPLICATION) if row["change"] == "settled"]
        (entry,) = [row for row in reader.rows() if row.payload == said]
    assert (said["keep"], said["reason"], entry.actor, entry.role) == (
        str(keep),
        "asked her",
        "bob",
        "physician",
    )
    assert site.ask("SELECT settled_by, settled_how, settled_reason, settled_station FROM conflicts") == [
        ("bob (physician)", str(keep), "asked her", where.name)
    ]
    assert "555-0202" in json.dumps(site.ask("SELECT content FROM conflicts")), "what was put aside is kept"


def test_a_settlement_cut_short_is_repeated_and_writes_nothing_twice(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pen_host.stations import settling

    one, two, patient = torn(site)
    (conflict,) = conflicts(site.admin)

    def gone(*_: object) -> None:
        raise ServerGoneError("the cable was pulled")

    with monkeypatch.context() as patch:
        patch.setattr(settling, "_mark", gone)
        with pytest.raises(ServerGoneError):
            settled(two, conflict, Keep.BOTH)
    assert conflicts(site.admin) == (conflict,)
    settled(two, conflict, Keep.BOTH)
    one.replicate()
    assert one.clinic.patients.get(patient.patient_id).version == 3


def test_what_cannot_be_settled_so_is_refused_in_one_sentence(site: Site) -> None:
    one, two, patient = torn(site)
    (conflict,) = conflicts(site.admin)
    head = one.clinic.journal.head
    with pytest.raises(UsageError, match="Say why"):
        settled(one, conflict, Keep.STANDING, reason=" ")
    url = server_url(one.clinic.journal, one.vault)
    with pytest.raises(UsageError, match="no unsettled conflict about notes x"):
        settle(one.clinic.journal, url, ("notes", "x"), Keep.STANDING, "why", BOB)
    assert one.clinic.journal.head == head
    settled(two, conflict, Keep.STANDING)
    with pytest.raises(UsageError, match="no unsettled conflict"):
        settled(one, conflict, Keep.PUT_ASIDE)
    assert phone(one, patient) == "555-0101"


def test_what_the_clinics_rules_exclude_is_settled_where_its_cause_is(site: Site) -> None:
    from tests.stations.test_replication import _opened

    one, two = site.station("s1"), site.station("s2")
    patient = one.patient()
    one.replicate()
    two.replicate()
    for station in (one, two):
        _opened(station, patient.patient_id)
        station.replicate()
    (conflict,) = [one for one in conflicts(site.admin) if one.table == "visits"]
    with pytest.raises(SettleError, match=r"nothing stands in its place.*Remove the cause at station s2"):
        settled(one, conflict, Keep.PUT_ASIDE)
    two.clinic.visits.abandon(conflict.row_key, "opened twice", ANNA)
    assert two.replicate().held == []
    settled(two, conflict, Keep.STANDING)
    assert [one for one in conflicts(site.admin) if one.table == "visits"] == []
    one.replicate()
    assert {visit.state.value for visit in one.clinic.visits.of(patient.patient_id)} == {"open", "abandoned"}


def test_a_station_settles_in_its_own_name_and_nothing_twice(site: Site) -> None:
    one, _, _ = torn(site)
    (conflict,) = conflicts(site.admin)
    text = (
        "UPDATE conflicts SET settled_by = 'x', settled_at = now(), settled_how = 'both', settled_reason = 'x',"
        " settled_station = %s RETURNING 1"
    )

    def as_one(station: str) -> list[tuple[object, ...]]:
        with psycopg.connect(site.admin) as server:
            server.execute("SET SESSION AUTHORIZATION pen_s1")
            return server.execute(text, (station,)).fetchall()

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_one("s2")
    settled(one, conflict, Keep.STANDING)
    assert as_one("s1") == []


def test_the_command_lists_and_settles_with_the_stations_own_login(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one, _, patient = torn(site)
    one.clinic.close()
    monkeypatch.setenv("PEN_KEYS", one.vault.where)
    monkeypatch.setenv("PEN_JOURNAL", str(one.record))

    def run(*words: str) -> tuple[object, str]:
        with pytest.raises(SystemExit) as ended:
            main(["station", *words])
        said = capsys.readouterr()
        return ended.value.code, said.out + said.err

    row = f"{patient.patient_id}/2"
    assert "555-0202" in run("conflicts")[1]
    signed = ("demographics", row, "--operator", "bob", "--reason", "asked her")
    code, said = run("settle", *signed, "--keep", "mine")
    assert (code, "standing, put_aside, both" in said) == (2, True)
    assert run("settle", *signed, "--keep", "put_aside") == (
        0,
        f"demographics {row} is settled: put_aside.\n",
    )
    assert run("conflicts") == (0, "There are none.\n")


# ---- erasing ---------------------------------------------------------------------------------------------------------


def photographed(station: Station, patient: Patient, seed: int) -> str:
    clinic = station.clinic
    text = clinic.consents.publish("photographs", "en", "Photographs", f"I agree to {seed}.", ANNA)
    clinic.consents.sign(patient.patient_id, text.text_id, "Ada Example", ANNA)
    file = picture(station.folder / f"{seed}.png", seed)
    photo = clinic.photos.add(patient.patient_id, file, View.DETAIL, station.at.date(), ANNA)
    file.unlink()
    return photo.sha256


@pytest.mark.covers("REQ-1404", "REQ-1407")
def test_an_erasure_that_comes_from_elsewhere_takes_photographs_keys_and_what_was_not_sent(
    site: Site,
) -> None:
    from pen_host.backups import back_up

    one, two = site.station("s1"), site.station("s2")
    patient, other = one.patient("Grimhilda Unusual"), one.patient("Bea Example")
    photographed(one, patient, 1)
    stays = photographed(one, other, 2)
    back_up(one.clinic.journal, one.folder / "drive")
    one.replicate()
    two.replicate()
    # here, and not sent yet, when the erasure arrives
    one.clinic.patients.note(patient.patient_id, "Grimhilda dislikes needles", ANNA)
    photographed(one, patient, 3)
    two.clinic.patients.erase(patient.patient_id, "asked for it", ANNA)
    two.replicate()
    done = one.replicate()
    assert any("this patient was erased" in said for said in done.conflicts)
    assert photo_folder.digests(one.record) == {stays}
    assert PatientKeys(one.record, one.vault).all()[patient.patient_id] == GONE
    assert one.clinic.patients.get(patient.patient_id).erased_at is not None
    assert one.clinic.photos.of(patient.patient_id) == ()
    for place in (one.record, two.record):
        assert b"Grimhilda" not in place.read_bytes()
    for table in ("demographics", "notes", "photographs", "conflicts"):
        (rows,) = site.ask(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t")
        assert "Grimhilda" not in str(rows[0])
    assert site.ask("SELECT count(*) FROM photographs WHERE patient_id = %s", patient.patient_id) == [(0,)]
    assert (one.replicate().held, two.replicate().held) == ([], [])
    for station in (one, two):
        audit = audit_record(station.record, station.vault)
        assert audit.intact, audit.report.damages


def test_a_conflict_about_an_erased_patient_says_nothing_of_them_and_only_what_stands_can_be_kept(
    site: Site,
) -> None:
    one, two, patient = torn(site)
    two.clinic.patients.erase(patient.patient_id, "asked for it", ANNA)
    two.replicate()
    found = conflicts(site.admin)
    assert found
    assert {conflict.content for conflict in found} == {"null"}
    one.replicate()
    with pytest.raises(SettleError, match="of a patient who was erased since"):
        settled(one, found[0], Keep.PUT_ASIDE)
    for conflict in found:
        settled(one, conflict, Keep.STANDING)
    assert conflicts(site.admin) == ()
