"""What every step of a treatment shares: the session, the hands, the view, and waiting until the pen reports something."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import ExitCode, PenError
from ..models import Plan
from ..pen import Pen, Status
from ..progress import Phase
from .hands import Hands
from .observer import Observer
from .session import Session

POLL_S = 0.05
"""How often a treatment looks at the pen; STATUS itself comes every `pen_protocol.limits.STATUS_PERIOD_MS`."""
HAND_TIMEOUT_S = 120.0
"""How long a hand may take for one thing before the treatment is closed. (J)"""


class TreatmentAbandonedError(PenError):
    """The treatment was closed before its plan was done; everything up to then is in the record."""

    exit_code = ExitCode.REFUSED


@dataclass(frozen=True, slots=True)
class Bedside:
    """Where a treatment happens.

    Attributes:
        session: Open on pen and record.
        plan: What is done.
        hands: At the pen.
        observer: Watches and shows.
        clock: Seconds that never go back.
        pause: Lets seconds pass.
    """

    session: Session
    plan: Plan
    hands: Hands
    observer: Observer
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep

    @property
    def pen(self) -> Pen:
        """The session's pen."""
        return self.session.pen

    def say(self, phase: Phase, message: str) -> None:
        """What is going on, for the operator."""
        self.observer.say(phase, message)

    def wait(self, there: Callable[[Status], bool], what: str, timeout_s: float | None = None) -> Status:
        """Until the pen reports it; returns the status that does.

        Args:
            there: Whether a status shows it.
            what: What is waited for, as in "waited for ...".
            timeout_s: Instead of `HAND_TIMEOUT_S`.

        Raises:
            TreatmentAbandonedError: It took too long, or the view has failed.
        """
        patience_s = HAND_TIMEOUT_S if timeout_s is None else timeout_s
        end_s = self.clock() + patience_s
        while not there(status := self.pen.status()):
            self.must_be_watched()
            if self.clock() > end_s:
                raise TreatmentAbandonedError(
                    f"Waited {patience_s:.0f} s for {what} in vain, so the needle was stopped and the treatment closed "
                    "with what was done so far. Begin again when somebody is at the pen."
                )
            self.pause(POLL_S)
        return status

    def must_be_watched(self) -> None:
        """Nobody treats blind.

        Raises:
            TreatmentAbandonedError: The thread that shows and records what is measured has failed.
        """
        if not self.observer.working:
            raise TreatmentAbandonedError(
                "The part of this program that shows and records what the pen measures has failed, so the needle was stopped "
                "and the treatment closed with what was done so far. Report it to the maker of the program."
            )
