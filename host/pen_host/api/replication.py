"""This console replicates with the clinic's server, in a thread of its own: what waits is sent, what others changed is fetched.

A treatment never needs the server and never waits for it: no replication begins while the pen works for a treatment, and one that
is under way only waits for the server, holding nothing. A server that is gone is tried again, later each time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Protocol

from ..errors import PenError
from ..journal import Journal
from ..records.models import Person
from ..stations import (
    Budget,
    Conflict,
    Keep,
    NotJoinedError,
    Replicated,
    Status,
    conflicts,
    replicate,
    server_url,
    settle,
    status,
)
from .models import ReplicationView
from .problems import Code, ProblemError

EVERY_S = 60.0
"""How often it replicates. (J)"""
RETRY_S = 15.0
"""First wait after a server was not there; it doubles each time ... (J)"""
RETRY_MAX_S = 900.0
"""... up to this. (J)"""
PICTURES_S = 1.0
"""How soon it goes on where photographs wait; rows that were changed meanwhile go before the next of them. (J)"""
BUSY_S = 5.0
"""How soon it looks again whether the pen has done its work. (J)"""
END_S = 1.0
"""How long an ending console waits for a replication; it may be cut anywhere and goes on with the next start. (J)"""


class Server(Protocol):
    """The clinic's server as it is asked; see `pen_host.stations`."""

    def status(self) -> Status:
        """What the station's own record knows of it."""

    def replicate(self) -> Replicated:
        """Send and fetch."""

    def conflicts(self) -> tuple[Conflict, ...]:
        """What two stations said differently."""

    def settle(self, place: tuple[str, str], keep: Keep, reason: str, by: Person, digest: str) -> None:
        """Somebody decided what stands."""


class ClinicServer:
    """The server that the record's station joined.

    Args:
        journal: The record.
        busy: Whether the pen works for a treatment: no further slice of a photograph is moved then.
    """

    def __init__(self, journal: Journal, busy: Callable[[], bool] = lambda: False) -> None:
        self._journal = journal
        self._pictures = Budget(may_go_on=lambda: not busy())

    def status(self) -> Status:
        """See `Server`."""
        return status(self._journal.path)

    def replicate(self) -> Replicated:
        """See `Server`."""
        return replicate(self._journal, server_url(self._journal, self._journal.vault), self._pictures)

    def conflicts(self) -> tuple[Conflict, ...]:
        """See `Server`."""
        return conflicts(server_url(self._journal, self._journal.vault))

    def settle(self, place: tuple[str, str], keep: Keep, reason: str, by: Person, digest: str) -> None:
        """See `Server`."""
        settle(self._journal, server_url(self._journal, self._journal.vault), place, keep, reason, by, digest)


@dataclass(frozen=True, slots=True)
class _Last:
    """What the newest replication came to; replaced whole by the thread that replicates."""

    reachable: bool | None = None
    sentence: str = ""
    at: datetime | None = None
    put_aside: tuple[str, ...] = ()
    working: bool = False
    """The next one is under way."""


class Replication:
    """See the module. Any thread may ask.

    Args:
        server: Asked in the thread here, and for conflicts in the caller's.
        busy: Whether the pen works for a treatment.
        changed: Told when there is something new to show; must return at once.
        told: Told what was put aside; that a server is gone concerns nobody who treats, and stands in the view.
        wait: Waits for so many seconds or until it is woken; a test steps through it.
    """

    def __init__(
        self,
        server: Server,
        busy: Callable[[], bool],
        changed: Callable[[], None],
        told: Callable[[str], None],
        wait: Callable[[threading.Event, float], object] = threading.Event.wait,
    ) -> None:
        self._server = server
        self._busy = busy
        self._changed = changed
        self._tell = told
        self._wait = wait
        self._wake = threading.Event()
        self._turn = threading.Lock()
        self._ending = False
        self._failures = 0
        self._moves = 0
        self._last = _Last()
        self._thread = threading.Thread(target=self._run, name="console-replication", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End; a replication that waits for its server is left behind, which it survives."""
        self._ending = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(END_S)

    def now(self) -> None:
        """Replicate as soon as the pen lets it; returns at once.

        Raises:
            NotJoinedError: This station joined no clinic's server.
        """
        self._server.status()
        self._failures = 0
        self._wake.set()

    @property
    def moved(self) -> int:
        """Another number whenever there is something new to see here; costs nothing to ask."""
        return self._moves

    def view(self) -> ReplicationView:
        """How it stands, from this station's own record; never asks the server.

        Raises:
            JournalError: The record cannot be read.
        """
        last = self._last
        try:
            known = self._server.status()
        except NotJoinedError as error:
            return ReplicationView(joined=False, sentence=error.sentence)
        return ReplicationView(
            joined=True,
            station=known.station_id,
            waiting=known.waiting,
            pictures_out=known.pictures_out,
            pictures_in=known.pictures_in,
            heard_at=known.fetched_at.isoformat(timespec="seconds") if known.fetched_at else None,
            replicated_at=last.at.isoformat(timespec="seconds") if last.at else None,
            reachable=last.reachable,
            sentence=last.sentence,
            working=last.working,
            held=known.held,
            put_aside=last.put_aside,
        )

    def conflicts(self) -> tuple[Conflict, ...]:
        """What two stations said differently and nobody has settled. Asks the server: not for an event loop.

        Raises:
            PenError: The station joined none, or it is not there.
        """
        return self._server.conflicts()

    def settle(self, place: tuple[str, str], keep: Keep, reason: str, by: Person, digest: str) -> None:
        """Settle one of them. Waits for the server and replicates: not for an event loop.

        Args:
            place: Table and key of the row.
            keep: What is kept.
            reason: Why; stands in the record.
            by: Who decides.
            digest: Of the version that was put aside.

        Raises:
            PenError: The pen works for a treatment, or it cannot be settled so; no version is lost.
        """
        self._must_be_free()
        with self._turn:
            self._must_be_free()  # a treatment may have begun while a replication was waited for
            self._server.settle(place, keep, reason, by, digest)
        self._show()

    def _must_be_free(self) -> None:
        if self._busy():
            raise ProblemError(
                Code.REFUSED,
                HTTPStatus.CONFLICT,
                "The pen works for a treatment, so nothing was settled. Settle it when the treatment is closed.",
            )

    # --- the thread -----------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._ending:
                pause_s = BUSY_S if self._busy() else self._once()
                self._wait(self._wake, pause_s)
                self._wake.clear()
        finally:
            if not self._ending:  # an error of the program ends the thread; what it was stands in its output
                self._failed(_bug())
                self._tell(self._last.sentence)

    def _once(self) -> float:
        """One replication; how long to wait for the next."""
        try:
            self._server.status()
        except NotJoinedError:
            return EVERY_S  # nothing to do, and nobody need know
        except PenError as error:
            return self._failed(error)
        self._last = replace(self._last, working=True)
        self._show()
        try:
            with self._turn:
                done = self._server.replicate()
        except PenError as error:
            return self._failed(error)
        return self._succeeded(done)

    def _failed(self, error: PenError) -> float:
        pause_s = min(RETRY_S * 2.0 ** min(self._failures, 10), RETRY_MAX_S)
        self._failures += 1
        self._last = _Last(False, error.sentence, self._last.at, self._last.put_aside)
        self._show()
        return pause_s

    def _succeeded(self, done: Replicated) -> float:
        put_aside = (*done.conflicts, *done.held)
        for sentence in put_aside:
            if sentence not in self._last.put_aside:
                self._tell(sentence)
        self._failures = 0
        self._last = _Last(True, "", datetime.now(UTC), put_aside)
        self._show()
        return PICTURES_S if done.pictures_left and done.picture_bytes else EVERY_S

    def _show(self) -> None:
        self._moves += 1
        self._changed()


def _bug() -> ProblemError:
    return ProblemError(
        Code.INTERNAL,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "Replication ended in a way that the program does not understand; everything stays in this station's own record. Go on "
        "treating; open the console again when there is time, and show an engineer the program's output.",
    )
