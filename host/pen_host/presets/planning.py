"""From a preset and measured areas to a plan that a session can run."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from pen_host import dose
from pen_host.models import HOLD_MAX_S, Plan, Screening, Zone
from pen_host.presets.loader import PresetError
from pen_host.presets.models import DepthRange, PassRange, Preset, PresetZone, RateRange, ZoneChoice
from pen_host.screening import shipped_rules

HOLD_SPARE_PERCENT = 50
"""A hold is planned this much longer than the target needs, for the tip leaves the skin on the way. (J)"""


def to_plan(preset: Preset, choices: Sequence[ZoneChoice], *, needles: int | None = None) -> Plan:
    """A plan within every range of the preset, and so within every cap.

    Args:
        preset: The protocol.
        choices: The zones that are treated, in order, with their areas as measured.
        needles: Needles of the cartridge that will be used; the preset's own when not given.

    Raises:
        PresetError: No zone was chosen, one is not in the preset, or a setting is outside its range.
    """
    problems = _problems(preset, choices)
    if problems:
        raise PresetError(preset.preset_id, problems)
    count = needles or preset.needles
    zones = {zone.name: zone for zone in preset.zones}
    return Plan(
        title=preset.title,
        off_label=preset.off_label,
        source=preset.sources[0],
        evidence=evidence_text(preset),
        operator=preset.operator,
        interval_days=preset.interval_days,
        endpoint=preset.endpoint,
        needles=count,
        zones=tuple(_zone(zones[choice.name], choice, count) for choice in choices),
        screening=Screening(ask=asked(preset)),
    )


def asked(preset: Preset) -> tuple[str, ...]:
    """Screening questions of a preset: those of its site, then its own."""
    site = [rule.rule_id for rule in shipped_rules().at(preset.site)]
    return tuple(dict.fromkeys([*site, *preset.ask]))


def evidence_text(preset: Preset) -> str:
    """The evidence in one text, short enough for a plan."""
    found = preset.evidence
    people = f" (n = {found.participants})" if found.participants else ""
    parts = [f"{found.design}{people}.", found.result, found.limits]
    if found.other:
        parts.append(found.other)
    return " ".join(parts)


def _problems(preset: Preset, choices: Sequence[ZoneChoice]) -> list[str]:
    if not choices:
        return ["no zone was chosen"]
    zones = {zone.name: zone for zone in preset.zones}
    names = [choice.name for choice in choices]
    problems = [
        f"{name} was chosen twice" for name in sorted({name for name in names if names.count(name) > 1})
    ]
    for choice in choices:
        zone = zones.get(choice.name)
        if zone is None:
            problems.append(f"it has no zone {choice.name}; it has {', '.join(zones)}")
            continue
        problems += _outside(zone, "depth_um", choice.depth_um, zone.depth_um)
        problems += _outside(zone, "rate_mhz", choice.rate_mhz, zone.rate_mhz)
        problems += _outside(zone, "passes", choice.passes, zone.passes)
    return problems


def _outside(
    zone: PresetZone, field: str, value: int | None, allowed: DepthRange | RateRange | PassRange
) -> list[str]:
    if value is None or allowed.low <= value <= allowed.high:
        return []
    return [f"zone {zone.name}: {field} {value} is outside the preset's {allowed.low}-{allowed.high}"]


def _zone(zone: PresetZone, choice: ZoneChoice, needles: int) -> Zone:
    passes = choice.passes or zone.passes.usual
    planned = Zone(
        name=zone.name,
        area_mm2=choice.area_mm2,
        depth_um=choice.depth_um or zone.depth_um.usual,
        rate_mhz=choice.rate_mhz or zone.rate_mhz.usual,
        passes=passes,
        hold_s=1,
        target=zone.target,
    )
    needed = dose.contact_s_for(planned, needles) * (100 + HOLD_SPARE_PERCENT) / 100 / passes
    return planned.model_copy(update={"hold_s": max(1, min(HOLD_MAX_S, ceil(needed)))})
