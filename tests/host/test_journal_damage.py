"""The journal stops rather than guess: full disks, locks, damaged and foreign files."""

from __future__ import annotations

import contextlib
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from pen_host.errors import ExitCode, JournalError
from pen_host.journal import (
    Head,
    Journal,
    JournalDamagedError,
    JournalFullError,
    JournalLockedError,
    JournalUnhealthyError,
    JournalUnwritableError,
    verify_record,
)
from tests.host.journal_bench import either, event, note


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
