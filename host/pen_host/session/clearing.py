"""The way out of a stop when no treatment runs: the cause gone, named by an operator, in the record."""

from dataclasses import dataclass

from ..advice import for_cause
from ..errors import RefusedError, UnknownOutcomeError, UsageError
from ..journal import Journal, Kind
from ..outcomes import Done, Unknown
from ..pen import Pen
from .operator import Operator
from .session import told


@dataclass(frozen=True, slots=True)
class Cleared:
    """A stop that was cleared.

    Attributes:
        cause: Name of its first cause.
        event_id: The pen's event of the stop.
        operator: In whose name.
    """

    cause: str
    event_id: int
    operator: str


def clear_stop(pen: Pen, journal: Journal, operator: Operator, cause: str) -> Cleared:
    """Clear the pen's stop.

    Args:
        pen: Connected; sessions that a crash left open are settled (see `recover`).
        journal: The record.
        operator: Who answers for it.
        cause: Name of the first cause, as the pen shows it: nobody clears a stop without having read why.

    Raises:
        UsageError: The pen is not stopped, or for another cause.
        RefusedError: The cause is still there; the pen stays stopped.
        PenError: The pen or the record failed.
    """
    status = pen.status()
    if not status.stopped:
        raise UsageError(f"The pen is not stopped (it is {status.state.name}), so there is nothing to clear.")
    if cause.upper() != status.cause_text:
        raise UsageError(
            f"The pen is stopped for {status.cause_text}, not for {cause.upper()}, so nothing was cleared. "
            f"{for_cause(status.first_cause).sentence}"
        )
    serial = pen.identity().serial
    who = {"actor": operator.name, "role": operator.role, "pen_serial": serial}
    asked = {"request": "CLEAR_FAULT", "cause": status.cause_text, "cause_event": status.cause_event}
    intent = journal.append(Kind.INTENT, asked, **who)
    outcome = pen.clear_fault(status.first_cause, status.cause_event, operator.number)
    journal.append(Kind.OUTCOME, {"request": "CLEAR_FAULT", "intent": intent.seq, **told(outcome)}, **who)
    if isinstance(outcome, Done):
        return Cleared(status.cause_text, status.cause_event, operator.name)
    if isinstance(outcome, Unknown):
        raise UnknownOutcomeError(outcome.sentence)
    raise RefusedError(outcome.sentence)
