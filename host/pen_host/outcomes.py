"""The three ways a request ends, and there is no fourth: Done, Refused, Unknown.

Unknown means the request may have been executed; it is settled from the pen's last executed sequence and its
counters, pessimistically, and nothing is started until it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

Value = int | bytes
NO_VALUES: Mapping[str, Value] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Done:
    """The pen executed the request, or answered the query.

    Attributes:
        value: What DONE carries, in the request's unit (SET_DEPTH: measured depth in um); 0 for a query.
        event_id: Pen event that records it, 0 for none.
        request: Name of the request.
        sequence: Sequence number it was sent with.
        answer: Fields of the answer, by name.
    """

    value: int
    event_id: int
    request: str = ""
    sequence: int = 0
    answer: Mapping[str, Value] = field(default_factory=lambda: NO_VALUES, compare=False)

    @property
    def sentence(self) -> str:
        """One sentence for a person."""
        return f"{self.request or 'The request'} is done."


@dataclass(frozen=True, slots=True)
class Refused:
    """The pen decided not to execute the request: nothing moved because of it.

    Attributes:
        reason: A `names.Refusal` number.
        detail: What the reason's documentation says it is.
        sentence: What was refused, why, and what to do now.
        request: Name of the request.
        sequence: Sequence number it was sent with, 0 when it was never sent.
    """

    reason: int
    detail: int
    sentence: str
    request: str = ""
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer came: the pen may or may not have executed the request.

    Attributes:
        why: What happened on the way, a clause without a full stop.
        sequence: Sequence number it was sent with; compare with the pen's last executed sequence.
        request: Name of the request.
        session: Nonce of the session it was sent in, 0 for none.
    """

    why: str
    sequence: int
    request: str = ""
    session: int = 0

    @property
    def sentence(self) -> str:
        """One sentence for a person."""
        return (
            f"It is not known whether the pen executed {self.request or 'the request'}: {self.why}. "
            "Treat it as executed, keep the pen off the skin, and reconnect: its counters then settle it."
        )


Outcome = Done | Refused | Unknown
