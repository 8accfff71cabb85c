"""Physics of the pen: axis, coil, needle, skin, supply. Deterministic for a seed."""

from pen_sim.plant.axis import Axis
from pen_sim.plant.coil import Coil
from pen_sim.plant.needle import NeedleMotion
from pen_sim.plant.plant import Plant

__all__ = ["Axis", "Coil", "NeedleMotion", "Plant"]
