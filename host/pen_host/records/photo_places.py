"""Where a photograph's picture is: here, still at the station that took it, or lost. Its row comes first, the picture follows.

A station notes for each photograph whether its picture is here and whether the clinic's server has it (`station_pictures`), and
an import notes in the chain which rows came without their picture, so that one which has not come is never taken for one that is
lost.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from pen_host.errors import RefusedError
from pen_host.records.photo_access import STANDS

_QUERY = f"""
SELECT p.id, p.patient_id, p.sha256, p.station_id, coalesce(s.is_here, 0), coalesce(s.is_there, 0), s.why, {STANDS}
  FROM photographs p LEFT JOIN station_pictures s ON s.patient_id = p.patient_id AND s.sha256 = p.sha256
 WHERE ?1 IS NULL OR p.patient_id = ?1 ORDER BY p.at DESC, p.id
"""  # noqa: S608 - our own words
WITHOUT = "without_pictures"
"""In the entry of an import: digests of the photographs whose pictures its bundle did not hold."""
_IMPORTED = "SELECT payload FROM entries WHERE kind = 'patient' AND subject = ? AND instr(payload, ?) > 0"
CAME_WITHOUT = (
    "The picture of this photograph has never been in this record: its row came with an import whose bundle held no picture, for "
    "want of a consent or of the picture itself. Look for it in the record that the bundle was exported from."
)


class PictureElsewhereError(RefusedError):
    """A picture is not at this station.

    Args:
        sentence: Where it is, and how it comes here.
    """


@dataclass(frozen=True, slots=True)
class PicturePlace:
    """What a station knows of one picture.

    Attributes:
        photo_id: Of which photograph.
        patient_id: Of whom.
        sha256: Of the picture, and its name.
        station_id: The station that took it.
        is_own: Whether that is this one.
        noted: Whether it is noted as being here, as every one of this station's own is.
        is_there: Whether the server has it.
        why: Why the server's copy was refused here, if it was.
        agreed: Whether a consent of the patient to photographs stands.
    """

    photo_id: str
    patient_id: str
    sha256: str
    station_id: str
    is_own: bool
    noted: bool
    is_there: bool
    why: str | None
    agreed: bool

    @property
    def elsewhere(self) -> str | None:
        """A sentence where it has never been here; None where it is here, or was."""
        if self.is_own or self.noted:
            return None
        if self.why:
            return (
                f"This photograph is at station {self.station_id}, not here yet: {self.why}. Look at it there, and have the "
                "server's administrator remove that copy; it is sent again."
            )
        way = (
            "is on the clinic's server and comes" if self.is_there else "comes once that station has sent it,"
        )
        return f"This photograph is at station {self.station_id}, not here yet; it {way} with one of the next replications."


def places(connection: sqlite3.Connection, patient_id: str | None = None) -> list[PicturePlace]:
    """Every photograph's picture, newest first.

    Args:
        connection: To the record, reading.
        patient_id: Of this patient only.

    Returns:
        Nothing for a record that no station of a clinic wrote in this layout.
    """
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'station_pictures'").fetchone():
        return []
    link = connection.execute("SELECT station_id FROM station_link").fetchone()
    return list(_read(connection.execute(_QUERY, (patient_id,)).fetchall(), link[0] if link else None))


def came_without(connection: sqlite3.Connection, patient_id: str) -> set[str]:
    """Digests of a patient's photographs whose rows an import brought without their pictures."""
    told = (
        json.loads(payload) for (payload,) in connection.execute(_IMPORTED, (patient_id, f'"{WITHOUT}":'))
    )
    return {str(sha256) for one in told for sha256 in one[WITHOUT]}


def _read(rows: list[tuple[object, ...]], own: str | None) -> Iterator[PicturePlace]:
    for photo_id, patient_id, sha256, station, is_here, is_there, why, agreed in rows:
        yield PicturePlace(
            str(photo_id),
            str(patient_id),
            str(sha256),
            str(station),
            is_own=own is None or station == own,
            noted=bool(is_here),
            is_there=bool(is_there),
            why=None if why is None else str(why),
            agreed=bool(agreed),
        )
