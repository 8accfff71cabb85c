"""The journal: what it returns is on the disk, it lets nothing be changed, and it stops rather than guess."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pen_host.errors import ExitCode, JournalError, UsageError
from pen_host.journal import (
    DamageKind,
    Draft,
    EntryError,
    Head,
    Journal,
    JournalDamagedError,
    JournalFullError,
    JournalLockedError,
    JournalReader,
    JournalUnhealthyError,
    JournalUnwritableError,
    Kind,
    encrypting,
    record_keys,
    verify_record,
)
from pen_host.journal import sqlite as settings
from pen_host.journal.tables import GUARDS
from pen_host.models import PenEvent
from pen_host.vault import this_vault

either = pytest.mark.parametrize("path", ["plain", "encrypted"], indirect=True)
"""What must hold for an encrypted record as well, whose SQLite is another one."""


@pytest.fixture
def path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    record = tmp_path / "record.sqlite3"
    if getattr(request, "param", "plain") == "encrypted":
        key = record_keys.new_key()
        record_keys.keep(key, this_vault())
        encrypting.create(record, key)
    return record


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.create_or_open(path, station_id="s1") as opened:
        yield opened


def event(number: int, **changes: int) -> PenEvent:
    fields = {"event_id": number, "time_ms": 5, "code": 5, "arg": 0, "value": 600}
    return PenEvent(**{**fields, "strokes_total": 10 * number, "contact_total": 0, **changes})


def note(journal: Journal, text: str = "x") -> Head:
    return journal.append(Kind.NOTE, {"text": text}).head


def kinds(path: Path) -> list[str]:
    with JournalReader(path) as reader:
        return [row.kind for row in reader.rows()]


# ---- writing -------------------------------------------------------------------------------------------------------


@either
def test_an_entry_is_readable_elsewhere_when_append_returns(journal: Journal, path: Path) -> None:
    row = journal.append(
        "intent",
        {"request": "SET_DEPTH"},
        actor="anna",
        role="physician",
        session_id="t1",
        subject="p",
        pen_serial="P",
    )
    with JournalReader(path) as reader:
        assert list(reader.rows("t1")) == [row]
    assert (row.actor, row.role, row.session_id, row.subject, row.pen_serial) == (
        "anna",
        "physician",
        "t1",
        "p",
        "P",
    )
    assert row.payload == {"request": "SET_DEPTH"}


def test_a_record_says_who_made_it_and_when_it_was_open(path: Path) -> None:
    Journal.create_or_open(path).close()
    Journal.create_or_open(path).close()
    opened = [Kind.JOURNAL_OPENED, Kind.JOURNAL_CLOSED]
    assert kinds(path) == [Kind.JOURNAL_CREATED, *opened, *opened]
    assert verify_record(path).intact


def test_openings_have_boots_of_their_own_and_one_station(path: Path) -> None:
    with Journal.create_or_open(path, station_id="s1") as first:
        one = first.append(Kind.NOTE, {"text": "x"})
    with Journal.create_or_open(path, station_id="ignored") as second:
        other = second.append(Kind.NOTE, {"text": "x"})
    assert one.boot_id != other.boot_id
    assert one.station_id == other.station_id == "s1"


@either
def test_several_entries_share_one_fate(journal: Journal) -> None:
    before = journal.head
    good = Draft(Kind.NOTE, {"text": "x"})
    with pytest.raises(EntryError):
        journal.append_all([good, Draft(Kind.NOTE, {})])
    assert journal.head == before
    assert [row.seq for row in journal.append_all([good, good])] == [before.seq + 1, before.seq + 2]


@pytest.mark.parametrize(
    ("kind", "payload", "clause"),
    [
        ("gossip", {}, "no kind of entry"),
        (Kind.INTENT, {}, "must say request"),
        (Kind.STATUS, {"strokes_total": 1, "contact_total": 1, "next_event": 1}, "must name its pen"),
        (Kind.NOTE, {"text": float("nan")}, "no number JSON can carry"),
        (Kind.NOTE, {"text": "\ud800"}, "surrogate"),
        (Kind.PEN_EVENT, {}, "append_events"),
    ],
)
def test_an_entry_that_says_too_little_is_refused_and_does_no_harm(
    journal: Journal, kind: str, payload: dict[str, object], clause: str
) -> None:
    with pytest.raises(EntryError, match=clause):
        journal.append(kind, payload)
    assert journal.healthy
    note(journal)


def test_a_name_that_no_file_can_carry_is_refused(journal: Journal) -> None:
    with pytest.raises(EntryError, match="surrogate"):
        journal.append(Kind.NOTE, {"text": "x"}, actor="\ud800")
    note(journal)


@either
def test_threads_share_one_chain(journal: Journal, path: Path) -> None:
    threads = [threading.Thread(target=lambda: [note(journal) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kinds(path).count(Kind.NOTE) == 80
    assert journal.verify().intact


def test_a_clock_that_was_set_is_on_record(path: Path) -> None:
    utc, mono = [1_000_000_000_000], [5_000_000_000]
    with Journal.create_or_open(path, utc_ns=lambda: utc[0], monotonic_ns=lambda: mono[0]) as journal:
        utc[0] += 500_000_000
        note(journal)
        utc[0] -= 3_600_000_000_000
        note(journal)
    assert kinds(path).count(Kind.CLOCK_STEPPED) == 1
    with JournalReader(path) as reader:
        (stepped,) = [row.payload for row in reader.rows() if row.kind == Kind.CLOCK_STEPPED]
    assert stepped == {"by_ms": -3_600_000}


# ---- pen events ----------------------------------------------------------------------------------------------------


@either
def test_an_event_pulled_twice_is_in_the_record_once(journal: Journal, path: Path) -> None:
    first = journal.append_events("PEN1", [event(1), event(2)], session_id="t1")
    again = journal.append_events("PEN1", [event(2), event(3), event(3)], session_id="t2")
    assert [row.event_id for row in first.added + again.added] == [1, 2, 3]
    assert again.known == (2, 3)
    assert kinds(path).count(Kind.PEN_EVENT) == 3
    with journal.reader() as reader:
        assert reader.last_event_id("PEN1") == 3
        assert reader.last_event_id("PEN2") is None


def test_the_same_number_from_another_pen_is_another_event(journal: Journal) -> None:
    journal.append_events("PEN1", [event(1)])
    assert len(journal.append_events("PEN2", [event(1)]).added) == 1


def test_a_number_with_other_content_is_kept_beside_the_first_and_reported_every_time(
    journal: Journal, path: Path
) -> None:
    journal.append_events("PEN1", [event(1)])
    for _ in range(2):
        found = journal.append_events("PEN1", [event(1, strokes_total=999)])
        assert (found.added, found.known, found.conflicts) == ((), (), (1,))
    assert kinds(path).count(Kind.EVENT_CONFLICT) == 1


def test_a_thousand_events_in_one_batch(journal: Journal) -> None:
    batch = [event(number) for number in range(1_200)]
    assert len(journal.append_events("PEN1", batch).added) == 1_200
    assert len(journal.append_events("PEN1", batch).known) == 1_200


# ---- append-only, against anybody with the file -----------------------------------------------------------------


def tampering(recursive_triggers: str, path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA recursive_triggers = {recursive_triggers}")
    return connection


def columns_of(connection: sqlite3.Connection, seq: int) -> dict[str, object]:
    cursor = connection.execute("SELECT * FROM entries WHERE seq = ?", (seq,))
    return dict(zip([name[0] for name in cursor.description], cursor.fetchone(), strict=True))


def insert(verb: str, connection: sqlite3.Connection, columns: dict[str, object]) -> None:
    names = ", ".join(columns)
    connection.execute(
        f"{verb} INTO entries ({names}) VALUES ({', '.join('?' * len(columns))})", tuple(columns.values())
    )


@pytest.mark.parametrize("recursive_triggers", ["ON", "OFF"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET actor = 'ben' WHERE seq = 1",
        "UPDATE OR REPLACE entries SET seq = 1 WHERE seq = 2",
        "UPDATE entries SET seq = seq + 100",
        "DELETE FROM entries WHERE seq = 2",
        "DELETE FROM entries",
    ],
)
def test_no_statement_changes_or_deletes_entries(
    journal: Journal, path: Path, statement: str, recursive_triggers: str
) -> None:
    with (
        closing(tampering(recursive_triggers, path)) as connection,
        pytest.raises(sqlite3.IntegrityError, match="never"),
    ):
        connection.execute(statement)
    assert journal.verify().intact


@pytest.mark.parametrize("recursive_triggers", ["ON", "OFF"])
@pytest.mark.parametrize("verb", ["INSERT", "INSERT OR REPLACE", "INSERT OR IGNORE", "REPLACE"])
@pytest.mark.parametrize(
    "change",
    [
        {"actor": "ben"},
        {"seq": 9_999},
        {"seq": 0},
        {"prev_hash": "f" * 64, "seq": 4},
        {"station_id": "s2"},
        {"station_id": "s0", "seq": 1, "prev_hash": "0" * 64},
        {"station_id": "s2", "seq": 1, "prev_hash": "0" * 64},
    ],
)
def test_no_insert_replaces_or_misplaces_an_entry(
    journal: Journal, path: Path, verb: str, recursive_triggers: str, change: dict[str, object]
) -> None:
    note(journal)
    with closing(tampering(recursive_triggers, path)) as connection:
        columns = columns_of(connection, 2) | change
        with pytest.raises(sqlite3.IntegrityError, match="only appended"):
            insert(verb, connection, columns)
    assert journal.verify().intact


@pytest.mark.parametrize("recursive_triggers", ["ON", "OFF"])
def test_no_insert_replaces_an_event_of_the_pen(
    journal: Journal, path: Path, recursive_triggers: str
) -> None:
    row = journal.append_events("PEN1", [event(1)]).added[0]
    with closing(tampering(recursive_triggers, path)) as connection:
        columns = columns_of(connection, row.seq) | {"seq": row.seq + 1, "prev_hash": row.hash}
        with pytest.raises(sqlite3.IntegrityError, match="in the record already"):
            insert("INSERT OR REPLACE", connection, columns)
    assert journal.verify().intact


def test_an_upsert_changes_nothing(journal: Journal, path: Path) -> None:
    with closing(tampering("OFF", path)) as connection:
        columns = columns_of(connection, 1)
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(
                f"INSERT INTO entries ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
                " ON CONFLICT (station_id, seq) DO UPDATE SET actor = 'ben'",
                tuple(columns.values()),
            )
    assert journal.verify().intact


@pytest.mark.parametrize("guard", GUARDS)
def test_a_guard_that_was_removed_is_found_and_the_record_not_opened_again(path: Path, guard: str) -> None:
    Journal.create_or_open(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"DROP TRIGGER {guard}")
    report = verify_record(path)
    assert [damage.kind for damage in report.damages] == [DamageKind.GUARD]
    with pytest.raises(JournalDamagedError, match=guard):
        Journal.create_or_open(path)


def test_a_changed_entry_is_named_and_the_record_not_opened_again(path: Path) -> None:
    with Journal.create_or_open(path) as journal:
        seq = journal.append(Kind.NOTE, {"text": "900 um"}, actor="anna").seq
    with closing(sqlite3.connect(path)) as connection:
        guard = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (GUARDS[0],)).fetchone()[0]
        connection.execute(f"DROP TRIGGER {GUARDS[0]}")
        connection.execute("UPDATE entries SET payload = replace(payload, '900', '600')")
        connection.execute(guard)
        connection.commit()
    report = verify_record(path)
    assert [(damage.kind, damage.seq) for damage in report.damages] == [(DamageKind.ALTERED, seq)]
    assert f"Entry {seq} (note, written 20" in report.damages[0].sentence
    assert "by anna" in report.damages[0].sentence
    assert "not intact" in report.sentence
    with pytest.raises(JournalDamagedError, match=f"Entry {seq}"):
        Journal.create_or_open(path)


def test_entries_cut_off_are_found_with_a_head_kept_elsewhere(path: Path, tmp_path: Path) -> None:
    with Journal.create_or_open(path) as journal:
        settings.backup(path, tmp_path / "older.sqlite3")
        head = note(journal)
    assert verify_record(path, known=[head]).intact
    (damage,) = verify_record(tmp_path / "older.sqlite3", known=[head]).damages
    assert (damage.kind, damage.seq) == (DamageKind.TRUNCATED, head.seq)


def test_another_stations_record_is_not_taken_for_ours(path: Path, tmp_path: Path) -> None:
    with Journal.create_or_open(path) as journal:
        head = journal.head
    Journal.create_or_open(tmp_path / "other.sqlite3").close()
    kinds_found = {damage.kind for damage in verify_record(tmp_path / "other.sqlite3", known=[head]).damages}
    assert DamageKind.REWRITTEN in kinds_found


def test_verification_tells_how_far_it_is(journal: Journal) -> None:
    journal.append_events("PEN1", [event(number) for number in range(6_000)])
    seen: list[tuple[int, int]] = []
    report = journal.verify(lambda done, total: seen.append((done, total)))
    assert report.intact
    assert seen == [(5_000, 6_002), (6_002, 6_002)]
    assert report.head == journal.head


# ---- when the disk, or somebody else, is in the way ----------------------------------------------------------------


def fill(journal: Journal) -> Head:
    """Lets the file grow no further, as a full disk would, and writes until it does; the last entry written."""
    pages = journal._raw.execute("PRAGMA page_count").fetchone()[0]
    journal._raw.execute(f"PRAGMA max_page_count = {pages}")
    while journal.healthy:
        head = journal.head
        with contextlib.suppress(JournalFullError):
            note(journal, "")
    return head


@either
def test_a_full_disk_ends_with_a_sentence_and_nothing_half_written(journal: Journal, path: Path) -> None:
    before = fill(journal)
    assert before.seq > 2
    assert not journal.healthy
    assert journal.head == before
    report = verify_record(path, known=[before])
    assert report.intact
    assert report.head == before
    with pytest.raises(JournalFullError, match=r"disk with the record .* is full") as caught:
        journal.recover(actor="anna", role="engineer")
    assert caught.value.exit_code == ExitCode.JOURNAL


@either
def test_half_a_batch_is_never_written(journal: Journal) -> None:
    before = fill(journal)
    journal._raw.execute(
        f"PRAGMA max_page_count = {journal._raw.execute('PRAGMA page_count').fetchone()[0] + 8}"
    )
    journal.recover(actor="anna", role="engineer")
    with pytest.raises(JournalFullError):
        journal.append_events("PEN1", [event(number) for number in range(500)])
    report = journal.verify()
    assert report.intact
    assert report.checked == before.seq + 1


@either
def test_an_unhealthy_journal_refuses_until_it_is_recovered_and_then_goes_on(journal: Journal) -> None:
    fill(journal)
    with pytest.raises(JournalUnhealthyError, match="disk"):
        note(journal)
    with pytest.raises(JournalUnhealthyError, match="disk"):
        journal.append_events("PEN1", [event(1)])
    journal._raw.execute("PRAGMA max_page_count = 1000000")
    row = journal.recover(actor="anna", role="engineer")
    assert "full" in row.payload["cause"]
    assert journal.healthy
    assert len(journal.append_events("PEN1", [event(1)]).added) == 1
    assert journal.verify().intact


def test_a_file_locked_by_another_program_is_reported(journal: Journal, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalLockedError, match="held by another program"):
            note(journal)
        other.execute("ROLLBACK")
    assert not journal.healthy
    journal.recover(actor="anna", role="engineer")
    note(journal)
    assert journal.verify().intact


@either
def test_two_journals_never_write_one_record(journal: Journal, path: Path) -> None:
    with pytest.raises(JournalLockedError, match="process"):
        Journal.create_or_open(path)


def test_another_process_is_kept_out(journal: Journal, path: Path) -> None:
    program = (
        f"from pen_host.journal import *; Journal.create_or_open(default_path().__class__({str(path)!r}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "JournalLockedError" in done.stderr
    note(journal)


def test_the_lock_is_free_again_after_closing_and_after_a_refusal(path: Path) -> None:
    journal = Journal.create_or_open(path)
    journal.close()
    journal.close()
    assert not journal.healthy
    with pytest.raises(JournalUnwritableError, match="closed"):
        note(journal)
    with pytest.raises(JournalUnwritableError, match="closed"):
        journal.recover(actor="anna", role="engineer")
    Journal.create_or_open(path).close()


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough to be one" * 50, b"SQLite format 3\x00" * 9]
)
def test_a_file_that_is_no_database_is_left_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(JournalError) as caught:
        Journal.create_or_open(path)
    assert caught.value.exit_code == ExitCode.JOURNAL
    assert path.read_bytes() == content


def test_somebody_elses_database_is_left_as_it_is(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE photos (name TEXT)")
    content = path.read_bytes()
    with pytest.raises(JournalDamagedError, match="not a record"):
        Journal.create_or_open(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("page", [1, 5, 20, 40, -1])
def test_a_page_overwritten_on_disk_is_found(path: Path, page: int) -> None:
    with Journal.create_or_open(path) as journal:
        journal.append_events("PEN1", [event(number) for number in range(500)])
    content = bytearray(path.read_bytes())
    page %= len(content) // 4096
    content[page * 4096 : (page + 1) * 4096] = b"\xa5" * 4096
    path.write_bytes(content)
    assert not verify_record(path).intact
    with pytest.raises(JournalDamagedError):
        Journal.create_or_open(path)


def test_every_byte_of_text_that_is_no_text_is_a_finding(path: Path) -> None:
    with Journal.create_or_open(path) as journal:
        note(journal, "marker")
    path.write_bytes(path.read_bytes().replace(b"marker", b"mark\xff\xfe"))
    assert not verify_record(path).intact


def test_a_folder_that_takes_no_files_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalUnwritableError):
        Journal.create_or_open(tmp_path / "file" / "record.sqlite3")


def test_a_creation_cut_short_starts_over(path: Path) -> None:
    path.touch()
    with Journal.create_or_open(path) as journal:
        note(journal)
    assert verify_record(path).intact


@either
def test_a_reader_cannot_write_and_misses_nothing_it_needs(journal: Journal, path: Path) -> None:
    note(journal)
    with JournalReader(path) as reader:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader._raw.execute("DELETE FROM entries")
        assert len(list(reader.rows())) == 3
        note(journal)
        assert len(list(reader.rows())) == 4
        with pytest.raises(UsageError, match="no session"):
            reader.strokes("t9")
    with pytest.raises(JournalUnwritableError, match="no such file"):
        JournalReader(path.with_name("absent.sqlite3"))


@either
def test_sessions_are_listed_with_their_ends(journal: Journal) -> None:
    journal.append(Kind.SCREENING, {}, session_id="t1")
    opened = journal.append(Kind.SESSION_OPENED, {"nonce": 7}, session_id="t1", pen_serial="PEN1")
    closed = journal.append(Kind.SESSION_CLOSED, {}, session_id="t1")
    journal.append(Kind.SESSION_OPENED, {"nonce": 8}, session_id="t2", pen_serial="PEN1")
    with journal.reader() as reader:
        first, second = reader.sessions()
    assert (first.session_id, first.opened, first.closed_utc_ns) == ("t1", opened, closed.utc_ns)
    assert (first.entries, first.last_seq) == (3, closed.seq)
    assert (second.session_id, second.closed_utc_ns) == ("t2", None)


def test_reading_goes_on_past_one_batch(journal: Journal) -> None:
    journal.append_events("PEN1", [event(number) for number in range(2_500)], session_id="t1")
    with journal.reader() as reader:
        assert [row.event_id for row in reader.rows("t1")] == list(range(2_500))
        assert [row.seq for row in reader.rows(after_seq=1_300)] == list(range(1_301, 2_503))


def test_strokes_of_a_session_come_from_the_pens_events_whenever_they_were_pulled(journal: Journal) -> None:
    journal.append(Kind.SESSION_OPENED, {"nonce": 7}, session_id="t1", pen_serial="PEN1")
    journal.append(
        Kind.ZONE_SELECTED, {"zone": "vertex", "from_event_id": 3}, session_id="t1", pen_serial="PEN1"
    )
    journal.append_events(
        "PEN1",
        [
            event(1, code=1, strokes_total=100),
            event(2, code=2, value=7, strokes_total=100),
            event(3, code=10, value=600, strokes_total=100),
        ],
        session_id="t1",
    )
    journal.append(Kind.SESSION_OPENED, {"nonce": 8}, session_id="t2", pen_serial="PEN1")
    journal.append_events(
        "PEN1",
        [
            event(4, code=11, value=2, strokes_total=350, contact_total=200),
            event(5, code=3, value=7, strokes_total=350, contact_total=200),
            event(6, code=2, value=8, strokes_total=350, contact_total=200),
            event(7, code=10, strokes_total=350, contact_total=200),
            event(8, code=11, strokes_total=360, contact_total=210),
        ],
        session_id="t2",
    )
    with journal.reader() as reader:
        first, second = reader.strokes("t1"), reader.strokes("t2")
    assert (first.total.strokes, first.total.contact) == (250, 200)
    assert first.zones["vertex"] == first.total
    assert [(run.zone, run.depth_um, run.truncated) for run in first.runs] == [("vertex", 600, 2)]
    assert second.total.strokes == 10
    assert second.zones == {None: second.total}


def test_strokes_that_only_a_status_saw_are_counted(journal: Journal) -> None:
    journal.append(Kind.SESSION_OPENED, {"nonce": 7}, session_id="t1", pen_serial="PEN1")
    journal.append_events(
        "PEN1", [event(2, code=2, value=7, strokes_total=100), event(3, code=10, strokes_total=100)]
    )
    seen = {"strokes_total": 180, "contact_total": 0, "next_event": 4}
    journal.append(Kind.STATUS, seen, session_id="t1", pen_serial="PEN1")
    with journal.reader() as reader:
        assert reader.strokes("t1").total.strokes == 80


# ---- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "mode", "level"),
    [
        ((3, 40, 1), "truncate", "extra"),
        ((3, 51, 2), "truncate", "extra"),
        ((3, 51, 3), "wal", "full"),
        ((4, 0, 0), "wal", "full"),
    ],
)
def test_the_write_ahead_log_is_used_only_where_it_is_safe(
    version: tuple[int, ...], mode: str, level: str
) -> None:
    assert settings.durability(version) == settings.Durability(mode, level)


def test_the_connection_has_the_settings_durability_rests_on(journal: Journal) -> None:
    wanted = settings.durability(sqlite3.sqlite_version_info)

    def held(pragma: str) -> object:
        return journal._raw.execute(f"PRAGMA {pragma}").fetchone()[0]

    assert held("journal_mode") == wanted.journal_mode
    assert held("synchronous") == (3 if wanted.synchronous == "extra" else 2)
    assert (held("foreign_keys"), held("trusted_schema"), held("recursive_triggers")) == (1, 0, 1)
    assert (held("fullfsync"), held("checkpoint_fullfsync"), held("busy_timeout")) == (1, 1, settings.BUSY_MS)


def test_a_write_ahead_log_serves_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "WAL_SAFE_FROM", (3, 0, 0))
    path = tmp_path / "wal.sqlite3"
    with Journal.create_or_open(path) as journal:
        head = note(journal)
        with journal.reader() as reader:
            assert len(list(reader.rows())) == 3
        assert journal.verify().intact
        assert (tmp_path / "wal.sqlite3-wal").exists()
    assert verify_record(path, known=[head]).intact


def test_columns_have_types_that_sqlite_itself_enforces(journal: Journal, path: Path) -> None:
    head = note(journal)
    with closing(tampering("OFF", path)) as connection:
        columns = columns_of(connection, head.seq)
        wrong = columns | {"seq": head.seq + 1, "prev_hash": head.hash, "utc_ns": "yesterday"}
        with pytest.raises(sqlite3.IntegrityError, match="INTEGER"):
            insert("INSERT", connection, wrong)
