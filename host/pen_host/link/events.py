"""What the link tells its owner, in the order it happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..outcomes import Outcome, Value


@dataclass(frozen=True, slots=True)
class Settled:
    """A request ended. Every token given out is settled exactly once."""

    token: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class IdentityReceived:
    """The pen said who it is, in answer to our own HELLO."""

    values: Mapping[str, Value]
    at_s: float


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The other side is no pen, or was built from another message table. `sentence` is for a person."""

    sentence: str
    is_pen: bool


@dataclass(frozen=True, slots=True)
class HelloUnanswered:
    """Nobody answered HELLO within its tries."""

    tries: int


@dataclass(frozen=True, slots=True)
class StatusReceived:
    """A STATUS that is newer than every one before."""

    values: Mapping[str, Value]
    at_s: float


@dataclass(frozen=True, slots=True)
class TelemetryReceived:
    """One TELEMETRY sample."""

    values: Mapping[str, Value]
    at_s: float


@dataclass(frozen=True, slots=True)
class PenRestarted:
    """The pen has another boot id than before: its session, set-points and homing are gone."""

    old_boot_id: int
    new_boot_id: int


@dataclass(frozen=True, slots=True)
class SessionLost:
    """The pen no longer holds the session this host opened."""

    nonce: int


@dataclass(frozen=True, slots=True)
class PenSilent:
    """Nothing came from the pen for `silence_s`; HELLO is repeated until it answers."""

    silence_s: float


@dataclass(frozen=True, slots=True)
class StopConfirmed:
    """STATUS says stopped, `after_s` after STOP was asked for."""

    after_s: float


@dataclass(frozen=True, slots=True)
class StopOverdue:
    """No confirmation within the budget: the operator must use the pen's own button. STOP is still being repeated."""

    after_s: float


Event = (
    Settled
    | IdentityReceived
    | Mismatch
    | HelloUnanswered
    | StatusReceived
    | TelemetryReceived
    | PenRestarted
    | SessionLost
    | PenSilent
    | StopConfirmed
    | StopOverdue
)
