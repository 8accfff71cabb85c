"""What a run leaves behind, whether it ended or was cut off by a crash: its visit, its cartridges, the day of the next one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from ..errors import PenError
from ..journal import Journal, Kind
from ..models import CartridgeSeen
from ..records.models import Person, Visit
from .draft import Draft
from .flow_models import TreatmentStep
from .preparing import visit_of
from .visiting import Visiting


class Aftermath:
    """See the module.

    Args:
        journal: The record.
        visiting: The clinic's record, as the steps use it.
    """

    def __init__(self, journal: Journal, visiting: Visiting) -> None:
        self._journal = journal
        self._visiting = visiting
        self._clinic = visiting.clinic

    def restored(self) -> Draft | None:
        """The visit that a crash left open: at its close when a pen worked in it, else at its cartridge."""
        today = self._visiting.today()
        opened = [one for one in self._clinic.visits.opened() if one.sessions or one.day == today]
        if not opened:
            return None
        visit = opened[-1]
        draft = Draft(visit.opened_by.name, self._clinic.patients.get(visit.patient_id), None)
        draft.visit, draft.screened = visit, self._clinic.screening.get(visit.screening_id)
        draft.consent = self._clinic.consents.get(visit.consent_id)
        text = self._clinic.consents.text(draft.consent.text_id)
        draft.consent_title, draft.consent_sha256 = text.title, text.digest
        draft.off_label_said = visit.plan.off_label
        draft.answers = draft.screened.answers
        draft.reasons = {**draft.screened.reasons, **visit.reasons}
        draft.found(TreatmentStep.SCREENING, draft.screened.findings)
        draft.built = self._visiting.rebuilt(visit)
        draft.preset = visit.preset_id or ""
        draft.step = TreatmentStep.CARTRIDGE
        if visit.sessions:
            self.over(draft, visit.sessions[-1].session_id)
        return draft

    def settled(self, draft: Draft, session_id: str, serial: str) -> None:
        """A session that a crash left open was settled: it belongs to the visit that is open for its patient.

        Raises:
            PenError: It cannot be recorded.
        """
        visit = draft.visit
        if visit is None or self._subject(session_id) != visit.patient_id:
            return
        visit = self.attach(draft, session_id, serial, visit.opened_by)
        self.use_up(visit, session_id, visit.opened_by)
        self.over(draft, session_id)

    def attach(self, draft: Draft, session_id: str, serial: str, by: Person) -> Visit:
        """The session belongs to the open visit from now on; harmless when repeated.

        Raises:
            PenError: It cannot be recorded.
        """
        visit = visit_of(draft)
        if session_id not in {one.session_id for one in visit.sessions}:
            visit = draft.visit = self._clinic.visits.attach(visit.visit_id, session_id, serial, by)
        return visit

    def over(self, draft: Draft, session_id: str) -> None:
        """The pen has done its part; what is left is to close."""
        draft.session_id = session_id
        # a pen that was lost is settled when it comes back, and what was applied is counted from when the run ended
        draft.ended_at = draft.ended_at or datetime.now(UTC)
        if draft.visit is not None:
            with suppress(PenError):  # what cannot be proposed is computed again when the visit is closed
                following = self._clinic.visits.propose_next(draft.visit.visit_id)
                draft.next_eligible, draft.next_why = following.day.isoformat(), following.sentence
        # last: whoever sees this step reads what belongs to it
        draft.step = TreatmentStep.CLOSE

    def use_up(self, visit: Visit, session_id: str, by: Person) -> None:
        """Every cartridge that the session tried to burn is used, whether or not the pen answered.

        Raises:
            PenError: It cannot be recorded.
        """
        with self._journal.reader() as reader:
            rows = list(reader.rows(session_id))
        tried = {str(row.payload["serial"]) for row in rows if _burns(row.kind, row.payload)}
        read = [
            row.payload["cartridge"]
            for row in rows
            if row.kind == Kind.CARTRIDGE and row.payload["cartridge"]
        ]
        known = {one["serial"]: CartridgeSeen.model_validate_json(json.dumps(one)) for one in read}
        self._visiting.burned(
            visit, [known[serial] for serial in sorted(tried & known.keys())], session_id, by
        )

    def _subject(self, session_id: str) -> str | None:
        with self._journal.reader() as reader:
            found = reader.session(session_id)
        return None if found is None else found.opened.subject


def _burns(kind: str, payload: Mapping[str, object]) -> bool:
    return kind == Kind.INTENT and payload["request"] == "CARTRIDGE_USE"
