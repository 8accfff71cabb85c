"""One request on its way: its bytes, its tries, and how its answer becomes an outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pen_protocol import limits, messages

from ..advice import refusal_sentence
from ..names import Refusal
from ..outcomes import Done, Outcome, Refused, Unknown, Value
from .frames import Frame

RETRY_S = limits.REQUEST_RETRY_MS / 1000
POLL_S = 4 * RETRY_S
"""An accepted request is asked for again this often, so that a lost DONE costs less than the whole budget."""

OVERTAKES = frozenset({messages.DISARM, messages.CLOSE_SESSION})
"""Sent while a longer request is under way: they end it."""

_GENERIC = frozenset({messages.DONE, messages.ACCEPTED, messages.REFUSED})

_MAY_HIDE_A_FIRST_SENDING = frozenset(
    {
        Refusal.NO_SESSION,
        Refusal.WRONG_SESSION,
        Refusal.STALE_SEQUENCE,
        Refusal.SEQUENCE_REUSED,
        Refusal.NONCE_USED,
    }
)
"""Refused at the gate, before the pen looked whether it had executed an earlier sending of the same bytes."""

_BEFORE_CONTENT = frozenset({Refusal.STOPPED, Refusal.BUSY, Refusal.WRONG_STATE, Refusal.SERVICE_LOCKED})
"""For requests outside the sequence: refused before the pen compared the content with what it did last."""


@dataclass(slots=True)
class Request:
    """A request from being asked for to being settled."""

    token: int
    message: messages.Message
    values: Mapping[str, Value]
    sequence: int = 0
    session: int = 0
    wire: bytes = b""
    tries: int = 0
    due_s: float = 0.0
    deadline_s: float = field(default=float("inf"))
    accepted: bool = False

    @property
    def ordered(self) -> bool:
        """Whether the pen executes it once: such requests are sent one at a time."""
        return bool(self.message.kind != messages.Kind.QUERY)

    def expects(self, frame: Frame) -> bool:
        """Whether `frame`, which echoes this sequence, answers this request."""
        if frame.number == messages.STATUS:
            return bool(self.message.answer == messages.STATUS)
        if frame.session != self.session:
            return False
        if frame.number in _GENERIC:
            return bool(frame.values["request"] == self.message.number)
        return bool(frame.number == self.message.answer)

    def accept(self, budget_ms: int, now_s: float) -> None:
        """The pen works on it: wait its budget, once, and ask again now and then."""
        if not self.accepted:
            self.accepted = True
            self.deadline_s = now_s + budget_ms / 1000 + limits.REQUEST_TRIES * RETRY_S
        self.due_s = now_s + POLL_S

    def outcome(self, frame: Frame) -> Outcome:
        """What the final answer `frame` means."""
        if frame.number == messages.REFUSED:
            return self._refused(int(frame.values["reason"]), int(frame.values["detail"]))
        values = frame.values if frame.number == messages.DONE else {}
        return Done(
            int(values.get("value", 0)),
            int(values.get("event_id", 0)),
            self.message.name,
            self.sequence,
            frame.values,
        )

    def unknown(self, why: str) -> Unknown:
        """Nobody knows."""
        return Unknown(why, self.sequence, self.message.name, self.session)

    def refused_here(self, reason: Refusal, detail: int) -> Refused:
        """Refused by the host before it was ever sent."""
        sentence = refusal_sentence(self.message.number, reason, detail)
        return Refused(reason, detail, sentence, self.message.name)

    def _refused(self, reason: int, detail: int) -> Outcome:
        repeated = self.tries > 1
        if repeated and self.message.number == messages.CLOSE_SESSION and reason == Refusal.NO_SESSION:
            # an earlier sending closed it, or there was none: either way no session is open
            return Done(0, 0, self.message.name, self.sequence)
        unsorted = self.message.kind == messages.Kind.LINK and reason in _BEFORE_CONTENT
        if repeated and (reason in _MAY_HIDE_A_FIRST_SENDING or unsorted):
            return self.unknown("an earlier sending may have been executed before the pen refused a repeat")
        sentence = refusal_sentence(self.message.number, reason, detail)
        return Refused(reason, detail, sentence, self.message.name, self.sequence)


class Sequences:
    """Gives sequence numbers 1..65535, rising.

    The pen takes a command only when its number is ahead of the last executed one by less than half the range. Queries need
    numbers too, and a long session has more of them than that: they circle in a window behind which the next command lies.
    """

    WINDOW = 0x4000

    def __init__(self, last: int) -> None:
        self.restart(last)

    def restart(self, last: int) -> None:
        """Go on behind `last`, the last number the pen executed."""
        self._base = last
        self._ahead = 0
        self._circled = False

    def for_query(self) -> int:
        """A number for what the pen executes every time."""
        if self._ahead >= self.WINDOW:
            self._ahead = 0
            self._circled = True
        return self._step()

    def for_command(self) -> int:
        """A number for what the pen executes once."""
        if self._circled:
            self._ahead = self.WINDOW
        number = self._step()
        self.restart(number)
        return number

    def _step(self) -> int:
        self._ahead += 1
        if not (self._base + self._ahead) & 0xFFFF:
            self._ahead += 1
        return (self._base + self._ahead) & 0xFFFF
