"""What a station notes about pictures: which of them are here, which the clinic's server has, what is wrong with one.

The notes follow the folder and the server; nothing rests on them but what people are told, and what need not be asked again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from pen_host.journal import Draft, Journal, Kind, encrypting, sqlite
from pen_host.records import photo_folder
from pen_host.records.photo_places import PicturePlace, places

if TYPE_CHECKING:
    from psycopg import Connection

AT_ONCE = 200
"""Notes in one transaction, so that nobody who writes waits for them. (J)"""
Name = tuple[str, str]
"""Patient and digest."""
_NOTED = "SELECT patient_id, sha256 FROM station_pictures"
_NOTE = (
    "INSERT INTO station_pictures (patient_id, sha256, is_here, is_there) VALUES (?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET is_here = excluded.is_here, is_there = excluded.is_there, why = NULL"
)


class Notes:
    """See the module.

    Args:
        journal: The station's record.

    Attributes:
        here: Digests of the pictures that are here.
        all: Every photograph, newest first, as it was noted last.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.here = photo_folder.digests(journal.path)
        self.all: list[PicturePlace] = []
        self._there: set[Name] = set()

    def compare(self, server: Connection[tuple[Any, ...]]) -> None:
        """Brings the notes up to date with folder and server; lists what the server has only where that changed."""
        query = "SELECT concat_ws(' ', count(*), max(version), sum(version)) FROM pictures WHERE version IS NOT NULL"
        row = server.execute(query).fetchone()
        mark = str(row[0]) if row else ""
        with closing(sqlite.connect_reader(self._journal.path)) as connection:
            self.all = places(connection)
            (known,) = connection.execute("SELECT pictures_mark FROM station_link").fetchone()
            noted = connection.execute(_NOTED).fetchall()
        self._there = {(one.patient_id, one.sha256) for one in self.all if one.is_there}
        if mark != known:
            found = server.execute("SELECT patient_id, sha256 FROM pictures WHERE version IS NOT NULL")
            self._there = {(patient, sha256) for patient, sha256 in found}
        server.commit()
        names = {(one.patient_id, one.sha256): one for one in self.all}
        changed = [
            (name, one.noted or name[1] in self.here, name in self._there)
            for name, one in names.items()
            if (name[1] in self.here and not one.noted) or (name in self._there) != one.is_there
        ]
        gone = [name for name in noted if name not in names]
        self._write(changed, gone, mark if mark != known else None)

    def to_send(self) -> list[PicturePlace]:
        """Pictures that are here and not there, of patients who agree."""
        return [one for one in self.all if one.sha256 in self.here and one.agreed and not self._is_there(one)]

    def to_fetch(self) -> list[PicturePlace]:
        """Pictures that are there and not here; those that were refused before come last."""
        found = [
            one for one in self.all if one.sha256 not in self.here and one.agreed and self._is_there(one)
        ]
        return sorted(found, key=lambda one: one.why is not None)

    def _is_there(self, one: PicturePlace) -> bool:
        return (one.patient_id, one.sha256) in self._there

    def sent(self, one: PicturePlace) -> None:
        """The server has it whole."""
        # it is not known what else the server has by now: the next comparison lists it
        self._write([((one.patient_id, one.sha256), True, True)], [], "")

    def gone(self, one: PicturePlace) -> None:
        """The server has it no more, or shows it no more."""
        self._write([((one.patient_id, one.sha256), one.noted, False)], [], "")

    def refused(self, one: PicturePlace, why: str) -> None:
        """The server's copy is not what it should be: noted, and told in the chain the first time."""

        def change(connection: Any) -> list[Draft]:
            connection.exec_driver_sql(
                "UPDATE station_pictures SET why = ? WHERE patient_id = ? AND sha256 = ?",
                (why, one.patient_id, one.sha256),
            )
            told = {"change": "picture refused", "sha256": one.sha256, "station": one.station_id, "why": why}
            return [] if one.why else [Draft(Kind.REPLICATION, told, subject=one.patient_id)]

        self._journal.together(change)

    def arrived(self, one: PicturePlace, content: bytes) -> bool:
        """Keeps a picture, unless its row went meanwhile: an erasure takes its turn before or after this, never between."""
        draft = photo_folder.draft(self._journal.path, one.sha256, content)
        kept = []

        def change(connection: Any) -> list[Draft]:
            name = (one.patient_id, one.sha256)
            text = "SELECT 1 FROM photographs WHERE patient_id = ? AND sha256 = ?"
            if connection.exec_driver_sql(text, name).fetchone() is None:
                return []
            photo_folder.place(draft)
            kept.append(name)
            connection.exec_driver_sql(_NOTE, (*name, 1, 1))
            told = {"change": "picture arrived", "sha256": one.sha256, "station": one.station_id}
            return [Draft(Kind.REPLICATION, told, subject=one.patient_id)]

        try:
            self._journal.together(change)
        finally:
            encrypting.erase(draft)
        if kept:
            self.here.add(one.sha256)
        return bool(kept)

    def _write(
        self, changed: Sequence[tuple[Name, bool, bool]], gone: Sequence[Name], mark: str | None
    ) -> None:
        for part in _parts(changed, gone):

            def change(connection: Any, part: tuple[Sequence[Any], Sequence[Name]] = part) -> list[Draft]:
                for name, is_here, is_there in part[0]:
                    connection.exec_driver_sql(_NOTE, (*name, int(is_here), int(is_there)))
                for name in part[1]:
                    connection.exec_driver_sql(
                        "DELETE FROM station_pictures WHERE patient_id = ? AND sha256 = ?", name
                    )
                return []

            self._journal.together(change)
        # after the notes: were they cut short, the server would be compared anew
        if mark is not None:

            def moved(connection: Any) -> list[Draft]:
                connection.exec_driver_sql("UPDATE station_link SET pictures_mark = ?", (mark,))
                return []

            self._journal.together(moved)


def _parts(changed: Sequence[Any], gone: Sequence[Name]) -> Iterator[tuple[Sequence[Any], Sequence[Name]]]:
    """A few at a time, so that nobody who writes waits for them."""
    for start in range(0, max(len(changed), len(gone)), AT_ONCE):
        yield changed[start : start + AT_ONCE], gone[start : start + AT_ONCE]
