"""The pen's self-test, asked for by an engineer: in a session of its own, which the record has first, as it has every session."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import RefusedError
from ..journal import Journal, Kind
from ..pen import Pen
from ..session import Operator, RequestRefusedError, Session, must_not_be_stopped, new_nonce, recover
from .docking import Docked

TITLE = "Self-test"
"""Stands in the record where a treatment has the title of its plan."""


@dataclass(frozen=True, slots=True)
class SelfTest:
    """What became of one.

    Attributes:
        passed: The pen found nothing wrong.
        told: In a sentence.
    """

    passed: bool
    told: str


def run_self_test(docked: Docked, journal: Journal, operator: Operator) -> SelfTest:
    """Have the pen test itself. Takes seconds; the needle stays still.

    Raises:
        PenError: It did not begin, or it is not known how it ended; a session left open is settled before the next one.
    """
    if not docked.turn.acquire(blocking=False):
        raise RefusedError(
            "The pen is at work for somebody else, so it was not tested. Wait until that has ended, and test it then."
        )
    try:
        return _tested(docked.pen, journal, operator)
    finally:
        docked.turn.release()


def _tested(pen: Pen, journal: Journal, operator: Operator) -> SelfTest:
    must_not_be_stopped(pen)
    recover(pen, journal, operator)
    session = _opened(pen, journal, operator)
    try:
        session.act("SELF_TEST", pen.self_test, {})
        found = SelfTest(True, "The pen has tested itself and found nothing wrong.")
    except RequestRefusedError as error:
        found = SelfTest(False, error.sentence)
    session.close("self-test")
    return found


def _opened(pen: Pen, journal: Journal, operator: Operator) -> Session:
    session = Session(pen, journal, operator, new_nonce(journal), None)
    session.pull()
    session.begin()
    session.note(Kind.SESSION_OPENED, {"nonce": session.nonce, "plan": TITLE})
    values = {"nonce": session.nonce, "operator": operator.number}
    try:
        session.act("OPEN_SESSION", lambda: pen.open_session(**values), values)
    except RefusedError:
        session.note(Kind.SESSION_CLOSED, {"reason": "refused by the pen", "nonce": session.nonce})
        raise
    session.witness()
    return session
