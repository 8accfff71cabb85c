"""Benches: a simulated pen, an emulated chip, a real pen with its rig. Which one is chosen by an address."""

from hil_tests.benches.contract import (
    Ability,
    Bench,
    Edge,
    Figures,
    Hand,
    Misdeed,
    Sensor,
    Signal,
    Unable,
)

__all__ = ["Ability", "Bench", "Edge", "Figures", "Hand", "Misdeed", "Sensor", "Signal", "Unable"]
