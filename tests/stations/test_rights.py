"""Who may do what on the clinic's server, asked of a real PostgreSQL under each login; its set-up and its backups."""

from __future__ import annotations

import zipfile

import psycopg
import pytest

from pen_host.errors import UsageError, VerificationError
from pen_host.journal import layout
from pen_host.journal.record_keys import new_key
from pen_host.records import layout as clinical
from pen_host.records.personal import PERSONAL, SALT
from pen_host.records.tables import metadata
from pen_host.stations import (
    ServerNewerError,
    ServerOlderError,
    ServerRefusedError,
    enrol,
    open_saved,
    saved,
    server,
    setup,
)
from pen_host.stations.rights import AUDITOR, READER
from pen_host.vault import FileVault, this_vault
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
    (file,) = backups.iterdir()
    assert b"Ada Example" not in file.read_bytes()
    assert b"demographics" not in file.read_bytes()
    opened = open_saved(file, filled.folder / "opened", this_vault())
    with zipfile.ZipFile(opened) as tables:
        assert b"Ada Example" in tables.read("demographics.csv")
    assert filled.ask("SELECT count(*) FROM patients") == [(2,)]


@pytest.mark.covers("REQ-1481")
def test_what_the_server_held_is_opened_by_its_code_alone_and_only_whole(
    filled: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved, "_PIECE", 1000)
    folder, vault, nobody = (
        filled.folder / "b",
        FileVault(filled.folder / "k"),
        FileVault(filled.folder / "n"),
    )
    with server.connected(filled.admin) as connection:
        file, code = saved.save(connection, folder, "s9", vault)
    assert b"Ada Example" not in file.read_bytes()
    assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(UsageError, match="Give the code"):
        open_saved(file, filled.folder / "o", nobody)
    with pytest.raises(VerificationError, match="of another key"):
        open_saved(file, filled.folder / "o", nobody, new_key().code)
    whole = file.read_bytes()
    for cut in (
        whole[:-1],
        whole[: len(whole) // 2],
        whole[:40],
        whole[:100] + bytes([whole[100] ^ 1]) + whole[101:],
    ):
        file.write_bytes(cut)
        with pytest.raises(VerificationError, match="damaged, cut off"):
            open_saved(file, filled.folder / "o", nobody, code)
    assert list((filled.folder / "o").iterdir()) == []
    file.write_bytes(whole)
    with zipfile.ZipFile(open_saved(file, filled.folder / "o", nobody, code)) as tables:
        assert b"Ada Example" in tables.read("demographics.csv")
    with (
        server.connected(filled.admin) as connection,
        pytest.raises(UsageError, match="synchronised by Dropbox"),
    ):
        saved.save(connection, filled.folder / "Dropbox", "s9", vault)


def test_an_older_server_gets_todays_layout_and_keeps_what_it_has(filled: Site) -> None:
    """As the first version of the program left it."""
    filled.ask(
        "ALTER TABLE conflicts DROP COLUMN settled_how, DROP COLUMN settled_reason, DROP COLUMN settled_station CASCADE"
    )
    filled.ask(
        "DROP FUNCTION pen_forget() CASCADE; DROP FUNCTION pen_forgotten() CASCADE; DROP FUNCTION pen_not_erased() CASCADE"
    )
    filled.ask("DROP TABLE pictures, picture_slices, picture_keys; DROP SEQUENCE picture_version")
    filled.ask(
        "DROP FUNCTION pen_may_be_kept(text), pen_picture_of(), pen_picture_whole(), pen_pictures_of_erased(),"
        " pen_pictures_taken_back(), pen_picture_gone() CASCADE"
    )
    filled.ask("UPDATE server_version SET version_num = 's0001'")
    filled.ask("INSERT INTO patients VALUES ('P-1', 1, 's2', 1, 'x', 'x')")
    content = '{"patient_id": "P-1", "text": "Ada has dry skin"}'
    filled.ask("INSERT INTO conflicts VALUES ('notes', 'n', 'd', 's2', 's1', 'both', %s)", content)
    made = setup(filled.admin, filled.folder / "backups")
    assert made
    assert made.file.is_file()
    assert filled.ask("SELECT version_num FROM server_version") == [(server.NEWEST,)]
    assert filled.ask("SELECT content FROM conflicts") == [("null",)]
    assert filled.ask("SELECT count(*) FROM patients") == [(3,)]
    assert filled.stations[0].replicate().held == []


@pytest.mark.covers("REQ-1407")
def test_a_reader_sees_no_personal_column_of_any_table(filled: Site) -> None:
    for name, columns in PERSONAL.items():
        for column in [each.name for each in metadata.tables[name].columns]:
            text = "SELECT has_column_privilege(%s, %s, %s, 'SELECT')"
            shown = column not in columns and column != SALT
            assert filled.ask(text, READER, name, column) == [(shown,)], f"{name}.{column}"


def test_the_newest_layout_is_that_of_the_scripts() -> None:
    assert max(layout.revisions(server.SCRIPTS)) == server.NEWEST
