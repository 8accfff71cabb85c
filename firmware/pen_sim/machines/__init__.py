"""The PIO machines as behaviour: what each does to its pad, to one microsecond, without stepping every clock.

Each machine holds its state between two calls of `advance(to_us, ...)`, which plays every edge up to and including
`to_us`. The inputs of a machine are constant while it advances (the caller advances before it changes one), so whole
strokes and steps are computed, not simulated clock by clock.
"""

from pen_sim.machines.lease import LeaseMachine
from pen_sim.machines.meter import PeriodMeter
from pen_sim.machines.needle import NeedleMachine
from pen_sim.machines.stepper import StepperMachine

__all__ = ["LeaseMachine", "NeedleMachine", "PeriodMeter", "StepperMachine"]
