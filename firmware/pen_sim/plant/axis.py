"""The depth axis: motor, lead screw with play, carriage between two hard stops, home switch.

Positions are integer nanometres of the carriage, 0 where the home switch closes, positive outwards (needle further out).
"""

from __future__ import annotations

import random

STEP_NM = 2_500
"""400 steps per millimetre."""
INNER_STOP_NM = -400_000
"""Hard stop behind the home switch."""
OUTER_STOP_NM = 2_600_000
"""Hard stop of the largest protrusion."""
HYSTERESIS_NM = 40_000
"""The switch opens this far outwards of where it closed."""
SWITCH_JITTER_NM = 2_000
"""Each approach finds the switch within this of its place."""
BACKLASH_NM = 20_000
"""Play of a good anti-backlash nut."""
START_NM = 300_000
"""Where the carriage stands when the pen is first switched on."""


class Axis:
    """Moves by steps; the only truth about where the needle plate stands."""

    def __init__(self, rng: random.Random, start_nm: int = START_NM, backlash_nm: int = BACKLASH_NM) -> None:
        self._rng = rng
        self.backlash_nm = backlash_nm
        self.carriage_nm = start_nm
        self.motor_nm = start_nm
        self.stalled = False
        """The motor turns no more, whatever it is told."""
        self.switch_forced: bool | None = None
        """A broken home switch reads this for ever; None works."""
        self.lost_steps = 0
        """Steps ordered that did not turn the motor: stalled or against a stop."""
        self._closes_nm = 0
        self._switch = start_nm <= 0

    @property
    def protrusion_um(self) -> float:
        """What the needle really protrudes, counted from where the home switch closes."""
        return self.carriage_nm / 1_000

    @property
    def home_switch(self) -> bool:
        """What the switch's contact says."""
        return self._switch if self.switch_forced is None else self.switch_forced

    def step(self, outward: bool) -> None:
        """One step of the motor; the carriage follows when the play is used up."""
        motor_nm = self.motor_nm + (STEP_NM if outward else -STEP_NM)
        carriage_nm = min(max(self.carriage_nm, motor_nm - self.backlash_nm), motor_nm)
        if self.stalled or not INNER_STOP_NM <= carriage_nm <= OUTER_STOP_NM:
            self.lost_steps += 1
            return
        self.motor_nm = motor_nm
        self.carriage_nm = carriage_nm
        self._follow_switch()

    def push(self, distance_um: int) -> None:
        """A blow moves motor and carriage by `distance_um` without a step being made."""
        moved_nm = self.carriage_nm + distance_um * 1_000
        moved_nm = min(max(moved_nm, INNER_STOP_NM), OUTER_STOP_NM)
        self.motor_nm += moved_nm - self.carriage_nm
        self.carriage_nm = moved_nm
        self._follow_switch()

    def _follow_switch(self) -> None:
        if self._switch:
            if self.carriage_nm > self._closes_nm + HYSTERESIS_NM:
                self._switch = False
                self._closes_nm = self._rng.randint(-SWITCH_JITTER_NM, SWITCH_JITTER_NM)
        elif self.carriage_nm <= self._closes_nm:
            self._switch = True
