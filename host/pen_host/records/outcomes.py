"""Outcomes on record: each measure with its units, its rater and the treatments it follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import RowMapping, select

from pen_host.journal import Draft, Kind
from pen_host.records.errors import InputError, NotFoundError, made
from pen_host.records.keys import new_key
from pen_host.records.models import OUTCOME_KINDS, Measured, Outcome, Person
from pen_host.records.patients import Patients
from pen_host.records.store import Store, Writing, new_salt, salted, writer
from pen_host.records.tables import outcomes, visits

_NO_REASON = "say why it is corrected; the old value stays in the record beside it"
_MEASURED: TypeAdapter[Measured] = TypeAdapter(Measured)


def measured_of(content: Mapping[str, Any]) -> Measured:
    """A measure from plain values.

    Raises:
        InputError: There is no such measure, or a field cannot be; a count without its area is refused.
    """
    kind = content.get("kind")
    if kind not in OUTCOME_KINDS:
        raise InputError("the outcome", {"kind": f"{kind!s:.40} is none of {', '.join(OUTCOME_KINDS)}"})
    found: Any = made(OUTCOME_KINDS[kind], "the outcome", content)
    return found  # type: ignore[no-any-return]


class Outcomes:
    """Outcomes of patients.

    Args:
        store: The record.
        patients: Its patients.
    """

    def __init__(self, store: Store, patients: Patients) -> None:
        self._store = store
        self._patients = patients

    def record(
        self,
        patient_id: str,
        measured: Measured,
        day: date,
        by: Person,
        *,
        visit_id: str | None = None,
        baseline: bool = False,
        note: str | None = None,
        amends: str | None = None,
    ) -> Outcome:
        """Records a measure.

        Args:
            patient_id: The patient.
            measured: What, with its units.
            day: When it was measured.
            by: Who enters it.
            visit_id: The visit at which it was taken.
            baseline: Later ones are compared with it.
            note: Anything about it; of one that replaces another, why.
            amends: An outcome that this one replaces.

        Raises:
            NotFoundError: There is no such patient.
            InputError: The day is in the future or before birth, visit or amended outcome are not this patient's, or nobody
                says why it is amended.
        """
        patient = self._patients.get(patient_id)
        who = patient.demographics
        _must_be_in_life(self._store.today(), day, who.birth_date if who else None)
        given: dict[str, object] = {"outcome_id": new_key(), "patient_id": patient.patient_id}
        given |= {"visit_id": visit_id, "day": day}
        given |= {"measured": measured, "baseline": baseline, "note": note, "amends": amends}
        entry = made(Outcome, "the outcome", {**given, "at": self._store.now(), "by": by})

        def change(writing: Writing) -> Sequence[Draft]:
            _must_belong(writing, entry)
            content = _MEASURED.dump_python(entry.measured, mode="json")
            salt = new_salt()
            writing.add(
                outcomes,
                id=entry.outcome_id,
                patient_id=entry.patient_id,
                visit_id=visit_id,
                day=day,
                kind=content["kind"],
                measured=content,
                baseline=baseline,
                note=entry.note,
                salt=salt,
                amends=amends,
            )
            told: dict[str, object] = {
                "id": entry.outcome_id,
                "kind": content["kind"],
                "day": day.isoformat(),
                "amends": amends,
            }
            told |= {"baseline": baseline, "visit": visit_id, "digest": salted(salt, content)}
            return [Draft(Kind.MEASUREMENT, told, subject=entry.patient_id)]

        self._store.write(change, by)
        return self.get(entry.outcome_id)

    def amend(
        self, outcome_id: str, measured: Measured, reason: str, by: Person, *, day: date | None = None
    ) -> Outcome:
        """Corrects a measure: a new one in its place, at the same visit. The old one stays in the record, and says nothing more.

        Args:
            outcome_id: Which.
            measured: What is right.
            reason: Why.
            by: Who corrects it.
            day: When it was measured; the old one's when not given.

        Raises:
            NotFoundError: There is none.
            InputError: The reason is missing, it was amended already, or it cannot be so; says at which field.
        """
        old = self.get(outcome_id)
        if not reason.strip():
            raise InputError("the correction", {"reason": _NO_REASON})
        return self.record(
            old.patient_id,
            measured,
            day or old.day,
            by,
            visit_id=old.visit_id,
            baseline=old.baseline,
            note=reason,
            amends=old.outcome_id,
        )

    def get(self, outcome_id: str) -> Outcome:
        """One outcome.

        Raises:
            NotFoundError: There is none.
        """
        row = self._store.row(select(outcomes).where(outcomes.c.id == outcome_id))
        if row is None:
            raise NotFoundError("outcome", outcome_id)
        return as_outcome(row)

    def of(self, patient_id: str, kind: str | None = None) -> tuple[Outcome, ...]:
        """Outcomes of a patient as they stand, oldest first: those that were amended are left out."""
        patient = self._patients.existing(patient_id)
        query = select(outcomes).where(outcomes.c.patient_id == patient)
        rows = self._store.rows(query.order_by(outcomes.c.day, outcomes.c.at))
        amended = {row["amends"] for row in rows}
        return tuple(
            as_outcome(row)
            for row in rows
            if row["id"] not in amended and (kind is None or row["kind"] == kind)
        )

    def history(self, patient_id: str) -> tuple[Outcome, ...]:
        """All that was ever measured of a patient, oldest first, each followed by what replaced it."""
        patient = self._patients.existing(patient_id)
        query = select(outcomes).where(outcomes.c.patient_id == patient)
        found = [as_outcome(row) for row in self._store.rows(query.order_by(outcomes.c.day, outcomes.c.at))]
        following = {one.amends: one for one in found if one.amends is not None}
        told: list[Outcome] = []
        for one in found:
            link: Outcome | None = one if one.amends is None else None
            while link is not None:
                told.append(link)
                link = following.get(link.outcome_id)
        return tuple(told)

    def every(self, kind: str) -> tuple[Outcome, ...]:
        """Outcomes of one kind of all patients, oldest first, for a view over many of them."""
        rows = self._store.rows(select(outcomes).where(outcomes.c.kind == kind).order_by(outcomes.c.day))
        amended = {row["amends"] for row in self._store.rows(select(outcomes.c.amends))}
        return tuple(as_outcome(row) for row in rows if row["id"] not in amended)


def as_outcome(row: RowMapping) -> Outcome:
    """An outcome from its row."""
    return Outcome(
        outcome_id=row["id"],
        patient_id=row["patient_id"],
        visit_id=row["visit_id"],
        day=row["day"],
        measured=_MEASURED.validate_python(row["measured"], strict=False),
        baseline=row["baseline"],
        note=row["note"],
        amends=row["amends"],
        at=row["at"],
        by=writer(row),
    )


def _must_be_in_life(today: date, day: date, born: date | None) -> None:
    if day > today:
        raise InputError(
            "the outcome", {"day": f"{day:%Y-%m-%d} is in the future, so nothing was measured yet"}
        )
    if born is not None and day < born:
        raise InputError("the outcome", {"day": f"{day:%Y-%m-%d} is before the patient was born"})


def _must_belong(writing: Writing, entry: Outcome) -> None:
    """Visit and amended outcome must be this patient's, and nothing is amended twice."""
    if entry.visit_id is not None:
        row = writing.row(select(visits.c.patient_id).where(visits.c.id == entry.visit_id))
        if row is None or row["patient_id"] != entry.patient_id:
            raise InputError("the outcome", {"visit_id": "this patient has no such visit"})
    if entry.amends is None:
        return
    row = writing.row(select(outcomes.c.patient_id, outcomes.c.kind).where(outcomes.c.id == entry.amends))
    if row is None or (row["patient_id"], row["kind"]) != (entry.patient_id, entry.measured.kind):
        raise InputError("the outcome", {"amends": "this patient has no such outcome of this kind"})
    if writing.row(select(outcomes.c.id).where(outcomes.c.amends == entry.amends)):
        raise InputError("the outcome", {"amends": "that outcome was amended already; amend the newer one"})
    if not entry.note:
        raise InputError("the outcome", {"note": _NO_REASON})
