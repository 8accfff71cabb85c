"""What consoles do goes into the record from a thread of its own: no STOP and no event loop waits for a disk."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Mapping

from ..errors import JournalError
from ..journal import Journal, Kind

_LOG = logging.getLogger(__name__)


class Scribe:
    """Writes notes in the order they were left.

    Args:
        journal: The record.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._notes: queue.SimpleQueue[tuple[Mapping[str, object], str, str, str | None] | None] = (
            queue.SimpleQueue()
        )
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
        self._notes.put(({"text": text, **more}, actor, role, pen_serial))

    def close(self) -> None:
        """Write what was left and end."""
        self._notes.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (note := self._notes.get()) is not None:
            payload, actor, role, pen_serial = note
            try:
                self._journal.append(Kind.NOTE, payload, actor=actor, role=role, pen_serial=pen_serial)
            except JournalError as error:
                # the journal's own gate keeps the needle off now; what could not be written stays in the log
                _LOG.error("not in the record: %s (%s)", payload, error)
