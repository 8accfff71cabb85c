"""The one object behind the console: pen, record, people, treatment, leases, STOP. Pages and API both speak to it.

Every method may be called from any thread. STOP and whatever ends in `view` wait for nobody; the others may wait for pen and
record and belong in a worker thread, never in an event loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from ..errors import PenError
from ..journal import Journal
from ..models import Plan
from ..names import STOPPABLE
from ..records import Clinic
from ..session import Operator, Recovered, clear_stop
from ..worker import StopTicket
from .bench import BenchDesk
from .broadcast import Broadcast, Shared, Turn
from .control import Console, ControlDesk
from .docking import Dock, Docked, Source
from .feed import Subscriber
from .flow_models import TreatmentView
from .live_messages import StateMessage
from .models import (
    ClearStop,
    ControlView,
    LiveFrame,
    NewPerson,
    Role,
    SessionView,
    SignIn,
    StopView,
    TakeControl,
    Training,
)
from .people import People, Permission, Person
from .problems import Code, ProblemError
from .scribe import Scribe
from .sessions import BrowserSession, Sessions
from .treatment import TreatmentDesk, no_pen
from .views import live_frame, pen_view, stop_view
from .visiting import Visiting

COUNTS_EVERY_S = 1.0
"""How often the state takes over the counts of a run that is under way. (J)"""
STOP_REMEMBERED_S = 10.0
"""A STOP that was given without a pen goes to the pen that connects within this time. (J)"""
SHUT_S = 5.0
"""How long an ending console waits for its treatment to be closed."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a browser, and one of its tabs when it was named."""

    session: BrowserSession
    console: Console | None = None


class ConsoleService:
    """See the module.

    Args:
        source: Which pen.
        journal: The record; owned by the caller.
        people: The accounts.
        own: Plans offered beside the clinic's presets, by name.
        training: Accounts whose PINs are shown, of a simulated console.
        clock: Seconds that never go back.
        sessions: Browser sessions that began before it.
    """

    def __init__(
        self,
        source: Source,
        journal: Journal,
        people: People,
        own: Mapping[str, Plan] | None = None,
        training: Training | None = None,
        clock: Callable[[], float] = time.monotonic,
        sessions: Sessions | None = None,
    ) -> None:
        self.journal = journal
        self.people = people
        self.sessions = sessions or Sessions(clock)
        self.control = ControlDesk(self._on_lease_lost, clock)
        self.dock = Dock(
            source,
            journal,
            {"console": self.control.fresh, "journal": lambda: journal.healthy},
            lambda: self.treatment.running,
            self._on_settled,
            self._stop_waits,
        )
        self.visiting = Visiting(Clinic.on(journal), own or {})
        self.treatment = TreatmentDesk(
            journal,
            self.visiting,
            lambda: self.dock.docked,
            self._change,
            lambda told: self._tell("warning", told),
        )
        self.bench = BenchDesk(lambda: self.dock.docked, self._change) if source.simulated else None
        self._training = training
        self._clock = clock
        self._started_s = clock()
        self._scribe = Scribe(journal)
        self._stopped_s = float("-inf")
        self._stop_without_pen = False
        self._treatment_shown = self.treatment.view()
        self._shown_s = clock()
        self._broadcast = Broadcast(self._before_frame, self._frame, self._look, self._treatment_moved, clock)

    # --- life -----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take up what a crash left open, look for the pen, make live frames."""
        self.treatment.restore()
        self.dock.start()
        self._broadcast.start()

    def close(self) -> None:
        """Break off what runs, let go of the pen, write what is still to be written."""
        self.treatment.shut("The console was closed", SHUT_S)
        self._broadcast.close()
        self.dock.close()
        self._scribe.close()
        self.visiting.clinic.close()

    # --- STOP -----------------------------------------------------------------------------------------------------------

    def stop(self, by: str) -> StopTicket | None:
        """STOP, ahead of everything. Returns at once; None when there is no pen to send it to.

        Args:
            by: Who or what asked for it, for the record.
        """
        docked = self.dock.docked
        ticket = docked.pen.worker.stop() if docked else None
        self._stopped_s = self._clock()
        self._stop_without_pen = docked is None
        self._scribe.note("STOP", by=by, pen_serial=self._serial(docked))
        self._change()
        return ticket

    def stop_now(self) -> StopView:
        """How the newest STOP stands."""
        return stop_view(self.dock.snapshot(), self._stop_without_pen)

    # --- looking --------------------------------------------------------------------------------------------------------

    def state(self, caller: Caller | None) -> StateMessage:
        """Everything that does not change twenty times a second, as one console sees it."""
        shared = self._broadcast.shared
        return StateMessage(
            version=shared.version,
            pen=shared.pen,
            stop=self.stop_now(),
            control=shared.control,
            you_control=caller is not None and self.control.controls(caller.console),
            session=self.session_view(caller.session) if caller else SessionView(),
            treatment=self.treatment_for(caller),
            notices=shared.notices,
        )

    def treatment_for(self, caller: Caller | None) -> TreatmentView:
        """The open treatment as far as this caller may see it: who is treated is for those who are signed in and unlocked.

        What the pen does is for everybody: a locked console goes on showing it.
        """
        view = self.treatment.view()
        session = caller.session if caller is not None else None
        if session is not None and not session.locked and self.people.get(session.person) is not None:
            return view
        return view.model_copy(
            update={"patient": None, "answers": {}, "reasons": {}, "findings": (), "consent": None}
        )

    def subscribe(self, wake: Callable[[], None]) -> Subscriber[Turn]:
        """Live frames from now on; `wake` is called in the feed's thread and must return at once."""
        return self._broadcast.subscribe(wake)

    def unsubscribe(self, subscriber: Subscriber[Turn]) -> None:
        """No more of them."""
        self._broadcast.unsubscribe(subscriber)

    def frame(self) -> LiveFrame:
        """The newest values, without a number to acknowledge."""
        return self._frame(self._broadcast.seq)

    def session_view(self, session: BrowserSession) -> SessionView:
        """Who is signed in at a browser."""
        person = self.people.get(session.person)
        return SessionView(
            person=self.people.view(person) if person else None,
            locked=session.locked,
            locks_in_s=self.sessions.locks_in_s(session),
            setup_needed=self.people.empty,
            training=self._training,
            people=tuple(one for one in self.people.views() if one.active),
        )

    # --- who ------------------------------------------------------------------------------------------------------------

    def caller(self, session: BrowserSession, console_id: str | None = None) -> Caller:
        """Who asks.

        Raises:
            ProblemError: The console is not this browser's.
        """
        console = self.control.of(session.key, console_id) if console_id else None
        return Caller(session, console)

    def signed_in(self, caller: Caller) -> Person:
        """The person who asks.

        Raises:
            ProblemError: Nobody is signed in, or the session is locked.
        """
        session = caller.session
        person = self.people.get(session.person)
        if person is None:
            raise ProblemError(
                Code.SIGN_IN_FIRST,
                HTTPStatus.UNAUTHORIZED,
                "Sign in first; nothing was done. STOP works without.",
            )
        if session.locked:
            raise ProblemError(
                Code.LOCKED,
                HTTPStatus.LOCKED,
                "The console is locked; give the PIN. Nothing was done. STOP works without.",
            )
        self.sessions.touch(session)
        return person

    def need(self, caller: Caller, permission: Permission, *, control: bool = False) -> Person:
        """The person who asks, if the roles allow it.

        Raises:
            ProblemError: Nobody is signed in, the session is locked, the roles do not allow it, or another console controls.
        """
        person = self.signed_in(caller)
        if not person.may(permission):
            raise ProblemError(
                Code.ROLE_MAY_NOT,
                HTTPStatus.FORBIDDEN,
                f"{person.name} may not do this ({permission}); nothing was done. Somebody with that role must.",
            )
        if control and not self.control.controls(caller.console):
            raise ProblemError(
                Code.NOT_IN_CONTROL,
                HTTPStatus.CONFLICT,
                "This console only watches, so nothing was done. Take control first, or go to the console that has it.",
            )
        return person

    def sign_in(self, session: BrowserSession, asked: SignIn) -> SessionView:
        """Sign somebody in, or the same person again after a lock. Another person on a browser that controls stops the needle."""
        try:
            person = self.people.check(asked.name, asked.pin)
        except ProblemError as error:
            self._scribe.note(f"A PIN was refused ({error.code}).", name=asked.name)
            raise
        if session.person not in (None, person.name):
            self._stop_if_armed(session, f"{person.name} signs in")
        session.person, session.locked = person.name, False
        self.sessions.touch(session)
        self._label(session)
        self._scribe.note("signed in", actor=person.name, role=person.roles[0])
        self._change()
        return self.session_view(session)

    def sign_out(self, session: BrowserSession) -> SessionView:
        """Nobody is signed in here any more. A needle that this browser controls is stopped first."""
        self._stop_if_armed(session, "the operator signs out")
        self._scribe.note("signed out", actor=session.person or "nobody")
        session.person, session.locked = None, False
        self.control.release(session.key)
        self._label(session)
        self._change()
        return self.session_view(session)

    def lock(self, session: BrowserSession) -> SessionView:
        """Ask for the PIN again. A needle that this browser controls is stopped first."""
        if session.person is not None:
            self._stop_if_armed(session, "the operator locks the console")
            session.locked = True
            self._change()
        return self.session_view(session)

    def set_up(self, session: BrowserSession, asked: NewPerson) -> SessionView:
        """Make the first account; it can make others.

        Raises:
            ProblemError: There is one already.
        """
        if not self.people.empty:
            raise ProblemError(
                Code.SETUP_DONE, HTTPStatus.CONFLICT, "There are accounts already; an admin makes others."
            )
        self.people.add(asked.name, asked.pin, (*asked.roles, Role.ADMIN))
        return self.sign_in(session, SignIn(name=asked.name, pin=asked.pin))

    # --- control --------------------------------------------------------------------------------------------------------

    def take_control(self, caller: Caller, asked: TakeControl) -> ControlView:
        """Control is this console's.

        Raises:
            ProblemError: Another console has it and a take-over was not asked for.
        """
        person = self.need(caller, Permission.TREAT)
        console = caller.console
        assert console is not None, "whoever asks for control names a console"
        holder = self.control.holder()
        if holder is not None and holder is not console and not asked.take_over:
            raise ProblemError(
                Code.NOT_IN_CONTROL,
                HTTPStatus.CONFLICT,
                f"{holder.label} ({holder.person or 'nobody'}) controls the pen, so this console only watches. "
                "Take over on purpose if you must; the needle is stopped first.",
            )
        if holder is not None and holder is not console:
            self._stop_if_armed(None, f"{person.name} takes over from {holder.label}")
            self._tell(
                "warning",
                f"{person.name} took control over from {holder.label} ({holder.person or 'nobody'}).",
            )
            self._scribe.note(
                "control taken over",
                actor=person.name,
                role=person.roles[0],
                taken_from=holder.person or "nobody",
            )
        console.person = person.name
        self.control.give(console)
        self._change()
        return self.control.view()

    def offer_control(self, caller: Caller) -> None:
        """A console whose person may treat gets control when nobody has it."""
        person = self.people.get(caller.session.person)
        may = person is not None and person.may(Permission.TREAT) and not caller.session.locked
        if caller.console is None or not may or person is None:
            return
        holder = self.control.holder()
        if holder is None or holder is caller.console:
            caller.console.person = person.name
            self.control.give(caller.console)
            self._change()

    # --- the way out of a stop ------------------------------------------------------------------------------------------

    def clear(self, caller: Caller, asked: ClearStop) -> StopView:
        """Acknowledge a stop by its cause, in the name of who is signed in.

        Raises:
            PenError: The cause is still there, another is meant, or the pen or the record failed.
        """
        person = self.need(caller, Permission.CLEAR_STOP, control=True)
        role = Role.CLINICIAN if Role.CLINICIAN in person.roles else person.roles[0]
        if self.treatment.answer_clear(asked.cause, True):
            self._scribe.note("stop acknowledged", actor=person.name, role=role, cause=asked.cause)
            return self.stop_now()
        docked = self.docked()
        clear_stop(docked.pen, self.journal, Operator(person.name, role), asked.cause)
        self._change()
        return self.stop_now()

    def docked(self) -> Docked:
        """The pen.

        Raises:
            ProblemError: There is none.
        """
        docked = self.dock.docked
        if docked is None:
            raise no_pen()
        return docked

    def note(self, text: str, by: Person, told: str) -> None:
        """Have it written into the record, in this person's name; returns at once."""
        self._scribe.note(text, actor=by.name, role=by.roles[0], told=told)

    # --- inside ---------------------------------------------------------------------------------------------------------

    def _before_frame(self, seq: int) -> None:
        self.control.made(seq)
        self.control.look()

    def _frame(self, seq: int) -> LiveFrame:
        run = self.treatment.run
        progress = run.progress if run is not None and run.running else None
        frame = live_frame(
            seq, round((self._clock() - self._started_s) * 1000), self.dock.snapshot(), progress
        )
        return frame.model_copy(update={"console_lease_ms": self.control.left_ms()})

    def _look(self) -> Shared:
        for session in self.sessions.lock_idle(self._holding_session()):
            self._scribe.note("locked after no touch", actor=session.person or "nobody")
            self._change()
        return Shared(0, pen_view(self.dock), self.stop_now(), self.control.view())

    def _treatment_moved(self) -> bool:
        """Counts of a run that is under way are in the frames; here they follow now and then."""
        now_s = self._clock()
        if not self.treatment.running or now_s - self._shown_s < COUNTS_EVERY_S:
            return False
        self._shown_s = now_s
        view = self.treatment.view()
        moved, self._treatment_shown = view != self._treatment_shown, view
        return moved

    def _change(self) -> None:
        self._broadcast.change()

    def _on_lease_lost(self, why: str) -> None:
        """The controlling console does not look any more: STOP when the needle runs, or may be about to."""
        if not self._needle_may_run():
            return
        self.stop(f"console lost: {why}")
        self._tell("danger", f"The needle was stopped: {why}.")

    def _needle_may_run(self) -> bool:
        snapshot = self.dock.snapshot()
        status = snapshot.status if snapshot else None
        return self.treatment.needle_phase or (status is not None and status.state in STOPPABLE)

    def _stop_if_armed(self, session: BrowserSession | None, why: str) -> None:
        """Before whatever takes an operator from the pen. `session`: only when this browser controls."""
        holder = self.control.holder()
        concerned = session is None or (holder is not None and holder.session == session.key)
        if concerned and self._needle_may_run():
            self.stop(why)
            self._tell("warning", f"The needle was stopped: {why}.")

    def _holding_session(self) -> str | None:
        holder = self.control.holder()
        return holder.session if holder is not None and self._needle_may_run() else None

    def _stop_waits(self) -> bool:
        return self._clock() - self._stopped_s < STOP_REMEMBERED_S

    def _on_settled(self, found: list[Recovered], complaint: str) -> None:
        docked = self.dock.docked
        for one in found:
            try:
                self.treatment.settled(one.session_id, self._serial(docked) or "unknown")
            except PenError as error:
                self._tell("danger", error.sentence)
            unsure = "" if one.sure else " The pen lost power meanwhile, so its own count may be short."
            self._tell(
                "warning",
                f"Session {one.session_id} was interrupted; it is settled from the pen's own counters with "
                f"{one.strokes} strokes.{unsure}",
            )
        if complaint:
            self._tell("danger", complaint)
        self._change()

    def _tell(self, level: Literal["info", "warning", "danger"], text: str) -> None:
        self._broadcast.tell(level, text)

    def _label(self, session: BrowserSession) -> None:
        self.control.name(session.key, session.person)

    def _serial(self, docked: Docked | None) -> str | None:
        identity = docked.pen.snapshot().identity if docked else None
        return identity.serial if identity else None
