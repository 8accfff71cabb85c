"""Where other threads leave notes for the worker: appending and waking, no lock, STOP in a lane of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ..names import Refusal
from ..outcomes import Refused
from .tickets import StopReport, StopTicket, Ticket


@dataclass(frozen=True, slots=True)
class Adopt:
    """Take over a session that the pen holds."""

    nonce: int
    last_sequence: int


Note = Ticket | Adopt


class Inbox:
    """Notes from any thread, taken by the worker's.

    Args:
        wake: Ends the worker's waiting read; must not wait.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._stops: deque[StopTicket] = deque()
        self._notes: deque[Note] = deque()
        self._wake = wake
        self._woken = False
        self._ended: str | None = None

    # --- for any thread -------------------------------------------------------------------------------------------------

    def put_stop(self, ticket: StopTicket) -> None:
        """Leave a STOP. Wakes by itself: whoever woke before may have been held up between saying so and doing it."""
        self._stops.append(ticket)
        self._woken = True
        self._wake()
        if self._ended is not None:
            self._refuse(self._ended)

    def put(self, note: Note) -> None:
        """Leave a request."""
        self._notes.append(note)
        self.nudge()
        if self._ended is not None:
            self._refuse(self._ended)

    def nudge(self) -> None:
        """Wake the worker, once until it has looked."""
        if not self._woken:
            self._woken = True
            self._wake()

    # --- for the worker ---------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """From here on a new note wakes again."""
        self._woken = False

    def take_stop(self) -> StopTicket | None:
        """The next STOP."""
        return self._stops.popleft() if self._stops else None

    def take(self) -> Note | None:
        """The next note; none while a STOP waits."""
        return self._notes.popleft() if self._notes and not self._stops else None

    @property
    def waiting(self) -> bool:
        """Whether there is anything to take."""
        return bool(self._stops or self._notes)

    def end(self, why: str) -> None:
        """Nobody takes notes any more: those here, and all that come, are answered so."""
        self._ended = why
        self._refuse(why)

    def _refuse(self, why: str) -> None:
        """Run by whoever finds the end; two threads may, so each note is taken before it is answered."""
        while True:
            try:
                self._stops.popleft().settle(StopReport(False, 0, why))
            except IndexError:
                break
        while True:
            try:
                note = self._notes.popleft()
            except IndexError:
                break
            if isinstance(note, Ticket):
                note.settle(_never_sent(note, why))


def _never_sent(ticket: Ticket, why: str) -> Refused:
    sentence = (
        f"{ticket.name} was not sent: there is no connection to the pen ({why}). Nothing was changed by it. "
        "Connect again; a pen without a host stops by itself within 300 ms."
    )
    return Refused(Refusal.ABORTED, 0, sentence, ticket.name)
