"""Reads a plan file. Whatever is wrong with it becomes one PlanError that names every problem."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pen_host.checks import RULES_BY_ID, SCREENING_RULES
from pen_host.errors import UsageError
from pen_host.models import LIMIT_SOURCES, Plan, Screening, Source, Unlock, Zone
from pen_host.plans.units import QUANTITIES, QuantityError, take

SHIPPED = Path(__file__).parent / "shipped"
SIZE_MAX = 256 * 1024
"""Largest plan file in bytes; the shipped one has a hundredth of it. (J)"""
_NESTING_MAX = 8
_UNITS = {"depth_um": "um", "rate_mhz": "mHz", "area_mm2": "mm2", "hold_s": "s", "interval_days": "days"}
_TARGET = "target_per_cm2"
_KEYS = {
    *Plan.model_fields,
    *Screening.model_fields,
    *Source.model_fields,
    *Unlock.model_fields,
    *(set(Zone.model_fields) - {"target"} | {_TARGET}),
    *(key for quantity in QUANTITIES for key in (quantity.text_key, *quantity.keys)),
}


class PlanError(UsageError):
    """A plan cannot be used.

    Args:
        name: The plan.
        problems: What is wrong with it, clauses without a full stop.

    Attributes:
        problems: The same.
    """

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        self.problems = tuple(_printable(problem) for problem in problems)
        super().__init__(
            f"The plan {_printable(name)} cannot be used: {'; '.join(self.problems)}. Nothing was sent to a pen. "
            "Correct the plan and load it again."
        )


def shipped_plans() -> tuple[str, ...]:
    """Names of the plans that come with the program."""
    return tuple(sorted(file.stem for file in SHIPPED.glob("*.toml")))


def load_plan(name: str | Path) -> Plan:
    """Reads a plan.

    Args:
        name: Path of a file, or the name of a shipped plan.

    Raises:
        PlanError: There is no such plan, or it cannot be used.
    """
    path = SHIPPED / f"{name}.toml" if str(name) in shipped_plans() else Path(name)
    try:
        with path.open("rb") as file:
            content = file.read(SIZE_MAX + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        known = ", ".join(shipped_plans())
        raise PlanError(
            str(name), [f"it cannot be read ({reason}); plans that come with the program: {known}"]
        ) from error
    if len(content) > SIZE_MAX:
        raise PlanError(str(name), [f"the file is larger than {SIZE_MAX // 1024} KiB, so it is no plan"])
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise PlanError(str(name), [f"line {line} is not UTF-8 text"]) from error
    return parse_plan(text, str(name))


def parse_plan(text: str, name: str = "plan") -> Plan:
    """Makes a plan from TOML text.

    Args:
        text: The content of a plan file.
        name: What to call it in sentences.

    Raises:
        PlanError: It cannot be used.
    """
    try:
        table: dict[str, Any] = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise PlanError(name, [f"it is not valid TOML: {error}"]) from error
    except (ValueError, ArithmeticError) as error:
        raise PlanError(name, [f"it holds a number or date that cannot be read: {error}"]) from error
    except RecursionError as error:
        raise PlanError(name, ["it is nested too deeply"]) from error
    problems = _strange(table, "", 0)
    if problems:
        raise PlanError(name, problems)
    return _plan(table, name)


def _plan(table: dict[str, Any], name: str) -> Plan:
    problems, settled = _zones(table)
    try:
        text = json.dumps(table, default=float)
        plan = Plan.model_validate_json(text)
    except ValidationError as error:
        found = [item for item in error.errors(include_url=False) if not _echoed(item, error)]
        problems += [_clause(item, table) for item in found if not set(_names(item)) & settled]
        raise PlanError(name, problems) from error
    problems += _unasked(plan.screening)
    if problems:
        raise PlanError(name, problems)
    return plan


def _zones(table: dict[str, Any]) -> tuple[list[str], set[str]]:
    """Puts the quantities of all zones in the models' units.

    Returns:
        Problems, and places of fields that they already speak of.
    """
    problems: list[str] = []
    settled: set[str] = set()
    zones = table.get("zones")
    for index, zone in enumerate(zones if isinstance(zones, list) else []):
        if not isinstance(zone, dict):
            continue
        for quantity in QUANTITIES:
            try:
                number = take(quantity, zone)
            except QuantityError as error:
                problems.append(f"{_zone_name(table, index)}: {quantity.text_key} {error}")
                settled.add(f"zones.{index}.{quantity.field}")
            else:
                if number is not None:
                    zone[quantity.field] = number
        _band(zone)
    return problems, settled


def _band(zone: dict[str, Any]) -> None:
    """Two numbers become a band; anything else is left for the model to refuse."""
    if _TARGET not in zone or "target" in zone:
        return
    value = zone.pop(_TARGET)
    if isinstance(value, list) and len(value) == 2:
        value = {"low": value[0], "high": value[1]}
    zone["target"] = value


def _unasked(screening: Screening) -> list[str]:
    """Questions that no rule explains, and answers to questions that are not asked."""
    known = ", ".join(RULES_BY_ID)
    asked = {*screening.ask, *(rule.rule_id for rule in SCREENING_RULES if rule.always)}
    unknown = [rule for rule in screening.ask if rule not in RULES_BY_ID]
    strays = [rule for rule in screening.answers if rule not in asked]
    return [f"screening asks {rule!r}, which no rule explains; known are {known}" for rule in unknown] + [
        f"screening answers {rule} without asking; add it to ask, or remove the answer" for rule in strays
    ]


def _strange(value: object, place: str, depth: int) -> list[str]:
    """Kinds of TOML value that no field of a plan has."""
    if isinstance(value, datetime | date | time):
        return [f"{place} is a date or time, which a plan has no place for"]
    if isinstance(value, Decimal) and not value.is_finite():
        return [f"{place} = {value} is no number"]
    if isinstance(value, int) and value.bit_length() > 63:
        return [f"{place} is a number far beyond any limit"]
    if depth > _NESTING_MAX:
        return [f"{place[:60]} is nested too deeply"]
    if isinstance(value, dict):
        inside = [(f"{place}.{key}" if place else str(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        inside = [(f"{place}[{index}]", item) for index, item in enumerate(value, 1)]
    else:
        return []
    return [problem for where, item in inside for problem in _strange(item, where, depth + 1)]


def _clause(item: ErrorDetails, table: dict[str, Any]) -> str:
    """What pydantic found, as a clause that names field, value, limit and source."""
    field = _field(item)
    where = _where(item, table)
    unit = _UNITS.get(field, "")
    unit = f" {unit}" if unit else ""
    context = item.get("ctx", {})
    kind = item["type"]
    if kind in {"less_than_equal", "greater_than_equal"}:
        limit = context.get("le", context.get("ge"))
        side = "above" if kind == "less_than_equal" else "below"
        return f"{where} = {_short(item['input'])}{unit} is {side} the limit of {limit}{unit}{_source(item)}"
    if kind == "multiple_of":
        return f"{where} = {_short(item['input'])}{unit} is no multiple of {context['multiple_of']}{unit}{_source(item)}"
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(field, sorted(_KEYS), n=1)
        hint = f"did you mean {near[0]}?" if near else "remove it"
        return f"{where} is not known here ({hint})"
    if kind == "missing":
        return f"{where} is missing"
    if kind == "value_error":
        return f"{where}: {item['msg'].removeprefix('Value error, ')}".removeprefix(": ")
    return f"{where} = {_short(item['input'])} cannot be: {item['msg'][:1].lower()}{item['msg'][1:]}"


def _echoed(item: ErrorDetails, error: ValidationError) -> bool:
    """Whether a list only seems too short because of entries that have errors of their own."""
    return item["type"] == "too_short" and any(
        other["loc"][: len(item["loc"])] == item["loc"] and other["loc"] != item["loc"]
        for other in error.errors()
    )


def _names(item: ErrorDetails) -> list[str]:
    """The place of an error, and the places it lies within."""
    place = [str(part) for part in item["loc"]]
    return [".".join(place[: end + 1]) for end in range(len(place))]


def _field(item: ErrorDetails) -> str:
    return str(item["loc"][-1]) if item["loc"] else ""


def _source(item: ErrorDetails) -> str:
    """Where the limit comes from, in brackets."""
    known = [LIMIT_SOURCES[part] for part in item["loc"] if isinstance(part, str) and part in LIMIT_SOURCES]
    return f" ({known[-1]})" if known else ""


def _where(item: ErrorDetails, table: dict[str, Any]) -> str:
    """The place of an error in words: zones by name and number, counted from 1."""
    words: list[str] = []
    parts = list(item["loc"])
    if len(parts) > 1 and parts[0] == "zones" and isinstance(parts[1], int):
        words.append(f"{_zone_name(table, parts[1])}:")
        parts = parts[2:]
    shown = [
        _TARGET if part == "target" else f"number {part + 1}" if isinstance(part, int) else str(part)
        for part in parts
    ]
    return " ".join([*words, ".".join(part[:60] for part in shown)]).strip(" :")


def _zone_name(table: dict[str, Any], index: int) -> str:
    zones = table.get("zones")
    zone = zones[index] if isinstance(zones, list) and index < len(zones) else None
    name = zone.get("name") if isinstance(zone, dict) else None
    return f"zone {index + 1} ({name[:40]})" if isinstance(name, str) else f"zone {index + 1}"


def _short(value: object) -> str:
    """A value from the file, short enough for a sentence."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _printable(text: str) -> str:
    """Text from a file without what could command a terminal."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
