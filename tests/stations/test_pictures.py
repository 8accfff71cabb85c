"""Pictures follow their rows: sealed, slice by slice, newest first; whole and as they were taken, or not at all."""

from __future__ import annotations

import errno
import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from pen_host.api.problems import of_error
from pen_host.api.replication import EVERY_S, PICTURES_S, ClinicServer, Replication
from pen_host.api.routes import photographs as routes
from pen_host.errors import JournalError
from pen_host.journal import JournalLockedError, Kind, audit_record, encrypting, record_keys, sqlite
from pen_host.journal.record_keys import new_key
from pen_host.records import ForbiddenStepError, photo_access, photo_folder
from pen_host.records.models import Patient, Photo, View
from pen_host.records.patient_keys import seal
from pen_host.records.photo_places import PictureElsewhereError
from pen_host.reports import course
from pen_host.reports.blocks import Prose
from pen_host.stations import (
    WITHOUT_END,
    Budget,
    Replicated,
    ServerGoneError,
    picture_slices,
    pictures,
    replicate,
    saved,
    server,
    server_url,
    status,
)
from pen_host.stations.pictures import NO_PICTURES
from pen_host.stations.rights import AUDITOR, READER
from pen_host.vault import FileVault
from tests.host.told_clinic import picture
from tests.stations.conftest import ANNA, Site, Station
from tests.stations.test_rights import as_role

pytestmark = pytest.mark.xdist_group("postgres")
SLICE_BYTES = 2_500


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_slices, "SLICE_BYTES", SLICE_BYTES)


@pytest.fixture
def two_stations(site: Site) -> tuple[Station, Station, Patient]:
    """A patient who agreed to photographs, known at both."""
    one, two = site.station("s1"), site.station("s2")
    patient = one.patient()
    agreed(one, patient)
    one.replicate()
    two.replicate()
    return one, two, patient


def agreed(station: Station, patient: Patient) -> str:
    consents = station.clinic.consents
    texts = [text for text in consents.texts() if text.name == photo_access.CONSENT]
    text = texts[0] if texts else consents.publish("photographs", "en", "Photographs", "I agree.", ANNA)
    return consents.sign(patient.patient_id, text.text_id, "Ada Example", ANNA).consent_id


def taken(station: Station, patient: Patient, seed: int = 1) -> Photo:
    file = picture(station.folder / f"{seed}.png", seed)
    station.at += timedelta(seconds=1)
    photo = station.clinic.photos.add(patient.patient_id, file, View.DETAIL, station.at.date(), ANNA)
    file.unlink()
    return photo


def moved(station: Station, budget: Budget = WITHOUT_END) -> Replicated:
    journal = station.clinic.journal
    return replicate(journal, server_url(journal, station.vault), budget)


def refusals(station: Station) -> list[str]:
    with station.clinic.journal.reader() as reader:
        told = reader.payloads(Kind.REPLICATION)
    return [row["sha256"] for row in told if row["change"] == "picture refused"]


def is_intact(station: Station) -> bool:
    return audit_record(station.record, station.vault).intact


def counted(site: Site) -> list[object]:
    """Pictures, slices and keys on the server."""
    return [
        site.ask(f"SELECT count(*) FROM {table}")[0][0]
        for table in ("pictures", "picture_slices", "picture_keys")
    ]


@pytest.mark.covers("REQ-1410")
def test_a_picture_comes_after_its_row_and_is_never_called_lost_meanwhile(
    site: Site, two_stations: tuple[Station, Station, Patient]
) -> None:
    one, two, patient = two_stations
    photo = taken(one, patient)
    content = one.clinic.photos.content(photo)
    assert moved(one, NO_PICTURES).pictures_left == 1
    assert (status(one.record).pictures_out, status(one.record).pictures_in) == (1, 0)
    moved(two, NO_PICTURES)
    with pytest.raises(
        PictureElsewhereError, match="at station s1, not here yet; it comes once that station has sent it"
    ):
        two.clinic.photos.content(photo)
    assert moved(one).pictures_sent == 1
    moved(two, NO_PICTURES)
    with pytest.raises(
        PictureElsewhereError, match="at station s1, not here yet; it is on the clinic's server"
    ):
        two.clinic.photos.content(photo)
    assert list(two.clinic.photos.not_shown(patient.patient_id)) == [photo.photo_id]
    assert (status(two.record).pictures_out, status(two.record).pictures_in) == (0, 1)
    done = moved(two)
    assert (done.pictures_fetched, done.pictures_left, done.held) == (1, 0, [])
    assert two.clinic.photos.content(photo) == content
    assert two.clinic.photos.not_shown(patient.patient_id) == {}
    assert photo_folder.arriving(two.record) == []
    assert (status(two.record).pictures_in, status(one.record).pictures_out) == (0, 0)
    assert is_intact(one)
    assert is_intact(two)
    # and it is not sent back, nor fetched again
    assert [(each.pictures_sent, each.pictures_fetched) for each in (moved(one), moved(two))] == [(0, 0)] * 2
    raw = b"".join(bytes(row[0]) for row in site.ask("SELECT sealed FROM picture_slices ORDER BY number"))  # type: ignore[call-overload]
    assert len(raw) > len(content)
    assert content[:64] not in raw, "on the server it is sealed"
    # a picture that was here and is gone is lost, and comes again from the server
    photo_folder.remove(two.record, [photo.sha256])
    assert two.clinic.photos.not_shown(patient.patient_id) == {}
    assert moved(two).pictures_fetched == 1
    assert two.clinic.photos.content(photo) == content


@pytest.mark.covers("REQ-1410")
def test_a_picture_that_is_elsewhere_is_a_sentence_in_api_and_report(
    two_stations: tuple[Station, Station, Patient],
) -> None:
    one, two, patient = two_stations
    photo = taken(one, patient)
    moved(one, NO_PICTURES)
    moved(two, NO_PICTURES)
    service: Any = SimpleNamespace(need=lambda *_: None, visiting=SimpleNamespace(clinic=two.clinic))
    (told,) = routes.not_shown(service, "session", patient.patient_id)
    assert told.photo_id == photo.photo_id
    assert "at station s1, not here yet" in told.sentence
    with pytest.raises(PictureElsewhereError) as raised:
        routes.photograph(service, "session", photo.photo_id)
    problem = of_error(raised.value)
    assert (problem.status, problem.detail) == (409, told.sentence)
    _, said = course._photos(two.clinic, patient.patient_id)
    assert isinstance(said, Prose)
    assert said.text == f"1 of 1 are not shown. {told.sentence}"


@pytest.mark.covers("REQ-1410")
def test_a_cable_pulled_at_any_slice_costs_that_slice_and_nothing_else(
    site: Site, two_stations: tuple[Station, Station, Patient], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, patient = two_stations
    photo = taken(one, patient)
    slices = -(-len(one.clinic.photos.content(photo)) // SLICE_BYTES)
    assert slices > 3

    def until_done(station: Station, words: str, torn: Any) -> tuple[int, int]:
        """Pulls the cable at every second statement of these words; how often, and how many were sent."""
        cuts, sent = 0, [0]
        real = psycopg.Connection.execute

        def execute(self: Any, query: Any, *given: Any, **how: Any) -> Any:
            if str(query).startswith(words):
                sent[0] += 1
                if sent[0] % 2 == 0:
                    site.ask("SELECT pg_terminate_backend(%s)", self.info.backend_pid)
            return real(self, query, *given, **how)

        with monkeypatch.context() as patch:
            patch.setattr(psycopg.Connection, "execute", execute)
            while True:
                try:
                    moved(station)
                    return cuts, sent[0]
                except ServerGoneError:
                    cuts += 1
                    torn()

    cuts, sent = until_done(one, "INSERT INTO picture_slices", lambda: None)
    assert cuts == slices - 1
    assert sent == slices + cuts, "a slice that the server has is not sent again"

    def torn() -> None:
        """The last write was cut short as well."""
        for path in photo_folder.arriving(two.record):
            path.write_bytes(path.read_bytes() + b"half")

    cuts, sent = until_done(two, "SELECT sealed", torn)
    assert (cuts, sent) == (slices - 1, 2 * slices - 1)
    assert two.clinic.photos.content(photo) == one.clinic.photos.content(photo)
    assert photo_folder.arriving(two.record) == []


@pytest.mark.covers("REQ-1410")
def test_a_byte_changed_on_the_server_is_refused_and_named_and_the_others_come(
    site: Site, two_stations: tuple[Station, Station, Patient]
) -> None:
    one, two, patient = two_stations
    older, newer = taken(one, patient, 1), taken(one, patient, 2)
    moved(one)
    site.ask(
        "UPDATE picture_slices SET sealed = set_byte(sealed, 40, get_byte(sealed, 40) # 1) WHERE sha256 = %s AND number = 1",
        newer.sha256,
    )
    done = moved(two)
    (said,) = done.held
    assert newer.sha256[:12] in said
    assert "station s1" in said
    assert done.pictures_fetched == 1
    assert photo_folder.digests(two.record) == {older.sha256}
    with pytest.raises(PictureElsewhereError, match="a byte is wrong"):
        two.clinic.photos.content(newer)
    assert any(newer.sha256[:12] in held for held in status(two.record).held)
    moved(two)
    assert refusals(two) == [newer.sha256], "the chain tells it once"
    # put right as the sentence says
    site.ask("DELETE FROM pictures WHERE sha256 = %s", newer.sha256)
    assert moved(one).pictures_sent == 1
    assert moved(two).held == []
    assert two.clinic.photos.content(newer) == one.clinic.photos.content(newer)
    assert status(two.record).held == ()


@pytest.mark.parametrize("kind", ["another place", "another picture"])
def test_slices_put_elsewhere_and_content_under_a_wrong_name_are_refused(
    site: Site, two_stations: tuple[Station, Station, Patient], kind: str
) -> None:
    one, two, patient = two_stations
    photo = taken(one, patient)
    moved(one)
    if kind == "another place":
        site.ask(
            "UPDATE picture_slices a SET sealed = b.sealed FROM picture_slices b WHERE a.number = 0 AND b.number = 1"
        )
    else:
        ((key,),) = site.ask("SELECT key FROM picture_keys")
        site.ask("DELETE FROM picture_slices")
        made = picture_slices.Cut(patient.patient_id, photo.sha256, 1, SLICE_BYTES)
        site.ask("UPDATE pictures SET slices = 1")
        sealed = seal(bytes(key), b"another face", made.place(0))  # type: ignore[call-overload]
        site.ask(
            "INSERT INTO picture_slices VALUES (%s, %s, 0, 's1', %s)",
            patient.patient_id,
            photo.sha256,
            sealed,
        )
    (said,) = moved(two).held
    assert "refused" in said
    assert photo_folder.digests(two.record) == set()
    with pytest.raises(PictureElsewhereError):
        two.clinic.photos.content(photo)


@pytest.mark.covers("REQ-1404", "REQ-1410")
def test_an_erasure_anywhere_takes_the_pictures_and_their_key_everywhere(
    site: Site, two_stations: tuple[Station, Station, Patient]
) -> None:
    one, two, patient = two_stations
    whole, half = taken(one, patient, 1), taken(one, patient, 2)
    del whole
    moved(one)
    one_slice = Budget(bytes_max=1)
    moved(two, one_slice)
    assert len(photo_folder.arriving(two.record)) == 1, "one is on its way"
    third = taken(one, patient, 3)
    moved(one, one_slice)
    assert counted(site)[0] == 3
    two.clinic.patients.erase(patient.patient_id, "asked for it", ANNA)
    assert photo_folder.arriving(two.record) == []
    two.replicate()
    assert counted(site) == [0, 0, 0]
    for name in (half.sha256, third.sha256):
        with pytest.raises((psycopg.IntegrityError, psycopg.errors.InsufficientPrivilege)):
            as_role(
                site,
                "pen_s1",
                "INSERT INTO pictures (patient_id, sha256, slices, slice_bytes, station_id)"
                f" VALUES ('{patient.patient_id}', '{name}', 1, 1, 's1')",
            )
    done = moved(one)
    assert (done.pictures_sent, done.held) == (0, [])
    assert photo_folder.digests(one.record) == set()
    for station in (one, two):
        assert is_intact(station)
        with closing(sqlite3.connect(station.record)) as plain:
            moved(station)
            assert plain.execute("SELECT count(*) FROM station_pictures").fetchone() == (0,)


def test_a_picture_that_is_whole_just_when_its_patient_is_erased_is_not_kept(
    site: Site, two_stations: tuple[Station, Station, Patient], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, patient = two_stations
    taken(one, patient)
    moved(one)
    real = picture_slices.Arriving.content

    def content(self: Any, key: bytes) -> bytes | None:
        found = real(self, key)
        two.clinic.patients.erase(patient.patient_id, "asked for it", ANNA)
        return found

    monkeypatch.setattr(picture_slices.Arriving, "content", content)
    assert moved(two).pictures_fetched == 0
    assert photo_folder.digests(two.record) == set()
    assert photo_folder.arriving(two.record) == []


@pytest.mark.covers("REQ-1410")
def test_a_consent_taken_back_keeps_a_picture_where_it_is(
    site: Site, two_stations: tuple[Station, Station, Patient]
) -> None:
    one, two, patient = two_stations
    photo = taken(one, patient)
    moved(one)
    (consent,) = one.clinic.consents.of(patient.patient_id)
    two.clinic.consents.withdraw(consent.consent_id, "asked for it", ANNA)
    done = moved(two)
    assert done.pictures_fetched == 0
    assert counted(site) == [0, 0, 0]
    with pytest.raises(ForbiddenStepError, match="shown to nobody"):
        two.clinic.photos.content(photo)
    assert moved(one).pictures_sent == 0
    assert (status(one.record).pictures_out, status(two.record).pictures_in) == (0, 0)
    assert photo_folder.digests(one.record) == {photo.sha256}, "what was taken stays where it was taken"
    with pytest.raises(ForbiddenStepError, match="shown to nobody"):
        one.clinic.photos.content(photo)
    agreed(one, patient)
    assert one.clinic.photos.content(photo)
    assert moved(one).pictures_sent == 1
    assert moved(two).pictures_fetched == 1


@pytest.mark.covers("REQ-1410")
def test_who_may_not_read_a_photographs_row_gets_nothing_of_its_picture(
    site: Site, two_stations: tuple[Station, Station, Patient]
) -> None:
    one, two, patient = two_stations
    photo = taken(one, patient)
    moved(one)
    moved(two, NO_PICTURES)
    tables = ("pictures", "picture_slices", "picture_keys")
    site.ask(f"CREATE ROLE r_{site.database} LOGIN IN ROLE {READER}")
    site.ask(f"CREATE ROLE a_{site.database} LOGIN IN ROLE {AUDITOR}")
    for role in (f"r_{site.database}", f"a_{site.database}"):
        for table in tables:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                as_role(site, role, f"SELECT * FROM {table}")
    for text in (
        "UPDATE pictures SET slices = 9",
        "UPDATE picture_slices SET sealed = ''",
        "DELETE FROM picture_keys",
        "INSERT INTO pictures (patient_id, sha256, slices, slice_bytes, station_id)"
        " SELECT patient_id, 'x', 1, 1, 's1' FROM pictures",
        "INSERT INTO pictures (patient_id, sha256, slices, slice_bytes, station_id, version) VALUES ('x', 'x', 1, 1, 's2', 1)",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_role(site, "pen_s2", text)
    # row rights that an administrator narrows hold for pictures at once
    site.ask("ALTER POLICY pen_select ON photographs USING (station_id = pen_this_station())")
    assert [as_role(site, "pen_s2", f"SELECT count(*) FROM {table}") for table in tables] == [[(0,)]] * 3
    assert moved(two).pictures_fetched == 0
    assert photo_folder.digests(two.record) == set()
    with pytest.raises(PictureElsewhereError, match="at station s1"):
        two.clinic.photos.content(photo)


@pytest.mark.covers("REQ-1410")
def test_rows_come_first_then_the_newest_picture_and_no_more_than_the_budget(
    two_stations: tuple[Station, Station, Patient], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, patient = two_stations
    size = len(one.clinic.photos.content(taken(one, patient, 9)))
    step = size // 3
    monkeypatch.setattr(picture_slices, "SLICE_BYTES", step)
    moved(one)
    moved(two)
    names = [taken(one, patient, seed).sha256 for seed in (1, 2, 3)]
    before, arrived = photo_folder.digests(two.record), []
    budget = Budget(bytes_max=step + 1)
    sent_in = []
    while not sent_in or sent_in[-1].pictures_left:
        sent_in.append(moved(one, budget))
    assert len(sent_in) > len(names), "by two slices at a time"
    for number in range(4 * len(names)):
        one.clinic.patients.note(patient.patient_id, f"Note {number}.", ANNA)
        one.replicate()
        done = moved(two, budget)
        assert len(two.clinic.patients.notes(patient.patient_id)) == number + 1, "no row waits for a picture"
        new = photo_folder.digests(two.record) - before - set(arrived)
        assert len(new) <= 1
        arrived += new
        if not done.pictures_left:
            break
    assert number >= len(names)
    assert arrived == list(reversed(names))


def test_a_budget_ends_by_the_clock_and_as_soon_as_the_pen_works(
    two_stations: tuple[Station, Station, Patient],
) -> None:
    one, two, patient = two_stations
    taken(one, patient)
    one.clinic.patients.note(patient.patient_id, "Dry skin.", ANNA)
    now_s = iter(range(1000))
    moved(one, Budget(last_s=3.5, clock=lambda: float(next(now_s))))
    assert sent(one) == 2, "the clock is asked for the end, for the picture, and for each slice"
    asked = iter([True, True, False])
    moved(one, Budget(may_go_on=lambda: next(asked)))
    assert sent(one) == 3
    moved(one)
    done = moved(two, Budget(may_go_on=lambda: False))
    assert (done.pictures_fetched, done.pictures_left) == (0, 1)
    assert len(two.clinic.patients.notes(patient.patient_id)) == 1


def sent(station: Station) -> int:
    """Slices on the server, as the station sees them."""
    with psycopg.connect(server_url(station.clinic.journal, station.vault)) as connection:
        row = connection.execute("SELECT count(*) FROM picture_slices").fetchone()
        assert row
        return int(row[0])


@pytest.mark.parametrize("where", ["a slice", "the whole"])
def test_a_full_disk_is_a_sentence_and_nothing_half_is_left(
    two_stations: tuple[Station, Station, Patient], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, patient = two_stations
    photo = taken(one, patient)
    one.clinic.patients.note(patient.patient_id, "Dry skin.", ANNA)
    moved(one)

    def full(*_given: Any, **_how: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        if where == "a slice":
            patch.setattr(picture_slices, "open", full, raising=False)
        else:
            patch.setattr(photo_folder.os, "fsync", full)
        done = moved(two)
    (said,) = done.held
    assert "No space left on device" in said
    assert "nothing of it was left" in said
    assert done.pictures_fetched == 0
    assert [note.text for note in two.clinic.patients.notes(patient.patient_id)] == ["Dry skin."]
    folder = two.folder / photo_folder.FOLDER
    left = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    assert not [name for name in left if not name.endswith(photo_folder.ARRIVING)]
    assert two.clinic.journal.healthy
    assert moved(two).pictures_fetched == 1
    assert two.clinic.photos.content(photo)


def test_beside_an_encrypted_record_a_picture_that_arrives_is_sealed_before_it_is_written(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, key = site.folder / "record.sqlite3", new_key()
    monkeypatch.setattr(record_keys, "key_of", lambda _record, _vault=None: key)
    monkeypatch.setattr(record_keys, "key_for", lambda *_given: key)
    draft = photo_folder.draft(record, "0" * 64, b"a face")
    assert b"a face" not in draft.read_bytes()
    assert photo_folder.digests(record) == set(), "it is not there before its row is checked"
    photo_folder.place(draft)
    assert photo_folder.digests(record) == {"0" * 64}
    (path,) = (record.parent / photo_folder.FOLDER).iterdir()
    assert path.suffix == photo_folder.SEALED
    encrypting.erase(path)
    with pytest.raises(JournalError):
        photo_folder.place(draft)


def test_what_is_saved_of_a_server_before_its_layout_changes_has_no_picture(
    site: Site, two_stations: tuple[Station, Station, Patient]
) -> None:
    import zipfile

    one, _, patient = two_stations
    taken(one, patient)
    moved(one)
    vault = FileVault(site.folder / "k")
    with server.connected(site.admin) as connection:
        file, code = saved.save(connection, site.folder / "b", "s9", vault)
    opened = saved.open_saved(file, site.folder / "o", vault, code)
    with zipfile.ZipFile(opened) as tables:
        assert {"photographs.csv"} <= set(tables.namelist())
        assert not [name for name in tables.namelist() if name.startswith("picture")]


def test_without_the_package_that_seals_rows_go_and_pictures_wait_with_a_sentence(
    two_stations: tuple[Station, Station, Patient], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pen_host.errors import UsageError

    one, two, patient = two_stations
    taken(one, patient)

    def lacking() -> None:
        raise UsageError("The package cryptography is missing.")

    monkeypatch.setattr(pictures, "must_seal", lacking)
    (said,) = moved(one).held
    assert "neither sent nor fetched" in said
    moved(two)
    assert len(two.clinic.photos.of(patient.patient_id)) == 1


def test_a_console_goes_on_while_pictures_wait_and_rests_when_the_pen_works(
    two_stations: tuple[Station, Station, Patient],
) -> None:
    one, _, patient = two_stations
    taken(one, patient)
    works = [False]

    def round_(server: ClinicServer) -> tuple[float, int, int]:
        pauses: list[float] = []

        def wait(_wake: threading.Event, pause_s: float) -> None:
            pauses.append(pause_s)
            it.close()

        it = Replication(server, lambda: False, lambda: None, lambda _told: None, wait)
        it._run()
        view = it.view()
        return pauses[0], view.pictures_out, view.pictures_in

    desk = ClinicServer(one.clinic.journal, lambda: works[0])
    desk._pictures = Budget(bytes_max=SLICE_BYTES, may_go_on=desk._pictures.may_go_on)
    assert round_(desk) == (PICTURES_S, 1, 0)
    before = sent(one)
    works[0] = True
    assert round_(desk) == (EVERY_S, 1, 0)
    assert sent(one) == before, "not one slice while the pen works"
    works[0] = False
    desk._pictures = Budget()
    assert round_(desk) == (EVERY_S, 0, 0)


def test_a_record_that_somebody_holds_is_a_sentence_and_replicated_later(
    two_stations: tuple[Station, Station, Patient], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _, _ = two_stations
    real = sqlite3.connect(one.record)
    monkeypatch.setattr(sqlite, "BUSY_MS", 1)
    with closing(real) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(JournalLockedError):
            one.replicate()
    assert one.replicate().held == []
    assert one.clinic.journal.healthy
