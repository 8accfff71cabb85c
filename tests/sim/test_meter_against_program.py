"""The simulated period meter against the real program, on the same pulses of the hall sensor.

A measured period may differ by `MOMENT_US`, two ticks: the program stands somewhere in its loops when the pin changes, and
its first countdown after a pause begins by another way. Which periods are reported, and how many are kept, must be the
same.
"""

from __future__ import annotations

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pen_firmware import pins
from pen_firmware import pio_programs as pio
from pen_sim.machines import PeriodMeter
from tests.pio.bench import Bench

MOMENT_US = 2 * pio.HALL_TICK_US
PULSES = st.lists(
    st.tuples(st.integers(1_000, 12_000), st.integers(20, 900), st.booleans()), min_size=1, max_size=8
)
"""Time to the next rising edge, how long the pin is low before it, and whether the firmware reads after it."""


class Both:
    """Meter of the emulated chip and of the simulation, seeing the same rising edges."""

    def __init__(self) -> None:
        self.chip = Bench()
        self.sim = PeriodMeter()
        self.sim.start()
        self._pin = self.chip.chip.gpio[pins.gpio("HALL")]
        self._pin.set_input_value(True)
        self.chip.run(50)

    def pulse(self, period_us: int, low_us: int) -> None:
        self.chip.run(period_us - low_us)
        self._pin.set_input_value(False)
        self.chip.run(low_us)
        self._pin.set_input_value(True)
        self.sim.pulse(self.chip.now_us)

    def read(self) -> None:
        self.chip.run(10)  # the program says what it measured
        while True:
            chip, sim = self.chip.board.hall_period_us(), self.sim.take()
            assert (chip < 0) == (sim < 0), f"{chip} on the chip, {sim} here"
            if chip < 0:
                return
            assert abs(chip - sim) <= MOMENT_US, f"{chip} on the chip, {sim} here"


@settings(max_examples=20, deadline=None, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(PULSES)
def test_any_pulses_give_the_same_periods(pulses: list[tuple[int, int, bool]]) -> None:
    both = Both()
    for period_us, low_us, reads in pulses:
        both.pulse(period_us, low_us)
        if reads:
            both.read()
    both.read()


@pytest.mark.parametrize("away_us", [-10, 10])
def test_the_longest_period_is_the_same(away_us: int) -> None:
    both = Both()
    both.pulse(2_000, 100)
    both.pulse(pio.HALL_PERIOD_MAX_US + away_us, 100)
    both.pulse(5_000, 100)
    both.read()
