"""A plan while it is being typed: text in, numbers of the wire out; what was typed is never lost."""

from __future__ import annotations

from dataclasses import dataclass, field

from pen_protocol import limits

from ...api.flow_models import ChoosePlan, PlanView
from ...models import AREA_MAX_MM2, AREA_MIN_MM2, HOLD_MAX_S, PASSES_MAX, TARGET_MAX_PER_CM2
from ..numbers import whole

AREA = "area_mm2"


class WrongNumberError(ValueError):
    """Something that should be a number is none.

    Attributes:
        fields: Paths of the fields, each with an example of how it is written.
    """

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        super().__init__(", ".join(name for name, _ in fields))
        self.fields = fields


@dataclass(frozen=True, slots=True)
class NumberField:
    """One number of a zone, between the screen and the wire.

    Attributes:
        name: As `ZoneEdit` calls it.
        label: Key of its name in the catalogue.
        unit: Key of its unit in the catalogue.
        scale: Wire units in one unit of the screen.
        digits: Shown behind the point.
        low: Least, in wire units.
        high: Most, in wire units.
        example: How it is written.
    """

    name: str
    label: str
    unit: str
    scale: int
    digits: int
    low: int
    high: int
    example: str

    def shown(self, value: int | None) -> str:
        """A wire value for the screen; nothing for one that is not known yet."""
        return "" if value is None else f"{value / self.scale:.{self.digits}f}"

    def read(self, typed: str) -> int:
        """What was typed, in wire units; a comma is a point.

        Raises:
            ValueError: It is no number, or finer than the wire can say.
        """
        return whole(typed, self.scale)


FIELDS = (
    NumberField("depth_um", "depth", "mm", 1000, 2, limits.DEPTH_STEP_UM, limits.DEPTH_STOP_UM, "0.60"),
    NumberField("rate_mhz", "rate", "hz", 1000, 0, limits.RATE_MIN_MHZ, limits.RATE_MAX_MHZ, "100"),
    NumberField("area_mm2", "area", "cm2", 100, 0, AREA_MIN_MM2, AREA_MAX_MM2, "50"),
    NumberField("passes", "passes", "times", 1, 0, 1, PASSES_MAX, "2"),
    NumberField("hold_s", "hold", "s", 1, 0, 1, HOLD_MAX_S, "15"),
    NumberField("target_low", "low", "per_cm2", 1, 0, 1, TARGET_MAX_PER_CM2, "250"),
    NumberField("target_high", "high", "per_cm2", 1, 0, 1, TARGET_MAX_PER_CM2, "300"),
)

WHOLE = NumberField("whole", "whole", "times", 1, 0, 1, 20, "12")
"""Needles and days: a whole number, whose bounds the plan itself checks."""


@dataclass(slots=True)
class ZoneEntry:
    """One zone as typed.

    Attributes:
        name: The zone.
        typed: Text by field.
    """

    name: str
    typed: dict[str, str]


@dataclass(slots=True)
class PlanEdit:
    """A preset and what was changed of it.

    Attributes:
        preset: Where it began.
        zones: In order of treatment.
        needles: As typed.
        interval_days: As typed.
        unlock_reason: Why deeper than the default cap, empty for not.
        unlock_statement: The same in the operator's words.
        reasons: Findings that may be passed: what was found, and why it is passed.
    """

    preset: PlanView
    zones: list[ZoneEntry]
    needles: str
    interval_days: str
    unlock_reason: str = ""
    unlock_statement: str = ""
    reasons: dict[str, tuple[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, preset: PlanView) -> PlanEdit:
        """The preset, unchanged."""
        zones = [
            ZoneEntry(zone.name, {one.name: one.shown(getattr(zone, one.name)) for one in FIELDS})
            for zone in preset.zones
        ]
        return cls(preset, zones, str(preset.needles), str(preset.interval_days))

    @property
    def zone_names(self) -> tuple[str, ...]:
        """Zones in order."""
        return tuple(zone.name for zone in self.zones)

    def source_range(self, zone: str, field: str) -> tuple[int, int] | None:
        """What the preset's source used for a number of a zone, None where it does not say."""
        ranges = next((one.ranges for one in self.preset.zones if one.name == zone), None)
        if ranges is None:
            return None
        return {
            "depth_um": (ranges.depth_low_um, ranges.depth_high_um),
            "rate_mhz": (ranges.rate_low_mhz, ranges.rate_high_mhz),
            "passes": (ranges.passes_low, ranges.passes_high),
        }.get(field)

    def toggle(self, name: str) -> None:
        """Leave a zone out, or add one with the numbers of the last."""
        if name in self.zone_names:
            self.zones = [zone for zone in self.zones if zone.name != name]
            return
        model = self.zones[-1].typed if self.zones else PlanEdit.of(self.preset).zones[0].typed
        # measured on this patient: another zone's area is not this one's
        self.zones.append(ZoneEntry(name, {**model, AREA: ""}))

    def request(self, console_id: str) -> ChoosePlan:
        """What is sent.

        Raises:
            WrongNumberError: Fields that hold no number.
            ValidationError: A number beyond its cap.
        """
        wrong: list[tuple[str, str]] = []

        def number(path: str, read: NumberField, typed: str) -> int:
            try:
                return read.read(typed)
            except ValueError:
                wrong.append((path, read.example))
                return read.low

        zones = [
            {
                "name": zone.name,
                **{
                    one.name: number(f"zones.{index}.{one.name}", one, zone.typed[one.name]) for one in FIELDS
                },
            }
            for index, zone in enumerate(self.zones)
        ]
        needles = number("needles", WHOLE, self.needles)
        interval_days = number("interval_days", WHOLE, self.interval_days)
        if wrong:
            raise WrongNumberError(wrong)
        unlock = (
            {"reason": self.unlock_reason, "statement": self.unlock_statement} if self.unlock_reason else None
        )
        reasons = {rule: reason for rule, (_, reason) in self.reasons.items() if reason}
        return ChoosePlan.model_validate(
            {
                "console_id": console_id,
                "preset": self.preset.name,
                "zones": zones,
                "needles": needles,
                "interval_days": interval_days,
                "unlock": unlock,
                "reasons": reasons,
            }
        )
