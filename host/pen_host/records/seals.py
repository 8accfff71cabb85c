"""The chain's head as it stands under a document: up to which entry, and the hash that covers everything before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import RowMapping, select

from pen_host.journal import Head
from pen_host.journal.tables import OF_VISITS, entries
from pen_host.records.errors import NotFoundError
from pen_host.records.store import Store
from pen_host.records.tables import visits

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""From which the chain counts its nanoseconds."""


@dataclass(frozen=True, slots=True)
class Seal:
    """One entry of the chain, as a witness on paper.

    Attributes:
        head: Station, number and hash.
        at: When that entry was written.
    """

    head: Head
    at: datetime

    @property
    def text(self) -> str:
        """It in one line."""
        return f"{self.head.station_id} #{self.head.seq} {self.head.hash}"


def newest(store: Store) -> Seal:
    """The record as it is now.

    Raises:
        NotFoundError: It holds no entry.
    """
    row = store.row(select(entries).order_by(entries.c.station_id.desc(), entries.c.seq.desc()).limit(1))
    if row is None:
        raise NotFoundError("entry", "at all")
    return _seal(row)


def of_visit(store: Store, visit_id: str) -> Seal:
    """The entry with which a visit's story ended so far: its signature, its end without one, or the newest step of it.

    It stays the same however the record grows, so a printed record of the visit can be made again byte for byte.

    Raises:
        NotFoundError: No entry tells of such a visit.
    """
    patient = select(visits.c.patient_id).where(visits.c.id == visit_id).scalar_subquery()
    of = entries.c.payload.contains(visit_id, autoescape=True)
    query = select(entries).where(entries.c.subject == patient, OF_VISITS, of)
    row = store.row(query.order_by(entries.c.seq.desc()).limit(1))
    if row is None:
        raise NotFoundError("visit", visit_id)
    return _seal(row)


def _seal(row: RowMapping) -> Seal:
    return Seal(
        Head(row["station_id"], row["seq"], row["hash"]),
        EPOCH + timedelta(microseconds=row["utc_ns"] // 1_000),
    )
