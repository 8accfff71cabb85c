"""How far a treatment is: what the live view, the record and a log line are made from."""

from dataclasses import dataclass
from enum import StrEnum

from .trace import Sample


class Phase(StrEnum):
    """Where a treatment stands."""

    CHECKS = "checks"
    CARTRIDGE = "cartridge"
    HOMING = "homing"
    POSITIONING = "positioning"
    ARMING = "arming"
    READY = "ready for the trigger"
    STROKING = "stroking"
    BLOCKED = "blocked"
    STOPPED = "stopped"
    CLOSING = "closing"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class ZoneProgress:
    """One zone so far.

    Attributes:
        name: The zone as the plan calls it.
        goal_ms: Stroking time the plan asks for.
        done_ms: Time the trigger was held so far, by the host's clock.
        strokes: Strokes the pen counted in this zone.
        contact_strokes: Of these, with the tip on skin.
        dose_per_cm2: Estimated maximum of punctures per cm2, None until the needle count is known.
        target_low: What the plan aims at, per cm2.
        target_high: The same, upper end.
    """

    name: str
    goal_ms: int
    done_ms: int = 0
    strokes: int = 0
    contact_strokes: int = 0
    dose_per_cm2: float | None = None
    target_low: int = 0
    target_high: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """A treatment at one moment.

    Attributes:
        phase: Where it stands.
        message: One sentence for the operator.
        zones: Every zone of the plan.
        active: Index of the zone under treatment, -1 between zones.
        sample: Newest values of the pen, None before the first.
        age_ms: Age of `sample`.
        conditions: Names of what blocks the pen now.
        trips: Stops so far.
    """

    phase: Phase
    message: str
    zones: tuple[ZoneProgress, ...]
    active: int = -1
    sample: Sample | None = None
    age_ms: int = 0
    conditions: tuple[str, ...] = ()
    trips: int = 0
