"""A whole treatment: cartridge, homing, zone after zone, stops and their way out.

The same for every pen. What a person must do is asked of `Hands`; what happened is read from the pen.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from .. import dose
from ..journal import Kind
from ..models import CartridgeSeen, Plan, Zone
from ..names import Condition, Flag, State
from ..pen import Status
from ..progress import Phase, Progress, ZoneProgress
from ..trace import Mark, Sample
from .bedside import POLL_S, Bedside
from .cartridges import CARTRIDGE_MASK, Cartridges
from .hands import Hands, Proceed
from .observer import BETWEEN_ZONES, Observer
from .session import RequestRefusedError, Session
from .way_out import Trip, WayOut, bit

RETRACT_S = 10.0
"""A needle that has not retracted after this long will not. (J)"""


@dataclass(frozen=True, slots=True)
class Course:
    """What a treatment came to.

    Attributes:
        zones: Every zone, as far as it got.
        samples: What was measured.
        marks: Named moments.
        trips: Every stop.
        cartridges: Those that were burned.
        ended_early: The operator left a zone out, or ended it before the last.
    """

    zones: tuple[ZoneProgress, ...]
    samples: tuple[Sample, ...]
    marks: tuple[Mark, ...]
    trips: tuple[Trip, ...]
    cartridges: tuple[CartridgeSeen, ...]
    ended_early: bool = False


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
        self._pen = session.pen
        self._plan = plan
        self._hands = hands
        zones = tuple(_planned(zone, plan.needles) for zone in plan.zones)
        self._observer = Observer(session, watch, zones, clock)
        self._at = Bedside(session, plan, hands, self._observer, clock, pause)
        self._cartridges = Cartridges(self._at, today)
        self._way_out = WayOut(self._at, self._cartridges)
        self._ended_early = False

    def run(self) -> Course:
        """Run the plan to its end.

        Raises:
            PenError: It could not be completed. STOP is on its way to the pen; the session is still open: close or
                recover it.
        """
        self._observer.start()
        finished = False
        try:
            self._session.tighten(self._plan)
            ended = self._zones()
            done = "The operator ends the treatment" if ended else "All zones are done"
            self._at.say(Phase.CLOSING, f"{done}; the needle retracts and the session is closed.")
            finished = True
        finally:
            if not finished:
                # whatever went wrong, and before anything else: STOP. It returns at once and is repeated until confirmed
                self._pen.worker.stop()
            self._hands.release()
            self._observer.stop()
        return self._course()

    def closed(self) -> None:
        """Show that the session is closed, and whether the tip may be touched: the pen retracts the needle on its own."""
        end_s = self._at.clock() + RETRACT_S
        while self._at.clock() < end_s:
            self._at.pause(POLL_S)
            status = self._pen.status()
            if Flag.AXIS_MOVING not in status.flags:
                break
        else:
            self._at.say(
                Phase.DONE, "The session is closed. The needle has NOT retracted: do not touch the tip."
            )
            return
        self._at.say(
            Phase.DONE, "The session is closed and the needle at rest. Discard the cartridge as sharps waste."
        )

    def _course(self) -> Course:
        watched = self._observer
        return Course(
            watched.zones,
            tuple(watched.samples),
            tuple(watched.marks),
            tuple(self._way_out.trips),
            tuple(self._cartridges.burned),
            self._ended_early,
        )

    def _zones(self) -> bool:
        """Zone after zone; whether the operator ended it before the last."""
        for index, zone in enumerate(self._plan.zones):
            decision = self._treat(index, zone)
            self._ended_early |= decision is not Proceed.ARM
            if decision is Proceed.FINISH:
                return True
        return False

    # --- steps ----------------------------------------------------------------------------------------------------------

    def _treat(self, index: int, zone: Zone) -> Proceed:
        """One zone, however many trigger holds and stops it takes; what the operator decided about it."""
        self._session.note(
            Kind.ZONE_SELECTED, {"zone": zone.name, "from_event_id": self._pen.status().next_event}
        )
        self._observer.active = index
        decision: Proceed | None = None
        while not self._zone_done(index, zone):
            try:
                self._prepare()
                decision = decision or self._hands.proceed(zone)
                if decision is not Proceed.ARM:
                    self._session.note(Kind.NOTE, {"text": f"{zone.name}: {decision}", "zone": zone.name})
                    break
                # before it is armed: whoever is quick with the trigger strokes before anybody has looked
                start = self._pen.status()
                self._arm(zone)
                self._hold(index, zone, start)
            except RequestRefusedError as error:
                status = self._pen.status()
                if not status.stopped and not self._way_out.from_block(status, error.outcome):
                    raise
            status = self._pen.status()
            if status.stopped:
                self._way_out.from_stop(status, zone.name)
                # what was decided before a stop is decided anew after it
                decision = None
        self._observer.active = BETWEEN_ZONES
        self._session.witness()
        return decision or Proceed.ARM

    def _prepare(self) -> None:
        """Cartridge and home where they are wanting."""
        status = self._pen.status()
        if status.conditions & CARTRIDGE_MASK:
            begun = bool(self._cartridges.burned)
            why = "The treatment needs another cartridge." if begun else "The treatment needs its cartridge."
            self._cartridges.get(why, in_place=begun)
        if status.conditions & (bit(Condition.NOT_HOMED) | bit(Condition.STEP_MISMATCH)):
            self._at.say(Phase.HOMING, "The axis looks for its home position.")
            self._session.home()

    def _arm(self, zone: Zone) -> None:
        """Set, verify, arm."""
        self._at.say(Phase.POSITIONING, f"{zone.name}: set {zone.depth_um / 1000:.2f} mm.")
        self._session.set_depth(zone.depth_um)
        self._session.set_rate(zone.rate_mhz)
        self._at.say(
            Phase.ARMING, f"{zone.name}: armed for {zone.rate_mhz / 1000:.0f} Hz; the trigger is checked."
        )
        self._session.arm(zone.depth_um, zone.rate_mhz, self._plan.plan_hash)
        self._at.wait(lambda now: now.state is not State.ARMING, "the trigger to be seen released")

    def _hold(self, index: int, zone: Zone, start: Status) -> None:
        """One hold of the trigger: from press to release, stop, or the zone's goal.

        Args:
            index: Of the zone.
            zone: It.
            start: The pen before it was armed.
        """
        self._at.say(Phase.READY, f"{zone.name}: hold the trigger.")
        begun = self._observer.zones[index]
        self._hands.hold(zone)
        self._at.wait(lambda status: status.state is not State.ARMED, "the trigger")
        began_s = self._at.clock()
        while True:
            status = self._look(index, begun, start, began_s)
            held_ms = self._held_ms(began_s)
            if (
                status.state is not State.STROKING
                or self._zone_done(index, zone)
                or held_ms >= self._hold_ms(zone)
            ):
                break
            self._at.must_be_watched()
            self._at.say(Phase.STROKING, f"{zone.name}: stroking.")
            self._at.pause(POLL_S)
        if status.armed:
            # the goal ends the strokes, not the hand that may be late
            self._session.disarm()
        ended_s = self._at.clock()
        self._hands.release()
        self._at.wait(lambda now: now.stopped or Flag.TRIGGER not in now.flags, "the trigger to be released")
        self._session.pull()
        # the stroke that was cut short is counted a moment after the needle is off
        self._look(index, begun, start, began_s, ended_s)

    # --- looking --------------------------------------------------------------------------------------------------------

    def _look(
        self, index: int, begun: ZoneProgress, start: Status, began_s: float, ended_s: float | None = None
    ) -> Status:
        """Take the pen's newest status into the zone's progress."""
        status = self._pen.status()
        contact = begun.contact_strokes + status.contact_total - start.contact_total
        zone = replace(
            begun,
            done_ms=begun.done_ms + self._held_ms(began_s, ended_s),
            strokes=begun.strokes + status.strokes_total - start.strokes_total,
            contact_strokes=contact,
            dose_per_cm2=self._dose(self._plan.zones[index], contact),
        )
        zones = self._observer.zones
        self._observer.zones = (*zones[:index], zone, *zones[index + 1 :])
        return status

    def _held_ms(self, began_s: float, ended_s: float | None = None) -> int:
        return round(((self._at.clock() if ended_s is None else ended_s) - began_s) * 1000)

    def _hold_ms(self, zone: Zone) -> int:
        """Longest single hold of the trigger."""
        return min(zone.hold_s * 1000, self._session.hold_max_ms)

    def _zone_done(self, index: int, zone: Zone) -> bool:
        """The zone's dose is reached, or its time is used up."""
        so_far = self._observer.zones[index]
        time_ms = zone.passes * self._hold_ms(zone)
        return so_far.contact_strokes >= self._goal_strokes(zone) or so_far.done_ms >= time_ms

    def _needles(self) -> int:
        burned = self._cartridges.burned
        return burned[-1].needles if burned else self._plan.needles

    def _goal_strokes(self, zone: Zone) -> int:
        return dose.strokes_for(zone.target.low, self._needles(), zone.area_mm2) + 1

    def _dose(self, zone: Zone, contact_strokes: int) -> float | None:
        if not self._cartridges.burned:
            return None
        estimate: Fraction = dose.punctures_per_cm2(contact_strokes, self._needles(), zone.area_mm2)
        return float(estimate)


def _planned(zone: Zone, needles: int) -> ZoneProgress:
    """A zone before its first stroke."""
    low, high = zone.target.low, zone.target.high
    return ZoneProgress(zone.name, _goal_ms(zone, needles), target_low=low, target_high=high)


def _goal_ms(zone: Zone, needles: int) -> int:
    """Stroking time in which a zone reaches its target, or that its holds allow."""
    strokes = dose.strokes_for(zone.target.low, needles, zone.area_mm2)
    return min(strokes * 1_000_000 // zone.rate_mhz, zone.passes * zone.hold_s * 1000)
