"""The black box: the last frames both ways and what the program did, written to a file when something went wrong.

The ring costs no disk and is always on. A dump is JSON lines, oldest first: a header, then frames with their meaning in words.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from .link import decode_body

CAPACITY = 200
"""Entries kept of each kind."""
KINDS = ("in", "out", "act")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened, at `at_s` of the host's monotonic clock."""

    at_s: float
    kind: str
    """`in` and `out` for frames, `act` for what the program did."""
    body: bytes
    """Header and payload of a frame, text of an act."""

    def as_dict(self, now_s: float) -> dict[str, object]:
        """The entry for the file; times count back from the dump."""
        base: dict[str, object] = {"t_ms": round((self.at_s - now_s) * 1000, 3), "kind": self.kind}
        if self.kind == "act":
            return {**base, "text": self.body.decode()}
        frame = decode_body(self.body)
        return {**base, "text": str(frame) if frame else "not of the message table", "hex": self.body.hex()}


class Blackbox:
    """Ring of what happened. One thread records; recording never waits and never fails."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._rings: Mapping[str, deque[Entry]] = {kind: deque(maxlen=capacity) for kind in KINDS}

    def frame(self, direction: str, now_s: float, body: bytes) -> None:
        """Record a frame; `direction` is `in` or `out`."""
        self._rings[direction].append(Entry(now_s, direction, body))

    def act(self, now_s: float, text: str) -> None:
        """Record what the program did."""
        self._rings["act"].append(Entry(now_s, "act", text.encode()))

    def copy(self) -> list[Entry]:
        """Everything held, oldest first."""
        return sorted((entry for ring in self._rings.values() for entry in list(ring)), key=lambda e: e.at_s)


def dump(
    directory: Path, reason: str, entries: Sequence[Entry], now_s: float, context: Mapping[str, object]
) -> Path:
    """Write a dump and return its path.

    Args:
        directory: Where dumps are kept; made when it is not there.
        reason: A few words on why; goes into the file and, shortened, into its name.
        entries: What `Blackbox.copy` gave.
        now_s: The monotonic time of the dump.
        context: What else belongs to it: identity, last status, counters.

    Raises:
        OSError: The file cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    wall = datetime.now(UTC)
    slug = "-".join("".join(c if c.isalnum() else " " for c in reason.lower()).split())[:48]
    path = directory / f"blackbox-{wall:%Y%m%dT%H%M%S%fZ}-{slug}.jsonl"
    header = {"kind": "blackbox", "version": 1, "reason": reason, "at": wall.isoformat(), **context}
    with path.open("x", encoding="utf-8") as file:
        for line in (header, *(entry.as_dict(now_s) for entry in entries)):
            file.write(json.dumps(line, default=str, ensure_ascii=False) + "\n")
    return path
