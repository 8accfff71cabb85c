"""Pictures replicate after the rows: newest first, slice by slice, for so long and so many bytes, and never while the pen works.

On the server a picture is sealed slice by slice under its patient's key, which lies there in a table of its own that only
stations read; an erasure, and a consent that is taken back, remove key and slices (`migrations`). Who may read a photograph's row
may have its picture (`rights`). Each slice is a transaction, so whatever breaks off goes on with the slice it broke off in; here
a picture has its name only when it is whole, is what its name says, and its row is still there.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pen_host.errors import JournalError, UsageError, VerificationError
from pen_host.journal import Journal
from pen_host.records import photo_folder
from pen_host.records.patient_keys import KEY_BYTES, must_seal
from pen_host.records.photo_places import PicturePlace
from pen_host.stations.picture_notes import Name, Notes
from pen_host.stations.picture_slices import Arriving, Cut, NoRoomError, cut, remove_strays

if TYPE_CHECKING:
    from psycopg import Connection

BYTES_MAX = 8 * 1024 * 1024
"""Of pictures in one replication, each way. (J)"""
LAST_S = 5.0
"""How long one replication sends pictures, and how long it fetches them. (J)"""
_WRONG = "the copy on the clinic's server is not what that station sent (a byte is wrong), so it was refused"


@dataclass(frozen=True, slots=True)
class Budget:
    """What one replication may take for pictures, each way.

    Attributes:
        bytes_max: So many bytes, by whole slices.
        last_s: So long.
        may_go_on: Asked before each slice; False once the pen works.
        clock: Seconds.
    """

    bytes_max: int = BYTES_MAX
    last_s: float = LAST_S
    may_go_on: Callable[[], bool] = lambda: True
    clock: Callable[[], float] = time.monotonic


NO_PICTURES = Budget(bytes_max=0)
"""For whoever waits for rows."""
WITHOUT_END = Budget(bytes_max=1 << 62, last_s=float("inf"))
"""For whoever waits for everything."""


class Told(Protocol):
    """Where the result is written down."""

    pictures_sent: int
    pictures_fetched: int
    pictures_left: int
    picture_bytes: int
    held: list[str]


def exchange(journal: Journal, server: Connection[tuple[Any, ...]], budget: Budget, done: Told) -> None:
    """Sends pictures that the server has not, and fetches those that are not here.

    Args:
        journal: The station's record.
        server: The server, with no transaction under way.
        budget: What it may take.
        done: For the result.

    Raises:
        JournalError: The record cannot be read or written.
        psycopg.Error: The server went away; what was sent and fetched until then is kept.
    """
    try:
        must_seal()
    except UsageError as error:
        done.held.append(f"Photographs were neither sent nor fetched. {error.sentence}")
        return
    notes = Notes(journal)
    notes.compare(server)
    out = _Sending(journal, server, notes, _Spent(budget))
    out.run()
    coming = _Fetching(journal, server, notes, _Spent(budget))
    coming.run()
    done.pictures_sent, done.pictures_fetched = out.moved, coming.moved
    done.pictures_left = len(out.left) + len(coming.left)
    done.picture_bytes = out.spent.count + coming.spent.count
    done.held += [*out.told, *coming.told]


class _Spent:
    """What is left of a budget.

    Attributes:
        count: Bytes that moved.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._end_s = budget.clock() + budget.last_s
        self.count = 0

    def allows(self) -> bool:
        """Whether another slice may move."""
        budget = self._budget
        return self.count < budget.bytes_max and budget.clock() < self._end_s and budget.may_go_on()

    def add(self, count: int) -> None:
        """A slice moved."""
        self.count += count


class _Moving:
    """Pictures in one direction.

    Attributes:
        moved: How many were moved.
        left: Those that wait.
        told: What went wrong, a sentence each.
    """

    def __init__(
        self, journal: Journal, server: Connection[tuple[Any, ...]], notes: Notes, spent: _Spent
    ) -> None:
        self.journal = journal
        self.server = server
        self.notes = notes
        self.spent = spent
        self.moved = 0
        self.left: list[PicturePlace] = []
        self.told: list[str] = []

    def key(self, patient_id: str) -> bytes | None:
        """The key of a patient's pictures."""
        row = self.server.execute(
            "SELECT key FROM picture_keys WHERE patient_id = %s", (patient_id,)
        ).fetchone()
        return bytes(row[0]) if row else None


class _Sending(_Moving):
    """From here to the server."""

    def run(self) -> None:
        """Sends as much as may be sent."""
        import psycopg

        self.left = self.notes.to_send()
        for one in [*self.left]:
            if not self.spent.allows():
                return
            try:
                if not self._send(one):
                    return
            except (psycopg.IntegrityError, psycopg.errors.InsufficientPrivilege) as error:
                self.server.rollback()
                why = error.diag.message_primary or str(error)
                self.told.append(
                    f"The photograph {one.sha256[:12]} stays here: the server does not take it ({why})."
                )
            except VerificationError as error:
                self.told.append(error.sentence)
            self.left.remove(one)

    def _send(self, one: PicturePlace) -> bool:
        """Sends what the server has not of a picture; False where the budget ended before."""
        if not photo_folder.digests_of(self.journal.path, [one.sha256]):
            return True  # its patient was erased just now
        content = photo_folder.read(self.journal.path, one.sha256, self.journal.vault)
        made, there = self._begun(cut(one.patient_id, one.sha256, len(content)))
        key = self._key_for(one.patient_id)
        for number in sorted(set(range(made.slices)) - there):
            if not self.spent.allows():
                return False
            sealed = made.sealed(key, content, number)
            self.server.execute(
                "INSERT INTO picture_slices (patient_id, sha256, number, station_id, sealed)"
                " VALUES (%s, %s, %s, pen_this_station(), %s) ON CONFLICT DO NOTHING",
                (one.patient_id, one.sha256, number, sealed),
            )
            self.server.commit()
            self.spent.add(len(sealed))
        self.notes.sent(one)
        self.moved += 1
        return True

    def _begun(self, made: Cut) -> tuple[Cut, set[int]]:
        """The picture as whoever began to send it cut it, and the slices that are there."""
        name = (made.patient_id, made.sha256)
        self.server.execute(
            "INSERT INTO pictures (patient_id, sha256, slices, slice_bytes, station_id)"
            " VALUES (%s, %s, %s, %s, pen_this_station()) ON CONFLICT DO NOTHING",
            (*name, made.slices, made.slice_bytes),
        )
        self.server.commit()
        found = _cut(self.server, name)
        there = self.server.execute(
            "SELECT number FROM picture_slices WHERE patient_id = %s AND sha256 = %s", name
        ).fetchall()
        return found or made, {number for (number,) in there}

    def _key_for(self, patient_id: str) -> bytes:
        """The key of a patient's pictures, drawn by whoever sends the first of them."""
        drawn = secrets.token_bytes(KEY_BYTES)
        self.server.execute(
            "INSERT INTO picture_keys (patient_id, key, station_id) VALUES (%s, %s, pen_this_station())"
            " ON CONFLICT DO NOTHING",
            (patient_id, drawn),
        )
        self.server.commit()
        return self.key(patient_id) or drawn


class _Fetching(_Moving):
    """From the server to here."""

    def run(self) -> None:
        """Fetches as much as may be fetched."""
        self.left = self.notes.to_fetch()
        remove_strays(self.journal.path, {(one.patient_id, one.sha256) for one in self.left})
        for one in [*self.left]:
            if not self.spent.allows():
                return
            try:
                if not self._fetch(one):
                    return
            except NoRoomError as error:
                self.told.append(error.sentence)
                return
            self.left.remove(one)

    def _fetch(self, one: PicturePlace) -> bool:
        """Fetches what is not here of a picture; False where the budget ended before."""
        made, key = _cut(self.server, (one.patient_id, one.sha256)), self.key(one.patient_id)
        self.server.commit()
        if made is None or key is None:
            self.notes.gone(one)
            return True
        arriving = Arriving(self.journal.path, made)
        for number in range(arriving.slices, made.slices):
            if not self.spent.allows():
                return False
            sealed = self._slice(made, number)
            self.spent.add(len(sealed))
            if made.opened(key, sealed, number) is None:
                self._refuse(one)
                return True
            arriving.add(number, sealed)
        content = arriving.content(key)
        if content is None:  # each slice was as it was sealed: it was sealed wrongly, or this disk changed it
            arriving.remove()
            self._refuse(one)
            return True
        self._keep(one, content)
        arriving.remove()
        return True

    def _slice(self, made: Cut, number: int) -> bytes:
        row = self.server.execute(
            "SELECT sealed FROM picture_slices WHERE patient_id = %s AND sha256 = %s AND number = %s",
            (made.patient_id, made.sha256, number),
        ).fetchone()
        self.server.commit()
        return bytes(row[0]) if row else b""

    def _keep(self, one: PicturePlace, content: bytes) -> None:
        try:
            self.moved += self.notes.arrived(one, content)
        except JournalError as error:
            if not self.journal.healthy:
                raise
            raise NoRoomError(one.sha256[:12], str(error.__cause__ or error)) from error

    def _refuse(self, one: PicturePlace) -> None:
        self.notes.refused(one, _WRONG)
        self.told.append(
            f"The photograph {one.sha256[:12]} of station {one.station_id} is not here: {_WRONG}."
        )


def _cut(server: Connection[tuple[Any, ...]], name: Name) -> Cut | None:
    """How a picture on the server was cut."""
    row = server.execute(
        "SELECT slices, slice_bytes FROM pictures WHERE patient_id = %s AND sha256 = %s", name
    ).fetchone()
    return Cut(*name, *row) if row else None
