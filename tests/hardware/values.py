"""Values of the parts that a time or a limit depends on, and the figures that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from pen_firmware import pio_programs, sensors
from pen_protocol import limits

RAIL_V = 3.3
STOP_SERIES_OHM, STOP_PULL_OHM, STOP_FARAD = 1e3, 10e3, 220e-12
"""Stop contact: series resistor, pull-down, capacitor against sparks of static."""
GATE_LOW_V = 0.8
"""Level a 3.3 V gate surely takes as low."""
PUMP_FARAD, PUMP_OHM, PUMP_HZ = 4.7e-9, 10e3, 250e3
"""Charge pump: both capacitors, bleeder, and the lease line's frequency while it is renewed."""
SCHOTTKY_V = 0.25
SCHMITT_LOW_V = (0.8, 1.5)
"""Falling threshold of the Schmitt trigger: least and most over parts and temperature."""
SHOT_US, SHOT_TOLERANCE = 3_500, 0.15
COIL_HENRY, COIL_OHM, COIL_AMPERE = 8e-3, 6.0, 1.0
"""The example coil, at the current it has when it is switched off."""
CLAMP_V, DIODE_V = 24.0, 0.7
BATTERY_MAX_V = 8.4
SHUNT_OHM, SHUNT_GAIN = 0.2, 10
ADC_FULL = 1 << sensors.ADC_BITS


@dataclass(frozen=True)
class Figure:
    """One worked figure: what, the number with its unit, from what, and the bound it keeps (or none)."""

    what: str
    value: str
    source: str
    bound: str = ""


def stop_falls_us() -> float:
    """From the stop contact's opening to a sure low at the AND gate."""
    high_v = RAIL_V * STOP_PULL_OHM / (STOP_PULL_OHM + STOP_SERIES_OHM)
    return STOP_PULL_OHM * STOP_FARAD * log(high_v / GATE_LOW_V) * 1e6


def pump_v() -> float:
    """Voltage of the charge pump while the lease is alive."""
    source_ohm = 1 / (PUMP_HZ * PUMP_FARAD)
    return (RAIL_V - 2 * SCHOTTKY_V) * PUMP_OHM / (PUMP_OHM + source_ohm)


def lease_decays_us() -> tuple[float, float]:
    """From the lease's last edge to SAFE low: least and most."""
    low, high = (
        PUMP_OHM * PUMP_FARAD * log(pump_v() / threshold) * 1e6 for threshold in reversed(SCHMITT_LOW_V)
    )
    return low, high


def shot_us() -> tuple[float, float]:
    """Shortest and longest gate pulse of the one-shot."""
    return SHOT_US * (1 - SHOT_TOLERANCE), SHOT_US * (1 + SHOT_TOLERANCE)


def current_gone_us(clamp_v: float) -> float:
    """From switching off to no current in the coil."""
    return COIL_HENRY / COIL_OHM * log(1 + COIL_AMPERE * COIL_OHM / clamp_v) * 1e6


def off_time_us() -> int:
    """Shortest pause between two strokes, by the longest on-time in the shortest period."""
    return int(pio_programs.NEEDLE_PERIOD_BASE_US - pio_programs.NEEDLE_ON_MAX_US)


def current_code() -> int:
    """ADC code of the current that trips."""
    return round(limits.COIL_CURRENT_MAX_MA / 1e3 * SHUNT_OHM * SHUNT_GAIN / RAIL_V * ADC_FULL)


def figures() -> list[Figure]:
    """All of them, as the hardware pages show them."""
    low_us, high_us = lease_decays_us()
    short_us, long_us = shot_us()
    fastest_hz = limits.RATE_MAX_MHZ / 1000
    clamp_w = COIL_HENRY * COIL_AMPERE**2 / 2 * fastest_hz
    duty = pio_programs.NEEDLE_ON_MAX_US / pio_programs.NEEDLE_PERIOD_BASE_US
    return [
        Figure(
            "stop contact opens until SAFE is low",
            f"{stop_falls_us():.1f} us",
            "10 kΩ, 220 pF, 3.0 V to 0.8 V",
            f"{limits.BUDGET_ESTOP_US} us budget",
        ),
        Figure(
            "lease's last edge until SAFE is low",
            f"{low_us:.0f} to {high_us:.0f} us",
            f"4.7 nF, 10 kΩ, from {pump_v():.2f} V to the trigger's 0.8 to 1.5 V",
            f"inside the tick beyond {limits.LEASE_MS} ms",
        ),
        Figure(
            "pump's ripple between two edges",
            f"{100 / (PUMP_HZ * PUMP_OHM * PUMP_FARAD):.0f} %",
            "one period of 4 us",
            "no threshold crossed",
        ),
        Figure(
            "one-shot",
            f"{short_us:.0f} to {long_us:.0f} us",
            "3.5 ms, 15 %",
            f"above {pio_programs.NEEDLE_ON_MAX_US} us (any word), below {limits.COIL_ON_MAX_US} us (limit)",
        ),
        Figure(
            "coil current gone, 24 V clamp",
            f"{current_gone_us(CLAMP_V + DIODE_V):.0f} us",
            "8 mH, 6 Ω, 1 A",
            f"{off_time_us()} us pause at the fastest rate",
        ),
        Figure(
            "coil current gone, plain diode",
            f"{current_gone_us(DIODE_V):.0f} us",
            "8 mH, 6 Ω, 1 A",
            "not taken",
        ),
        Figure(
            "power in the clamp",
            f"{clamp_w:.1f} W",
            f"L I² / 2 at {fastest_hz:.0f} Hz",
            "part rated 3 W or more",
        ),
        Figure(
            "power in the coil, at most",
            f"{duty * BATTERY_MAX_V**2 / COIL_OHM:.1f} W",
            f"{100 * duty:.1f} % duty, 8.4 V, 6 Ω",
            "thermal fuse on the coil",
        ),
        Figure(
            "current that trips",
            f"{limits.COIL_CURRENT_MAX_MA} mA = 3.0 V = code {current_code()}",
            "0.2 Ω, gain 10",
            f"{min(abs(current_code() - trap) for trap in sensors.ADC_TRAPS)} codes from the converter's next jump",
        ),
    ]
