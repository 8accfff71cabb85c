"""What a check found: the one shape in which every rule of the host speaks against a treatment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """What a finding does."""

    INFORM = 1
    OVERRIDE = 2
    """Forbids until a named person gives a reason that goes on record."""
    BLOCK = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that speaks against a treatment.

    Attributes:
        level: What it does.
        rule_id: Its rule.
        sentence: What was found, what it means, what to do.
        source: Where the rule comes from.
    """

    level: Level
    rule_id: str
    sentence: str
    source: str


def forbidding(findings: Iterable[Finding], reasons: Mapping[str, str]) -> list[Finding]:
    """Findings that still forbid the treatment.

    Args:
        findings: All findings.
        reasons: Reason given for each rule id that someone went past; an empty one is none.
    """
    return [
        finding
        for finding in findings
        if finding.level is Level.BLOCK
        or (finding.level is Level.OVERRIDE and not reasons.get(finding.rule_id, "").strip())
    ]
