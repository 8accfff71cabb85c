"""The operator at a console: what only a person can decide is asked there, what only hands can do is read from the pen."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..models import Zone
from ..session import Proceed, TreatmentAbandonedError
from .flow_models import Waiting

PATIENCE_S = 1_800.0
"""A question that nobody answers for this long closes the treatment; the needle is off meanwhile. (J)"""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked at one moment.

    Attributes:
        waiting: What is waited for.
        zone: The zone asked about; the last one while none is.
        cause: The stop asked about, likewise.
    """

    waiting: Waiting = Waiting.NOTHING
    zone: str = ""
    cause: str = ""


class ConsoleHands:
    """Hands of a treatment that runs under a console. Its thread waits here; any other thread answers.

    Args:
        changed: Told when there is something else to ask or show.
        first: Called once, in the treatment's thread, before it asks for its first cartridge.
        patience_s: Instead of `PATIENCE_S`.

    Attributes:
        asked: What is asked. Replaced whole; any thread may look.
        skipped: Zones that were left out.
        finished: The operator ended it early.
    """

    def __init__(
        self, changed: Callable[[], None], first: Callable[[], None], patience_s: float = PATIENCE_S
    ) -> None:
        self._changed = changed
        self._first: Callable[[], None] | None = first
        self._patience_s = patience_s
        self._turn = threading.Condition()
        self._decision: Proceed | None = None
        self._cleared: bool | None = None
        self._broken = ""
        self.asked = Asked()
        self.skipped: set[str] = set()
        self.finished = False

    # --- for the treatment's thread -------------------------------------------------------------------------------------

    def proceed(self, zone: Zone) -> Proceed:
        """See `pen_host.session.Hands`: a person at the console decides.

        Raises:
            TreatmentAbandonedError: Nobody did, or the console ends.
        """
        decision = self._decided(zone.name)
        if decision is None:
            raise TreatmentAbandonedError(
                f"{self._broken or 'Nobody at a console decided about the next zone'}, so the treatment was closed with what "
                "was done so far; the needle is off."
            )
        if decision is Proceed.SKIP:
            self.skipped.add(zone.name)
        self.finished = decision is Proceed.FINISH
        return decision

    def clear(self, cause: str, operator: str) -> bool:  # noqa: ARG002 - the operator is who is signed in, see `answer_clear`
        """See `pen_host.session.Hands`: acknowledged by name at the console."""
        with self._turn:
            self._cleared = None
            self._ask(
                replace(self.asked, waiting=Waiting.CLEAR, cause=cause), lambda: self._cleared is not None
            )
            return bool(self._cleared)

    def give_cartridge(self, _why: str) -> None:
        """See `pen_host.session.Hands`; the treatment says it on the screen by itself."""
        first, self._first = self._first, None
        if first is not None:
            first()

    def hold(self, _zone: Zone) -> None:
        """See `pen_host.session.Hands`; the treatment says it on the screen by itself."""

    def release(self) -> None:
        """See `pen_host.session.Hands`; the treatment says it on the screen by itself."""

    def resolve(self, _cause: str, _what_to_do: str) -> None:
        """See `pen_host.session.Hands`; the treatment says it on the screen by itself."""

    def confirm(self, _question: str) -> bool:
        """See `pen_host.session.Hands`; everything was asked before, so nothing is answered here."""
        return False

    @property
    def waiting_now(self) -> bool:
        """Something is asked: the needle is off until it is answered."""
        return self.asked.waiting is not Waiting.NOTHING

    # --- for whoever answers --------------------------------------------------------------------------------------------

    def decide(self, zone: str, decision: Proceed) -> bool:
        """Answer the question about a zone; False when it is not asked (any more)."""
        with self._turn:
            if (
                self.asked.waiting is not Waiting.ZONE
                or zone != self.asked.zone
                or self._decision is not None
            ):
                return False
            self._decision = decision
            self._turn.notify_all()
            return True

    def answer_clear(self, cause: str, agreed: bool) -> bool:
        """Acknowledge a stop, or not; False when it is not asked (any more)."""
        with self._turn:
            asked = self.asked
            if asked.waiting is not Waiting.CLEAR or cause != asked.cause or self._cleared is not None:
                return False
            self._cleared = agreed
            self._turn.notify_all()
            return True

    def break_off(self, why: str) -> None:
        """No answer will come."""
        with self._turn:
            self._broken = why
            self._turn.notify_all()

    def _decided(self, zone: str) -> Proceed | None:
        with self._turn:
            self._decision, self.asked = None, replace(self.asked, zone=zone)
            # the step moves on before the question can be seen: whoever sees it may answer at once
            self._changed()
            self._ask(replace(self.asked, waiting=Waiting.ZONE), lambda: self._decision is not None)
            return self._decision

    def _ask(self, asked: Asked, answered: Callable[[], bool]) -> None:
        self.asked = asked
        self._changed()
        end_s = time.monotonic() + self._patience_s
        while not answered() and not self._broken and (left_s := end_s - time.monotonic()) > 0:
            self._turn.wait(left_s)
        self.asked = replace(asked, waiting=Waiting.NOTHING)
        self._changed()
