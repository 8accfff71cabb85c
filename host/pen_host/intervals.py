"""When skin may be needled again: by depth, by protocol, and by what the patient does at home. Pure.

Every day that is given names the rule it comes from. The needling that counts is any that opened the skin, whoever did it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from pen_host.findings import Finding, Level
from pen_protocol import limits

HEALING_DAYS = 3
"""No session on skin treated within this many days: pores of the human face were closed after at most 72 h. (S)"""

INTERVAL_DAYS = ((300, 3), (600, 7), (1_000, 14), (1_500, 28), (limits.DEPTH_STOP_UM, 42))
"""Setting up to this many um: least days to the next session. Judgement from published intervals and healing. (J)"""

JUDGEMENT = "project judgement from published intervals and healing times"
HEALING_SOURCE = "barrier of the human face: pores closed after up to 72 h"


@dataclass(frozen=True, slots=True)
class Needling:
    """Skin that was needled.

    Attributes:
        day: When, or the newest day on which it may have been.
        depth_um: Needle protrusion setting, or the needle length of another tool.
        interval_days: Days its protocol asks for; None for another tool, which has none.
        protocol: Name of the protocol or tool, for the sentence.
        authorised: A clinician authorised that protocol by name, so its interval counts even where the depth asks for more.
    """

    day: date
    depth_um: int
    interval_days: int | None
    protocol: str
    authorised: bool = False


@dataclass(frozen=True, slots=True)
class Eligible:
    """When an area may be treated again.

    Attributes:
        day: The first day.
        rule_id: The rule that decided.
        sentence: Why, in words.
        source: Where the rule comes from.
    """

    day: date
    rule_id: str
    sentence: str
    source: str


def least_interval_days(depth_um: int) -> int:
    """Least days to the next session after a needle protrusion setting."""
    return next(days for up_to, days in INTERVAL_DAYS if depth_um <= up_to)


def next_eligible(needlings: Iterable[Needling]) -> Eligible | None:
    """First day on which an area may be treated again, after everything that opened it; None when nothing did.

    The longer of what the depth and what the protocol ask for counts, and of several needlings the latest day.
    """
    return max((_after(one) for one in needlings), key=lambda found: found.day, default=None)


def closed_from(needlings: Iterable[Needling]) -> date | None:
    """First day on which the skin counts as closed; nothing passes this one."""
    return max((one.day + timedelta(days=HEALING_DAYS) for one in needlings), default=None)


def check_day(needlings: Iterable[Needling], day: date) -> list[Finding]:
    """What speaks against a treatment on a day, after everything that opened the skin before.

    Args:
        needlings: Sessions, rollers, stamps, other pens.
        day: The day in question.
    """
    known = list(needlings)
    late = [one for one in known if one.day > day]
    if late:
        newest = max(late, key=lambda one: one.day)
        sentence = (
            f"The newest needling ({newest.protocol}) is dated {newest.day:%Y-%m-%d}, after the day of treatment. "
            "Set the computer's clock."
        )
        return [Finding(Level.BLOCK, "interval_clock", sentence, JUDGEMENT)]
    closed = closed_from(known)
    if closed is not None and day < closed:
        days = (day - max(one.day for one in known)).days
        sentence = f"The skin was needled {days} days ago and counts as closed from {closed:%Y-%m-%d} on. Wait until then."
        return [Finding(Level.BLOCK, "interval_healing", sentence, HEALING_SOURCE)]
    due = next_eligible(known)
    if due is not None and day < due.day:
        sentence = f"{due.sentence} Wait, or give the reason not to."
        return [Finding(Level.OVERRIDE, "interval_short", sentence, due.source)]
    return []


def _after(one: Needling) -> Eligible:
    """When the skin may be needled again after one needling."""
    by_depth = least_interval_days(one.depth_um)
    if one.interval_days is not None and (one.authorised or one.interval_days >= by_depth):
        day = one.day + timedelta(days=one.interval_days)
        sentence = (
            f"{one.protocol} on {one.day:%Y-%m-%d} asks for {one.interval_days} days: from {day:%Y-%m-%d} on."
        )
        rule = "interval_protocol" if one.interval_days >= by_depth else "interval_authorised"
        return Eligible(day, rule, sentence, f"the protocol {one.protocol}")
    day = one.day + timedelta(days=by_depth)
    tool = "" if one.interval_days is not None else " at home"
    sentence = (
        f"After {one.depth_um} um{tool} ({one.protocol}, {one.day:%Y-%m-%d}) the area waits {by_depth} days: "
        f"from {day:%Y-%m-%d} on."
    )
    upto = next(up_to for up_to, _ in INTERVAL_DAYS if one.depth_um <= up_to)
    return Eligible(
        day,
        f"interval_depth_{upto}um" if one.interval_days is not None else "interval_home_tool",
        sentence,
        JUDGEMENT,
    )
