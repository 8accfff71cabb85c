"""Everything that happened to a patient, newest first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import select

from pen_host.models import Model
from pen_host.records.consents import Consents
from pen_host.records.models import Person, TimelineItem
from pen_host.records.outcomes import Outcomes
from pen_host.records.patients import Patients, as_home_tool, as_topical
from pen_host.records.photos import as_photo
from pen_host.records.reactions import Reactions
from pen_host.records.screenings import Screenings
from pen_host.records.store import Store, writer
from pen_host.records.tables import cartridge_uses, cartridges, home_tools, photographs, topicals
from pen_host.records.visits import Visits


class Timeline:
    """The story of one patient, from the repositories of a clinic.

    Args:
        store: The record.
        patients: Patients.
        consents: Consents.
        screenings: Screenings.
        visits: Visits.
        outcomes: Outcomes.
        reactions: Reactions.
    """

    def __init__(
        self,
        store: Store,
        patients: Patients,
        consents: Consents,
        screenings: Screenings,
        visits: Visits,
        outcomes: Outcomes,
        reactions: Reactions,
    ) -> None:
        self._store = store
        self._patients = patients
        self._consents = consents
        self._screenings = screenings
        self._visits = visits
        self._outcomes = outcomes
        self._reactions = reactions

    def of(self, patient_id: str) -> tuple[TimelineItem, ...]:
        """Every visit, consent, screening, outcome, reaction, note, topical, home tool, cartridge and photograph, newest first.

        Raises:
            NotFoundError: There is no such patient.
        """
        patient = self._patients.existing(patient_id)
        items = [
            *self._treated(patient),
            *self._signed(patient),
            *self._observed(patient),
            *self._used(patient),
            *self._pictured(patient),
        ]
        return tuple(sorted(items, key=lambda item: item.at, reverse=True))

    def _treated(self, patient: str) -> Iterator[TimelineItem]:
        for visit in self._visits.of(patient):
            title = f"{visit.plan.title}: {visit.state}"
            yield _item(visit.opened_at, "visit", visit.visit_id, title, visit.opened_by, visit)
        query = (
            select(cartridge_uses, cartridges.c.lot, cartridges.c.serial)
            .join(cartridges, cartridges.c.id == cartridge_uses.c.cartridge_id)
            .where(cartridge_uses.c.patient_id == patient)
        )
        for row in self._store.rows(query):
            details = {"lot": row["lot"], "serial": row["serial"], "visit_id": row["visit_id"]}
            title = f"Cartridge {row['serial']} of lot {row['lot']}"
            yield TimelineItem(
                at=row["at"],
                kind="cartridge",
                key=row["cartridge_id"],
                title=title,
                by=writer(row),
                details=details,
            )

    def _signed(self, patient: str) -> Iterator[TimelineItem]:
        for consent in self._consents.of(patient):
            title = (
                f"Consent {consent.name} version {consent.version}{'' if consent.stands else ', withdrawn'}"
            )
            yield _item(
                consent.signed_at, "consent", consent.consent_id, title, consent.witnessed_by, consent
            )
        for screened in self._screenings.of(patient):
            title = f"Screening, {len(screened.findings)} findings, {len(screened.overrides)} gone past"
            yield _item(screened.at, "screening", screened.screening_id, title, screened.by, screened)

    def _observed(self, patient: str) -> Iterator[TimelineItem]:
        for outcome in self._outcomes.of(patient):
            title = str(outcome.measured.kind).replace("_", " ")
            yield _item(outcome.at, "outcome", outcome.outcome_id, title, outcome.by, outcome)
        for reaction in self._reactions.of(patient):
            title = f"{str(reaction.kind).replace('_', ' ')}, {reaction.severity}"
            yield _item(reaction.at, "reaction", reaction.reaction_id, title, reaction.by, reaction)

    def _used(self, patient: str) -> Iterator[TimelineItem]:
        for note in self._patients.notes(patient):
            yield _item(note.at, "note", note.note_id, note.text[:80], note.by, note)
        for row in self._store.rows(select(topicals).where(topicals.c.patient_id == patient)):
            used = as_topical(row)
            yield _item(row["at"], "topical", row["id"], str(used.substance), writer(row), used)
        for row in self._store.rows(select(home_tools).where(home_tools.c.patient_id == patient)):
            tool = as_home_tool(row)
            title = f"{tool.tool} {tool.needle_um} um, {tool.times_a_week} a week"
            yield _item(row["at"], "home_tool", row["id"], title, writer(row), tool)

    def _pictured(self, patient: str) -> Iterator[TimelineItem]:
        query = select(photographs).where(photographs.c.patient_id == patient)
        for photo in map(as_photo, self._store.rows(query)):
            title = f"Photograph {str(photo.view).replace('_', ' ')} of {photo.day:%Y-%m-%d}"
            yield _item(photo.at, "photograph", photo.photo_id, title, photo.by, photo)


def _item(at: datetime, kind: str, key: str, title: str, by: Person, model: Model) -> TimelineItem:
    return TimelineItem(at=at, kind=kind, key=key, title=title, by=by, details=model.model_dump(mode="json"))
