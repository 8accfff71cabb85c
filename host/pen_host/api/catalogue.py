"""What a treatment can be chosen from: questions, presets and plans, as the API shows them."""

from __future__ import annotations

from ..models import Plan
from ..presets import Preset, PresetZone, to_plan
from ..screening import Rule, RuleSet
from .flow_models import PlanView, QuestionView, ZoneRanges, ZoneView
from .visiting import Visiting, usual


def question_view(rules: RuleSet, rule: Rule) -> QuestionView:
    """One question."""
    return QuestionView(
        rule_id=rule.rule_id,
        question=rule.question,
        level=rule.level().name,
        source=rules.source_text(rule),
        kind=rule.kind,
        sites=tuple(rule.sites),
    )


def choices(visiting: Visiting) -> tuple[PlanView, ...]:
    """Presets of the clinic, then plans that come with the program."""
    shown = []
    for preset in visiting.clinic.presets.all():
        view = plan_view(preset.preset_id, to_plan(preset, usual(preset)))
        shown.append(of_preset(view, preset))
    return (*shown, *(plan_view(name, plan) for name, plan in visiting.own.items()))


def of_preset(view: PlanView, preset: Preset) -> PlanView:
    """A preset: its areas are not measured yet, and each number has its range."""
    zones = tuple(
        zone.model_copy(update={"area_mm2": None, "label": known.label, "ranges": _ranges(known)})
        for zone, known in zip(view.zones, preset.zones, strict=True)
    )
    return view.model_copy(
        update={"zones": zones, "site": preset.site.value, "after_care": preset.after_care}
    )


def plan_view(name: str, plan: Plan, *, changed: bool = False) -> PlanView:
    """A plan."""
    return PlanView(
        name=name,
        title=plan.title,
        off_label=plan.off_label,
        citation=plan.source.citation,
        url=plan.source.url,
        evidence=plan.evidence,
        needles=plan.needles,
        interval_days=plan.interval_days,
        endpoint=plan.endpoint,
        zones=tuple(
            ZoneView(
                name=zone.name,
                area_mm2=zone.area_mm2,
                depth_um=zone.depth_um,
                rate_mhz=zone.rate_mhz,
                passes=zone.passes,
                hold_s=zone.hold_s,
                target_low=zone.target.low,
                target_high=zone.target.high,
            )
            for zone in plan.zones
        ),
        digest=plan.plan_digest,
        changed=changed,
    )


def _ranges(zone: PresetZone) -> ZoneRanges:
    return ZoneRanges(
        depth_low_um=zone.depth_um.low,
        depth_high_um=zone.depth_um.high,
        rate_low_mhz=zone.rate_mhz.low,
        rate_high_mhz=zone.rate_mhz.high,
        passes_low=zone.passes.low,
        passes_high=zone.passes.high,
    )
