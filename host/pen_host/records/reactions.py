"""Reactions on record, and who must be looked at: what outlasts its expected days, what is severe, what never passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import RowMapping, select

from pen_host.journal import Draft, Kind
from pen_host.records.errors import ConflictError, InputError, NotFoundError
from pen_host.records.keys import new_key
from pen_host.records.models import DiaryEntry, NewReaction, Person, Reaction, ReactionKind, Severity
from pen_host.records.patients import Patients
from pen_host.records.store import Store, Writing, new_salt, salted, writer
from pen_host.records.tables import (
    cartridge_uses,
    cartridges,
    reaction_days,
    reactions,
    visit_sessions,
    visits,
)

_TRANSIENT = "transient reactions passed within 7 days, Chu 2021: 85 articles, 2,805 patients"
_PERSISTENT = "persistent or serious, Chu 2021: pigment change, tram-track scarring, granuloma"
_INFECTION = "FDA, Microneedling Devices: infection is to be reported"
_OOZING = "micropores of human skin closed after 58-63 h on average, PMC8259462"


@dataclass(frozen=True, slots=True)
class Expected:
    """How long a reaction is expected to last.

    Attributes:
        days: After its onset; 0 means it is never expected.
        source: Where that comes from.
    """

    days: int
    source: str


EXPECTED: Mapping[ReactionKind, Expected] = {
    ReactionKind.REDNESS: Expected(7, _TRANSIENT),
    ReactionKind.SWELLING: Expected(7, _TRANSIENT),
    ReactionKind.BRUISING: Expected(7, _TRANSIENT),
    ReactionKind.OOZING: Expected(3, _OOZING),
    ReactionKind.PAIN: Expected(7, _TRANSIENT),
    ReactionKind.BURNING: Expected(7, _TRANSIENT),
    ReactionKind.ITCHING: Expected(7, _TRANSIENT),
    ReactionKind.INFECTION: Expected(0, _INFECTION),
    ReactionKind.PIGMENT_CHANGE: Expected(0, _PERSISTENT),
    ReactionKind.SCARRING: Expected(0, _PERSISTENT),
    ReactionKind.GRANULOMA: Expected(0, _PERSISTENT),
    ReactionKind.TRAM_TRACK: Expected(0, _PERSISTENT),
}
"""What is expected of each kind. Granulomas came weeks later: nothing of that kind is waited for."""

_ORDER = (Severity.MILD, Severity.MODERATE, Severity.SEVERE)


class Reactions:
    """Reactions of patients.

    Args:
        store: The record.
        patients: Its patients.
    """

    def __init__(self, store: Store, patients: Patients) -> None:
        self._store = store
        self._patients = patients

    def record(self, visit_id: str, seen: NewReaction, by: Person) -> Reaction:
        """Records a reaction to the treatment of a visit.

        Raises:
            NotFoundError: There is no such visit.
            InputError: It began before the visit or in the future.
        """
        key = new_key()
        today = self._store.today()

        def change(writing: Writing) -> Sequence[Draft]:
            visit = writing.row(select(visits).where(visits.c.id == visit_id))
            if visit is None:
                raise NotFoundError("visit", visit_id)
            if not visit["day"] <= seen.onset <= today:
                why = "before the treatment" if seen.onset < visit["day"] else "in the future"
                raise InputError("the reaction", {"onset": f"{seen.onset:%Y-%m-%d} is {why}"})
            salt = new_salt()
            note = seen.note
            writing.add(
                reactions,
                id=key,
                patient_id=visit["patient_id"],
                visit_id=visit_id,
                kind=str(seen.kind),
                onset=seen.onset,
                site=seen.site,
                note=note,
                salt=salt,
            )
            writing.add(reaction_days, reaction_id=key, day=seen.onset, severity=str(seen.severity))
            told: dict[str, object] = {"change": "recorded", "reaction": key, "visit": visit_id}
            told |= {"kind": str(seen.kind)}
            told |= {"onset": seen.onset.isoformat(), "severity": str(seen.severity)}
            told |= {"note": salted(salt, {"note": note}) if note else None}
            return [Draft(Kind.REACTION, told, subject=visit["patient_id"])]

        self._store.write(change, by)
        return self.get(key)

    def diary(self, reaction_id: str, entry: DiaryEntry, by: Person) -> Reaction:
        """Adds a day to a reaction's diary; a day on which it was gone ends it.

        Raises:
            NotFoundError: There is no such reaction.
            InputError: The day is before its onset, in the future, or in the diary already.
            ConflictError: It was gone before that day.
        """
        known = self.get(reaction_id)
        if not known.onset <= entry.day <= self._store.today():
            why = "before its onset" if entry.day < known.onset else "in the future"
            raise InputError("the diary entry", {"day": f"{entry.day:%Y-%m-%d} is {why}"})
        if any(day.day == entry.day for day in known.diary):
            raise InputError("the diary entry", {"day": f"{entry.day:%Y-%m-%d} is in the diary already"})

        def change(writing: Writing) -> Sequence[Draft]:
            row = writing.row(select(reactions.c.resolved).where(reactions.c.id == reaction_id))
            if row is None or (row["resolved"] is not None and entry.day > row["resolved"]):
                raise ConflictError(
                    "This reaction was gone before that day, so the diary was not changed. Record a new reaction if it came "
                    "back."
                )
            severity = str(entry.severity) if entry.severity else None
            writing.add(
                reaction_days, reaction_id=reaction_id, day=entry.day, severity=severity, note=entry.note
            )
            if severity is None:
                writing.change(reactions, reactions.c.id == reaction_id, resolved=entry.day)
            told = {
                "change": "diary",
                "reaction": reaction_id,
                "day": entry.day.isoformat(),
                "severity": severity,
            }
            return [Draft(Kind.REACTION, told, subject=known.patient_id)]

        self._store.write(change, by)
        return self.get(reaction_id)

    def review(self, reaction_id: str, by: Person) -> Reaction:
        """Records that a clinician looked at a reaction; it is escalated no more.

        Raises:
            NotFoundError: There is no such reaction.
        """
        known = self.get(reaction_id)

        def change(writing: Writing) -> Sequence[Draft]:
            writing.change(
                reactions,
                reactions.c.id == reaction_id,
                reviewed_at=writing.at,
                reviewer_name=by.name,
                reviewer_role=by.role,
            )
            told = {"change": "reviewed", "reaction": reaction_id}
            return [Draft(Kind.REACTION, told, subject=known.patient_id)]

        self._store.write(change, by)
        return self.get(reaction_id)

    def get(self, reaction_id: str) -> Reaction:
        """One reaction.

        Raises:
            NotFoundError: There is none.
        """
        rows = self._store.rows(select(reactions).where(reactions.c.id == reaction_id))
        if not rows:
            raise NotFoundError("reaction", reaction_id)
        return self._complete(rows)[0]

    def of(self, patient_id: str) -> tuple[Reaction, ...]:
        """Reactions of a patient, newest first."""
        patient = self._patients.existing(patient_id)
        query = select(reactions).where(reactions.c.patient_id == patient)
        return self._complete(self._store.rows(query.order_by(reactions.c.onset.desc())))

    def escalated(self) -> tuple[Reaction, ...]:
        """Reactions that somebody must look at, oldest first."""
        query = select(reactions).where(reactions.c.reviewed_at.is_(None)).order_by(reactions.c.onset)
        return tuple(one for one in self._complete(self._store.rows(query)) if one.escalated)

    def _complete(self, rows: Sequence[RowMapping]) -> tuple[Reaction, ...]:
        """Reactions with their diaries, pens and lots: three queries, however many there are."""
        if not rows:
            return ()
        ids = [row["id"] for row in rows]
        of_visits = [row["visit_id"] for row in rows]
        days: dict[str, list[DiaryEntry]] = {}
        query = (
            select(reaction_days).where(reaction_days.c.reaction_id.in_(ids)).order_by(reaction_days.c.day)
        )
        for row in self._store.rows(query):
            severity = Severity(row["severity"]) if row["severity"] else None
            entry = DiaryEntry(day=row["day"], severity=severity, note=row["note"])
            days.setdefault(row["reaction_id"], []).append(entry)
        pens = self._store.rows(select(visit_sessions).where(visit_sessions.c.visit_id.in_(of_visits)))
        lots = self._store.rows(
            select(cartridge_uses.c.visit_id, cartridges.c.lot)
            .join(cartridges, cartridge_uses.c.cartridge_id == cartridges.c.id)
            .where(cartridge_uses.c.visit_id.in_(of_visits))
        )
        today = self._store.today()
        return tuple(_reaction(row, days.get(row["id"], []), pens, lots, today) for row in rows)


def escalation(
    kind: ReactionKind, severity: Severity, onset: date, resolved: date | None, reviewed: bool, today: date
) -> str | None:
    """Why somebody must look at a reaction, or None while nobody must. Pure.

    Args:
        kind: What it is.
        severity: The strongest so far.
        onset: Its first day.
        resolved: The day it was gone, if it is.
        reviewed: Whether a clinician looked at it.
        today: The day.
    """
    if reviewed:
        return None
    expected = EXPECTED[kind]
    name = str(kind).replace("_", " ")
    if expected.days == 0:
        return f"{name} is never expected ({expected.source}); a clinician must look at it now"
    if severity is Severity.SEVERE:
        return f"severe {name}; a clinician must look at it now"
    lasted = ((resolved or today) - onset).days
    if lasted > expected.days:
        verb = "lasted" if resolved else "has lasted"
        return (
            f"{name} {verb} {lasted} days, longer than the expected {expected.days} ({expected.source}); "
            "a clinician must look at it"
        )
    return None


def _reaction(
    row: RowMapping,
    diary: Sequence[DiaryEntry],
    pens: Sequence[RowMapping],
    lots: Sequence[RowMapping],
    today: date,
) -> Reaction:
    kind = ReactionKind(row["kind"])
    worst = max((day.severity for day in diary if day.severity), key=_ORDER.index)
    mine = [pen for pen in pens if pen["visit_id"] == row["visit_id"]]
    reviewer = None
    if row["reviewed_at"] is not None:
        reviewer = Person(name=row["reviewer_name"], role=row["reviewer_role"])
    return Reaction(
        reaction_id=row["id"],
        patient_id=row["patient_id"],
        visit_id=row["visit_id"],
        session_ids=tuple(pen["session_id"] for pen in mine),
        pen_serials=tuple(dict.fromkeys(pen["pen_serial"] for pen in mine)),
        lots=tuple(dict.fromkeys(lot["lot"] for lot in lots if lot["visit_id"] == row["visit_id"])),
        kind=kind,
        onset=row["onset"],
        severity=worst,
        site=row["site"],
        note=row["note"],
        diary=tuple(diary),
        resolved=row["resolved"],
        expected_days=EXPECTED[kind].days,
        expected_source=EXPECTED[kind].source,
        escalated=escalation(kind, worst, row["onset"], row["resolved"], reviewer is not None, today),
        reviewed_at=row["reviewed_at"],
        reviewed_by=reviewer,
        at=row["at"],
        by=writer(row),
    )
