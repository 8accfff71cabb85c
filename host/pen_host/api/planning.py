"""A preset with the clinician's numbers: built into a plan again, judged again, its faults named at the field."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError

from ..checks import SCREENING_RULES, Finding, Level, forbidding
from ..models import Band, Plan, Screening, Unlock, Zone
from .flow_models import ChoosePlan
from .problems import Code, FieldProblem, ProblemError

ALL_RULES = tuple(rule.rule_id for rule in SCREENING_RULES)


def edited(preset: Plan, wanted: ChoosePlan, answers: Mapping[str, bool]) -> Plan:
    """The plan that a request asks for.

    Args:
        preset: What it begins from.
        wanted: The changes.
        answers: Of the patient; the preset's own are never taken.

    Raises:
        ProblemError: It does not hold together; the fields are named. Nothing was stored.
    """
    changes: dict[str, Any] = {
        "screening": Screening(ask=preset.screening.ask, answers=dict(answers)),
        "zones": preset.zones if wanted.zones is None else (),
        "needles": wanted.needles or preset.needles,
        "interval_days": wanted.interval_days or preset.interval_days,
        "unlock": preset.unlock,
    }
    try:
        if wanted.unlock is not None:
            changes["unlock"] = Unlock(reason=wanted.unlock.reason, statement=wanted.unlock.statement)
        if wanted.zones is not None:
            changes["zones"] = tuple(_zone(index, wanted) for index in range(len(wanted.zones)))
        return Plan.model_validate({**_fields(preset), **changes})
    except ValidationError as error:
        raise invalid("plan", error) from error


def must_pass(findings: list[Finding], reasons: Mapping[str, str]) -> None:
    """Refuse what the checks forbid.

    Raises:
        ProblemError: A finding blocks, or one that may be passed has no reason; the rules are named as fields.
    """
    still = forbidding(findings, reasons)
    if not still:
        return
    told = " ".join(one.sentence for one in still)
    fields = [
        FieldProblem(
            field=f"reasons.{one.rule_id}" if one.level is Level.OVERRIDE else one.rule_id,
            message=one.sentence,
        )
        for one in still
    ]
    raise ProblemError(
        Code.FORBIDDEN_BY_CHECKS, HTTPStatus.CONFLICT, f"The treatment may not go on. {told}", fields
    )


def invalid(where: str, error: ValidationError) -> ProblemError:
    """What pydantic found, at the fields it found it at."""
    fields = [
        FieldProblem(
            field=".".join(str(part) for part in item["loc"]) or where,
            message=item["msg"].removeprefix("Value error, "),
        )
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    told = "; ".join(f"{one.field}: {one.message}" for one in fields)
    return ProblemError(
        Code.INVALID_FIELDS,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"This cannot be taken as it is, so nothing was stored. {told}.",
        fields,
    )


def _fields(plan: Plan) -> dict[str, Any]:
    return {name: getattr(plan, name) for name in Plan.model_fields}


def _zone(index: int, wanted: ChoosePlan) -> Zone:
    assert wanted.zones is not None
    edit = wanted.zones[index]
    try:
        return Zone(
            **edit.model_dump(exclude={"target_low", "target_high"}),
            target=Band(low=edit.target_low, high=edit.target_high),
        )
    except ValidationError as error:
        raise invalid(f"zones.{index}", error) from error
