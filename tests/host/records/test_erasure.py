"""Erasing a patient: their name is nowhere in the file any more, and every treatment, lot and entry still is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from pen_host.journal import Draft, Kind, verify_record
from pen_host.journal import sqlite as settings
from pen_host.records import ConflictError, ForbiddenStepError, InputError, NotFoundError
from pen_host.records.keys import new_pseudonym
from pen_host.records.models import (
    Demographics,
    DiaryEntry,
    NewReaction,
    Person,
    ReactionKind,
    Severity,
    Substance,
    TopicalUse,
)
from pen_host.records.store import Writing
from pen_host.records.tables import consents, demographics, notes

from .conftest import ANNA, BOB, Bench

SECRETS = (
    "Grimhilda",
    "Unusual",
    "grim@example.org",
    "+49 555 0199",
    "dislikes",
    "her own cream",
    "behind the ear",
)


def full(bench: Bench) -> str:
    """A patient of whom every text column says something."""
    clinic = bench.clinic
    wrong = bench.patient("Grimhilda Unusul", phone="+49 555 0199", email="grim@example.org")
    patient = wrong.patient_id
    right = Demographics(
        full_name="Grimhilda Unusual", birth_date=date(1980, 2, 29), email="grim@example.org"
    )
    clinic.patients.correct(patient, right, ANNA)
    first = clinic.patients.note(patient, "Grimhilda dislikes needles", ANNA)
    clinic.patients.note(patient, "Grimhilda dislikes long needles", ANNA, amends=first.note_id)
    used = TopicalUse(
        substance=Substance.OTHER, detail="her own cream", used_at=datetime(2028, 1, 1, tzinfo=UTC)
    )
    clinic.patients.topical(patient, used, ANNA)
    visit = bench.treated(clinic.patients.get(patient))
    seen = NewReaction(kind=ReactionKind.PAIN, onset=bench.day, severity=Severity.MILD, note="behind the ear")
    reaction = clinic.reactions.record(visit.visit_id, seen, ANNA)
    bench.later(1)
    clinic.reactions.diary(
        reaction.reaction_id, DiaryEntry(day=bench.day, severity=None, note="behind the ear"), ANNA
    )
    signed = clinic.consents.sign(patient, clinic.consents.texts()[0].text_id, "Grimhilda Unusual", ANNA)
    clinic.consents.withdraw(signed.consent_id, "Grimhilda dislikes it", ANNA)
    return patient


def on_disk(bench: Bench) -> bytes:
    """The record, and whatever SQLite keeps beside it."""
    return b"".join(file.read_bytes() for file in bench.folder.glob("record*"))


@pytest.mark.parametrize(("wal_from", "mode"), [((3, 0, 0), "wal"), ((9, 0, 0), "truncate")])
def test_after_three_years_who_it_was_is_nowhere_on_disk_and_what_was_done_still_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wal_from: tuple[int, ...], mode: str
) -> None:
    monkeypatch.setattr(settings, "WAL_SAFE_FROM", wal_from)
    bench = Bench(tmp_path)
    assert bench.clinic.journal._raw.execute("PRAGMA journal_mode").fetchone()[0] == mode
    patient = full(bench)
    path = bench.clinic.journal.path
    assert all(secret.encode() in on_disk(bench) for secret in SECRETS)
    head = bench.clinic.journal.head
    bench.later(3 * 366)
    erased = bench.clinic.patients.erase(patient, "asked for by the patient", BOB)
    assert (erased.patient_id, erased.copies) == (patient, ())
    content = on_disk(bench)
    assert [secret for secret in SECRETS if secret.encode() in content] == []
    known = bench.reopen().patients.get(patient)
    assert (known.demographics, known.version, known.label) == (None, 0, f"{patient} (erased)")
    assert known.erased_at is not None
    assert verify_record(path, known=[head]).intact
    (given,) = bench.clinic.lot("LOT-7")
    assert (given.patient_id, given.patient_name) == (patient, None)
    assert bench.clinic.visits.of(patient)[0].signature is not None
    assert {item.kind for item in bench.clinic.timeline(patient)} >= {
        "visit",
        "consent",
        "reaction",
        "cartridge",
    }
    assert bench.clinic.patients.find("grim") == ()
    assert bench.clinic.due(ahead_days=365) == ()
    bench.clinic.close()


def test_with_the_salts_gone_no_digest_of_the_chain_can_be_made_again(bench: Bench) -> None:
    patient = full(bench)
    bench.later(3 * 366)
    bench.clinic.patients.erase(patient, "asked for", BOB)
    store = bench.clinic._store
    assert store.rows(select(demographics)) == store.rows(select(notes)) == []
    assert {row["salt"] for row in store.rows(select(consents))} == {""}
    entry = bench.entries(Kind.PATIENT)[-1]
    assert (entry.payload["change"], entry.actor, entry.subject) == ("erased", "bob", patient)


def test_within_three_years_the_record_is_kept_and_says_until_when(bench: Bench) -> None:
    patient = bench.patient()
    bench.treated(patient)
    bench.day = date(2031, 1, 31)
    with pytest.raises(ConflictError, match="must be kept until 2031-02-01"):
        bench.clinic.patients.erase(patient.patient_id, "asked for", BOB)
    assert bench.clinic.patients.get(patient.patient_id).demographics is not None
    bench.later(1)
    bench.clinic.patients.erase(patient.patient_id, "asked for", BOB)


def test_who_was_never_treated_can_go_at_once_and_only_once(bench: Bench) -> None:
    patient = bench.patient().patient_id
    with pytest.raises(InputError, match="say who asked"):
        bench.clinic.patients.erase(patient, " ", BOB)
    bench.clinic.patients.erase(patient, "entered by mistake", BOB)
    with pytest.raises(ConflictError, match="erased before"):
        bench.clinic.patients.erase(patient, "again", BOB)
    with pytest.raises(NotFoundError):
        bench.clinic.patients.erase(new_pseudonym(), "nobody", BOB)
    with pytest.raises(NotFoundError, match="erased"):
        bench.clinic.patients.correct(
            patient, Demographics(full_name="Back", birth_date=date(1980, 1, 1)), ANNA
        )


def test_an_erased_patient_is_not_treated_and_an_open_visit_is_closed_first(bench: Bench) -> None:
    patient = bench.patient()
    visit = bench.visit(patient)
    with pytest.raises(ConflictError, match="open visit"):
        bench.clinic.patients.erase(patient.patient_id, "asked for", BOB)
    bench.clinic.visits.abandon(visit.visit_id, "left", ANNA)
    bench.later(3 * 366)
    bench.clinic.patients.erase(patient.patient_id, "asked for", BOB)
    with pytest.raises(ForbiddenStepError, match="was erased; add the patient again"):
        bench.visit(patient)


def test_older_copies_are_named_because_they_are_not_reached(bench: Bench) -> None:
    patient = bench.patient().patient_id
    copy = bench.folder / "record.before-0002-20280101T000000000000Z.sqlite3"
    copy.touch()
    erased = bench.clinic.patients.erase(patient, "entered by mistake", BOB)
    assert erased.copies == (copy.name,)


def test_a_correction_that_is_overtaken_by_an_erasure_brings_no_name_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient, store = bench.patient("Grimhilda Unusul").patient_id, bench.clinic._store
    whole = store.write

    def late(change: Callable[[Writing], Sequence[Draft]], by: Person) -> None:
        monkeypatch.setattr(store, "write", whole)
        bench.clinic.patients.erase(patient, "asked for by the patient", BOB)
        whole(change, by)

    monkeypatch.setattr(store, "write", late)
    right = Demographics(full_name="Grimhilda Unusual", birth_date=date(1980, 2, 29))
    with pytest.raises(NotFoundError, match="erased"):
        bench.clinic.patients.correct(patient, right, ANNA)
    assert bench.clinic.patients.get(patient).demographics is None
    assert b"Grimhilda" not in on_disk(bench)
