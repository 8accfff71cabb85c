"""What the host checks before a treatment. It can only forbid: an empty list allows nothing that the pen refuses.

Each finding names its rule, its source and what to do. BLOCK cannot be passed, OVERRIDE can with a reason on record,
INFORM is shown. Everything here is pure; today's date is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum

from pen_host import dose
from pen_host.models import CartridgeSeen, Plan, Zone
from pen_protocol import limits

HEALING_DAYS = 3
"""No session on skin treated within this many days: pores of the human face were closed after at most 72 h. (S)"""

_EXCEED = "Exceed instructions for use, contraindications"
_FDA = "FDA, Microneedling Devices, 15 Oct 2025"
_DISAGREE = "Exceed instructions for use: contraindication; SkinPen instructions for use: caution"
_JUDGEMENT = "project judgement, no published rule found"
_LIMITS = "pen_protocol.limits"


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


@dataclass(frozen=True, slots=True)
class ScreeningRule:
    """One question to the patient.

    Attributes:
        rule_id: What plans and answers call it.
        question: A "yes" speaks against the treatment.
        level: How strongly.
        source: Where the rule comes from.
        always: Every plan asks it; the others are asked where a plan says so.
    """

    rule_id: str
    question: str
    level: Level
    source: str
    always: bool = True


_BLOCK, _OVERRIDE, _INFORM = Level.BLOCK, Level.OVERRIDE, Level.INFORM

SCREENING_RULES = (
    ScreeningRule("bleeding_disorder", "Haemophilia or another clotting disorder?", _BLOCK, _EXCEED),
    ScreeningRule(
        "anticoagulants", "Blood thinners now (ASA, heparin, warfarin or others)?", _OVERRIDE, _DISAGREE
    ),
    ScreeningRule("uncontrolled_diabetes", "Diabetes that is not under control?", _BLOCK, _EXCEED),
    ScreeningRule(
        "skin_tumour", "A skin tumour, solar keratosis, wart or mole in the area?", _BLOCK, _EXCEED
    ),
    ScreeningRule("malignancy", "Cancer now or in the past?", _OVERRIDE, _FDA),
    ScreeningRule("keloid", "Keloids, or a tendency to them?", _OVERRIDE, _DISAGREE),
    ScreeningRule(
        "local_infection", "An infection or active acne in the area (herpes, rosacea)?", _BLOCK, _EXCEED
    ),
    ScreeningRule(
        "systemic_infection", "An infection of the whole body (hepatitis, HIV or another)?", _BLOCK, _EXCEED
    ),
    ScreeningRule("open_wound", "An open wound or rash in the area?", _BLOCK, _EXCEED),
    ScreeningRule(
        "eczema_psoriasis", "Eczema, psoriasis or vitiligo, now or in the past?", _OVERRIDE, _DISAGREE
    ),
    ScreeningRule(
        "herpes_history", "Herpes in the area in the past?", _INFORM, "SkinPen instructions for use: caution"
    ),
    ScreeningRule("autoimmune", "An autoimmune disease (alopecia areata is one)?", _OVERRIDE, _FDA),
    ScreeningRule("immune_deficiency", "A weakened immune system?", _OVERRIDE, _FDA),
    ScreeningRule(
        "chemo_radio_steroid",
        "Chemotherapy, radiation or high-dose steroids within 4 weeks?",
        _BLOCK,
        _EXCEED,
    ),
    ScreeningRule("isotretinoin", "Isotretinoin now or within 6 months?", _OVERRIDE, _FDA),
    ScreeningRule("scar_under_6_months", "A scar younger than 6 months in the area?", _BLOCK, _EXCEED),
    ScreeningRule(
        "surgery_under_12_months", "Plastic surgery in the area within 12 months?", _BLOCK, _EXCEED
    ),
    ScreeningRule("filler_under_6_months", "A filler in the area within 6 months?", _BLOCK, _EXCEED),
    ScreeningRule("steel_allergy", "Allergy to stainless steel or nickel?", _OVERRIDE, _FDA),
    ScreeningRule("anaesthetic_allergy", "Allergy to anaesthetics on the skin?", _OVERRIDE, _EXCEED),
    ScreeningRule("pregnancy", "Pregnant or breast-feeding?", _BLOCK, _EXCEED),
    ScreeningRule("intoxicated", "Under the influence of alcohol or drugs?", _BLOCK, _EXCEED),
    ScreeningRule("under_22", "Younger than 22 years?", _OVERRIDE, f"{_FDA}: authorised from 22 years"),
    ScreeningRule(
        "darker_skin", "Skin that darkens easily after an injury?", _INFORM, f"{_FDA}: pigment change"
    ),
    ScreeningRule("sun", "A tan now, or strong sun expected within 2 weeks after?", _INFORM, _FDA),
    ScreeningRule(
        "scalp_flare", "Folliculitis, tinea or a seborrhoeic flare on the scalp?", _BLOCK, _JUDGEMENT, False
    ),
    ScreeningRule("scarring_alopecia", "Hair loss with scars?", _OVERRIDE, _JUDGEMENT, False),
    ScreeningRule("hair_transplant", "A hair transplant within 6 months?", _OVERRIDE, _JUDGEMENT, False),
    ScreeningRule("scalp_implant", "An implant below the scalp?", _BLOCK, _JUDGEMENT, False),
)
"""Where instructions for use disagree, the rule is OVERRIDE and says so."""

RULES_BY_ID: Mapping[str, ScreeningRule] = {rule.rule_id: rule for rule in SCREENING_RULES}

INTERVAL_DAYS = ((300, 3), (600, 7), (1_000, 14), (1_500, 28), (limits.DEPTH_STOP_UM, 42))
"""Setting up to this many um: least days to the next session. Judgement from published intervals and healing. (J)"""


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


def questions(ask: Sequence[str]) -> list[ScreeningRule]:
    """What a plan's patient is asked: what every plan asks, and the plan's own questions."""
    return [rule for rule in SCREENING_RULES if rule.always or rule.rule_id in ask]


def check_screening(ask: Sequence[str], answers: Mapping[str, bool]) -> list[Finding]:
    """What the patient's answers forbid. A question that was not answered blocks: unknown is not no.

    Args:
        ask: Questions of the plan.
        answers: True for yes.
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
    findings = [_screened(rule, answers.get(rule.rule_id)) for rule in questions(ask)]
    return unknown + [finding for finding in findings if finding]


def check_cartridge(
    plan: Plan,
    cartridge: CartridgeSeen,
    today: date,
    *,
    used_serials: Iterable[str] = (),
    recalled_lots: Iterable[str] = (),
) -> list[Finding]:
    """The cartridge against plan, calendar and the record of cartridges used before.

    Args:
        plan: The plan.
        cartridge: What the pen read.
        today: Today's date where the patient is.
        used_serials: Cartridges that were used in any session before this one.
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
    elif cartridge.used or cartridge.serial in set(used_serials):
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
    days = (today - last_session).days
    if days < 0:
        sentence = (
            f"The last session is dated {last_session:%Y-%m-%d}, after today. Set the computer's clock."
        )
        return [Finding(Level.BLOCK, "interval_clock", sentence, _JUDGEMENT)]
    if days < HEALING_DAYS:
        sentence = (
            f"The area was treated {days} days ago and has not closed. Wait at least {HEALING_DAYS} days."
        )
        return [Finding(Level.BLOCK, "interval_healing", sentence, "barrier of the human face: up to 72 h")]
    least = max(plan.interval_days, least_interval_days(plan.depth_cap_um))
    if days < least:
        sentence = (
            f"The area was treated {days} days ago; {least} days are due. Wait, or give the reason not to."
        )
        return [Finding(Level.OVERRIDE, "interval_short", sentence, f"the plan, and {_JUDGEMENT}")]
    return []


def least_interval_days(depth_um: int) -> int:
    """Least days to the next session after a needle protrusion setting."""
    return next(days for up_to, days in INTERVAL_DAYS if depth_um <= up_to)


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


def _screened(rule: ScreeningRule, answer: bool | None) -> Finding | None:
    if answer is None:
        sentence = f"Not asked yet: {rule.question} Ask, and record the answer."
        return Finding(Level.BLOCK, rule.rule_id, sentence, rule.source)
    if not answer:
        return None
    advice = {
        Level.BLOCK: "Do not treat.",
        Level.OVERRIDE: "Treat only if a clinician gives a reason for the record.",
        Level.INFORM: "Tell the patient what this means before treating.",
    }[rule.level]
    return Finding(rule.level, rule.rule_id, f"Answered yes: {rule.question} {advice}", rule.source)


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
