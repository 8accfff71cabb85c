"""Screening: rules as data, and the engine that turns a patient's answers into findings for a day."""

from pen_host.screening.engine import (
    NO,
    YES,
    Answer,
    AnswerError,
    Context,
    Evaluation,
    Reply,
    check_answers,
    clear_from,
    evaluate,
)
from pen_host.screening.rules import (
    Rule,
    RulesError,
    RuleSet,
    Site,
    Strength,
    load_rules,
    parse_rules,
    shipped_rules,
)

__all__ = [
    "NO",
    "YES",
    "Answer",
    "AnswerError",
    "Context",
    "Evaluation",
    "Reply",
    "Rule",
    "RuleSet",
    "RulesError",
    "Site",
    "Strength",
    "check_answers",
    "clear_from",
    "evaluate",
    "load_rules",
    "parse_rules",
    "shipped_rules",
]
