"""The ways out: of a stop (cause gone, cleared by name) and of what blocks the next hold."""

from dataclasses import dataclass

from pen_protocol.states import ALL_CONDITIONS, BLOCKS_ARM, STOPS_ALWAYS, bits

from ..advice import for_cause
from ..journal import Kind
from ..names import Condition, Flag, Refusal, condition_names
from ..outcomes import Refused
from ..pen import Status
from ..progress import Phase
from .bedside import Bedside, TreatmentAbandonedError
from .cartridges import CARTRIDGE_MASK, Cartridges

TRIPS_MAX = 8
"""More stops than this in one treatment close it: something is wrong with the pen. (J)"""
CURED_BY_STEPS = CARTRIDGE_MASK | bits(
    Condition.NOT_HOMED,
    Condition.STEP_MISMATCH,
    Condition.AXIS_MOVING,
    Condition.SETPOINTS,
)
"""The next steps of a treatment cure these: cartridge, home, set-points."""
CURED_BY_ENGINEER = bits(
    Condition.FLUID,
    Condition.SETTINGS_INVALID,
    Condition.SELF_TEST,
    Condition.COIL_SENSOR,
    Condition.GATE_STUCK,
    Condition.CLOCK,
    Condition.SESSION_TIME,
)
"""Nothing that a hand at the pen does ends these within the session."""
KEEPS_STOP = ALL_CONDITIONS & ~bits(
    Condition.NOT_HOMED,
    Condition.STEP_MISMATCH,
    Condition.AXIS_MOVING,
    Condition.SETPOINTS,
    Condition.CARTRIDGE_NOT_BURNED,
    Condition.OVER_CURRENT,
)
"""First causes that must be gone before a stop is cleared. The others are cured after it, or, like the comparator's latch of the
over-current, by clearing it: the pen refuses when the cause is still there."""
PASSING = frozenset({Refusal.BLOCKED, Refusal.NOT_HOMED, Refusal.ABORTED})
"""Refusals by a condition, which may be gone when one looks."""
COOL_S = 900.0
"""How long a hot coil may take to fall below the warning temperature, so that it is not hot again at once. (J)"""


@dataclass(frozen=True, slots=True)
class Trip:
    """One stop.

    Attributes:
        t_ms: When, since the treatment's start.
        cause: Name of its first cause.
        zone: In which zone.
    """

    t_ms: int
    cause: str
    zone: str


class WayOut:
    """Brings a stopped or blocked pen back to where the plan can go on.

    Args:
        bedside: Where it happens.
        cartridges: For those that came off.

    Attributes:
        trips: Every stop so far.
    """

    def __init__(self, bedside: Bedside, cartridges: Cartridges) -> None:
        self._at = bedside
        self._cartridges = cartridges
        self._blocks = 0
        self.trips: list[Trip] = []

    def from_stop(self, status: Status, zone: str) -> None:
        """Until the stop is cleared, by name and with its cause gone.

        Raises:
            TreatmentAbandonedError: Too many stops, nobody came, nobody cleared it, or only an engineer can.
            PenError: The pen or the record failed.
        """
        cause, told = status.first_cause, for_cause(status.first_cause)
        self._record(status, zone)
        self._at.say(Phase.STOPPED, f"{told.happened} {told.now}")
        self._not_too_often(status.cause_text)
        if bit(cause) & CARTRIDGE_MASK & KEEPS_STOP:
            self._cartridges.ask(f"{told.happened} {told.now}", phase=Phase.STOPPED)
        else:
            self._resolve(told.title, told.now, status.conditions & (bit(cause) | STOPS_ALWAYS))
        self._wait_gone(
            (bit(cause) | STOPS_ALWAYS) & KEEPS_STOP, f"the cause of {status.cause_text} to go away"
        )
        operator = self._at.session.operator.name
        if not self._at.hands.clear(status.cause_text, operator):
            raise TreatmentAbandonedError(
                f"The stop for {status.cause_text} was not cleared, so the treatment was closed with what was done so far. "
                f"{told.now}"
            )
        self._at.session.clear_fault(cause, status.cause_event)
        self._at.say(Phase.HOMING, f"{status.cause_text} is cleared in the name of {operator}.")

    def from_block(self, status: Status, refused: Refused) -> bool:
        """Have what blocks the next hold removed; False when nothing does that another try would cure.

        Args:
            status: The pen after the refusal.
            refused: What it refused.

        Raises:
            TreatmentAbandonedError: Only an engineer can, or nobody came.
        """
        blocking = status.conditions & BLOCKS_ARM & ~CURED_BY_STEPS
        cartridge = status.conditions & CARTRIDGE_MASK
        if not blocking | cartridge and refused.reason not in PASSING:
            return False
        self._blocks += 1
        names = ", ".join(condition_names(blocking | cartridge)) or refused.sentence
        self._not_too_often(names)
        if not blocking:
            return True  # the next try begins with the cartridge, or what blocked has passed
        told = for_cause(_lowest(blocking))
        self._at.say(Phase.BLOCKED, f"{told.happened} {told.now}")
        self._resolve(told.title, told.now, blocking)
        self._wait_gone(blocking, f"{names} to go away")
        return True

    def _wait_gone(self, conditions: int, what: str) -> None:
        self._at.wait(lambda now: not now.conditions & conditions, what)
        if conditions & bit(Condition.COIL_HOT):
            self._at.wait(lambda now: Flag.COIL_WARM not in now.flags, "the coil to cool down", COOL_S)

    def _record(self, status: Status, zone: str) -> None:
        self._at.session.pull()
        name = status.cause_text
        self._at.session.note(Kind.TRIP, {"cause": name, "event": status.cause_event, "zone": zone})
        self._at.observer.mark(name.replace("_", " ").lower(), trip=True)
        self.trips.append(Trip(self._at.observer.now_ms(), name, zone))
        self._at.observer.trips = len(self.trips)

    def _resolve(self, title: str, now: str, present: int) -> None:
        engineer = present & CURED_BY_ENGINEER
        if engineer:
            raise TreatmentAbandonedError(
                f"{for_cause(_lowest(engineer)).sentence} The treatment was closed with what was done so far; "
                "everything is in the record."
            )
        self._at.hands.resolve(title, now)

    def _not_too_often(self, name: str) -> None:
        if len(self.trips) > TRIPS_MAX or self._blocks > TRIPS_MAX:
            raise TreatmentAbandonedError(
                f"The pen was stopped or blocked more than {TRIPS_MAX} times in one treatment, last for {name}, so the "
                "treatment was closed. Everything is in the record; have the pen looked at before it is used again."
            )


def bit(cause: int) -> int:
    """The bit of a first cause in the condition mask; 0 for a fault that is no condition."""
    return bits(cause) & ALL_CONDITIONS


def _lowest(mask: int) -> int:
    return (mask & -mask).bit_length() - 1
