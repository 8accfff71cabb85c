"""What is known about the pen at one moment, with the age of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..link.readings import Identity, Status, Telemetry
from .tickets import StopReport


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An immutable picture; the worker replaces it whole."""

    identity: Identity | None = None
    status: Status | None = None
    telemetry: Telemetry | None = None
    telemetry_age_ms: int = 0
    session: int = 0
    """Nonce of the session this program holds."""
    lost: str | None = None
    """Why the connection is gone; everything above is then the last that was known."""
    stop: StopReport | None = None
    """Of the last STOP this program gave."""
    stopping: bool = False
    """STOP is on its way and not confirmed."""
    heartbeat_held_by: str | None = None
    """What keeps the heartbeat back while the pen is armed: name of a gate, or `status` when the pen is not heard."""
    counters: Mapping[str, int] = field(default_factory=dict)
    status_at_s: float = 0.0
    telemetry_at_s: float = 0.0

    def aged(self, now_s: float) -> Snapshot:
        """The same picture with its ages as of `now_s`."""
        status = self.status and replace(self.status, age_ms=_age_ms(now_s, self.status_at_s))
        return replace(self, status=status, telemetry_age_ms=_age_ms(now_s, self.telemetry_at_s))


def _age_ms(now_s: float, then_s: float) -> int:
    return max(0, round((now_s - then_s) * 1000))
