"""The journal lets nothing be changed, by whoever has the file, and rests on SQLite's own settings for it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pen_host.journal import (
    DamageKind,
    Journal,
    JournalDamagedError,
    Kind,
    verify_record,
)
from pen_host.journal import sqlite as settings
from pen_host.journal.tables import GUARDS
from tests.host.journal_bench import event, note


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
        connection.execute(
            "UPDATE entries SET payload = replace(payload, '900', '600') WHERE seq = ?", (seq,)
        )
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
