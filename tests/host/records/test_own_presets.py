"""Own presets as rows of the record: judged as the shipped ones, every version kept, files of before taken in once."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

import pen_host.records.layout as records_layout
import pen_host.records.own_presets as presets_module
from pen_host.errors import RefusedError
from pen_host.exports.fhir.bundle import patient_bundle
from pen_host.exports.fhir.common import Dialect
from pen_host.exports.flat import tables
from pen_host.exports.identity import Identity
from pen_host.journal import Draft, JournalDamagedError, JournalUnwritableError, Kind, audit_record
from pen_host.presets import PresetError, Version, shipped_presets, to_toml
from pen_host.presets.folder import HEAD
from pen_host.records import Clinic
from pen_host.records.clinic import presets_of
from pen_host.records.own_presets import OwnPresets
from pen_host.reports.after_care import after_care_sheet
from pen_host.vault import this_vault
from tests.host.records.conftest import ANNA, BOB, FORTNIGHTLY, Bench

BASE = shipped_presets()[0].model_dump(mode="json")
DEEPER = {**BASE["zones"][0]["depth_um"], "low": 1_000}


def text(**changes: Any) -> str:
    return to_toml({**BASE, "preset_id": "our_own", "title": "Ours", **changes})


@pytest.fixture
def own(bench: Bench) -> OwnPresets:
    return bench.clinic.presets.own


def test_every_version_is_kept_with_who_when_and_where_and_stands_in_the_chain(
    bench: Bench, own: OwnPresets
) -> None:
    first = own.add(text(), ANNA)
    second = own.change("our_own", text(title="Ours, changed"), first.digest, BOB)
    assert own.book().versions("our_own") == (second, first)
    assert [(one.number, one.saved_by, one.station_id) for one in (first, second)] == [
        (1, "anna", "s1"),
        (2, "bob", "s1"),
    ]
    assert [preset.title for preset in bench.clinic.presets.all()[len(shipped_presets()) :]] == [
        "Ours, changed"
    ]
    entries = bench.entries(Kind.PRESET)
    assert [(row.actor, row.payload["change"], row.payload["digest"]) for row in entries] == [
        ("anna", "saved", first.digest),
        ("bob", "saved", second.digest),
    ]
    with Clinic.read(bench.folder) as reader:
        assert reader.presets.own.book().versions("our_own") == (second, first)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"sources": []}, "sources"),
        ({"interval_days": 1, "short_interval": None}, "interval_days"),
        ({"off_label": False}, "off_label"),
        ({"title": ""}, "title"),
        ({"ask": ["no_such_rule"]}, None),
        ({"preset_id": shipped_presets()[0].preset_id}, "preset_id"),
        ({"title": f" {shipped_presets()[1].title.upper()}"}, "title"),
        ({"interval_days": 1}, "short_interval"),
        ({"zones": [{**BASE["zones"][0], "depth_um": DEEPER}]}, "short_interval"),
        ({"surprise": 1}, "surprise"),
        ({"surprise": "x" * 70_000}, None),
    ],
)
def test_what_a_file_would_be_refused_for_is_not_saved(
    bench: Bench, own: OwnPresets, changes: dict[str, Any], field: str | None
) -> None:
    with pytest.raises(PresetError) as refused:
        own.add(text(**changes), ANNA)
    if field:
        assert list(refused.value.fields) == [field]
    assert own.book().names == ()
    assert bench.entries(Kind.PRESET) == []


def test_a_shipped_preset_an_old_version_and_no_change_are_refused(own: OwnPresets) -> None:
    first = own.add(text(), ANNA)
    shipped = shipped_presets()[0]
    with pytest.raises(PresetError, match="never changed"):
        own.change(shipped.preset_id, to_toml(shipped.model_dump(mode="json")), "0", ANNA)
    with pytest.raises(PresetError, match="no preset of its own"):
        own.change("another", text(), first.digest, ANNA)
    with pytest.raises(PresetError, match="nothing was changed"):
        own.change("our_own", text(), first.digest, ANNA)
    with pytest.raises(PresetError, match="stays so"):
        own.change("our_own", text(preset_id="renamed"), first.digest, ANNA)
    with pytest.raises(PresetError, match="is taken"):
        own.add(text(title="Another title"), ANNA)
    own.change("our_own", text(title="By Bob"), first.digest, BOB)
    with pytest.raises(RefusedError, match="bob saved version 2"):
        own.change("our_own", text(title="By Anna"), first.digest, ANNA)
    assert [preset.title for preset in own.book().presets()] == ["By Bob"]


def test_a_ground_goes_with_its_numbers_and_is_given_anew_for_others(own: OwnPresets) -> None:
    assert BASE["short_interval"]
    first = own.add(text(zones=BASE["zones"][:1]), ANNA)
    with pytest.raises(PresetError) as refused:
        own.change("our_own", text(interval_days=14), first.digest, ANNA)
    assert list(refused.value.fields) == ["short_interval"]
    assert own.book().versions("our_own") == (first,)
    anew = text(interval_days=14, short_interval="Ours, of 2026: every two weeks.")
    second = own.change("our_own", anew, first.digest, ANNA)
    other = {"preset_id": "another", "title": "Another", "interval_days": 14}
    own.add(text(**other, short_interval="Ours, of 2026: every two weeks."), BOB)
    with pytest.raises(PresetError, match="title"):
        own.change("our_own", text(title="another"), second.digest, ANNA)


def test_a_preset_whose_newest_version_cannot_be_used_is_mended_by_the_next(
    bench: Bench, own: OwnPresets
) -> None:
    first = own.add(text(), ANNA)
    beyond = text(of_a_newer_program=1)

    def elsewhere(writing: Any) -> Sequence[Draft]:
        presets_module.put(
            writing,
            Version(
                "f" * 32, "our_own", 2, beyond, presets_module.digest_of(beyond), writing.at, "eve", "s1"
            ),
        )
        return []

    bench.clinic.store.write(elsewhere, ANNA)
    assert own.book().presets() == ()
    with pytest.raises(PresetError, match="of_a_newer_program"):
        bench.clinic.presets.to_plan("our_own", [])
    with pytest.raises(RefusedError, match="eve saved version 2"):
        own.change("our_own", text(title="Ours, mended"), first.digest, BOB)
    third = own.change("our_own", text(title="Ours, mended"), presets_module.digest_of(beyond), BOB)
    assert (third.number, own.book().presets()) == (3, (third.preset,))


def test_a_version_that_was_changed_behind_the_programs_back_is_found_and_not_used(
    bench: Bench, own: OwnPresets
) -> None:
    own.add(text(), ANNA)
    bench.clinic.close()
    record = bench.folder / "record.sqlite3"
    with closing(sqlite3.connect(record)) as tool:
        tool.execute("UPDATE own_presets SET text = replace(text, 'Ours', 'Mine')")
        tool.commit()
    (damage,) = audit_record(record, this_vault()).report.damages
    assert "own_presets" in damage.sentence
    with Clinic.read(bench.folder) as clinic:
        assert clinic.presets.own.book().presets() == ()
        (told,) = clinic.presets.unusable()
        assert "somebody changed it" in told


# --- from the folder of before ------------------------------------------------------------------------------------------------

OF_BEFORE = (
    "DROP TABLE own_presets",
    "DROP INDEX visits_next_day",
    "DROP INDEX visits_patient",
    "ALTER TABLE visits DROP COLUMN preset_digest",
    "CREATE INDEX visits_next_day ON visits (state, next_day, patient_id, day, at, preset_id)",
    "CREATE INDEX visits_patient ON visits (patient_id, day, at, state, preset_id)",
    "UPDATE clinic_version SET version_num = 'c0003'",
)
"""From today's layout to that of before; visits keep their seals."""


def taken_back(clinic: Clinic) -> None:
    """Makes a record one of before, with what it holds."""

    def change(connection: Connection) -> Sequence[Draft]:
        for statement in OF_BEFORE:
            connection.exec_driver_sql(statement)
        return []

    def empty(connection: Connection) -> Sequence[Draft]:
        connection.exec_driver_sql("DELETE FROM own_presets")
        return []

    clinic.journal.together(empty)
    clinic.journal.change_layout(change)
    clinic.close()


def head(number: int, saved_at: str, by: str) -> str:
    return f'{HEAD}{{"version": {number}, "saved_at": "{saved_at}", "by": "{by}"}}\n'


@pytest.fixture
def of_before(bench: Bench) -> Path:
    """A record with a treatment by an own preset, of which there are two versions since, as files."""
    folder = bench.folder / "presets"
    (folder / "versions").mkdir(parents=True)
    base = {
        **bench.clinic.presets.get(FORTNIGHTLY).model_dump(mode="json"),
        "preset_id": "our_own",
        "title": "Ours",
    }
    first, second = (to_toml({**base, "after_care": [said]}) for said in ("As it was.", "As it is now."))
    version = bench.clinic.presets.own.add(first, ANNA)
    visit = bench.treated(bench.patient(), preset="our_own")
    with closing(sqlite3.connect(bench.folder / "record.sqlite3")) as tool:
        assert tool.execute("SELECT preset_digest FROM visits").fetchall() == [(version.digest,)]

    def forget(connection: Connection) -> Sequence[Draft]:
        connection.exec_driver_sql("UPDATE visits SET preset_digest = NULL")
        return []

    bench.clinic.journal.together(forget)
    saved = visit.opened_at
    old = head(1, (saved - timedelta(days=1)).isoformat(), "anna") + first
    new = head(2, (saved + timedelta(days=1)).isoformat(), "bob") + second
    (folder / "our_own.toml").write_text(new, "utf-8")
    (folder / "versions" / "our_own.1.toml").write_text(old, "utf-8")
    # as a save that was cut short leaves it
    (folder / "versions" / "our_own.2.toml").write_text(new, "utf-8")
    (folder / "our_other.toml").write_text("no [preset", "utf-8")
    (folder / "scrap.toml").write_bytes(b"\xff\xfe")
    taken_back(bench.clinic)
    return folder


def test_files_of_before_are_taken_in_once_with_all_they_say_and_stay_where_they_are(
    bench: Bench, of_before: Path
) -> None:
    files = {path: path.read_bytes() for path in of_before.rglob("*.toml")}
    with bench.opened() as clinic:
        book = clinic.presets.own.book()
        found = [
            (one.preset_id, one.number, one.saved_by) for name in book.names for one in book.versions(name)
        ]
        assert found == [("our_other", 1, None), ("our_own", 2, "bob"), ("our_own", 1, "anna")]
        (visit,) = clinic.visits.of(clinic.patients.find("Ada")[0].patient_id)
        assert clinic.presets.of_visit(visit).after_care == ("As it was.",)
        assert clinic.presets.get("our_own").after_care == ("As it is now.",)
        told = clinic.presets.unusable()
        assert [
            name
            for name in ("our_other, version 1", "presets/scrap.toml")
            if any(name in one for one in told)
        ] == [
            "our_other, version 1",
            "presets/scrap.toml",
        ]
        assert len(told) == 2
        with clinic.journal.reader() as reader:
            entries = [
                row.payload
                for row in reader.rows()
                if row.kind == Kind.PRESET and row.payload["change"] == "taken_in"
            ]
        (entry,) = entries
        assert [one["file"] for one in entry["files"]] == [
            "our_other.toml",
            "our_own.toml",
            "versions/our_own.1.toml",
        ]
        assert [one["file"] for one in entry["left"]] == ["scrap.toml"]
    with bench.opened() as clinic:
        assert clinic.presets.own.book().names == book.names
        assert clinic.presets.own.book().versions("our_own") == book.versions("our_own")
    assert {path: path.read_bytes() for path in of_before.rglob("*.toml")} == files
    assert list(bench.folder.glob("record.before-c0004-*.sqlite3"))
    audit = audit_record(bench.folder / "record.sqlite3", this_vault())
    assert audit.intact, audit.report.damages
    bench.clinic = bench.opened()


@pytest.mark.parametrize("dies_at", [1, 2, 3])
def test_taking_in_that_dies_changes_nothing_and_is_done_whole_the_next_time(
    bench: Bench, of_before: Path, monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    puts, put = 0, presets_module.put

    def dying(writing: Any, version: Version) -> None:
        nonlocal puts
        puts += 1
        if puts == dies_at:
            raise JournalDamagedError(bench.folder, "the computer died here")
        put(writing, version)

    with monkeypatch.context() as patched:
        patched.setattr(presets_module, "put", dying)
        with pytest.raises(JournalDamagedError, match="died here"):
            bench.opened()
    with closing(sqlite3.connect(bench.folder / "record.sqlite3")) as tool:
        assert tool.execute("SELECT version_num FROM clinic_version").fetchall() == [("c0003",)]
        assert tool.execute("SELECT 1 FROM sqlite_master WHERE name = 'own_presets'").fetchall() == []
    bench.clinic = bench.opened()
    book = bench.clinic.presets.own.book()
    assert [len(book.versions(name)) for name in book.names] == [1, 2]


def test_files_beside_a_record_that_is_begun_are_taken_in_as_well(tmp_path: Path) -> None:
    (tmp_path / "clinic" / "presets").mkdir(parents=True)
    (tmp_path / "clinic" / "presets" / "our_own.toml").write_text(text(), "utf-8")
    with presets_of(tmp_path / "clinic") as presets:
        assert presets.all() == shipped_presets()
        (told,) = presets.unusable()
        assert "as soon as a record is begun" in told
        with pytest.raises(JournalUnwritableError):
            presets.own.add(text(preset_id="another", title="Another"), ANNA)
    with Clinic.open(tmp_path / "clinic", station_id="s1") as clinic:
        (by_hand,) = clinic.presets.own.book().versions("our_own")
        assert (by_hand.number, by_hand.saved_at, by_hand.saved_by) == (1, None, None)
        assert clinic.presets.unusable() == ()
        (tmp_path / "clinic" / "presets" / "late.toml").write_text(text(preset_id="late"), "utf-8")
        (told,) = clinic.presets.unusable()
        assert "pen plan add" in told


def test_the_papers_of_a_visit_go_by_the_version_it_was_planned_by(bench: Bench) -> None:
    presets = bench.clinic.presets
    base = {**presets.get(FORTNIGHTLY).model_dump(mode="json"), "preset_id": "our_own", "title": "Ours"}
    first = presets.own.add(to_toml({**base, "after_care": ["As it was."]}), ANNA)
    visit = bench.treated(bench.patient(), preset="our_own")
    assert visit.preset_digest == first.digest
    before = after_care_sheet(bench.clinic, visit.visit_id)
    changed = {**base, "after_care": ["As it is now."], "interval_days": 21, "course": {"sessions": 1}}
    presets.own.change("our_own", to_toml(changed), first.digest, BOB)
    assert presets.get("our_own").after_care == ("As it is now.",)
    assert presets.of_visit(visit).after_care == ("As it was.",)
    assert after_care_sheet(bench.clinic, visit.visit_id) == before
    bench.later(14)
    (due,) = bench.clinic.due()
    assert due.sessions == base["course"]["sessions"], "the course is that of the version it was begun with"
    gone = visit.model_copy(update={"preset_digest": "0" * 64})
    with pytest.raises(PresetError, match="is not in this record"):
        presets.of_visit(gone)
    with pytest.raises(PresetError, match="no such preset"):
        presets.get("never_there")


def test_exports_name_the_version_a_visit_was_planned_by(bench: Bench) -> None:
    own = bench.clinic.presets.own
    base = {
        **bench.clinic.presets.get(FORTNIGHTLY).model_dump(mode="json"),
        "preset_id": "our_own",
        "title": "Ours",
    }
    first = own.add(to_toml(base), ANNA)
    visit = bench.visit(bench.patient(), "our_own")
    own.change("our_own", to_toml({**base, "title": "Ours, changed"}), first.digest, BOB)
    assert bench.entries(Kind.VISIT)[0].payload["preset_digest"] == first.digest
    (found,) = [one for one in tables(bench.clinic, Identity()) if one.flat.name == "visits"]
    assert [(row["preset_version"], row["preset_sha256"]) for _, row in found.rows] == [
        ("version 1", first.digest)
    ]
    bundle = patient_bundle(bench.clinic, visit.patient_id, Dialect.R5, Identity())
    assert f"protocol our_own, version 1, sha256 {first.digest}".encode() in bundle


def test_a_layout_after_this_one_takes_no_file_in_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bench.folder / "presets").mkdir()
    (bench.folder / "presets" / "our_own.toml").write_text(text(), "utf-8")
    bench.clinic.close()
    monkeypatch.setattr(records_layout, "NEWEST", "c9999")
    monkeypatch.setattr(records_layout.layout, "migrate", lambda *_: None)
    with bench.opened() as clinic:
        assert clinic.presets.own.book().names == ()
    bench.clinic = bench.opened()
