"""Where a photograph's picture is: here, still at the station that took it, or lost. Its row comes first, the picture follows.

A station notes for each photograph whether its picture is here and whether the clinic's server has it (`station_pictures`), so
that one which has not come yet is never taken for one that is lost.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from pen_host.errors import RefusedError

CONSENT = "photographs"
"""Name of the consent without which nobody is photographed, and no picture leaves its station."""
_QUERY = f"""
SELECT p.id, p.patient_id, p.sha256, p.station_id, coalesce(s.is_here, 0), coalesce(s.is_there, 0), s.why,
       EXISTS (SELECT 1 FROM consents c JOIN consent_texts t ON t.id = c.text_id
               WHERE c.patient_id = p.patient_id AND c.withdrawn_at IS NULL AND t.name = '{CONSENT}')
  FROM photographs p LEFT JOIN station_pictures s ON s.patient_id = p.patient_id AND s.sha256 = p.sha256
 WHERE ?1 IS NULL OR p.patient_id = ?1 ORDER BY p.at DESC, p.id
"""  # noqa: S608 - our own words


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
        if not self.agreed:
            return (
                f"This photograph is at station {self.station_id} and stays there: the patient took the consent to photographs "
                "back. Look at it there."
            )
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
