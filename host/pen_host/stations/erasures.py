"""An erasure that arrives from another station: done here as thoroughly as there, photographs and keys included.

The server sends rows that are gone and the day a patient was erased. What this station alone has of that patient (rows that were
not sent yet, or that the server refused) goes as well, and so do files and keys, which no server holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection, select

from pen_host.journal import Draft, Journal
from pen_host.records import photo_folder
from pen_host.records.erasure import forget
from pen_host.records.models import Person
from pen_host.records.patient_keys import PatientKeys
from pen_host.records.store import Writing
from pen_host.records.tables import patients, photographs

_BY = Person(name="pen station sync", role="system")
_SETTLED = (
    "DELETE FROM station_held WHERE EXISTS (SELECT 1 FROM row_states s"
    " WHERE s.name = station_held.name AND s.row_key = station_held.row_key AND s.digest = '')"
)


class Erasures:
    """What one replication erases here.

    Args:
        journal: The station's record.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._patients: set[str] = set()
        self._photographs: set[str] = set()

    def before(
        self, connection: Connection, erased: Sequence[str], removed_photographs: Sequence[str]
    ) -> None:
        """Notes what is about to go, while it is still there; may be told more than once.

        Args:
            connection: Within the transaction that takes the changes over.
            erased: Patients whose row says that they were erased.
            removed_photographs: Keys of rows of photographs that are gone.
        """
        if not erased and not removed_photographs:
            return
        known = select(patients.c.id).where(patients.c.erased_at.is_(None), patients.c.id.in_(erased))
        self._patients |= {row[0] for row in connection.execute(known)}
        theirs = photographs.c.patient_id.in_(erased) | photographs.c.id.in_(removed_photographs)
        self._photographs |= {
            row[0] for row in connection.execute(select(photographs.c.sha256).where(theirs))
        }

    def within(self, connection: Connection) -> None:
        """Erases from the tables, and the files of photographs that are nobody's any more.

        Files go before the transaction is committed: should it fail, it is done again, and no face is left without a name.

        Raises:
            JournalError: A file cannot be removed; nothing was changed.
        """
        writing = Writing(connection, self._journal.station_id, datetime.now(UTC), _BY)
        for patient in sorted(self._patients):
            forget(writing, patient)
        if not self._photographs:
            return
        still = {row[0] for row in connection.execute(select(photographs.c.sha256))}
        photo_folder.remove(self._journal.path, sorted(self._photographs - still))

    def after(self) -> None:
        """Once it is committed: no older page beside the record, no key of the patients, nothing of them held back."""
        if not self._patients:
            return
        self._journal.flush_log()
        PatientKeys(self._journal.path, self._journal.vault).destroy(self._patients)

        def change(connection: Connection) -> list[Draft]:
            connection.exec_driver_sql(_SETTLED)
            return []

        self._journal.together(change, foreign=True)
