"""Estimated maximum dose: punctures per cm2 if every needle punctured at every stroke on skin.

Needles can miss, bend, or hit a channel that is there already, so the true number is smaller: it is shown as an
"estimated maximum", never as a dose delivered. Integers and fractions only; pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from pen_host.models import Band, Zone

LABEL = "estimated maximum"
"""What stands before every number from this module on screen and paper."""

REFERENCE = Band(low=250, high=300)
"""Published target in punctures per cm2 (PRIME, Oct 2015, for rollers and pens)."""

_MM2_PER_CM2 = 100
_MHZ_PER_HZ = 1000


CANNOT_KNOW = (
    "Not every needle of a stroke enters the skin, and some hit a channel that is there already: the true number is smaller.",
    "The area is the one that was measured; strokes are counted for all of it, wherever in it they were made, so a spot may "
    "have more.",
    "The setting is the needle's protrusion, not its depth in tissue: pressed skin rises into the cartridge, and a worn motor "
    "delivers less.",
    "What was done with another tool between visits is not in it.",
)
"""What no estimate from strokes can know; stands beside every dose on screen and paper."""
UNSURE = "The pen may have lost counts at a loss of power, so more strokes than these are possible."
"""Added where a session's counts are not sure."""


@dataclass(frozen=True, slots=True)
class PassCount:
    """Strokes of one hold of the trigger.

    Attributes:
        strokes: Actuations.
        contact: How many of them with the tip on skin.
    """

    strokes: int
    contact: int


@dataclass(frozen=True, slots=True)
class ZoneDose:
    """What one zone received, as an estimated maximum.

    Attributes:
        zone: Its name; None for strokes outside any zone, which have no area and so no estimate.
        strokes: Actuations.
        contact_strokes: How many of them on skin; only these count.
        needles: Needles of the cartridge.
        area_mm2: Its area, None outside any zone.
        target: What was aimed at, None outside any zone.
        per_pass: Estimated maximum punctures per cm2 of each hold of the trigger, in order.
        total: Their sum, None outside any zone.
        cannot_know: What the numbers do not say.
    """

    zone: str | None
    strokes: int
    contact_strokes: int
    needles: int
    area_mm2: int | None
    target: Band | None
    per_pass: tuple[Fraction, ...]
    total: Fraction | None
    cannot_know: tuple[str, ...]

    @property
    def place(self) -> DosePlace | None:
        """Where the total lies against the target; None without one."""
        return place(self.total, self.target) if self.total is not None and self.target else None

    @property
    def against_reference(self) -> DosePlace | None:
        """Where the total lies against the published band; None without a total."""
        return place(self.total, REFERENCE) if self.total is not None else None

    @property
    def sentence(self) -> str:
        """It in words."""
        name = self.zone or "outside any zone"
        if self.total is None or self.target is None:
            return f"{name}: {self.contact_strokes} strokes on skin, no {LABEL} without an area"
        return (
            f"{name}: {LABEL} {rounded_up(self.total)} punctures per cm2 in {len(self.per_pass)} holds of the trigger, "
            f"{self.place} {self.target.low}-{self.target.high}; published {REFERENCE.low}-{REFERENCE.high}"
        )


class DosePlace(StrEnum):
    """Where an estimate lies against a target."""

    BELOW = "below target"
    WITHIN = "within target"
    ABOVE = "above target"


def punctures_per_cm2(contact_strokes: int, needles: int, area_mm2: int) -> Fraction:
    """Estimated maximum punctures per cm2.

    Args:
        contact_strokes: Strokes with the tip on skin, summed over passes; at least 0.
        needles: Needles of the cartridge, at least 1.
        area_mm2: Area they were spread over, at least 1 mm2.

    Raises:
        ValueError: A number is outside its range, so there is no estimate.
    """
    if contact_strokes < 0 or needles < 1 or area_mm2 < 1:
        raise ValueError(
            f"no dose follows from {contact_strokes} strokes with {needles} needles on {area_mm2} mm2: "
            "strokes must be 0 or more, needles and area 1 or more"
        )
    return Fraction(contact_strokes * needles * _MM2_PER_CM2, area_mm2)


def place(estimate: Fraction, target: Band) -> DosePlace:
    """Where an estimate lies against a target band, both ends of which belong to it."""
    if estimate < target.low:
        return DosePlace.BELOW
    if estimate > target.high:
        return DosePlace.ABOVE
    return DosePlace.WITHIN


def strokes_for(punctures: int, needles: int, area_mm2: int) -> int:
    """Strokes on skin after which an area has that estimated maximum per cm2, rounded down: rather too few.

    Raises:
        ValueError: A number is outside its range.
    """
    if punctures < 0 or needles < 1 or area_mm2 < 1:
        raise ValueError(
            f"no strokes follow from {punctures} punctures per cm2 with {needles} needles on {area_mm2} mm2"
        )
    return punctures * area_mm2 // (needles * _MM2_PER_CM2)


def contact_s_for(zone: Zone, needles: int) -> Fraction:
    """Seconds on skin at the zone's rate until the upper end of its target."""
    return Fraction(strokes_for(zone.target.high, needles, zone.area_mm2) * _MHZ_PER_HZ, zone.rate_mhz)


def of_zone(zone: Zone, needles: int, passes: Sequence[PassCount], *, sure: bool) -> ZoneDose:
    """What a zone received, from the pen's own counts.

    Args:
        zone: Its area and target.
        needles: Needles of the cartridge.
        passes: Each hold of the trigger in it, in order.
        sure: False where strokes may be missing from the counts.

    Raises:
        ValueError: A number is outside its range, so there is no estimate.
    """
    contact = sum(one.contact for one in passes)
    return ZoneDose(
        zone.name,
        sum(one.strokes for one in passes),
        contact,
        needles,
        zone.area_mm2,
        zone.target,
        tuple(punctures_per_cm2(one.contact, needles, zone.area_mm2) for one in passes),
        punctures_per_cm2(contact, needles, zone.area_mm2),
        CANNOT_KNOW if sure else (*CANNOT_KNOW, UNSURE),
    )


def outside(needles: int, passes: Sequence[PassCount]) -> ZoneDose:
    """Strokes outside any zone: counted, but without an area there is no dose to estimate."""
    strokes, contact = sum(one.strokes for one in passes), sum(one.contact for one in passes)
    return ZoneDose(None, strokes, contact, needles, None, None, (), None, CANNOT_KNOW)


def sentence(contact_strokes: int, needles: int, zone: Zone) -> str:
    """A zone's dose in words."""
    estimate = punctures_per_cm2(contact_strokes, needles, zone.area_mm2)
    return (
        f"{zone.name}: {LABEL} {rounded_up(estimate)} punctures per cm2, "
        f"{place(estimate, zone.target)} {zone.target.low}-{zone.target.high}"
    )


def rounded_up(estimate: Fraction) -> int:
    """An estimate as a whole number; up, because it is a maximum."""
    return -(-estimate.numerator // estimate.denominator)
