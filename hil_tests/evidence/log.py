"""A run's own log, `log.jsonl`: one JSON object a line, written as it happens, so that a killed run leaves what it had.

    {"event": "began", "at": TIME, "run": {...}}          who runs it on what: see `identity.run_facts`
    {"event": "collected", "at": TIME, "tests": COUNT}
    {"event": "started", "at": TIME, "test": ID}
    {"event": "finished", "at": TIME, "test": {...}}      a whole `results.TestResult`
    {"event": "ended", "at": TIME, "how": HOW}            see `Ending`; missing: the run was killed

Times are UTC, ISO 8601.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LOG = "log.jsonl"


class Event(enum.StrEnum):
    """What a line tells."""

    BEGAN = "began"
    COLLECTED = "collected"
    STARTED = "started"
    FINISHED = "finished"
    ENDED = "ended"


class Ending(enum.StrEnum):
    """How a run ended."""

    COMPLETE = "complete"
    """Every test that was asked for had its turn."""
    BROKEN_OFF = "broken off"
    """Somebody interrupted it."""
    FAILED_ITSELF = "failed itself"
    """The tests could not be run: pytest or its arguments, not the pen."""
    KILLED = "killed"
    """Its process ended without a last word."""


class RunLog:
    """Writes the log. Only the process that leads the run does."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOG

    def append(self, event: Event, **content: Any) -> None:
        """Write one line; the file is open for no longer than that."""
        line = json.dumps({"event": event, "at": now(), **content}, allow_nan=False)
        with self._path.open("a", encoding="ascii") as file:
            file.write(line + "\n")


def now() -> str:
    """The time in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def read_log(folder: Path, start: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Whole lines from a byte offset on, and the offset behind them. A line cut off by a death is left out.

    Raises:
        ValueError: A whole line is damaged.
    """
    try:
        with (folder / LOG).open("rb") as file:
            file.seek(start)
            content = file.read()
    except FileNotFoundError:
        return [], start
    whole = content[: content.rfind(b"\n") + 1]
    return [json.loads(line) for line in whole.splitlines()], start + len(whole)


def of_kind(lines: Sequence[dict[str, Any]], event: Event) -> list[dict[str, Any]]:
    """The lines of one event."""
    return [line for line in lines if line["event"] == event]
