"""From answers to findings. Pure: rules, answers and the day of treatment are arguments; unknown is never no."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Self

from pydantic import model_validator

from pen_host.findings import Finding, Level
from pen_host.models import Model
from pen_host.screening.days import age_years, plus_months
from pen_host.screening.rules import Kind, Rule, RuleSet


class Reply(StrEnum):
    """What a patient said."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    """Does not know, or was not asked: blocks."""


class Answer(Model):
    """An answer to one rule.

    Attributes:
        reply: Yes, no, or unknown.
        last: For a rule with a window: the day it last happened; None when it goes on, or nobody knows when.
        planned: For a rule with a window before: the day it is planned for.
    """

    reply: Reply
    last: date | None = None
    planned: date | None = None

    @model_validator(mode="after")
    def _dated_yes(self) -> Self:
        if self.reply is not Reply.YES and (self.last or self.planned):
            raise ValueError("only a yes has days")
        return self


ADVICE: Mapping[Level, str] = {
    Level.BLOCK: "Do not treat.",
    Level.OVERRIDE: "Treat only if a clinician gives a reason for the record.",
    Level.INFORM: "Tell the patient what this means before treating.",
}
"""What a yes means for whoever treats."""
NO = Answer(reply=Reply.NO)
YES = Answer(reply=Reply.YES)


class AnswerError(ValueError):
    """An answer cannot be right; the message is a clause, `rule_id` says which.

    Args:
        rule_id: The rule.
        why: What is wrong.
    """

    def __init__(self, rule_id: str, why: str) -> None:
        self.rule_id = rule_id
        self.why = why
        super().__init__(f"{rule_id}: {why}")


@dataclass(frozen=True, slots=True)
class Context:
    """What answers are read against.

    Attributes:
        day: Day of the treatment.
        today: The day on which it was asked; no event lies after it.
        born: Date of birth, None when unknown.
        manuals: Sources that are followed instead of the strictest, by rule.
    """

    day: date
    today: date
    born: date | None
    manuals: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the answers to all rules mean on one day.

    Attributes:
        findings: What speaks against the treatment, unanswered rules among it.
        settled: Yes or no by rule, as a session wants it; what nobody knows is not in it, and blocks there too.
    """

    findings: tuple[Finding, ...]
    settled: Mapping[str, bool]


def check_answers(rules: RuleSet, answers: Mapping[str, Answer], context: Context) -> list[AnswerError]:
    """Answers that cannot be right: to no rule, with days that their rule has no place for, in the future or past.

    They are returned, not raised, so that a form can show all of them.
    """
    found = []
    known = rules.by_id
    for rule_id, answer in answers.items():
        rule = known.get(rule_id)
        why = "there is no such rule" if rule is None else _odd(rule, answer, context)
        if why:
            found.append(AnswerError(rule_id, why))
    return found


def evaluate(
    rules: RuleSet, ask: Iterable[Rule], answers: Mapping[str, Answer], context: Context
) -> Evaluation:
    """What the answers mean on the day of treatment, in the order of the rules.

    Args:
        rules: For the sources.
        ask: Rules that are asked.
        answers: By rule id; a rule without one counts as unknown.
        context: What they are read against.
    """
    findings, settled = [], {}
    for rule in ask:
        against = _judged(rule, answers.get(rule.rule_id), context)
        if against is not None:
            settled[rule.rule_id] = against
        if against is not False:
            findings.append(_finding(rules, rule, answers.get(rule.rule_id), against, context))
    return Evaluation(tuple(findings), settled)


def clear_from(rule: Rule, answer: Answer) -> date | None:
    """First day on which a dated yes speaks no longer against the treatment; None where no day can be given."""
    if rule.kind not in {Kind.SINCE, Kind.AROUND} or answer.reply is not Reply.YES:
        return None
    if answer.planned is not None:
        # the course has not begun: only its end, which is not known, will tell
        return None
    return _window_end(rule, answer.last) if answer.last else None


def _finding(
    rules: RuleSet, rule: Rule, answer: Answer | None, against: bool | None, context: Context
) -> Finding:
    manual = context.manuals.get(rule.rule_id)
    source = rules.source_text(rule, manual)
    if against is None:
        sentence = f"Not answered: {rule.question} Ask, and record the answer; unknown is not no."
        return Finding(Level.BLOCK, rule.rule_id, sentence, source)
    level = rule.level(manual)
    until = clear_from(rule, answer) if answer else None
    told = f" It counts until {until:%Y-%m-%d}." if until else ""
    return Finding(level, rule.rule_id, f"Answered yes: {rule.question}{told} {ADVICE[level]}", source)


def _judged(rule: Rule, answer: Answer | None, context: Context) -> bool | None:
    """Whether a rule speaks against the treatment; its age from the date of birth where that is known."""
    if rule.age_years is not None and context.born is not None:
        return age_years(context.born, context.day) < rule.age_years
    return _against(rule, answer, context)


def _against(rule: Rule, answer: Answer | None, context: Context) -> bool | None:
    """Whether it speaks against the treatment on its day; None when nobody knows."""
    if answer is None or answer.reply is Reply.UNKNOWN:
        return None
    if answer.reply is Reply.NO:
        return False
    if answer.last is None and answer.planned is None:
        return True
    # a day was given: only what lies within the window counts
    since = answer.last is not None and context.day < _window_end(rule, answer.last)
    ahead = (
        answer.planned is not None
        and rule.before_days is not None
        and context.day >= answer.planned - timedelta(days=rule.before_days)
    )
    return since or ahead


def _window_end(rule: Rule, last: date) -> date:
    """First day after the window that follows an event."""
    if rule.after_months is not None:
        return plus_months(last, rule.after_months)
    return last + timedelta(days=rule.after_days or 0)


def _odd(rule: Rule, answer: Answer, context: Context) -> str:
    """What cannot be right about an answer, as a clause, or nothing."""
    if answer.last is not None:
        if rule.kind not in {Kind.SINCE, Kind.AROUND}:
            return "this rule asks for no day"
        if answer.last > context.today:
            return f"{answer.last:%Y-%m-%d} is in the future, so it has not happened yet"
        if context.born is not None and answer.last < context.born:
            return f"{answer.last:%Y-%m-%d} is before the patient was born"
    if answer.planned is not None:
        if rule.kind is not Kind.AROUND:
            return "this rule asks for no planned day"
        if answer.planned < context.today:
            return (
                f"{answer.planned:%Y-%m-%d} is past, so it is planned no more; give the day it last happened"
            )
    return ""
