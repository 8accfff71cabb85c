"""`Clinic`: every part of the clinical record behind one door."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import select

from pen_host.dose import ZoneDose
from pen_host.journal import Journal, JournalReader, JournalUnwritableError, default_path
from pen_host.records import photo_adding, seals
from pen_host.records.cartridges import Cartridges
from pen_host.records.cleaning import CleaningLog
from pen_host.records.consents import Consents
from pen_host.records.doses import visit_doses
from pen_host.records.due import due_patients
from pen_host.records.layout import bring_up_to_date, has_tables, must_be_current
from pen_host.records.lots import search_lot
from pen_host.records.models import Due, LotUse, TimelineItem, VisitState
from pen_host.records.outcomes import Outcomes
from pen_host.records.patients import Patients
from pen_host.records.photos import Photos
from pen_host.records.presets import Presets
from pen_host.records.reactions import Reactions
from pen_host.records.recalls import Recalls
from pen_host.records.screenings import Screenings
from pen_host.records.seals import Seal
from pen_host.records.store import Store
from pen_host.records.tables import visits
from pen_host.records.timeline import Timeline
from pen_host.records.version_arms import Cohort, Treated, cohort
from pen_host.records.visits import Visits
from pen_host.vault import Vault

RECORD = "record.sqlite3"
AHEAD_DAYS = 14
"""How far the list of due patients looks ahead. (J)"""


def record_in(place: Path | None) -> Path:
    """The record that a folder holds; a file is the record itself, and this user's own is taken when nothing is named."""
    if place is None:
        return default_path()
    return place if place.suffix else place / RECORD


@contextmanager
def presets_of(place: Path | None) -> Iterator[Presets]:
    """The presets of the clinic whose record this is, to be read; those that come with the program where there is none yet.

    Raises:
        JournalError: The record cannot be read, or its tables are of another layout.
    """
    path = record_in(place)
    if not path.is_file() or not has_tables(path):
        yield Presets(path, None)
        return
    with Clinic.read(place) as clinic:
        yield clinic.presets


class Clinic:
    """The clinical record of one station. Safe to use from several threads.

    Get one from `open`, which owns its journal, from `on`, which shares one, or from `read`, which cannot write and works
    beside a running console; close it, or use it in a `with`.

    Attributes:
        patients: Patients, notes, home tools, adjuncts.
        consents: Consent texts and signatures.
        screening: Questions, answers, findings, overrides.
        presets: Treatment presets and their plans.
        cartridges: Inventory and binding.
        recalls: Lots that were called back.
        cleaning: The gate between patients.
        visits: Visits from opening to signature.
        outcomes: Measures.
        reactions: Reactions and who must be looked at.
        photos: Photographs, from fixed views.
    """

    def __init__(self, store: Store, *, owned: bool) -> None:
        self._store = store
        self._owned = owned
        self.patients = Patients(store)
        self.consents = Consents(store, self.patients)
        self.screening = Screenings(store, self.patients)
        self.presets = Presets(store.path, store)
        self.recalls = Recalls(store)
        self.cartridges = Cartridges(store, self.recalls)
        self.cleaning = CleaningLog(store)
        self.visits = Visits(store, self.patients, self.consents, self.screening, self.cleaning)
        self.outcomes = Outcomes(store, self.patients)
        self.reactions = Reactions(store, self.patients)
        self.photos = Photos(store, self.patients, self.consents)
        parts = (self.consents, self.screening, self.visits, self.outcomes, self.reactions)
        self._timeline = Timeline(store, self.patients, *parts)

    @classmethod
    def open(
        cls,
        folder: Path | None = None,
        *,
        station_id: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        today: Callable[[], date] = date.today,
        vault: Vault | None = None,
    ) -> Self:
        """Opens the record in a folder, which is made when absent; closing the clinic closes the journal.

        Args:
            folder: The record directory, or the record itself; this user's own when not given.
            station_id: Name for a new record's station; drawn when not given.
            now: The moment, UTC.
            today: The clinic's calendar day.
            vault: Where the station's key lies; this computer's when not given.

        Raises:
            JournalError: It is held by another program, damaged, newer, on a full disk or in an unsafe place.
        """
        journal = Journal.create_or_open(record_in(folder), station_id=station_id, vault=vault)
        try:
            return cls._over(journal, now, today, owned=True)
        except BaseException:
            journal.close()
            raise

    @classmethod
    def on(
        cls,
        journal: Journal,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        today: Callable[[], date] = date.today,
    ) -> Self:
        """The clinical record that lies in an open journal, which stays its owner's to close.

        Raises:
            JournalError: Its clinical tables are newer, or cannot be made.
        """
        return cls._over(journal, now, today, owned=False)

    @classmethod
    def read(
        cls,
        folder: Path | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        today: Callable[[], date] = date.today,
    ) -> Self:
        """The clinical record in a folder, to read only: it takes no lock, so it works while a console writes.

        Raises:
            JournalError: There is no record, it cannot be read, or its tables are of another layout.
        """
        path = record_in(folder)
        if not path.is_file():
            raise JournalUnwritableError(path, "there is no such file")
        must_be_current(path)
        return cls(Store(path, None, now, today), owned=False)

    @classmethod
    def _over(
        cls, journal: Journal, now: Callable[[], datetime], today: Callable[[], date], *, owned: bool
    ) -> Self:
        bring_up_to_date(journal)
        made = cls(Store(journal.path, journal, now, today), owned=owned)
        photo_adding.settle(made.store)
        return made

    @property
    def journal(self) -> Journal:
        """The journal it lies on.

        Raises:
            JournalUnwritableError: It was opened for reading only.
        """
        if self._store.journal is None:
            raise JournalUnwritableError(self._store.path, "it was opened for reading only")
        return self._store.journal

    @property
    def store(self) -> Store:
        """The tables themselves, for what takes or brings whole rows: an export, an import."""
        return self._store

    @property
    def place(self) -> Path:
        """The record's file."""
        return self._store.path

    def chain(self) -> JournalReader:
        """A reader of the chain; close it, or use it in a `with`.

        Raises:
            JournalError: The record cannot be read.
        """
        return JournalReader(self._store.path)

    def seal(self, visit_id: str | None = None) -> Seal:
        """The head of the chain as a witness: of a visit's last entry, or of the record as it is now.

        Raises:
            NotFoundError: There is no such visit.
        """
        return seals.newest(self._store) if visit_id is None else seals.of_visit(self._store, visit_id)

    def due(self, day: date | None = None, ahead_days: int = AHEAD_DAYS) -> tuple[Due, ...]:
        """Patients whose next visit has come or comes within so many days, the longest overdue first."""
        return due_patients(self._store, self.presets.sessions(), day or self._store.today(), ahead_days)

    def cohort(self, preset_id: str, week: int, *, together: bool = False) -> Cohort:
        """Everybody treated by a preset, as a trial would table them at the end of a week; told per version.

        Args:
            preset_id: The preset.
            week: Weeks since each patient's first treatment.
            together: Puts every version of it into one arm, and says so.

        Raises:
            PresetError: There is no such preset, and nobody was treated by it.
            PoolError: Counts of two units, kinds of hair or sites would go into one mean.
        """
        named = (visits.c.patient_id, visits.c.day, visits.c.at, visits.c.station_id)
        query = (
            select(*named, visits.c.preset_digest)
            .where(visits.c.preset_id == preset_id, visits.c.state == str(VisitState.CLOSED))
            .order_by(visits.c.day, visits.c.at)
        )
        version = self.presets.versions_told()
        treated = [
            Treated(
                *(row["patient_id"], row["day"]),
                version(preset_id, row["preset_digest"], row["at"], partial(str, row["station_id"])),
            )
            for row in self._store.rows(query)
        ]
        if not treated and preset_id not in self.presets.titles():
            self.presets.get(preset_id)
        return cohort(preset_id, week, treated, self.outcomes.of, together=together)

    def lot(self, lot: str, gtin: str | None = None) -> tuple[LotUse, ...]:
        """Who got this lot, when, from whom."""
        return search_lot(self._store, lot, gtin)

    def doses(self, visit_id: str) -> tuple[ZoneDose, ...]:
        """Estimated maximum punctures per cm2 of each zone of a visit, per hold of the trigger and in total.

        Raises:
            NotFoundError: There is no such visit.
            UsageError: A session of it is not in this journal.
        """
        return visit_doses(self._store, self.visits.get(visit_id))

    def timeline(self, patient_id: str) -> tuple[TimelineItem, ...]:
        """Everything that happened to a patient, newest first.

        Raises:
            NotFoundError: There is no such patient.
        """
        return self._timeline.of(patient_id)

    def close(self) -> None:
        """Lets the record go, and closes the journal if it is this clinic's own; harmless when repeated."""
        self._store.close()
        if self._owned and self._store.journal is not None:
            self._store.journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
