"""The PIO machines as behaviour: what each does to its pad, to the cycle, without stepping every clock.

Each machine holds its state between two calls of `advance(to_us, ...)`, which plays every cycle before `to_us`: what the
CPU or a contact does at that moment is seen from the cycle that begins there. The inputs of a machine are constant while
it advances (the caller advances before it changes one), so whole strokes and steps are computed, not simulated clock by
clock. `tests/sim` holds them against the instructions themselves.
"""

from pen_sim.machines.lease import LeaseMachine
from pen_sim.machines.meter import PeriodMeter
from pen_sim.machines.needle import ALWAYS, NeedleMachine
from pen_sim.machines.stepper import StepperMachine

__all__ = ["ALWAYS", "LeaseMachine", "NeedleMachine", "PeriodMeter", "StepperMachine"]
