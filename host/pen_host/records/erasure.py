"""Erasing who a patient is: names, photographs, texts and salts go, the treatment, its lot and the chain stay.

The chain never held a name, only pseudonym and salted digests; with the salts gone those digests say nothing about anybody
any more. Deleted content is overwritten in the file (`PRAGMA secure_delete`). The patient's key is destroyed, without which what
backups hold of them is unreadable (`pen_host.records.patient_keys`). Not reached are copies of the record that were made by a
migration or by hand (whoever erases is told which of them lie beside the record), and what somebody
typed as a reason into the chain: an override, an abandoned visit, a recall.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import delete, func, select

from pen_host.journal import Draft, Kind
from pen_host.records import photo_files
from pen_host.records.at_rest import copies_of
from pen_host.records.errors import ConflictError, InputError
from pen_host.records.store import Store, Writing
from pen_host.records.tables import (
    consents,
    demographics,
    notes,
    outcomes,
    patients,
    photographs,
    reaction_days,
    reactions,
    topicals,
    visits,
)
from pen_host.screening.days import plus_months

RETENTION_MONTHS = 36
"""A client's record with its cartridge lots is kept for three years (Toronto Public Health, tattoo and aesthetic needle
cartridges)."""
GONE = "erased"
"""What stands where a name was that a column cannot do without."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What erasing a patient came to.

    Attributes:
        patient_id: The pseudonym; it stays.
        copies: Names of older copies of the record beside it, in which the patient may still be.
    """

    patient_id: str
    copies: tuple[str, ...]


def erase(store: Store, patient_id: str, reason: str, writing: Writing) -> Draft:
    """Erases within a transaction; the entry for it.

    Args:
        store: For the day.
        patient_id: The patient, known to be there.
        reason: Why, for the record.
        writing: The transaction.

    Raises:
        ConflictError: A visit is open, the record must still be kept, or they were erased before.
    """
    mine = patients.c.id == patient_id
    row = writing.row(select(patients.c.erased_at).where(mine))
    if row is None or row["erased_at"] is not None:
        raise ConflictError("This patient was erased before, so nothing was changed. Nothing is to be done.")
    _must_be_past_keeping(writing, patient_id, store.today())
    # files first: should the rest fail, the patient is still there to be erased, and no face is left without a name
    photo_files.remove(store, only_theirs(writing, patient_id))
    wipe(writing, patient_id)
    return Draft(Kind.PATIENT, {"change": "erased", "reason": reason}, subject=patient_id)


def wipe(writing: Writing, patient_id: str) -> None:
    """Removes from the tables who a patient is, and everything written about them as text; says when."""
    forget(writing, patient_id)
    writing.change(patients, patients.c.id == patient_id, erased_at=writing.at)


def forget(writing: Writing, patient_id: str) -> None:
    """Removes from the tables who a patient is: every column of `personal.PERSONAL`."""
    connection = writing.connection
    connection.execute(delete(demographics).where(demographics.c.patient_id == patient_id))
    connection.execute(delete(notes).where(notes.c.patient_id == patient_id))
    connection.execute(delete(photographs).where(photographs.c.patient_id == patient_id))
    its_reactions = select(reactions.c.id).where(reactions.c.patient_id == patient_id)
    writing.change(reaction_days, reaction_days.c.reaction_id.in_(its_reactions), note=None)
    writing.change(reactions, reactions.c.patient_id == patient_id, note=None, salt="")
    writing.change(outcomes, outcomes.c.patient_id == patient_id, note=None, salt="")
    writing.change(topicals, topicals.c.patient_id == patient_id, detail=None)
    signed = {"signed_by": GONE, "salt": "", "withdrawn_reason": None}
    writing.change(consents, consents.c.patient_id == patient_id, **signed)


def only_theirs(writing: Writing, patient_id: str) -> list[str]:
    """Digests of a patient's photographs that are nobody else's."""
    theirs = select(photographs.c.sha256).where(photographs.c.patient_id == patient_id)
    others = select(photographs.c.sha256).where(photographs.c.patient_id != patient_id)
    return [row["sha256"] for row in writing.rows(theirs.where(photographs.c.sha256.not_in(others)))]


def reason_for(text: str) -> str:
    """The reason, without which nobody is erased.

    Raises:
        InputError: There is none.
    """
    stripped = text.strip()
    if not stripped:
        raise InputError("the erasure", {"reason": "it is empty; say who asked for it and why"})
    return stripped


def copies_beside(store: Store) -> tuple[str, ...]:
    """Older copies of the record in its folder."""
    return tuple(copy.name for copy in copies_of(store.path))


def _must_be_past_keeping(writing: Writing, patient_id: str, today: date) -> None:
    if writing.row(select(visits.c.id).where(visits.c.open_for == patient_id)):
        raise ConflictError(
            "This patient has an open visit, so nothing was erased. Close or abandon it first."
        )
    row = writing.row(
        select(func.max(visits.c.day, type_=visits.c.day.type).label("day")).where(
            visits.c.patient_id == patient_id
        )
    )
    if row is None or row["day"] is None:
        return
    until = plus_months(row["day"], RETENTION_MONTHS)
    if today < until:
        raise ConflictError(
            f"This patient was last treated on {row['day']:%Y-%m-%d}, and the record of it with the cartridge's lot must be "
            f"kept until {until:%Y-%m-%d}, so nothing was erased. Erase it from that day on, and tell the patient so."
        )
