"""Estimated maximum dose: punctures per cm2 if every needle punctured at every stroke on skin.

Needles can miss, bend, or hit a channel that is there already, so the true number is smaller: it is shown as an
"estimated maximum", never as a dose delivered. Integers and fractions only; pure.
"""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction

from pen_host.models import Band, Zone

LABEL = "estimated maximum"
"""What stands before every number from this module on screen and paper."""

REFERENCE = Band(low=250, high=300)
"""Published target in punctures per cm2 (PRIME, Oct 2015, for rollers and pens)."""

_MM2_PER_CM2 = 100
_MHZ_PER_HZ = 1000


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
