"""Photographs of patients: taken with consent, from fixed views, found again by day and view."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import TypeVar

from sqlalchemy import RowMapping, select

from pen_host.findings import Finding, Level
from pen_host.journal import Draft, Kind, sqlite
from pen_host.records import photo_files, photo_folder
from pen_host.records.consents import Consents
from pen_host.records.errors import ConflictError, ForbiddenStepError, InputError, NotFoundError, made
from pen_host.records.keys import new_key
from pen_host.records.models import Patient, Person, Photo, View
from pen_host.records.patients import Patients
from pen_host.records.photo_access import CONSENT, STANDS, Absence, NotShown, not_agreed
from pen_host.records.photo_adding import adding
from pen_host.records.photo_places import CAME_WITHOUT, PictureElsewhereError, came_without, places
from pen_host.records.store import Store, Writing, writer
from pen_host.records.tables import photographs, visits

Answer = TypeVar("Answer")


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

        with adding(self._store, [kept]):
            self._store.write(change, by)
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

    def withheld(self, patient_id: str) -> NotShown | None:
        """Why no picture of a patient is given out; None while a consent to photographs stands.

        Raises:
            NotFoundError: There is no such patient.
        """
        return not_agreed(self._consents.of(patient_id))

    def withheld_patients(self) -> frozenset[str]:
        """Everybody whose pictures are not given out for want of a consent."""
        query = f"SELECT DISTINCT p.patient_id FROM photographs p WHERE NOT {STANDS}"  # noqa: S608 - our own words
        return self._ask(lambda connection: frozenset(one for (one,) in connection.execute(query)))

    def not_shown(self, patient_id: str) -> dict[str, NotShown]:
        """Photographs of a patient whose pictures are not given out, by their key, and why.

        Raises:
            NotFoundError: There is no such patient.
        """
        withheld = self.withheld(patient_id)
        if withheld is not None:
            return {one.photo_id: withheld for one in self.of(patient_id)}
        return {key: NotShown(Absence.NOT_HERE, why) for key, why in self._never_here(patient_id).items()}

    def content(self, photo: Photo) -> bytes:
        """A photograph as JPEG, checked against its digest.

        Raises:
            ForbiddenStepError: No consent of the patient to photographs stands.
            PictureElsewhereError: It has never been here: it is at another station, or did not come with an import.
            VerificationError: The file is gone, or is not what it was.
        """
        withheld = self.withheld(photo.patient_id)
        if withheld is not None:
            raise ForbiddenStepError("looking at the photograph", [withheld.finding])
        if photo.sha256 not in photo_folder.digests_of(self._store.path, [photo.sha256]):
            why = self._never_here(photo.patient_id).get(photo.photo_id)
            if why:
                raise PictureElsewhereError(why)
        return photo_files.read(self._store, photo.sha256)

    def _never_here(self, patient_id: str) -> dict[str, str]:
        """Photographs of a patient whose pictures have never been here: by their key, a sentence each."""
        photos = self.of(patient_id)
        here = photo_folder.digests_of(self._store.path, (one.sha256 for one in photos))
        lacking = [one for one in photos if one.sha256 not in here]
        if not lacking:
            return {}
        found = {one.photo_id: one for one in self._ask(lambda connection: places(connection, patient_id))}
        imported = self._ask(lambda connection: came_without(connection, patient_id))
        why: dict[str, str] = {}
        for one in lacking:
            place = found.get(one.photo_id)
            if one.sha256 in imported and not (place and place.is_there):
                why[one.photo_id] = CAME_WITHOUT
            elif place and place.elsewhere:
                why[one.photo_id] = place.elsewhere
        return why

    def _ask(self, question: Callable[[sqlite3.Connection], Answer]) -> Answer:
        with closing(sqlite.connect_reader(self._store.path)) as connection:
            try:
                return question(connection)
            except sqlite3.Error as error:
                raise sqlite.translated(self._store.path, error) from error


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
