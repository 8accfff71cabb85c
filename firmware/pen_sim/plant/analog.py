"""From physical quantities to the ADC's 0..4095, as the circuits of the pen do it (see `pen_firmware.hal.Analog`)."""

from __future__ import annotations

import math

FULL_SCALE = 4095
REFERENCE_MV = 3_300
NTC_OHM_AT_25C = 10_000.0
NTC_BETA = 3_435.0
PULL_UP_OHM = 10_000.0
KELVIN_AT_0C = 273.15
MV_PER_MA = 2
"""0.2 ohm shunt with a gain of 10: 2 V per ampere."""
SUPPLY_DIVIDER = 3
FLUID_DRY = 3_600
"""Reading of the dry sensor: the pull-up wins."""
FLUID_WET = 500
"""Reading of the wet sensor: a film of saline between its tracks."""


def ntc_reading(celsius: float) -> int:
    """Reading of the temperature channel for a sensor at `celsius`."""
    inverse = 1.0 / (celsius + KELVIN_AT_0C) - 1.0 / (25.0 + KELVIN_AT_0C)
    ohm = NTC_OHM_AT_25C * math.exp(NTC_BETA * inverse)
    return _clip(round(FULL_SCALE * ohm / (ohm + PULL_UP_OHM)))


def current_reading(milliampere: float) -> int:
    """Reading of the current channel; it ends at 1650 mA."""
    return _clip(round(milliampere * MV_PER_MA * FULL_SCALE / REFERENCE_MV))


def supply_reading(millivolt: float) -> int:
    """Reading of the supply channel; it ends at 9.9 V."""
    return _clip(round(millivolt / SUPPLY_DIVIDER * FULL_SCALE / REFERENCE_MV))


def _clip(reading: int) -> int:
    return max(0, min(FULL_SCALE, reading))
