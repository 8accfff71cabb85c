"""Screenings on record: the answers, what they mean on the day, and who went past what, signed into the chain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import RowMapping, select

from pen_host.findings import Finding, Level
from pen_host.journal import Draft, Kind
from pen_host.models import Plan, Screening
from pen_host.records.errors import ForbiddenStepError, InputError, NotFoundError
from pen_host.records.keys import new_key
from pen_host.records.models import Override, Patient, Person, Screened
from pen_host.records.patients import Patients
from pen_host.records.store import Store, Writing, writer
from pen_host.records.tables import screenings
from pen_host.screening import (
    Answer,
    Context,
    Evaluation,
    Rule,
    RuleSet,
    check_answers,
    evaluate,
    shipped_rules,
)

_ANSWERS = TypeAdapter(dict[str, Answer])
_OVERRIDES = TypeAdapter(tuple[Override, ...])
_FINDINGS = TypeAdapter(tuple[Finding, ...])


class Screenings:
    """Screenings of patients by the program's rules.

    Args:
        store: The record.
        patients: Its patients.
        rules: Rules instead of the shipped ones.
    """

    def __init__(self, store: Store, patients: Patients, rules: RuleSet | None = None) -> None:
        self._store = store
        self._patients = patients
        self.rules = rules or shipped_rules()

    def questions(self, plan: Plan | Screening) -> tuple[Rule, ...]:
        """What a plan's patient is asked, in order."""
        ask = _asked(plan).ask
        return tuple(rule for rule in self.rules.rules if rule.always or rule.rule_id in ask)

    def evaluate(
        self, patient_id: str, plan: Plan | Screening, answers: Mapping[str, Answer], day: date | None = None
    ) -> Evaluation:
        """What answers mean on a day; stores nothing.

        Args:
            patient_id: The patient; their date of birth settles the rule of age.
            plan: What would be done, or only what it asks.
            answers: By rule id; a question without one counts as unknown, and blocks.
            day: Day of the treatment; today when not given.

        Raises:
            NotFoundError: There is no such patient.
            InputError: An answer cannot be; its fields are rule ids.
        """
        return self._judge(self._patients.get(patient_id), plan, answers, day or self._store.today())

    def record(
        self,
        patient_id: str,
        plan: Plan | Screening,
        answers: Mapping[str, Answer],
        overrides: Sequence[Override],
        by: Person,
        day: date | None = None,
    ) -> Screened:
        """Records a screening with its overrides; each override is an entry of the chain of its own.

        A screening that forbids is recorded as well: that somebody was not treated is part of the record.

        Raises:
            NotFoundError: There is no such patient.
            InputError: An answer cannot be.
            ForbiddenStepError: An override goes past a rule that blocks, or past nothing.
        """
        patient = self._patients.get(patient_id)
        when = day or self._store.today()
        found = self._judge(patient, plan, answers, when)
        _must_be_passable(found, overrides)
        key = new_key()

        def change(writing: Writing) -> Sequence[Draft]:
            content: dict[str, Any] = {
                "answers": _ANSWERS.dump_python(dict(answers), mode="json"),
                "findings": _FINDINGS.dump_python(found.findings, mode="json"),
                "settled": dict(found.settled),
            }
            signed = _OVERRIDES.dump_python(tuple(overrides), mode="json")
            writing.add(
                screenings,
                id=key,
                patient_id=patient.patient_id,
                day=when,
                **content,
                overrides=signed,
            )
            told = [
                Draft(
                    Kind.SCREENING,
                    {"id": key, "day": when.isoformat(), **content},
                    subject=patient.patient_id,
                )
            ]
            told += [
                Draft(Kind.OVERRIDE, {**one, "screening": key}, subject=patient.patient_id) for one in signed
            ]
            return told

        self._store.write(change, by)
        return self.get(key)

    def get(self, screening_id: str) -> Screened:
        """One screening.

        Raises:
            NotFoundError: There is none.
        """
        row = self._store.row(select(screenings).where(screenings.c.id == screening_id))
        if row is None:
            raise NotFoundError("screening", screening_id)
        return as_screened(row)

    def of(self, patient_id: str) -> tuple[Screened, ...]:
        """Screenings of a patient, newest first."""
        patient = self._patients.existing(patient_id)
        query = select(screenings).where(screenings.c.patient_id == patient)
        return tuple(as_screened(row) for row in self._store.rows(query.order_by(screenings.c.at.desc())))

    def _judge(
        self, patient: Patient, plan: Plan | Screening, answers: Mapping[str, Answer], day: date
    ) -> Evaluation:
        today = self._store.today()
        if day < today:
            raise InputError(
                "the screening", {"day": f"{day:%Y-%m-%d} is past; screen for a day that is to come"}
            )
        strange = _strange_manuals(self.rules, plan)
        if strange:
            raise InputError("the screening", strange)
        who = patient.demographics
        context = Context(day, today, who.birth_date if who else None, _asked(plan).manuals)
        wrong = check_answers(self.rules, answers, context)
        if wrong:
            raise InputError("the screening", {one.rule_id: one.why for one in wrong})
        return evaluate(self.rules, self.questions(plan), answers, context)


def as_screened(row: RowMapping) -> Screened:
    """A screening from its row."""
    return Screened(
        screening_id=row["id"],
        patient_id=row["patient_id"],
        day=row["day"],
        answers=_ANSWERS.validate_python(row["answers"], strict=False),
        overrides=_OVERRIDES.validate_python(row["overrides"], strict=False),
        findings=_FINDINGS.validate_python(row["findings"], strict=False),
        session_answers=row["settled"],
        at=row["at"],
        by=writer(row),
    )


def _must_be_passable(found: Evaluation, overrides: Sequence[Override]) -> None:
    """Only what may be overridden is, and only what was found."""
    levels = {finding.rule_id: finding for finding in found.findings}
    blocked = [
        levels[one.rule_id]
        for one in overrides
        if one.rule_id in levels and levels[one.rule_id].level is Level.BLOCK
    ]
    if blocked:
        raise ForbiddenStepError("the treatment", blocked)
    idle = [one.rule_id for one in overrides if one.rule_id not in levels]
    if idle:
        raise InputError(
            "the screening",
            dict.fromkeys(idle, "nothing was found by this rule, so nothing can be gone past"),
        )


def _asked(plan: Plan | Screening) -> Screening:
    return plan.screening if isinstance(plan, Plan) else plan


def _strange_manuals(rules: RuleSet, plan: Plan | Screening) -> dict[str, str]:
    """Sources that a plan follows although they say nothing about the rule."""
    strange = {}
    for rule_id, manual in _asked(plan).manuals.items():
        rule = rules.by_id.get(rule_id)
        if rule is None or manual not in {cited.source for cited in rule.cited}:
            strange[rule_id] = f"the plan follows {manual}, which says nothing about it"
    return strange
