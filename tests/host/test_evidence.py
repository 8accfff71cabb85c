"""Signed heads, sealed rows, the exported chain: nobody changes the record without verify naming what was changed."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pen_host.journal import DamageKind, Head, Journal, JournalDamagedError, Kind, audit_record
from pen_host.journal import verify_chain as offline
from pen_host.journal.export import export_chain
from pen_host.journal.signing import anchored, fingerprint, public_key
from pen_host.records import Clinic
from pen_host.records.models import Demographics, Person
from pen_host.vault import FileVault, VaultError
from tests.campaigns import tamper

ANNA = Person(name="anna", role="physician")
ADA = Demographics(full_name="Ada Example", birth_date=date(1980, 2, 29))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PEN_KEYS", str(tmp_path / "keys"))
    return tmp_path


@pytest.fixture
def vault(folder: Path) -> FileVault:
    return FileVault(folder / "keys")


@pytest.fixture
def record(folder: Path) -> Path:
    with Clinic.open(folder, station_id="s1") as clinic:
        patient = clinic.patients.add(ADA, ANNA)
        clinic.patients.note(patient.patient_id, "Dry skin.", ANNA)
    return folder / "record.sqlite3"


@pytest.fixture
def tool(record: Path) -> Iterator[sqlite3.Connection]:
    """The record in the hands of any other program."""
    with closing(sqlite3.connect(record, isolation_level=None)) as connection:
        yield connection


def test_a_closed_record_is_signed_to_its_last_entry(record: Path, vault: FileVault) -> None:
    audit = audit_record(record, vault)
    assert (audit.intact, audit.unsigned, audit.not_checked) == (True, 0, ())
    assert audit.heads == 2
    assert anchored("s1", vault) == audit.report.head


@pytest.mark.covers("REQ-1401", "REQ-1403")
def test_no_attack_of_a_sample_goes_unnoticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PEN_KEYS", str(tmp_path / "keys"))
    verdicts, _ = tamper.run(tmp_path, share=0.05, seed=7)
    assert [one for one in verdicts if not one.said] == []
    assert {one.kind for one in verdicts} >= {"change", "delete", "insert", "swap", "truncate", "rewrite"}


def test_an_altered_row_is_named_with_the_entry_that_wrote_it(
    record: Path, vault: FileVault, tool: sqlite3.Connection
) -> None:
    tool.execute("UPDATE notes SET text = 'Fine skin.'")
    (damage,) = audit_record(record, vault).report.damages
    assert damage.kind is DamageKind.ROW
    assert "of notes, as last written with entry" in damage.sentence
    assert "altered after that" in damage.sentence


def test_a_change_by_another_program_is_not_sealed_when_the_record_is_opened_again(
    folder: Path, record: Path, vault: FileVault, tool: sqlite3.Connection
) -> None:
    tool.execute("UPDATE demographics SET full_name = 'Eve'")
    with Clinic.open(folder) as clinic:
        clinic.patients.add(ADA, ANNA)
    assert [damage.kind for damage in audit_record(record, vault).report.damages] == [DamageKind.ROW]


def test_a_layout_is_not_changed_over_a_row_that_was_altered(
    folder: Path, record: Path, tool: sqlite3.Connection
) -> None:
    tool.execute("UPDATE notes SET text = 'Fine skin.'")
    with Journal.create_or_open(record) as journal:
        with pytest.raises(JournalDamagedError, match="1 rows of its tables"):
            journal.change_layout(lambda _: [])
        assert journal.healthy


def test_a_changed_layout_is_sealed_anew(record: Path, vault: FileVault) -> None:
    with Journal.create_or_open(record) as journal:

        def change(connection: Any) -> list[Any]:
            connection.exec_driver_sql("ALTER TABLE notes ADD COLUMN mood TEXT")
            connection.exec_driver_sql("UPDATE notes SET mood = 'good'")
            return []

        journal.change_layout(change)
    assert audit_record(record, vault).intact


def test_a_record_without_its_key_says_that_nobody_vouches_for_it(record: Path, tmp_path: Path) -> None:
    audit = audit_record(record, FileVault(tmp_path / "elsewhere"))
    assert audit.intact
    assert "Nobody outside the record vouches" in " ".join(audit.not_checked)


def written_with_other_keys(folder: Path, monkeypatch: pytest.MonkeyPatch) -> FileVault:
    """Somebody opens the record twice with keys that are not its own."""
    monkeypatch.setenv("PEN_KEYS", str(folder / "other-keys"))
    for _ in range(2):
        with Clinic.open(folder) as clinic:
            clinic.patients.add(ADA, ANNA)
    return FileVault(folder / "other-keys")


@pytest.mark.covers("REQ-1403")
def test_a_record_written_with_other_keys_is_one_finding_that_says_whose_and_what_to_do(
    record: Path, folder: Path, vault: FileVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = written_with_other_keys(folder, monkeypatch)
    names = [fingerprint(public_key("s1", one) or "") for one in (vault, other)]
    # heads 1 and 2 are the record's own, the four after them the other's: an opening and an end each
    for here, (own, strange), count in ((vault, names, 4), (other, names[::-1], 2)):
        audit = audit_record(record, here)
        (found,) = audit.report.damages
        assert found.kind is DamageKind.SIGNATURE
        assert found.sentence.startswith(f"{count} heads, signed from entry ")
        assert f"are under key {strange}, not under key {own} that this computer holds" in found.sentence
        assert f"station s1 in {here.where}" in found.sentence
        assert "PEN_KEYS" in found.sentence
        assert (audit.key, audit.heads, audit.unsigned) == (own, 6 - count, 0)
    nowhere = audit_record(record, FileVault(folder / "nowhere"))
    assert nowhere.intact
    assert f"the 2 keys that signed it ({names[0]}, {names[1]})" in " ".join(nowhere.not_checked)


def test_opening_a_record_with_other_keys_says_so_once(
    record: Path, folder: Path, vault: FileVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Journal.create_or_open(record) as journal:
        assert journal.other_key == ""
    other = FileVault(folder / "other-keys")
    said = []
    for _ in range(2):
        with Journal.create_or_open(record, vault=other) as journal:
            said.append(journal.other_key)
    assert said[0].startswith("The head signed at entry ")
    assert fingerprint(public_key("s1", vault) or "") in said[0]
    assert said[1] == "", "from then on it is a finding of the verification"
    with Journal.create_or_open(record) as journal:
        assert fingerprint(public_key("s1", other) or "") in journal.other_key


def test_one_head_whose_signature_is_wrong_is_named_beside_those_of_another_key(
    record: Path, folder: Path, vault: FileVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    written_with_other_keys(folder, monkeypatch)
    with closing(sqlite3.connect(record, isolation_level=None)) as tool:
        heads = [seq for (seq,) in tool.execute("SELECT seq FROM signed_heads ORDER BY seq")]
        tool.execute("DROP TRIGGER signed_heads_never_updated")
        tool.execute(
            "UPDATE signed_heads SET signature = ? WHERE seq IN (?, ?)", ("0" * 128, heads[0], heads[3])
        )
    said = [one.sentence for one in audit_record(record, vault).report.damages]
    for seq in (heads[0], heads[3]):
        (named,) = [one for one in said if one.startswith(f"The head signed at entry {seq} ")]
        assert "its signature does not hold" in named
    (others,) = [one for one in said if "under key" in one]
    assert others.startswith("3 heads, ")


def test_what_another_key_signed_is_still_held_against_the_chain(
    record: Path, folder: Path, vault: FileVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    written_with_other_keys(folder, monkeypatch)
    with closing(sqlite3.connect(record, isolation_level=None)) as tool:
        for (name,) in tool.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            tool.execute(f"DROP TRIGGER {name}")
        last = tool.execute("SELECT max(seq) FROM entries").fetchone()[0]
        tamper._rewritten(last - 1)(tool)
    kinds = {one.kind for one in audit_record(record, vault).report.damages}
    assert DamageKind.REWRITTEN in kinds, "who has the file wrote its end anew"


def test_a_printed_head_is_asked_for(record: Path, vault: FileVault) -> None:
    assert not audit_record(record, vault, known=[Head("s1", 2, "0" * 64)]).intact
    assert not audit_record(record, vault, known=[Head("s1", 99, "0" * 64)]).intact


def test_a_key_that_others_may_read_signs_nothing_and_the_record_says_why(
    folder: Path, record: Path, vault: FileVault
) -> None:
    (key,) = (folder / "keys").glob("station-*.key")
    key.chmod(0o640)
    with pytest.raises(VaultError, match="let other users"):
        public_key("s1", vault)
    with Journal.create_or_open(record) as journal:
        assert "640" in journal.evidence_failure
        (*_, opened) = [row for row in journal.reader().rows() if row.kind == Kind.JOURNAL_OPENED]
        assert "640" in opened.payload["unsigned"]


def test_a_head_that_cannot_be_kept_outside_is_told_and_the_entry_stays(record: Path, folder: Path) -> None:
    with Journal.create_or_open(record) as journal:
        (folder / "keys").chmod(0o750)
        row = journal.append_all([tamper_note(), signature()])[-1]
        assert journal.healthy
        assert "750" in journal.evidence_failure
        assert journal.head == row.head
        (folder / "keys").chmod(0o700)


def tamper_note() -> Any:
    from pen_host.journal import Draft

    return Draft(Kind.NOTE, {"text": "a note"})


def signature() -> Any:
    from pen_host.journal import Draft

    return Draft(Kind.SIGNATURE, {"of": "x", "meaning": "seen", "digest": "0"})


# --- the exported chain -----------------------------------------------------------------------------------------------


def ran(*words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-I", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_the_export_verifies_by_its_own_single_file(record: Path, folder: Path, vault: FileVault) -> None:
    made = export_chain(record, folder / "out")
    code, said = ran(str(made.verifier), str(made.chain), "--key", public_key("s1", vault) or "")
    assert (code, "2 signed heads hold, under the key you gave" in said) == (0, True), said
    head = audit_record(record, vault).report.head
    assert head
    assert ran(str(made.verifier), str(made.chain), "--head", f"{head.seq}:{head.hash}")[0] == 0
    assert ran(str(made.verifier), str(made.chain), "--head", f"{head.seq}:{'0' * 64}")[0] == 9
    assert ran(str(made.verifier), str(made.chain), "--key", "00" * 32)[0] == 9


def test_the_verifier_of_one_file_says_the_same_of_other_keys(
    record: Path, folder: Path, vault: FileVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = written_with_other_keys(folder, monkeypatch)
    made = export_chain(record, folder / "out")
    own, strange = (public_key("s1", one) or "" for one in (vault, other))
    code, said = ran(str(made.verifier), str(made.chain), "--key", own)
    (line,) = said.splitlines()
    assert code == 9
    (found,) = audit_record(record, vault).report.damages
    which = found.sentence.partition(" that this computer holds")[0]
    assert line.startswith(f"DAMAGED. {which} that you gave for station s1: "), (line, which)
    code, said = ran(str(made.verifier), str(made.chain))
    assert code == 0
    assert f"2 keys that the export itself names ({fingerprint(own)}, {fingerprint(strange)})" in said


def test_without_cryptography_the_verifier_says_that_signatures_were_not_checked(
    record: Path, folder: Path
) -> None:
    made = export_chain(record, folder / "out")
    code, said = ran("-S", str(made.verifier), str(made.chain))
    assert code == 3
    assert "every hash holds" in said
    assert "SIGNATURES NOT CHECKED: the package cryptography is not installed here" in said


def test_every_altered_missing_or_exchanged_line_of_an_export_is_found(
    record: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = export_chain(record, folder / "out")
    lines = made.chain.read_text().splitlines()

    def verdict(changed: list[str]) -> int:
        (folder / "changed.jsonl").write_text("".join(f"{line}\n" for line in changed))
        return offline.main([str(folder / "changed.jsonl")])

    assert verdict(lines) == 0
    for number in range(1, len(lines)):
        without = lines[:number] + lines[number + 1 :]
        assert verdict(without) == 9 or "signed" in json.loads(lines[number]), number
        assert verdict(lines[:number]) == 9, number
        content = json.loads(lines[number])
        name = next(iter(content))
        altered = content[name] + 1 if isinstance(content[name], int) else content[name].replace("s1", "s2")
        changed = [*lines[:number], json.dumps({**content, name: altered}), *lines[number + 1 :]]
        assert verdict(changed) == 9, number
    assert verdict(["{}"]) == 2


def test_an_export_is_never_written_over(record: Path, folder: Path) -> None:
    export_chain(record, folder / "out")
    with pytest.raises(Exception, match="there is an export already"):
        export_chain(record, folder / "out")
