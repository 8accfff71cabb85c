"""Writes black box dumps in a thread of its own: a slow disk must not hold back a heartbeat or a STOP."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path

from ..blackbox import Entry, dump

_LOG = logging.getLogger(__name__)
QUIET_S = 5.0
"""The same reason is written once in this time."""


class DumpWriter:
    """Takes dumps and writes them when it can. Without a directory it writes none."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._jobs: queue.SimpleQueue[Callable[[], Path] | None] = queue.SimpleQueue()
        self._last_s: dict[str, float] = {}
        self._asked = count()
        self._thread: threading.Thread | None = None

    def ask(
        self,
        reason: str,
        entries: Sequence[Entry],
        now_s: float,
        context: Mapping[str, object],
        force: bool = False,
    ) -> None:
        """Have a dump written; returns at once."""
        if self._directory is None:
            return
        if not force and now_s - self._last_s.get(reason, float("-inf")) < QUIET_S:
            return
        self._last_s[reason] = now_s
        # counted in one step: of two threads that ask first only one starts the writer, and nobody waits for a lock
        if next(self._asked) == 0:
            self._thread = threading.Thread(target=self._run, name="pen-blackbox", daemon=True)
            self._thread.start()
        self._jobs.put(partial(dump, self._directory, reason, entries, now_s, dict(context)))

    def close(self) -> None:
        """Write what was asked for and end."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                _LOG.info("black box written to %s", job())
            except OSError as error:
                _LOG.warning("black box not written: %s", error)
