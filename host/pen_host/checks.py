"""What the host checks before a treatment. It can only forbid: an empty list allows nothing that the pen refuses.

Each finding names its rule, its source and what to do. BLOCK cannot be passed, OVERRIDE can with a reason on record,
INFORM is shown. Everything here is pure; today's date is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from pen_host import dose
from pen_host.findings import Finding, Level, forbidding
from pen_host.intervals import Needling, check_day, least_interval_days
from pen_host.models import CartridgeSeen, Plan, Zone
from pen_host.screening import NO, YES, Context, Rule, evaluate, shipped_rules

__all__ = [
    "RULES_BY_ID",
    "SCREENING_RULES",
    "Finding",
    "Level",
    "check_cartridge",
    "check_interval",
    "check_plan",
    "check_screening",
    "forbidding",
    "least_interval_days",
    "questions",
]

_FDA = "FDA, Microneedling Devices, 15 Oct 2025"
_JUDGEMENT = "project judgement, no published rule found"
_LIMITS = "pen_protocol.limits"

SCREENING_RULES: tuple[Rule, ...] = shipped_rules().rules
"""What a patient can be asked, from the rule file."""
RULES_BY_ID: Mapping[str, Rule] = shipped_rules().by_id


def check_plan(plan: Plan, *, depth_cap_um: int, rate_max_mhz: int) -> list[Finding]:
    """The plan against what this pen's settings allow, and against itself.

    Args:
        plan: The plan.
        depth_cap_um: The pen's cap, from its settings.
        rate_max_mhz: The pen's highest rate, from its settings.
    """
    found = []
    if plan.off_label:
        found.append(
            Finding(
                Level.INFORM,
                "off_label",
                "This use is off-label: no authority has cleared it. The patient must know that.",
                f"{_FDA}: no hair indication",
            )
        )
    for zone in plan.zones:
        if zone.depth_um > depth_cap_um and not plan.unlock:
            found.append(_above(zone, f"needle protrusion {zone.depth_um} um", f"{depth_cap_um} um"))
        if zone.rate_mhz > rate_max_mhz:
            found.append(_above(zone, f"rate {zone.rate_mhz} mHz", f"{rate_max_mhz} mHz"))
        found += _reach(zone, plan.needles)
    least = least_interval_days(plan.depth_cap_um)
    if plan.interval_days < least:
        found.append(
            Finding(
                Level.OVERRIDE,
                "interval_planned",
                f"The plan's {plan.interval_days} days are shorter than the {least} days for {plan.depth_cap_um} um. "
                "Name the protocol that a clinician authorised, or lengthen the interval.",
                _JUDGEMENT,
            )
        )
    return found


def questions(ask: Sequence[str]) -> list[Rule]:
    """What a plan's patient is asked: what every plan asks, and the plan's own questions."""
    return [rule for rule in SCREENING_RULES if rule.always or rule.rule_id in ask]


def check_screening(
    ask: Sequence[str], answers: Mapping[str, bool], manuals: Mapping[str, str] | None = None
) -> list[Finding]:
    """What the patient's answers forbid. A question that was not answered blocks: unknown is not no.

    Args:
        ask: Questions of the plan.
        answers: True where the rule speaks against the treatment on its day.
        manuals: Sources the plan follows instead of the strictest, by rule.
    """
    unknown = [
        Finding(
            Level.BLOCK,
            rule_id,
            f"The plan asks {rule_id}, which no rule of this program explains. Correct the plan.",
            _JUDGEMENT,
        )
        for rule_id in ask
        if rule_id not in RULES_BY_ID
    ]
    followed, strange = _manuals(manuals or {})
    # the answers are settled for the day already, so no day is read here
    context = Context(date.min, date.min, None, followed)
    given = {rule_id: YES if yes else NO for rule_id, yes in answers.items()}
    return unknown + strange + list(evaluate(shipped_rules(), questions(ask), given, context).findings)


def _manuals(manuals: Mapping[str, str]) -> tuple[dict[str, str], list[Finding]]:
    """Sources a plan follows instead of the strictest, and what is wrong with them."""
    followed, strange = {}, []
    for rule_id, manual in manuals.items():
        rule = RULES_BY_ID.get(rule_id)
        if rule is not None and manual in {cited.source for cited in rule.cited}:
            followed[rule_id] = manual
            continue
        sentence = (
            f"The plan follows {manual} for {rule_id}, which says nothing about it, so the strictest source counts. "
            "Correct the plan."
        )
        strange.append(Finding(Level.BLOCK, rule_id, sentence, _JUDGEMENT))
    return followed, strange


def check_cartridge(
    plan: Plan,
    cartridge: CartridgeSeen,
    today: date,
    *,
    used_before: bool = False,
    recalled_lots: Iterable[str] = (),
) -> list[Finding]:
    """The cartridge against plan, calendar and the record of cartridges used before.

    Args:
        plan: The plan.
        cartridge: What the pen read.
        today: Today's date where the patient is.
        used_before: The record knows it from an earlier use, or attempt.
        recalled_lots: Lots the maker called back.
    """
    found = []

    def block(rule_id: str, sentence: str, source: str) -> None:
        found.append(Finding(Level.BLOCK, rule_id, f"{sentence} Take a new cartridge.", source))

    if cartridge.used is None:
        block(
            "cartridge_unknown",
            "Whether the cartridge was used could not be read, so it counts as used.",
            _JUDGEMENT,
        )
    elif cartridge.used or used_before:
        block(
            "cartridge_used",
            f"Cartridge {cartridge.serial} was used before.",
            "FDA and CDC: MMWR 73:372, single use",
        )
    if cartridge.expiry < today:
        block("cartridge_expired", f"The cartridge's last day was {cartridge.expiry:%Y-%m-%d}.", "its label")
    if not cartridge.lot.strip():
        block(
            "cartridge_lot",
            "The cartridge has no lot number to record.",
            "Toronto Public Health, lot on record",
        )
    elif cartridge.lot in set(recalled_lots):
        block("cartridge_recalled", f"Lot {cartridge.lot} was called back.", "the maker's recall")
    if cartridge.needles != plan.needles:
        block(
            "cartridge_needles",
            f"The cartridge has {cartridge.needles} needles and the plan is calculated for {plan.needles}.",
            "dose follows from the number of needles",
        )
    return found


def check_interval(plan: Plan, last_session: date | None, today: date) -> list[Finding]:
    """The time since the same area was treated.

    Args:
        plan: The plan.
        last_session: Day of the last session on any of its zones, None for a first one.
        today: Today's date where the patient is.
    """
    if last_session is None:
        return []
    last = Needling(last_session, plan.depth_cap_um, plan.interval_days, "the last session")
    return check_day([last], today)


def _above(zone: Zone, what: str, limit: str) -> Finding:
    sentence = (
        f"Zone {zone.name}: {what} is above this pen's limit of {limit}. Change the plan or take another pen."
    )
    return Finding(Level.BLOCK, "plan_above_pen", sentence, f"the pen's settings; {_LIMITS}")


def _reach(zone: Zone, needles: int) -> list[Finding]:
    """Whether the planned holds can reach the target, as an estimated maximum."""
    held_s = zone.passes * zone.hold_s
    needed = dose.contact_s_for(zone, needles)
    most = dose.punctures_per_cm2(held_s * zone.rate_mhz // 1000, needles, zone.area_mm2)
    if dose.place(most, zone.target) is not dose.DosePlace.BELOW:
        return []
    return [
        Finding(
            Level.INFORM,
            "target_out_of_reach",
            f"Zone {zone.name}: {zone.passes} holds of {zone.hold_s} s give an {dose.LABEL} of "
            f"{dose.rounded_up(most)} punctures per cm2, below the target of {zone.target.low}; "
            f"about {float(needed):.0f} s on skin would reach {zone.target.high}.",
            "arithmetic of the plan",
        )
    ]
