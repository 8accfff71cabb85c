"""The stop lane: STOP repeated until the pen says it is stopped, and how long that took."""

from __future__ import annotations

from pen_protocol import limits

REPEAT_S = limits.STOP_REPEAT_MS / 1000
CONFIRM_S = limits.STOP_CONFIRM_MS / 1000


class StopLane:
    """Needs no session, no handshake and no answer to anything else."""

    def __init__(self) -> None:
        self.active = False
        self.sequence = 0
        self._wire = b""
        self._since_s = 0.0
        self._due_s = 0.0
        self._overdue = False

    def start(self, wire: bytes, sequence: int, now_s: float) -> None:
        """Begin to repeat `wire`; a STOP already under way goes on as it is."""
        if self.active:
            return
        self.active = True
        self.sequence = sequence
        self._wire = wire
        self._since_s = self._due_s = now_s
        self._overdue = False

    def take(self, now_s: float) -> bytes | None:
        """The bytes to send now, if any are due."""
        if not self.active or now_s < self._due_s:
            return None
        self._due_s = now_s + REPEAT_S
        return self._wire

    def overdue_since(self, now_s: float) -> float | None:
        """Seconds since STOP was asked for, once, when the confirmation is late."""
        if not self.active or self._overdue or now_s < self._since_s + CONFIRM_S:
            return None
        self._overdue = True
        return now_s - self._since_s

    def confirm(self, now_s: float) -> float:
        """The pen says stopped: end the repeats. Returns seconds since STOP was asked for."""
        self.active = False
        return now_s - self._since_s

    def next_deadline(self) -> float:
        """When something is due, infinity for never."""
        if not self.active:
            return float("inf")
        overdue_s = float("inf") if self._overdue else self._since_s + CONFIRM_S
        return min(self._due_s, overdue_s)
