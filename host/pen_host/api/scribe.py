"""What consoles do goes into the record from a thread of its own: no STOP and no event loop waits for a disk."""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ..errors import JournalError
from ..journal import EntryError, Journal, Kind

_LOG = logging.getLogger(__name__)
KEPT_MAX = 1_000
"""Notes that wait for a record that takes nothing; a day's worth. (J)"""


@dataclass(frozen=True, slots=True)
class _Note:
    """What is to be written, and when it was left."""

    payload: Mapping[str, object]
    actor: str
    role: str
    pen_serial: str | None
    left_at: datetime


class Scribe:
    """Writes notes in the order they were left.

    A record that has failed takes none; they wait until it was recovered, and say then when they were left.

    Args:
        journal: The record.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._notes: queue.SimpleQueue[_Note | Callable[[], None] | None] = queue.SimpleQueue()
        self._kept: deque[_Note] = deque(maxlen=KEPT_MAX)
        self._thread = threading.Thread(target=self._run, name="console-scribe", daemon=True)
        self._thread.start()

    def note(
        self,
        text: str,
        *,
        actor: str = "console",
        role: str = "console",
        pen_serial: str | None = None,
        **more: object,
    ) -> None:
        """Leave a note; returns at once."""
        self._notes.put(_Note({"text": text, **more}, actor, role, pen_serial, datetime.now(UTC)))

    def catch_up(self) -> None:
        """The record was recovered: write what waits; returns at once."""
        self._notes.put(self._write_kept)

    def close(self) -> None:
        """Write what was left and end."""
        self._notes.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (asked := self._notes.get()) is not None:
            if not isinstance(asked, _Note):
                asked()
            elif self._kept or not self._written(asked, {}):
                self._kept.append(asked)  # behind those that wait already

    def _write_kept(self) -> None:
        while self._kept:
            left_at = self._kept[0].left_at.isoformat(timespec="milliseconds")
            if not self._written(self._kept[0], {"left_at": left_at}):
                return
            self._kept.popleft()

    def _written(self, note: _Note, more: Mapping[str, object]) -> bool:
        """False when the record takes nothing now; a note that no record would take holds up none behind it."""
        payload = {**note.payload, **more}
        try:
            self._journal.append(
                Kind.NOTE, payload, actor=note.actor, role=note.role, pen_serial=note.pen_serial
            )
        except EntryError as error:
            _LOG.error("not in the record: %s (%s)", note.payload, error)
        except JournalError as error:
            # the journal's own gate keeps the needle off now
            _LOG.error("not in the record yet: %s (%s)", note.payload, error)
            return False
        return True
