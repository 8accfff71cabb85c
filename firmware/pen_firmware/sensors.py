"""Inputs and analogue channels: debounced towards the dangerous side at once, towards the permissive side slowly.

One ADC channel is read per pass, round robin; every value is the median of its last three readings, so that a single
wrong conversion neither trips nor hides anything. A channel is up to four passes old (20 ms), its median up to 60 ms.

The ADC of the RP2040 jumps by several codes at 512, 1536, 2560 and 3584 (erratum E11). No threshold here lies within
`TRAP_CLEARANCE` of them: 60.00 C is code 940, 50.00 C 1191, 4500 mV supply 1862, wet 2048, dry again 2304.
"""

from array import array

from pen_protocol import limits

from .hal import Analog, Input

FLUID_WET_BELOW = 2048
"""A fluid reading below this is wet."""
FLUID_DRY_FROM = 2304
"""Once wet, only a reading from here on is dry again."""

ADC_TRAPS = (512, 1536, 2560, 3584)
"""Codes where the converter jumps."""
TRAP_CLEARANCE = 64
"""Codes a threshold keeps away from a trap: eight times the largest jump seen."""

ADC_REFERENCE_MV = 3_300
ADC_BITS = 12
SUPPLY_DIVIDER = 3
CHANNELS = 4
HISTORY = 3
"""Readings a median is taken of."""

NTC_SHIFT = 6
# fmt: off
NTC_TABLE_CC = (
    # Coil temperature in 0.01 C at codes 0, 64, 128 .. 4096, straight lines between. For code c:
    #   ratio = c / (4096 - c)                              (10k NTC to ground, 10k to the ADC reference)
    #   T = 1 / (1 / 298.15 + ln(ratio) / 3435) - 273.15    (R25 = 10k, beta = 3435)
    # Error against the formula: below 0.1 C from 0 to 80 C, below 0.7 C from -10 to 120 C, towards hot above 25 C.
    # The ends stand for a shorted and an open sensor; they fit the 16-bit field of the wire.
    30000, 19243, 15160, 13055, 11662, 10628, 9811, 9135, 8559, 8057, 7613, 7212, 6848, 6513, 6203, 5914,
    5643, 5386, 5143, 4912, 4690, 4478, 4273, 4075, 3883, 3697, 3516, 3338, 3165, 2995, 2827, 2663,
    2500, 2339, 2180, 2021, 1864, 1706, 1549, 1392, 1234, 1075, 916, 754, 590, 424, 255, 82,
    -96, -278, -467, -662, -866, -1080, -1307, -1548, -1808, -2091, -2405, -2760, -3174, -3680, -4346, -5386,
    -10585,
)
# fmt: on

_SLOW = Input.ESTOP_CLOSED | Input.ESTOP_PRESENT | Input.LATCH | Input.CHARGER | Input.CONTACT
"""Debounced over `SLOW_READS` towards their permissive level."""
_DEBOUNCED = _SLOW | Input.TRIGGER
_INVERTED = Input.CHARGER | Input.CONTACT
"""Their set bit is the cautious level: a charger forbids, skin contact counts into the dose."""
SLOW_READS = 8
"""Consecutive equal readings (40 ms) before e-stop, latch, no charger or no contact is believed."""
TRIGGER_READS = 4
"""Consecutive readings (20 ms) before a press is believed. A release acts at once."""


def coil_temperature_cc(code):
    """Coil temperature in 0.01 C of an ADC code 0..4095."""
    index = code >> NTC_SHIFT
    low = NTC_TABLE_CC[index]
    rest = code & ((1 << NTC_SHIFT) - 1)
    return low + ((NTC_TABLE_CC[index + 1] - low) * rest >> NTC_SHIFT)


def supply_mv(code):
    """Supply in mV of an ADC code 0..4095."""
    return code * (ADC_REFERENCE_MV * SUPPLY_DIVIDER) >> ADC_BITS


def coil_ma(code):
    """Coil current in mA of an ADC code 0..4095: 2 V per ampere."""
    return code * ADC_REFERENCE_MV >> ADC_BITS + 1


def median(first, second, third):
    """Middle one of three integers."""
    if first < second:
        low = first
        high = second
    else:
        low = second
        high = first
    if third <= low:
        return low
    return third if third < high else high


class Sensors:
    """What the pen sees. Until `ready` nothing is known: the caller treats unknown as blocked.

    Attributes:
        inputs: Debounced mask of `hal.Input` bits; read-backs and the home switch pass through unchanged.
        ready: True once every channel has three readings and every input had time to be believed.
        coil_cc: Coil temperature in 0.01 C.
        coil_fault: True while the temperature sensor reads as open or shorted, and before it was read.
        coil_ma: Coil current at the last reading in mA, whatever the stroke's phase was. Not a median.
        supply_mv: Supply in mV.
        fluid_wet: True while the fluid sensor reads wet.
    """

    def __init__(self, board):
        self._board = board
        self._history = array("H", [0] * (CHANNELS * HISTORY))
        self._channel = 0
        self._slot = 0
        self._count0 = 0
        self._count1 = 0
        self._count2 = 0
        self._permitted = 0
        self.inputs = _INVERTED
        self.ready = False
        self.coil_cc = 0
        self.coil_fault = True
        self.coil_ma = 0
        self.supply_mv = 0
        self.fluid_wet = False

    def tick(self, now_ms):  # noqa: ARG002 - every part is ticked alike; reads are counted here, not timed
        """One pass: all inputs and one analogue channel."""
        self._read_inputs()
        self._read_channel()

    def _read_inputs(self):
        """Debounce every bit at once: three bit planes count, for each bit, the readings it has been waiting.

        In `level` a set bit permits. It falls at once; it rises when its counter overflows, which for the trigger is
        the carry out of the second plane (4 readings), for the others out of the third (8).
        """
        raw = self._board.inputs()
        level = (raw ^ _INVERTED) & _DEBOUNCED
        permitted = self._permitted & level
        waiting = level & ~permitted
        carry = self._count0 & waiting
        self._count0 = ~self._count0 & waiting
        risen = self._count1 & carry
        self._count1 = (self._count1 ^ carry) & waiting
        full = self._count2 & risen
        self._count2 = (self._count2 ^ risen) & waiting
        permitted |= (risen & Input.TRIGGER) | (full & _SLOW)
        self._permitted = permitted
        self.inputs = (raw & ~_DEBOUNCED) | (permitted ^ _INVERTED)

    def _read_channel(self):
        """Read the next channel into its history and renew the value that follows from it."""
        channel = self._channel
        base = channel * HISTORY
        history = self._history
        code = self._board.analog(channel)
        history[base + self._slot] = code
        middle = median(history[base], history[base + 1], history[base + 2])
        if channel == Analog.COIL_TEMPERATURE:
            self._take_temperature(middle)
        elif channel == Analog.COIL_CURRENT:
            self.coil_ma = coil_ma(code)
        elif channel == Analog.FLUID:
            self._take_fluid(middle)
        else:
            self.supply_mv = supply_mv(middle)
        self._next_channel()

    def _take_temperature(self, code):
        self.coil_cc = coil_temperature_cc(code)
        if not self._filled():
            return
        self.coil_fault = self.coil_cc < limits.COIL_SENSOR_MIN_CC or self.coil_cc > limits.COIL_SENSOR_MAX_CC

    def _take_fluid(self, code):
        """Before three readings the history holds zeros, which would read wet: say nothing yet."""
        if not self._filled():
            return
        self.fluid_wet = code < (FLUID_DRY_FROM if self.fluid_wet else FLUID_WET_BELOW)

    def _filled(self):
        """True from the third reading of a channel on."""
        return self.ready or self._slot == HISTORY - 1

    def _next_channel(self):
        self._channel += 1
        if self._channel < CHANNELS:
            return
        self._channel = 0
        self._slot += 1
        if self._slot == HISTORY:
            self._slot = 0
            self.ready = True
