"""After a crash of either side: every open question is settled from the pen's own words, every stroke finds its session.

A session that was opened and not closed, and an intent without an outcome, are questions. They are answered pessimistically:
what may have happened is taken as having happened, unless the pen shows that it did not.
"""

from dataclasses import dataclass

from ..errors import RefusedError
from ..journal import Journal, Kind, Row, SessionSummary
from ..outcomes import Done
from ..pen import Pen, Status
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
        sessions = reader.sessions()
    return [one for one in sessions if one.opened.pen_serial == serial and one.closed_utc_ns is None]


def recover(pen: Pen, journal: Journal, operator: Operator) -> list[Recovered]:
    """Settle and close every interrupted session with this pen.

    Raises:
        RefusedError: The pen will not close a session it holds, or holds one this record does not know.
        PenError: The pen or the record cannot be reached; nothing is lost, call again.
    """
    serial = pen.identity().serial
    found = [_recover_one(pen, journal, operator, one) for one in interrupted(journal, serial)]
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
    status = pen.status()
    session.pull()
    open_questions = _open_intents(journal, session.session_id)
    for intent in open_questions:
        session.note(Kind.SETTLED, _settled(journal, session, intent, status))
    closed = _close_on_pen(session, status)
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
    return Recovered(
        session.session_id,
        strokes.total.strokes,
        strokes.sure,
        tuple(str(intent.payload["request"]) for intent in open_questions),
        closed,
    )


def _close_on_pen(session: Session, status: Status) -> bool:
    if status.session_nonce != session.nonce:
        return False
    session.pen.adopt_session(session.nonce)
    outcome = session.pen.close_session()
    if not isinstance(outcome, Done):
        raise RefusedError(outcome.sentence)
    return True


def _open_intents(journal: Journal, session_id: str) -> list[Row]:
    """Intents without an outcome, or whose outcome was unknown, that nobody has settled."""
    asked: dict[int, Row] = {}
    with journal.reader() as reader:
        for row in reader.rows(session_id):
            if row.kind == Kind.INTENT:
                asked[row.seq] = row
            elif (
                row.kind == Kind.OUTCOME and row.payload["outcome"] != "unknown"
            ) or row.kind == Kind.SETTLED:
                asked.pop(int(row.payload["intent"]), None)
    return list(asked.values())


def _settled(journal: Journal, session: Session, intent: Row, status: Status) -> dict[str, object]:
    """How an open intent is settled, and why."""
    request = intent.payload["request"]
    told = {"intent": intent.seq, "request": request, "last_seq": status.last_seq}
    if status.session_nonce != session.nonce:
        return {**told, "executed": "assumed", "why": "the pen no longer holds the session"}
    before = _last_sequence(journal, session.session_id, intent.seq)
    if before is not None and before == status.last_seq:
        return {**told, "executed": "no", "why": "the pen decided nothing after the last known sequence"}
    return {**told, "executed": "assumed", "why": "the pen decided a request that nobody saw answered"}


def _last_sequence(journal: Journal, session_id: str, before_seq: int) -> int | None:
    """Sequence number of the last outcome in the record before an entry, None when there is none."""
    last: int | None = None
    with journal.reader() as reader:
        for row in reader.rows(session_id):
            if row.seq >= before_seq:
                break
            if row.kind == Kind.OUTCOME:
                last = int(row.payload["sequence"])
    return last
