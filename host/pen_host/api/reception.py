"""Who sits at which browser, and which console commands: signing in and out, locking, control.

Whatever takes an operator from an armed pen stops the needle first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from ..worker import StopTicket
from .control import Console, ControlDesk
from .models import ControlView, NewPerson, Role, SessionView, SignIn, TakeControl, Training
from .people import People, Permission, Person
from .problems import Code, ProblemError
from .scribe import Scribe
from .sessions import BrowserSession, Sessions


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a browser, and one of its tabs when it was named."""

    session: BrowserSession
    console: Console | None = None


class Reception(ABC):
    """See the module. Every method may be called from any thread.

    Args:
        people: The accounts.
        sessions: The browsers.
        control: Which console commands.
        scribe: Writes down what is done here.
        training: Accounts whose PINs are shown, of a simulated console.
    """

    def __init__(
        self,
        people: People,
        sessions: Sessions,
        control: ControlDesk,
        scribe: Scribe,
        training: Training | None,
    ) -> None:
        self.people = people
        self.sessions = sessions
        self.control = control
        self._scribe = scribe
        self.training = training

    @abstractmethod
    def stop(self, by: str) -> StopTicket | None:
        """STOP; returns at once."""

    @abstractmethod
    def _needle_may_run(self) -> bool:
        """The needle runs or may be about to."""

    @abstractmethod
    def _change(self) -> None:
        """There is something new to show."""

    @abstractmethod
    def _tell(self, level: Literal["info", "warning", "danger"], text: str) -> None:
        """Everybody at a console should know."""

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
        locked = session.locked  # before who it is: whoever unlocks it is there by then, and nobody before
        person = self.people.get(session.person)
        if person is None:
            raise ProblemError(
                Code.SIGN_IN_FIRST,
                HTTPStatus.UNAUTHORIZED,
                "Sign in first; nothing was done. STOP works without.",
            )
        if locked:
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

    def check_pin(self, name: str, pin: str) -> Person:
        """Who signs something, by PIN.

        Raises:
            ProblemError: See `People.check`; what was to be signed must not be done.
        """
        try:
            return self._known(name, pin)
        except ProblemError as error:
            told = error.sentence if error.code is not Code.WRONG_PIN else "The PIN is wrong."
            unsigned = f"{told} Nothing was signed and nothing was done."
            raise ProblemError(error.code, error.status, unsigned, error.errors) from error

    def _known(self, name: str, pin: str) -> Person:
        """Who this is, by PIN. A refused one stands in the record, wherever it was given."""
        try:
            return self.people.check(name, pin)
        except ProblemError as error:
            self._scribe.note(f"A PIN was refused ({error.code}).", name=name)
            raise

    def sign_in(self, session: BrowserSession, asked: SignIn) -> SessionView:
        """Sign somebody in, or the same person again after a lock. Another person on a browser that controls stops the needle."""
        person = self._known(asked.name, asked.pin)
        if session.person not in (None, person.name):
            self._stop_if_armed(session, f"{person.name} signs in")
        self.sessions.touch(session)  # first: unlocked and untouched it would be locked again
        session.person, session.locked = person.name, False
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
        self.people.add_first(asked.name, asked.pin, (*asked.roles, Role.ADMIN))
        return self.sign_in(session, SignIn(name=asked.name, pin=asked.pin))

    def session_view(self, session: BrowserSession) -> SessionView:
        """Who is signed in at a browser."""
        person = self.people.get(session.person)
        return SessionView(
            person=self.people.view(person) if person else None,
            locked=session.locked,
            locks_in_s=self.sessions.locks_in_s(session),
            setup_needed=self.people.empty,
            training=self.training,
            people=tuple(one for one in self.people.views() if one.active),
        )

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
            raise _held_by(holder)
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
        if not self.control.give(console, holder):
            raise _held_by(self.control.holder())
        console.person = person.name
        self._change()
        return self.control.view()

    def offer_control(self, caller: Caller) -> None:
        """A console whose person may treat gets control when nobody has it."""
        person = self.people.get(caller.session.person)
        may = person is not None and person.may(Permission.TREAT) and not caller.session.locked
        if caller.console is None or not may or person is None:
            return
        holder = self.control.holder()
        free = holder is None or holder is caller.console
        if free and self.control.give(caller.console, holder):
            caller.console.person = person.name
            self._change()

    # --- inside ---------------------------------------------------------------------------------------------------------

    def _stop_if_armed(self, session: BrowserSession | None, why: str) -> None:
        """Before whatever takes an operator from the pen. `session`: only when this browser controls."""
        holder = self.control.holder()
        concerned = session is None or (holder is not None and holder.session == session.key)
        if concerned and self._needle_may_run():
            self.stop(why)
            self._tell("warning", f"The needle was stopped: {why}.")

    def _label(self, session: BrowserSession) -> None:
        self.control.name(session.key, session.person)


def _held_by(holder: Console | None) -> ProblemError:
    label, person = (holder.label, holder.person) if holder is not None else ("another console", None)
    return ProblemError(
        Code.NOT_IN_CONTROL,
        HTTPStatus.CONFLICT,
        f"{label} ({person or 'nobody'}) controls the pen, so this console only watches. "
        "Take over on purpose if you must; the needle is stopped first.",
    )
