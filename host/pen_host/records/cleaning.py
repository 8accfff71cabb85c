"""The cleaning gate: a pen that was on one patient is cleaned before it is on another."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, select

from pen_host.findings import Finding, Level
from pen_host.journal import Draft, Kind
from pen_host.records.errors import made
from pen_host.records.keys import new_key
from pen_host.records.models import Cleaning, CleaningMethod, Person
from pen_host.records.store import Store, Writing, writer
from pen_host.records.tables import cleanings, visit_sessions, visits

SOURCE = "21 CFR 878.4430 (validated cleaning of reusable parts); FDA and CDC on cross-contamination"


class CleaningLog:
    """Cleanings of pens.

    Args:
        store: The record.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def cleaned(
        self, pen_serial: str, method: CleaningMethod, by: Person, *, sheath_changed: bool
    ) -> Cleaning:
        """Records that a pen was cleaned.

        Raises:
            InputError: A field cannot be.
        """
        entry = made(
            Cleaning,
            "the cleaning",
            {
                "cleaning_id": new_key(),
                "pen_serial": pen_serial.strip(),
                "method": method,
                "sheath_changed": sheath_changed,
                "at": self._store.now(),
                "by": by,
            },
        )

        def change(writing: Writing) -> Sequence[Draft]:
            content = {
                "pen_serial": entry.pen_serial,
                "method": str(method),
                "sheath_changed": sheath_changed,
            }
            writing.add(cleanings, id=entry.cleaning_id, **content)
            return [Draft(Kind.CLEANING, content, pen_serial=entry.pen_serial)]

        self._store.write(change, by)
        cleaned = self.last(entry.pen_serial)
        assert cleaned is not None, "it was committed just now"
        return cleaned

    def last(self, pen_serial: str) -> Cleaning | None:
        """The newest cleaning of a pen, or None."""
        row = self._store.row(
            select(cleanings)
            .where(cleanings.c.pen_serial == pen_serial)
            .order_by(cleanings.c.at.desc())
            .limit(1)
        )
        if row is None:
            return None
        return Cleaning(
            cleaning_id=row["id"],
            pen_serial=row["pen_serial"],
            method=CleaningMethod(row["method"]),
            sheath_changed=row["sheath_changed"],
            at=row["at"],
            by=writer(row),
        )

    def check(self, pen_serial: str, patient_id: str, visit_id: str | None = None) -> list[Finding]:
        """What forbids using a pen on a patient: it was on skin since it was cleaned; nothing when it may be used.

        Args:
            pen_serial: The pen.
            patient_id: The patient it would be used on.
            visit_id: The visit: a second session of one visit needs no cleaning in between.
        """
        used = self._store.row(_last_use(pen_serial))
        if used is None or (visit_id is not None and used["visit_id"] == visit_id):
            return []
        cleaned = self.last(pen_serial)
        if cleaned is not None and cleaned.at > used["at"]:
            return []
        whom = "this patient" if used["patient_id"] == patient_id else "another patient"
        sentence = (
            f"Pen {pen_serial} was used on {whom} at {used['at']:%Y-%m-%d %H:%M} UTC and was not cleaned since. Clean it, "
            "change the sheath, and record the cleaning."
        )
        return [Finding(Level.BLOCK, "pen_not_cleaned", sentence, SOURCE)]


def _last_use(pen_serial: str) -> Select[tuple[object, ...]]:
    return (
        select(visit_sessions.c.at, visit_sessions.c.visit_id, visits.c.patient_id)
        .join(visits, visit_sessions.c.visit_id == visits.c.id)
        .where(visit_sessions.c.pen_serial == pen_serial)
        .order_by(visit_sessions.c.at.desc())
        .limit(1)
    )
