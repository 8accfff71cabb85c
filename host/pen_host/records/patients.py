"""Patients: added, corrected, found. The chain knows them by pseudonym and salted digest only."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import RowMapping, and_, or_, select

from pen_host.journal import Draft, Kind
from pen_host.models import LongText
from pen_host.records.erasure import Erased, copies_beside, erase, reason_for
from pen_host.records.errors import InputError, NotFoundError
from pen_host.records.keys import new_key, new_pseudonym, pseudonym
from pen_host.records.models import Demographics, HomeTool, Note, Patient, Person, TopicalUse
from pen_host.records.patient_keys import PatientKeys
from pen_host.records.store import Store, Writing, new_salt, salted, writer
from pen_host.records.tables import demographics, home_tools, notes, patients, topicals
from pen_host.screening.days import age_years

AGE_MAX_YEARS = 120
"""Older than anybody has become by much: a slip in the year of birth. (J)"""
FOUND_MAX = 50
"""Patients that a search returns at most; a longer list finds nobody. (J)"""


class Patients:
    """The patients of a clinic.

    Args:
        store: The record.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        # ids of patients that are there: none ever goes, not even when who they are is erased
        self._there: set[str] = set()

    def add(self, who: Demographics, by: Person) -> Patient:
        """Adds a patient under a new pseudonym.

        Raises:
            InputError: The date of birth cannot be.
        """
        self._must_be_born(who.birth_date)
        patient_id = new_pseudonym()

        def change(writing: Writing) -> Sequence[Draft]:
            writing.add(patients, id=patient_id)
            return [_versioned(writing, patient_id, 1, who, "added")]

        self._store.write(change, by)
        return self.get(patient_id)

    def correct(self, patient_id: str, who: Demographics, by: Person) -> Patient:
        """Writes a new version of a patient's demographics; the earlier ones stay until the patient is erased.

        Raises:
            NotFoundError: There is no such patient, or they were erased.
            InputError: The date of birth cannot be.
        """
        self._must_be_born(who.birth_date)
        known = self.get(patient_id)
        if known.demographics is None:
            raise _erased(known.patient_id)

        def change(writing: Writing) -> Sequence[Draft]:
            must_be_known(writing, known.patient_id)
            writing.change(demographics, demographics.c.patient_id == known.patient_id, newest=False)
            return [_versioned(writing, known.patient_id, known.version + 1, who, "corrected")]

        self._store.write(change, by)
        return self.get(known.patient_id)

    def erase(self, patient_id: str, reason: str, by: Person) -> Erased:
        """Erases who a patient is; pseudonym, treatments, lots and the chain stay. See `pen_host.records.erasure`.

        Raises:
            NotFoundError: There is no such patient.
            InputError: There is no reason.
            ConflictError: A visit is open, the record must still be kept, or they were erased before.
        """
        patient, why = self.existing(patient_id), reason_for(reason)
        self._store.write(lambda writing: [erase(self._store, patient, why, writing)], by)
        if self._store.journal is not None:
            self._store.journal.flush_log()
            PatientKeys(self._store.path, self._store.journal.vault).destroy([patient])
        return Erased(patient, copies_beside(self._store))

    def get(self, patient_id: str) -> Patient:
        """One patient.

        Raises:
            PseudonymError: What was given is no pseudonym.
            NotFoundError: There is no such patient.
        """
        row = self._store.row(_query().where(patients.c.id == pseudonym(patient_id)))
        if row is None:
            raise NotFoundError("patient", patient_id)
        return _patient(row)

    def existing(self, patient_id: str) -> str:
        """The pseudonym of a patient who is there, in its one spelling.

        Raises:
            PseudonymError: What was given is no pseudonym.
            NotFoundError: There is no such patient.
        """
        spelled = pseudonym(patient_id)
        if spelled in self._there:
            return spelled
        if self._store.row(select(patients.c.id).where(patients.c.id == spelled)) is None:
            raise NotFoundError("patient", patient_id)
        self._there.add(spelled)
        return spelled

    def find(self, text: str, limit: int = FOUND_MAX) -> tuple[Patient, ...]:
        """Patients by the beginning of any part of their name, by file number, pseudonym or date of birth.

        Args:
            text: What was typed; nothing finds the newest ones.
            limit: At most so many.
        """
        wanted = searchable(text)
        query = _query().where(patients.c.erased_at.is_(None)).limit(min(limit, FOUND_MAX))
        if not wanted:
            return tuple(map(_patient, self._store.rows(query.order_by(patients.c.at.desc()))))
        escaped = wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        ways = [
            demographics.c.search_name.like(f"{escaped}%", escape="\\"),
            demographics.c.search_name.like(f"% {escaped}%", escape="\\"),
            demographics.c.file_number == text.strip(),
            patients.c.id.startswith(text.strip().upper(), autoescape=True)
            if len(text.strip()) > 3
            else patients.c.id == "",
        ]
        born = _day(text)
        if born:
            ways.append(demographics.c.birth_date == born)
        query = query.where(or_(*ways)).order_by(demographics.c.search_name, patients.c.id)
        return tuple(map(_patient, self._store.rows(query)))

    def note(
        self,
        patient_id: str,
        text: LongText,
        by: Person,
        *,
        visit_id: str | None = None,
        amends: str | None = None,
    ) -> Note:
        """Writes a note; the chain holds its salted digest.

        Raises:
            InputError: It is empty, or amends what is no note of this patient or was amended already.
        """
        note = Note(
            note_id=new_key(),
            patient_id=self.existing(patient_id),
            visit_id=visit_id,
            text=_text(text),
            amends=amends,
            at=self._store.now(),
            by=by,
        )

        def change(writing: Writing) -> Sequence[Draft]:
            if amends is not None:
                _must_be_amendable(writing, note)
            return [add_note(writing, note)]

        self._store.write(change, by)
        row = self._store.row(select(notes).where(notes.c.id == note.note_id))
        assert row is not None, "it was committed just now"
        return as_note(row)

    def notes(self, patient_id: str) -> tuple[Note, ...]:
        """Notes on a patient as they stand: those that were amended are left out. Oldest first."""
        patient = self.existing(patient_id)
        found = self._store.rows(select(notes).where(notes.c.patient_id == patient).order_by(notes.c.at))
        amended = {row["amends"] for row in found}
        return tuple(as_note(row) for row in found if row["id"] not in amended)

    def home_tool(self, patient_id: str, tool: HomeTool, by: Person) -> None:
        """Records what the patient uses between visits; the newest entry for each kind of tool counts.

        Raises:
            InputError: A day lies in the future.
        """
        patient = self.existing(patient_id)
        self._must_be_past("the home tool", {"last_used": tool.last_used, "since": tool.since})

        def change(writing: Writing) -> Sequence[Draft]:
            writing.add(home_tools, id=new_key(), patient_id=patient, **tool.model_dump())
            return [Draft(Kind.HOME_TOOL, tool.model_dump(mode="json"), subject=patient)]

        self._store.write(change, by)

    def home_tools(self, patient_id: str) -> tuple[HomeTool, ...]:
        """Tools the patient uses, or used, between visits: the newest entry for each kind."""
        patient = self.existing(patient_id)
        found = self._store.rows(
            select(home_tools).where(home_tools.c.patient_id == patient).order_by(home_tools.c.at)
        )
        newest = {row["tool"]: as_home_tool(row) for row in found}
        return tuple(newest.values())

    def topical(self, patient_id: str, used: TopicalUse, by: Person, *, visit_id: str | None = None) -> None:
        """Records an adjunct that was applied or taken.

        Raises:
            InputError: It lies in the future.
        """
        patient = self.existing(patient_id)
        if used.used_at > self._store.now():
            raise InputError("the topical", {"used_at": "it lies in the future, so it was not used yet"})
        self._store.write(
            lambda writing: [add_topical(writing, patient, used, visit_id)],
            by,
        )

    def topicals(self, patient_id: str) -> tuple[TopicalUse, ...]:
        """Adjuncts, newest first."""
        patient = self.existing(patient_id)
        found = self._store.rows(
            select(topicals).where(topicals.c.patient_id == patient).order_by(topicals.c.used_at.desc())
        )
        return tuple(as_topical(row) for row in found)

    def _must_be_born(self, born: date) -> None:
        today = self._store.today()
        if born > today:
            raise InputError("the patient", {"birth_date": f"{born:%Y-%m-%d} is in the future"})
        if age_years(born, today) > AGE_MAX_YEARS:
            raise InputError(
                "the patient", {"birth_date": f"{born:%Y-%m-%d} is more than {AGE_MAX_YEARS} years ago"}
            )

    def _must_be_past(self, what: str, days: dict[str, date | None]) -> None:
        today = self._store.today()
        late = {name: f"{day:%Y-%m-%d} is in the future" for name, day in days.items() if day and day > today}
        if late:
            raise InputError(what, late)


def searchable(name: str) -> str:
    """A name as it is searched for: without case, accents and double spaces."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    return " ".join("".join(letter for letter in plain if not unicodedata.combining(letter)).split())


def add_note(writing: Writing, note: Note) -> Draft:
    """Adds a note within a transaction; the entry for it, which holds its salted digest only."""
    salt = new_salt()
    writing.add(
        notes,
        id=note.note_id,
        patient_id=note.patient_id,
        visit_id=note.visit_id,
        text=note.text,
        salt=salt,
        amends=note.amends,
    )
    content = {
        "text": "a note was written",
        "id": note.note_id,
        "amends": note.amends,
        "digest": salted(salt, {"text": note.text}),
    }
    return Draft(Kind.NOTE, content, subject=note.patient_id)


def add_topical(writing: Writing, patient_id: str, used: TopicalUse, visit_id: str | None) -> Draft:
    """Adds an adjunct within a transaction; the entry for it."""
    writing.add(topicals, id=new_key(), patient_id=patient_id, visit_id=visit_id, **used.model_dump())
    content = {"substance": str(used.substance), "used_at": used.used_at.isoformat(), "visit": visit_id}
    return Draft(Kind.TOPICAL, content, subject=patient_id)


def as_note(row: RowMapping) -> Note:
    """A note from its row."""
    return Note(
        note_id=row["id"],
        patient_id=row["patient_id"],
        visit_id=row["visit_id"],
        text=row["text"],
        amends=row["amends"],
        at=row["at"],
        by=writer(row),
    )


def as_home_tool(row: RowMapping) -> HomeTool:
    """A home tool from its row."""
    return HomeTool.model_validate({name: row[name] for name in HomeTool.model_fields}, strict=False)


def as_topical(row: RowMapping) -> TopicalUse:
    """An adjunct from its row."""
    return TopicalUse.model_validate({name: row[name] for name in TopicalUse.model_fields}, strict=False)


def _query() -> Any:
    """Patients with the newest version of their demographics, if there is one."""
    newest = and_(demographics.c.patient_id == patients.c.id, demographics.c.newest)
    return select(
        patients,
        demographics.c.version,
        *(demographics.c[name] for name in Demographics.model_fields),
    ).select_from(patients.outerjoin(demographics, newest))


def _patient(row: RowMapping) -> Patient:
    who = None
    if row["version"] is not None:
        who = Demographics.model_validate(
            {name: row[name] for name in Demographics.model_fields}, strict=False
        )
    return Patient(
        patient_id=row["id"],
        demographics=who,
        version=row["version"] or 0,
        added_at=row["at"],
        added_by=writer(row),
        erased_at=row["erased_at"],
    )


def _versioned(writing: Writing, patient_id: str, version: int, who: Demographics, change: str) -> Draft:
    """Adds a version of demographics; the entry for it, which names nobody."""
    salt = new_salt()
    writing.add(
        demographics,
        patient_id=patient_id,
        version=version,
        newest=True,
        search_name=searchable(who.full_name),
        salt=salt,
        **who.model_dump(),
    )
    content = {"change": change, "version": version, "digest": salted(salt, who.model_dump(mode="json"))}
    return Draft(Kind.PATIENT, content, subject=patient_id)


def must_be_known(writing: Writing, patient_id: str) -> None:
    """Refuses, within a transaction, to write about a patient who was erased by now.

    Raises:
        NotFoundError: They were.
    """
    there = (patients.c.id == patient_id) & patients.c.erased_at.is_(None)
    if writing.row(select(patients.c.id).where(there)) is None:
        raise _erased(patient_id)


def _erased(patient_id: str) -> NotFoundError:
    return NotFoundError("patient (demographics were erased)", patient_id)


def _must_be_amendable(writing: Writing, note: Note) -> None:
    row = writing.row(select(notes.c.patient_id).where(notes.c.id == note.amends))
    if row is None or row["patient_id"] != note.patient_id:
        raise InputError("the note", {"amends": "there is no such note on this patient"})
    if writing.row(select(notes.c.id).where(notes.c.amends == note.amends)):
        raise InputError("the note", {"amends": "that note was amended already; amend the newer one"})


def _text(text: str) -> str:
    stripped = text.strip()
    if not stripped:
        raise InputError("the note", {"text": "it is empty"})
    return stripped


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None
