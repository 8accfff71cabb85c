"""The part of a treatment in which the pen works: the job of `pen_host.session` in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..errors import PenError
from ..journal import Journal
from ..models import Plan
from ..names import STOPPABLE
from ..progress import Phase, Progress, ZoneProgress
from ..records.models import Person
from ..session import Job, Operator, TreatmentResult, run_treatment, session_name
from .catalogue import plan_view
from .docking import Docked
from .flow_models import Ending, RunView, Waiting, ZoneView
from .hands import Asked, ConsoleHands

NEEDLE_PHASES = frozenset({Phase.POSITIONING, Phase.ARMING, Phase.READY, Phase.STROKING})
"""Phases in which the needle runs or may be about to."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run."""

    docked: Docked
    journal: Journal
    plan: Plan
    operator: Operator
    patient: str
    answers: Mapping[str, bool]
    reasons: Mapping[str, str]


class TreatmentRun:
    """One running treatment.

    Args:
        order: What to run.
        changed: Told, in the job's threads, when there is something new; must return at once.
        opened: Told once, in the job's thread, when the session is open and nothing has happened in it yet.
        ended: Told once, in the job's thread, when it is over.

    Attributes:
        hands: Where its questions are answered.
        progress: The newest; None before the first.
        result: What it came to; None while it runs and when it was broken off.
        error: Why it was broken off.
        session_id: Its session in the record, None before it was opened.
    """

    def __init__(
        self,
        order: Order,
        changed: Callable[[], None],
        opened: Callable[[TreatmentRun], None],
        ended: Callable[[TreatmentRun], None],
    ) -> None:
        self.order = order
        self.hands = ConsoleHands(changed, self._first)
        self.progress: Progress | None = None
        self.result: TreatmentResult | None = None
        self.error: str | None = None
        self.session_id: str | None = None
        self._changed = changed
        self._opened = opened
        self._ended = ended
        self._over = False
        self._thread = threading.Thread(target=self._run, name="treatment", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def running(self) -> bool:
        """It has begun and is not over."""
        return not self._over

    @property
    def by(self) -> Person:
        """Who treats, as the record signs them."""
        return Person(name=self.order.operator.name, role=self.order.operator.role)

    @property
    def serial(self) -> str:
        """The pen's."""
        return self.order.docked.pen.identity().serial

    @property
    def needle_phase(self) -> bool:
        """The needle runs or may be about to: whoever does not look any more stops it."""
        if self._over:
            return False
        status = self.order.docked.pen.snapshot().status
        armed = status is not None and status.state in STOPPABLE
        return armed or (
            self.progress is not None and self.progress.phase in NEEDLE_PHASES and not self.hands.waiting_now
        )

    def break_off(self, why: str) -> None:
        """STOP, and close it with what was done so far."""
        self.order.docked.pen.worker.stop()
        self.hands.break_off(why)

    def join(self, timeout_s: float) -> None:
        """Wait for its end."""
        self._thread.join(timeout_s)

    @property
    def ending(self) -> Ending | None:
        """How it ended, None while it runs."""
        if not self._over:
            return None
        if self.result is None:
            return Ending.BROKEN_OFF
        return Ending.ENDED_EARLY if self.hands.finished or self.hands.skipped else Ending.COMPLETED

    def view(self) -> RunView:
        """For the screen, all of it as it was at one moment or a little later."""
        ending, progress = (
            self.ending,
            self.progress,
        )  # in this order: with an ending comes the last of the progress
        hands, asked = self.hands, self.hands.asked
        zones = plan_view("", self.order.plan).zones
        if progress is not None:
            zones = tuple(_so_far(zone, one, hands) for zone, one in zip(zones, progress.zones, strict=True))
        active = progress.active if progress else -1
        if asked.waiting is Waiting.ZONE:
            active = [zone.name for zone in zones].index(asked.zone)
        return RunView(
            phase=progress.phase if progress else Phase.CHECKS,
            message=_message(progress, asked),
            waiting=asked.waiting,
            zones=zones,
            active=active,
            cause=asked.cause if asked.waiting is Waiting.CLEAR else None,
            trips=progress.trips if progress else 0,
            session_id=self.session_id,
            ending=ending,
            error=self.error,
        )

    def _run(self) -> None:
        order = self.order
        job = Job(
            order.docked.pen,
            order.journal,
            order.plan,
            order.operator,
            order.patient,
            self.hands,
            self._watch,
            order.answers,
            order.reasons,
            order.docked.clock,
            order.docked.pause,
        )
        try:
            with order.docked.turn:
                self.result = run_treatment(job, None)
        except PenError as error:
            self.error = error.sentence
        finally:
            if self.result is None and self.error is None:
                self.error = "The program failed in the middle of the treatment; everything up to then is in the record."
                order.docked.pen.worker.stop()
            self._over = True
            self._ended(self)

    def _first(self) -> None:
        self._name_session()
        self._opened(self)

    def _name_session(self) -> None:
        # two threads come by here: neither takes away what the other has found
        if self.session_id is None and (nonce := self.order.docked.pen.snapshot().session):
            self.session_id = session_name(nonce)

    def _watch(self, progress: Progress) -> None:
        self._name_session()
        before, self.progress = self.progress, progress
        told = before is None or (before.phase, before.message, before.active, before.trips) != (
            progress.phase,
            progress.message,
            progress.active,
            progress.trips,
        )
        if told:
            self._changed()


def _so_far(zone: ZoneView, progress: ZoneProgress, hands: ConsoleHands) -> ZoneView:
    return zone.model_copy(
        update={
            "goal_ms": progress.goal_ms,
            "done_ms": progress.done_ms,
            "strokes": progress.strokes,
            "contact_strokes": progress.contact_strokes,
            "dose_per_cm2": progress.dose_per_cm2,
            "skipped": zone.name in hands.skipped,
        }
    )


def _message(progress: Progress | None, asked: Asked) -> str:
    if asked.waiting is Waiting.ZONE:
        return f"{asked.zone}: place the tip, then arm, and move with the grain of the hair; or skip the zone, or finish."
    if asked.waiting is Waiting.CLEAR:
        return f"The cause of {asked.cause} is gone. Acknowledge the stop to go on."
    return progress.message if progress else "The plan and the answers are checked."
