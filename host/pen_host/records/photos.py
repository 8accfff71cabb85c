"""Photographs of patients: taken with consent, from fixed views, found again by day and view."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing
from datetime import date
from pathlib import Path

from sqlalchemy import RowMapping, select

from pen_host.findings import Finding, Level
from pen_host.journal import Draft, Kind, sqlite
from pen_host.records import photo_files, photo_folder
from pen_host.records.consents import Consents
from pen_host.records.errors import ConflictError, ForbiddenStepError, InputError, NotFoundError, made
from pen_host.records.keys import new_key
from pen_host.records.models import Consent, Patient, Person, Photo, View
from pen_host.records.patients import Patients
from pen_host.records.photo_places import CONSENT, PictureElsewhereError, places
from pen_host.records.store import Store, Writing, writer
from pen_host.records.tables import photographs, visits


class Photos:
    """Photographs of patients.

    Args:
        store: The record.
        patients: Its patients.
        consents: Their consents.
    """

    def __init__(self, store: Store, patients: Patients, consents: Consents) -> None:
        self._store = store
        self._patients = patients
        self._consents = consents
        # a file is written before its row, and taken away again when the row is refused: one at a time
        self._adding = threading.Lock()

    def add(
        self,
        patient_id: str,
        file: Path,
        view: View,
        day: date,
        by: Person,
        *,
        visit_id: str | None = None,
        note: str | None = None,
    ) -> Photo:
        """Takes a photograph into the record. The file given is read and stays where it is.

        Args:
            patient_id: Of whom.
            file: JPEG, PNG, WebP or TIFF.
            view: From where it was taken.
            day: When.
            by: Who enters it.
            visit_id: The visit at which it was taken.
            note: Anything about it.

        Raises:
            InputError: It is no picture, the day is in the future, or the visit is another patient's.
            ForbiddenStepError: No consent to photographs stands.
            ConflictError: This patient has the same photograph in the record.
            NotFoundError: There is no such patient.
        """
        self.must_be_allowed(patient_id, day)
        kept = photo_files.encoded(file)
        return self.keep(patient_id, kept, view, day, by, visit_id=visit_id, note=note)

    def must_be_allowed(self, patient_id: str, day: date) -> Patient:
        """Whether a photograph of a patient may be taken in; asked before a file is looked at.

        Raises:
            InputError: The day is in the future.
            ForbiddenStepError: No consent to photographs stands.
            NotFoundError: There is no such patient.
        """
        patient = self._patients.get(patient_id)
        if day > self._store.today():
            raise InputError("the photograph", {"day": f"{day:%Y-%m-%d} is in the future"})
        if self._consents.standing(patient.patient_id, CONSENT) is None:
            raise ForbiddenStepError("the photograph", [_no_consent()])
        return patient

    def keep(
        self,
        patient_id: str,
        kept: photo_files.Encoded,
        view: View,
        day: date,
        by: Person,
        *,
        visit_id: str | None = None,
        note: str | None = None,
    ) -> Photo:
        """Takes a photograph in that was encoded before, for example in another process; see `add`."""
        patient = self.must_be_allowed(patient_id, day)
        entry = made(
            Photo,
            "the photograph",
            {
                "photo_id": new_key(),
                "patient_id": patient.patient_id,
                "visit_id": visit_id,
                "day": day,
                "view": view,
                "sha256": kept.sha256,
                "width_px": kept.width_px,
                "height_px": kept.height_px,
                "note": note,
                "at": self._store.now(),
                "by": by,
            },
        )

        def change(writing: Writing) -> Sequence[Draft]:
            _must_be_new(writing, entry)
            values = entry.model_dump(exclude={"photo_id", "at", "by", "view"})
            writing.add(photographs, id=entry.photo_id, view=str(entry.view), **values)
            told = {"change": "photographed", "photo": entry.photo_id, "view": str(entry.view)}
            told |= {"day": day.isoformat(), "sha256": entry.sha256}
            return [Draft(Kind.PATIENT, told, subject=entry.patient_id)]

        with self._adding:
            added = photo_files.keep(self._store, kept)
            try:
                self._store.write(change, by)
            except BaseException:
                if added:
                    photo_files.remove(self._store, [kept.sha256])
                raise
        return self.get(entry.photo_id)

    def get(self, photo_id: str) -> Photo:
        """One photograph.

        Raises:
            NotFoundError: There is none.
        """
        row = self._store.row(select(photographs).where(photographs.c.id == photo_id))
        if row is None:
            raise NotFoundError("photograph", photo_id)
        return as_photo(row)

    def of(self, patient_id: str, view: View | None = None) -> tuple[Photo, ...]:
        """Photographs of a patient, oldest first.

        Raises:
            NotFoundError: There is no such patient.
        """
        query = select(photographs).where(photographs.c.patient_id == self._patients.existing(patient_id))
        if view is not None:
            query = query.where(photographs.c.view == str(view))
        rows = self._store.rows(query.order_by(photographs.c.day, photographs.c.at))
        return tuple(as_photo(row) for row in rows)

    def withdrawn(self, patient_id: str) -> Consent | None:
        """The consent to photographs that a patient took back, where they gave none since; None where nothing was taken back.

        Photographs stay in the record then, as the rest of it does, and are shown to nobody: on no page and in no report.
        """
        given = [one for one in self._consents.of(patient_id) if one.name == CONSENT]
        return None if not given or any(one.stands for one in given) else given[0]

    def must_be_shown(self, patient_id: str) -> None:
        """Whether photographs of a patient may be looked at.

        Raises:
            ForbiddenStepError: The consent to them was taken back.
        """
        consent = self.withdrawn(patient_id)
        if consent is not None:
            raise ForbiddenStepError("looking at the photograph", [_taken_back(consent)])

    def content(self, photo: Photo) -> bytes:
        """A photograph as JPEG, checked against its digest; whether it may be shown is the caller's question.

        Raises:
            PictureElsewhereError: It is at another station, and has never been here.
            VerificationError: The file is gone, or is not what it was.
        """
        if photo.sha256 not in photo_folder.digests_of(self._store.path, [photo.sha256]):
            sentence = self.elsewhere(photo.patient_id).get(photo.photo_id)
            if sentence:
                raise PictureElsewhereError(sentence)
        return photo_files.read(self._store, photo.sha256)

    def elsewhere(self, patient_id: str) -> dict[str, str]:
        """Photographs of a patient whose pictures are at another station and not here yet: by their key, a sentence each."""
        with closing(sqlite.connect_reader(self._store.path)) as connection:
            try:
                found = places(connection, patient_id)
            except sqlite3.Error as error:
                raise sqlite.translated(self._store.path, error) from error
        away = {one.sha256 for one in found if one.elsewhere}
        here = photo_folder.digests_of(self._store.path, away)
        return {one.photo_id: one.elsewhere for one in found if one.elsewhere and one.sha256 not in here}


def as_photo(row: RowMapping) -> Photo:
    """A photograph from its row."""
    return Photo(
        photo_id=row["id"],
        patient_id=row["patient_id"],
        visit_id=row["visit_id"],
        day=row["day"],
        view=View(row["view"]),
        sha256=row["sha256"],
        width_px=row["width_px"],
        height_px=row["height_px"],
        note=row["note"],
        at=row["at"],
        by=writer(row),
    )


def _must_be_new(writing: Writing, entry: Photo) -> None:
    """The visit is this patient's, and so far they have no such photograph."""
    if entry.visit_id is not None:
        row = writing.row(select(visits.c.patient_id).where(visits.c.id == entry.visit_id))
        if row is None or row["patient_id"] != entry.patient_id:
            raise InputError("the photograph", {"visit_id": "this patient has no such visit"})
    same = (photographs.c.patient_id == entry.patient_id) & (photographs.c.sha256 == entry.sha256)
    row = writing.row(select(photographs.c.day, photographs.c.view).where(same))
    if row is not None:
        raise ConflictError(
            f"This photograph is in the record already ({row['view']}, {row['day']:%Y-%m-%d}), so it was not added again. "
            "Choose the file of the new one."
        )


def _no_consent() -> Finding:
    sentence = f"No consent ({CONSENT}) stands under the newest text. Have it signed first."
    return Finding(Level.BLOCK, "consent_photographs", sentence, "the clinical record")


def _taken_back(consent: Consent) -> Finding:
    sentence = (
        f"The consent to photographs was withdrawn on {consent.withdrawn_at:%Y-%m-%d}: they stay in the record and are shown to "
        "nobody. Have a new consent signed if the patient agrees again."
    )
    return Finding(Level.BLOCK, "consent_photographs_withdrawn", sentence, "the clinical record")
