"""What a person is told: for every condition, fault and refusal what happened, what it means, and what to do now."""

from __future__ import annotations

from pen_protocol import messages

from ..names import Refusal, cause_name, message_name, refusal_name, state_name
from .causes import CAUSES
from .refusals import REFUSALS
from .text import Advice

__all__ = ["CAUSES", "REFUSALS", "Advice", "for_cause", "for_refusal", "refusal_sentence"]


def for_cause(code: int) -> Advice:
    """Advice on a condition or fault. One that this program does not know is still treated as a stop."""
    known = CAUSES.get(code)
    if known is not None:
        return known
    return Advice(
        f"Stopped: {cause_name(code)}",
        f"The pen reports {cause_name(code)}, which this program does not know.",
        "The pen is stopped and will not stroke.",
        "Lift the pen from the skin and update this program to the pen's release.",
    )


def for_refusal(reason: int) -> Advice:
    """Advice on a refusal."""
    known = REFUSALS.get(reason)
    if known is not None:
        return known
    return Advice(
        f"Refused: {refusal_name(reason)}",
        f"The pen refused for a reason this program does not know ({refusal_name(reason)}).",
        "Nothing was done because of this request.",
        "Update this program to the pen's release and try again.",
    )


def refusal_sentence(request: int, reason: int, detail: int) -> str:
    """What was refused, why, and what to do now.

    Args:
        request: Message number of the refused request.
        reason: Number of the refusal.
        detail: REFUSED.detail, whose meaning depends on the reason.
    """
    advice = for_refusal(reason)
    more = _detail(request, reason, detail)
    happened = advice.happened.rstrip(".") + (f" ({more})" if more else "")
    return f"{message_name(request)} was refused: {happened}. {advice.means} {advice.now}"


def _detail(request: int, reason: int, detail: int) -> str:
    """The detail of a refusal in words, empty when it says nothing."""
    if reason in (
        Refusal.STOPPED,
        Refusal.BLOCKED,
        Refusal.CARTRIDGE,
        Refusal.WRONG_CAUSE,
        Refusal.CAUSE_PRESENT,
    ):
        return _cause(detail)
    if reason in (Refusal.ABORTED, Refusal.MOTION_FAILED):
        return _cause(detail) if detail else ""
    if reason in (Refusal.OUT_OF_RANGE, Refusal.WOULD_LOOSEN, Refusal.PLAN_MISMATCH):
        return _field(request, detail)
    if reason == Refusal.BUSY:
        return message_name(detail)
    if reason == Refusal.WRONG_STATE:
        return f"the pen is in state {state_name(detail)}"
    if reason == Refusal.ABOVE_CAP:
        return f"the cap is {detail}{_unit(request)}"
    plain = _PLAIN.get(reason)
    return plain.format(detail) if plain else ""


_PLAIN: dict[int, str] = {
    Refusal.STALE_SEQUENCE: "last executed request {}",
    Refusal.OFF_STEP: "steps of {} um",
    Refusal.VERSION_CONFLICT: "the pen holds version {}",
    Refusal.SELF_TEST_FAILED: "check {}",
}


def _cause(code: int) -> str:
    return f"{cause_name(code)}, {for_cause(code).title.lower()}" if code else ""


def _field(request: int, index: int) -> str:
    message = messages.BY_NUMBER.get(request)
    if message is None or index >= len(message.fields):
        return f"field {index}"
    field = message.fields[index]
    return f"{field.name} is {field.low} to {field.high} {field.unit}".rstrip()


def _unit(request: int) -> str:
    """Unit of a request's first field that has one."""
    message = messages.BY_NUMBER.get(request)
    units = [field.unit for field in message.fields if field.unit] if message else []
    return f" {units[0]}" if units else ""
