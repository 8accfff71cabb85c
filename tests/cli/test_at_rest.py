"""`pen log at-rest`: is the record encrypted, and what beside it is not."""

from __future__ import annotations

from pathlib import Path

from pen_host.records import Clinic
from tests.cli.conftest import Command


def test_a_record_says_whether_it_is_encrypted_and_what_beside_it_is_not(
    pen: Command, tmp_path: Path
) -> None:
    record = tmp_path / "record.sqlite"
    Clinic.open(record).close()
    told = pen("log", "at-rest", "--json").json
    assert (told["encrypted"], told["possible"], told["exposed"]) == (False, True, [])
    assert "is not encrypted" in pen("log", "at-rest").out
    assert pen("log", "encrypt", "--operator", "anna").code == 0
    plain = tmp_path / "record.before-0001.sqlite"
    plain.write_bytes(b"SQLite format 3\x00" + bytes(200))
    told = pen("log", "at-rest", "--json").json
    assert (told["encrypted"], told["exposed"]) == (True, [plain.name])
    assert plain.name in pen("log", "at-rest").out
