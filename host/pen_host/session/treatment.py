"""A whole treatment: checks, cartridge, homing, zone after zone, trips and their way out, close.

The same for every pen. What a person must do is asked of `Hands`; what happened is read from the pen.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from pen_protocol.states import ALL_CONDITIONS, bits

from .. import dose
from ..advice import for_cause
from ..checks import Finding, Level, check_cartridge
from ..errors import RefusedError
from ..journal import Kind
from ..models import CartridgeSeen, Plan, Zone
from ..names import Condition, Flag, State
from ..pen import Pen, Status
from ..progress import Phase, Progress, ZoneProgress
from ..trace import Mark, Sample
from .events import seen
from .hands import Hands
from .observer import BETWEEN_ZONES, Observer
from .precheck import used_cartridges
from .session import Session

POLL_S = 0.05
"""How often the treatment looks at the pen; STATUS itself comes every `pen_protocol.limits.STATUS_PERIOD_MS`."""
HAND_TIMEOUT_S = 120.0
"""How long a hand may take for one thing before the treatment is closed. (J)"""
TRIPS_MAX = 8
"""More stops than this in one treatment close it: something is wrong with the pen. (J)"""
CARTRIDGE_TRIES = 5
"""Cartridges tried before the treatment is closed. (J)"""
CARTRIDGE_MASK = bits(
    Condition.CARTRIDGE_ABSENT,
    Condition.CARTRIDGE_UNLATCHED,
    Condition.CARTRIDGE_USED,
    Condition.CARTRIDGE_EXPIRED,
    Condition.CARTRIDGE_UNREADABLE,
    Condition.CARTRIDGE_NOT_BURNED,
)
"""Conditions whose way out is another cartridge."""


class TreatmentAbandonedError(RefusedError):
    """The treatment was closed before its plan was done; everything up to then is in the record."""


@dataclass(frozen=True, slots=True)
class Trip:
    """One stop: its first cause and when."""

    t_ms: int
    cause: str
    zone: str | None
    cleared: bool = False


@dataclass(frozen=True, slots=True)
class Course:
    """What a treatment came to.

    Attributes:
        zones: Every zone, as far as it got.
        samples: What was measured.
        marks: Named moments.
        trips: Every stop.
        cartridges: Those that were burned.
    """

    zones: tuple[ZoneProgress, ...]
    samples: tuple[Sample, ...]
    marks: tuple[Mark, ...]
    trips: tuple[Trip, ...]
    cartridges: tuple[CartridgeSeen, ...]


class Treatment:
    """Runs one plan in one open session.

    Args:
        session: Open on pen and record.
        plan: What to do.
        hands: Who does what only hands can do.
        watch: Told of every step; must return at once.
        today: For the cartridge's expiry.
        clock: Seconds that never go back.
        pause: Lets seconds pass.
    """

    def __init__(
        self,
        session: Session,
        plan: Plan,
        hands: Hands,
        watch: Callable[[Progress], None],
        today: date,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._session = session
        self._pen: Pen = session.pen
        self._plan = plan
        self._hands = hands
        self._today = today
        self._clock = clock
        self._pause = pause
        self._used = used_cartridges(session.journal)
        self._trips: list[Trip] = []
        self._cartridges: list[CartridgeSeen] = []
        zones = tuple(ZoneProgress(zone.name, _goal_ms(zone, plan.needles)) for zone in plan.zones)
        self._observer = Observer(session, watch, zones, clock)

    def run(self) -> Course:
        """Run the plan to its end.

        Raises:
            PenError: It could not be completed; the session is still open: close or recover it.
        """
        self._observer.start()
        try:
            self._session.tighten(self._plan)
            self._cartridge("The treatment needs its cartridge.")
            self._home()
            for index, zone in enumerate(self._plan.zones):
                self._treat(index, zone)
            self._observer.say(
                Phase.CLOSING, "All zones are done; the needle retracts and the session is closed."
            )
        finally:
            self._hands.release()
            self._observer.stop()
        return self._course()

    def _course(self) -> Course:
        seen_there = self._observer
        return Course(
            seen_there.zones,
            tuple(seen_there.samples),
            tuple(seen_there.marks),
            tuple(self._trips),
            tuple(self._cartridges),
        )

    # --- steps ----------------------------------------------------------------------------------------------------------

    def _cartridge(self, why: str, *, in_place: bool = False) -> None:
        """Until a cartridge was read, found good and burned; `in_place` when one is to be tried as it is."""
        for _ in range(CARTRIDGE_TRIES):
            if not in_place:
                self._ask_cartridge(why)
            in_place = False
            refused = self._try_cartridge()
            if not refused:
                return
            why = f"This cartridge is refused. {refused}"
            self._observer.say(Phase.CARTRIDGE, why)
        raise TreatmentAbandonedError(
            f"{CARTRIDGE_TRIES} cartridges were refused, the last one so: {why} No stroke was made with them. "
            "Get cartridges from a sealed package of a known lot and begin again."
        )

    def _ask_cartridge(self, why: str) -> None:
        self._observer.say(Phase.CARTRIDGE, why)
        self._hands.give_cartridge(why)
        self._wait(lambda status: Flag.CARTRIDGE_LATCHED in status.flags, "the cartridge latch to close")

    def _try_cartridge(self) -> str:
        """Read what is in the pen and burn it if it may be used; why not otherwise."""
        read = self._pen.cartridge_read()
        known = seen(read)
        self._session.note(
            Kind.CARTRIDGE,
            {"condition": read.condition, "cartridge": known and known.model_dump(mode="json")},
        )
        if known is None or not read.usable:
            return for_cause(read.condition or Condition.CARTRIDGE_UNREADABLE).happened
        forbidden = _forbidden(check_cartridge(self._plan, known, self._today, used_serials=self._used))
        if forbidden:
            return forbidden
        self._session.use_cartridge(known)
        self._cartridges.append(known)
        self._observer.mark(f"cartridge {known.serial[-6:]} used", trip=False)
        self._observer.say(
            Phase.CARTRIDGE, f"Cartridge {known.serial} of lot {known.lot} is burned for this session."
        )
        return ""

    def _home(self) -> None:
        self._observer.say(Phase.HOMING, "The axis looks for its home position.")
        self._session.home()

    def _treat(self, index: int, zone: Zone) -> None:
        """One zone, however many trigger holds and trips it takes."""
        self._session.note(
            Kind.ZONE_SELECTED, {"zone": zone.name, "from_event_id": self._pen.status().next_event}
        )
        self._observer.active = index
        while not self._zone_done(index, zone):
            try:
                self._prepare(zone)
                self._hold(index, zone)
            except RefusedError:
                if self._pen.status().state is not State.STOPPED:
                    raise
            status = self._pen.status()
            if status.state is State.STOPPED:
                self._recover(status, zone)
            else:
                self._session.disarm()
        self._observer.active = BETWEEN_ZONES
        self._session.witness()

    def _prepare(self, zone: Zone) -> None:
        """Set, verify, arm."""
        self._observer.say(Phase.POSITIONING, f"{zone.name}: set {zone.depth_um / 1000:.2f} mm.")
        self._session.set_depth(zone.depth_um)
        self._session.set_rate(zone.rate_mhz)
        self._observer.say(
            Phase.ARMING, f"{zone.name}: armed for {zone.rate_mhz / 1000:.0f} Hz; the trigger is checked."
        )
        self._session.arm(zone.depth_um, zone.rate_mhz, self._plan.plan_hash)
        self._wait(lambda status: status.state is not State.ARMING, "the trigger to be seen released")

    def _hold(self, index: int, zone: Zone) -> None:
        """One hold of the trigger: from press to release, stop, or the zone's goal."""
        self._observer.say(Phase.READY, f"{zone.name}: hold the trigger.")
        start = self._pen.status()
        begun = self._observer.zones[index]
        self._hands.hold(zone)
        self._wait(lambda status: status.state is not State.ARMED, "the trigger")
        began_s = self._clock()
        while True:
            status = self._look(index, begun, start, began_s)
            if status.state is not State.STROKING:
                break
            held_s = self._clock() - began_s
            if self._zone_done(index, zone) or held_s >= zone.hold_s:
                break
            self._observer.say(Phase.STROKING, f"{zone.name}: stroking.")
            self._pause(POLL_S)
        self._hands.release()
        self._wait(lambda now: now.state is not State.STROKING, "the trigger to be released")
        self._look(index, begun, start, began_s, ended_s=self._clock())
        self._session.pull()

    def _recover(self, status: Status, zone: Zone) -> None:
        """The way out of a stop: cause gone, cleared by name, homed again."""
        cause = status.first_cause
        told = for_cause(cause)
        name = status.cause_text
        self._session.pull()
        self._session.note(Kind.TRIP, {"cause": name, "event": status.cause_event, "zone": zone.name})
        self._observer.mark(name.replace("_", " ").lower(), trip=True)
        self._trips.append(Trip(self._observer.now_ms(), name, zone.name))
        self._observer.trips = len(self._trips)
        self._observer.say(Phase.STOPPED, f"{told.happened} {told.now}")
        if len(self._trips) > TRIPS_MAX:
            raise TreatmentAbandonedError(
                f"The pen stopped {len(self._trips)} times in one treatment, last for {name}. "
                "Everything is recorded; have the pen looked at before it is used again."
            )
        if bit(cause) & CARTRIDGE_MASK:
            self._ask_cartridge(told.happened)
        else:
            self._hands.resolve(told.title, told.now)
        self._wait(lambda now: not now.conditions & bit(cause), f"{told.title.lower()} to be resolved")
        self._session.clear_fault(cause, status.cause_event)
        self._trips[-1] = replace(self._trips[-1], cleared=True)
        self._observer.say(Phase.HOMING, f"{name} is cleared in the name of {self._session.operator.name}.")
        if self._pen.status().conditions & CARTRIDGE_MASK:
            self._cartridge(told.happened, in_place=True)
        self._home()

    # --- looking --------------------------------------------------------------------------------------------------------

    def _look(
        self, index: int, begun: ZoneProgress, start: Status, began_s: float, ended_s: float | None = None
    ) -> Status:
        """Take the pen's newest status into the zone's progress."""
        status = self._pen.status()
        contact = begun.contact_strokes + status.contact_total - start.contact_total
        held_ms = round(((ended_s or self._clock()) - began_s) * 1000)
        zone = replace(
            begun,
            done_ms=begun.done_ms + held_ms,
            strokes=begun.strokes + status.strokes_total - start.strokes_total,
            contact_strokes=contact,
            dose_per_cm2=self._dose(self._plan.zones[index], contact),
        )
        zones = self._observer.zones
        self._observer.zones = (*zones[:index], zone, *zones[index + 1 :])
        return status

    def _wait(self, there: Callable[[Status], bool], what: str) -> None:
        """Until the pen reports it.

        Raises:
            TreatmentAbandonedError: It took longer than `HAND_TIMEOUT_S`.
        """
        end_s = self._clock() + HAND_TIMEOUT_S
        while not there(self._pen.status()):
            if self._clock() > end_s:
                raise TreatmentAbandonedError(
                    f"Waited {HAND_TIMEOUT_S:.0f} s for {what} in vain. The needle is off; the treatment is "
                    "closed with what was done so far. Begin again when somebody is at the pen."
                )
            self._pause(POLL_S)

    def _zone_done(self, index: int, zone: Zone) -> bool:
        """The zone's dose is reached, or its time is used up."""
        zone_so_far = self._observer.zones[index]
        return zone_so_far.contact_strokes >= self._goal_strokes(zone) or zone_so_far.done_ms >= (
            zone.passes * zone.hold_s * 1000
        )

    def _needles(self) -> int:
        return self._cartridges[-1].needles if self._cartridges else self._plan.needles

    def _goal_strokes(self, zone: Zone) -> int:
        return dose.strokes_for(zone.target.low, self._needles(), zone.area_mm2) + 1

    def _dose(self, zone: Zone, contact_strokes: int) -> float | None:
        if not self._cartridges:
            return None
        estimate: Fraction = dose.punctures_per_cm2(contact_strokes, self._needles(), zone.area_mm2)
        return float(estimate)


def _goal_ms(zone: Zone, needles: int) -> int:
    """Stroking time in which a zone reaches its target, or that its holds allow."""
    strokes = dose.strokes_for(zone.target.low, needles, zone.area_mm2)
    return min(strokes * 1_000_000 // zone.rate_mhz, zone.passes * zone.hold_s * 1000)


def bit(cause: int) -> int:
    """The bit of a first cause in the condition mask; 0 for a fault that is no condition."""
    return bits(cause) & ALL_CONDITIONS


def _forbidden(findings: list[Finding]) -> str:
    """The sentences of what forbids, or nothing."""
    return " ".join(finding.sentence for finding in findings if finding.level is Level.BLOCK)
