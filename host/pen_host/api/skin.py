"""Skin counts as open for a while after needling: what is applied then is recorded with its time and warned about.

Nothing here asks for anything to be applied, and no warning forbids: what was done is on record first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from ..findings import Finding
from ..records import Clinic
from ..records.adjuncts import check_topicals
from ..records.models import Person, TopicalUse, VisitSession
from .house import House
from .models import Model


class OpenSkin(Model):
    """A patient whose skin counts as open."""

    visit_id: str
    needled_at: datetime
    """When that visit's last pen session was opened."""
    until: datetime
    window_hours: int


class SkinDesk:
    """See the module. Waits for the disk.

    Args:
        clinic: The clinic's record.
        house: For the window.
        now: The moment, UTC.
    """

    def __init__(
        self, clinic: Clinic, house: House, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._clinic = clinic
        self._house = house
        self._now = now

    @property
    def window_hours(self) -> int:
        """How long skin counts as open."""
        return self._house.rules.topical_window_hours

    def open(self, patient_id: str) -> OpenSkin | None:
        """Until when a patient's skin counts as open; None when it does not.

        Raises:
            PenError: There is no such patient, or the record cannot be read.
        """
        return self._at(patient_id, self._now())

    def warnings(self, patient_id: str, uses: Sequence[TopicalUse]) -> tuple[Finding, ...]:
        """What to tell about things that were applied, each against the needling before it.

        Raises:
            PenError: There is no such patient, or the record cannot be read.
        """
        found: list[Finding] = []
        for use in uses:
            needled = self._at(patient_id, use.used_at)
            if needled is not None:
                found += check_topicals([use], needled.needled_at, needled.window_hours)
        return tuple(found)

    def record(self, patient_id: str, use: TopicalUse, by: Person) -> tuple[Finding, ...]:
        """Record what was applied after the visit was closed; returns what is to be told about it.

        Raises:
            PenError: It lies in the future, there is no such patient, or it cannot be recorded.
        """
        needled = self._at(patient_id, use.used_at)
        self._clinic.patients.topical(patient_id, use, by, visit_id=needled.visit_id if needled else None)
        return self.warnings(patient_id, [use])

    def _at(self, patient_id: str, moment: datetime) -> OpenSkin | None:
        """The newest needling before a moment, if the skin still counts as open then."""
        window = timedelta(hours=self.window_hours)
        for visit in self._clinic.visits.of(patient_id):
            session = _last_before(visit.sessions, moment)
            if session is not None:
                if moment - session.at > window:
                    return None
                return OpenSkin(
                    visit_id=visit.visit_id,
                    needled_at=session.at,
                    until=session.at + window,
                    window_hours=self.window_hours,
                )
        return None


def _last_before(sessions: Sequence[VisitSession], moment: datetime) -> VisitSession | None:
    earlier = [one for one in sessions if one.at <= moment]
    return max(earlier, key=lambda one: one.at, default=None)
