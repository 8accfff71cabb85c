"""After a crash of either side: every open question is settled from the pen's own words, every stroke finds its session.

A session that was opened and not closed, and an intent without an outcome, are questions. They are answered pessimistically:
what may have happened is taken as having happened, unless the pen shows that it did not.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import RefusedError
from ..journal import Journal, Kind, SessionSummary
from ..pen import Pen
from .operator import Operator
from .session import Session


@dataclass(frozen=True, slots=True)
class Recovered:
    """What became of one interrupted session.

    Attributes:
        session_id: The session.
        strokes: Strokes the pen counted in it, now all in the record.
        sure: False when the pen lost power while armed, so that its own totals may be short.
        settled: Requests whose outcome had been open.
        closed_on_pen: The pen still held the session and has closed it now.
    """

    session_id: str
    strokes: int
    sure: bool
    settled: tuple[str, ...]
    closed_on_pen: bool


def interrupted(journal: Journal, serial: str) -> list[SessionSummary]:
    """Sessions with this pen that were opened and never closed, oldest first."""
    with journal.reader() as reader:
        return list(reader.left_open(serial))


def recover(
    pen: Pen,
    journal: Journal,
    operator: Operator,
    settled: Callable[[Recovered], object] = lambda _: None,
) -> list[Recovered]:
    """Settle and close every interrupted session with this pen.

    Args:
        pen: Connected.
        journal: The record.
        operator: In whose name.
        settled: Told of each as soon as it is: it is found by nobody again, even if the next one cannot be settled.

    Raises:
        RefusedError: The pen will not close a session it holds, or holds one this record does not know.
        PenError: The pen or the record cannot be reached; nothing is lost, call again.
    """
    serial = pen.identity().serial
    found = []
    for one in interrupted(journal, serial):
        found.append(_recover_one(pen, journal, operator, one))
        settled(found[-1])
    stranger = pen.status().session_nonce
    if stranger:
        raise RefusedError(
            f"The pen holds session {stranger:08x}, which this record does not know: another station opened it. "
            "Nothing was started. Close it at that station, or restart the pen."
        )
    return found


def _recover_one(pen: Pen, journal: Journal, operator: Operator, summary: SessionSummary) -> Recovered:
    session = Session(pen, journal, operator, int(summary.opened.payload["nonce"]), summary.opened.subject)
    session.begin()
    session.pull()
    settled = session.settle()
    closed = _close_on_pen(session)
    session.pull()
    session.witness()
    with journal.reader() as reader:
        strokes = reader.strokes(session.session_id)
    session.note(
        Kind.SESSION_CLOSED,
        {
            "reason": "interrupted",
            "nonce": session.nonce,
            "strokes": strokes.total.strokes,
            "sure": strokes.sure,
        },
    )
    return Recovered(session.session_id, strokes.total.strokes, strokes.sure, settled, closed)


def _close_on_pen(session: Session) -> bool:
    """Close it on the pen, if the pen still holds it; the session was open there without a host until now."""
    if not session.pen.adopt_session(session.nonce):
        return False
    session.act("CLOSE_SESSION", session.pen.close_session, {}, makes_safe=True)
    return True
