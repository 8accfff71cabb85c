"""Who may do what on the clinic's server, asked of a real PostgreSQL under each login; its set-up and its backups."""

from __future__ import annotations

import gzip

import psycopg
import pytest

from pen_host.errors import UsageError
from pen_host.journal import layout
from pen_host.records import layout as clinical
from pen_host.stations import ServerNewerError, ServerOlderError, ServerRefusedError, enrol, server, setup
from pen_host.stations.rights import AUDITOR, READER
from tests.stations.conftest import Site

pytestmark = pytest.mark.xdist_group("postgres")

REFUSALS = (
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.RaiseException,
    psycopg.errors.IntegrityConstraintViolation,
)


@pytest.fixture
def filled(site: Site) -> Site:
    one, two = site.station("s1"), site.station("s2")
    one.patient()
    one.replicate()
    two.patient("Bea Example")
    two.replicate()
    return site


def as_role(site: Site, role: str, text: str) -> list[tuple[object, ...]]:
    with psycopg.connect(site.admin) as connection:
        connection.execute(f"SET SESSION AUTHORIZATION {role}")
        cursor = connection.execute(text)
        return cursor.fetchall() if cursor.description else []


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO patients VALUES ('P-1', NULL, 's2', 0, 'x', 'x')",
        "UPDATE patients SET station_id = 's1'",
        "UPDATE patients SET by_name = 'eve'",
        "DELETE FROM patients",
        "UPDATE entries SET actor = 'eve'",
        "DELETE FROM entries",
        "INSERT INTO entries SELECT 's2', 99, 1, 0, 0, '', '', '', '', NULL, NULL, NULL, NULL, '{}', hash, hash FROM entries",
        "UPDATE stations SET login = 'pen_s1'",
        "INSERT INTO stations VALUES ('s9', 'pen_s9')",
        "UPDATE row_versions SET station_id = 's2'",
        "DELETE FROM conflicts",
        "CREATE TABLE mine (x int)",
        "ALTER TABLE entries DISABLE TRIGGER ALL",
    ],
)
def test_a_station_may_not(filled: Site, text: str) -> None:
    with pytest.raises(REFUSALS):
        as_role(filled, "pen_s1", text)


def test_a_station_sees_its_own_chain_and_every_patient(filled: Site) -> None:
    assert as_role(filled, "pen_s1", "SELECT DISTINCT station_id FROM entries") == [("s1",)]
    assert as_role(filled, "pen_s1", "SELECT count(*) FROM patients") == [(2,)]


def test_a_station_moves_nobody_elses_position(filled: Site) -> None:
    before = filled.ask("SELECT change_no FROM stations WHERE station_id = 's2'")
    as_role(filled, "pen_s1", "UPDATE stations SET change_no = 0 WHERE station_id = 's2'")
    assert filled.ask("SELECT change_no FROM stations WHERE station_id = 's2'") == before


def test_a_reader_sees_no_name_and_an_auditor_chains_only(filled: Site) -> None:
    filled.ask(f"CREATE ROLE r_{filled.database} LOGIN IN ROLE {READER}")
    filled.ask(f"CREATE ROLE a_{filled.database} LOGIN IN ROLE {AUDITOR}")
    reader, auditor = f"r_{filled.database}", f"a_{filled.database}"
    assert as_role(filled, auditor, "SELECT count(DISTINCT station_id) FROM entries") == [(2,)]
    for role, text in (
        (reader, "SELECT full_name FROM demographics"),
        (reader, "SELECT text FROM notes"),
        (reader, "SELECT signed_by FROM consents"),
        (reader, "SELECT actor FROM entries"),
        (auditor, "SELECT full_name FROM demographics"),
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_role(filled, role, text)
    as_role(filled, reader, "SELECT id, patient_id, day FROM visits")


def test_not_even_the_owner_changes_a_chain_by_mistake(filled: Site) -> None:
    for text in ("UPDATE entries SET actor = 'eve'", "DELETE FROM entries", "TRUNCATE entries"):
        with pytest.raises(psycopg.errors.RaiseException, match="never changed"):
            filled.ask(text)


def test_the_server_refuses_an_entry_that_does_not_follow(filled: Site) -> None:
    with pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="does not follow"):
        filled.ask(
            "INSERT INTO entries SELECT station_id, 99, form, 0, 0, boot_id, actor, role, kind, NULL, NULL, NULL, NULL,"
            " payload, prev_hash, hash FROM entries LIMIT 1"
        )


def test_a_station_is_enrolled_once_and_under_a_plain_name(filled: Site) -> None:
    with pytest.raises(ServerRefusedError, match="already exists"):
        enrol(filled.admin, "s1")
    with pytest.raises(UsageError, match="nothing was enrolled"):
        enrol(filled.admin, "x'; DROP TABLE patients; --")


def test_setting_up_again_changes_nothing_and_an_older_server_is_saved_first(filled: Site) -> None:
    backups = filled.folder / "backups"
    assert setup(filled.admin, backups) is None
    filled.ask("UPDATE clinic_version SET version_num = 'c0099'")
    with pytest.raises(ServerNewerError):
        setup(filled.admin, backups)
    filled.ask("UPDATE clinic_version SET version_num = %s", clinical.NEWEST)
    filled.ask("DROP TABLE server_version")
    with pytest.raises(ServerOlderError):
        server.conflicts(filled.admin)
    with pytest.raises(ServerRefusedError):
        setup(
            filled.admin, backups
        )  # its tables are there without their version: refused by the database, rolled back
    (saved,) = backups.iterdir()
    with gzip.open(saved / "demographics.csv.gz", "rt", encoding="utf-8") as file:
        assert "Ada Example" in file.read()
    assert filled.ask("SELECT count(*) FROM patients") == [(2,)]


def test_the_newest_layout_is_that_of_the_scripts() -> None:
    assert layout.revisions(server.SCRIPTS) == {server.NEWEST}
