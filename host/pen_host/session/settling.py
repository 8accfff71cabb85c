"""Open questions of one session and their answers: an intent without a known outcome, settled pessimistically.

What may have happened is taken as having happened, unless the pen shows that it did not.
"""

from collections.abc import Iterable

from pen_protocol.messages import BY_NUMBER
from pen_protocol.messages import Kind as MessageKind

from ..journal import Kind, Row
from ..pen import Status

_COMMANDS = frozenset(message.name for message in BY_NUMBER.values() if message.kind == MessageKind.COMMAND)
"""Requests whose sequence number the pen keeps as the last executed one; of the others it says nothing about them."""


def open_intents(rows: Iterable[Row]) -> list[Row]:
    """Intents without an outcome, or whose outcome was unknown, that nobody has settled."""
    asked: dict[int, Row] = {}
    for row in rows:
        if row.kind == Kind.INTENT:
            asked[row.seq] = row
        elif (row.kind == Kind.OUTCOME and row.payload["outcome"] != "unknown") or row.kind == Kind.SETTLED:
            asked.pop(int(row.payload["intent"]), None)
    return list(asked.values())


def answer(intent: Row, rows: Iterable[Row], status: Status, nonce: int) -> dict[str, object]:
    """How an open intent is settled, and why.

    Args:
        intent: The open one.
        rows: The session's entries.
        status: What the pen says now.
        nonce: The session's number on the wire.
    """
    request = str(intent.payload["request"])
    told: dict[str, object] = {"intent": intent.seq, "request": request, "last_seq": status.last_seq}
    if status.session_nonce != nonce:
        return {**told, "executed": "assumed", "why": "the pen does not hold the session now"}
    if request == "OPEN_SESSION":
        return {**told, "executed": "yes", "why": "the pen holds the session"}
    if request not in _COMMANDS:
        return {**told, "executed": "assumed", "why": "the pen keeps no sequence number of such a request"}
    before = _last_sequence(rows, intent.seq)
    if before is not None and before == status.last_seq:
        return {**told, "executed": "no", "why": "the pen decided nothing after the last known sequence"}
    return {**told, "executed": "assumed", "why": "the pen decided a request that nobody saw answered"}


def _last_sequence(rows: Iterable[Row], before_seq: int) -> int | None:
    """The pen's last executed sequence number as the record knew it before an entry, None when it did not."""
    last: int | None = None
    for row in rows:
        if row.seq >= before_seq:
            break
        counts = row.kind == Kind.OUTCOME and row.payload["request"] in {*_COMMANDS, "OPEN_SESSION"}
        # a request that was never sent has the number 0
        if counts and row.payload["outcome"] != "unknown" and int(row.payload["sequence"]):
            last = int(row.payload["sequence"])
    return last
