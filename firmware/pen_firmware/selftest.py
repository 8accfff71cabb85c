"""Checks that the pen is what the firmware takes it for. Run at boot and on request, disarmed, one check a pass.

A check that fails keeps its number: it is the detail of SELF_TEST_FAILED and the argument of the SELF_TEST event.
"""

import binascii

from pen_firmware import pio_programs
from pen_firmware.hal import Analog, Input


class Check:
    """Numbers of the checks."""

    MEMORY = 1
    """CRC-32 of a known text, and a pattern written to memory and read back."""
    OUTPUTS_LOW = 2
    """Needle and lease pads read low while nothing drives them."""
    LEASE = 3
    """The lease line rises when fed and falls by itself, and SAFE follows it."""
    GATE = 4
    """No coil current while the needle is off."""
    ANALOG = 5
    """No channel sits at an end of its range that means a broken wire."""
    SETTINGS = 6
    EVENTS = 7
    """The ring's ids rise; the record reads back whole."""
    CLOCK = 8
    """Milliseconds and microseconds run forwards and agree."""
    MACHINES = 9
    """The machines would not start with their pads low."""


IDLE_CURRENT_MAX_MA = 60
"""More coil current than this with the needle off: the driver conducts. Noise of shunt and ADC is below 20 mA."""
PULSE_TICKS = 7_500
"""Lease of the test: 30 ms. A pass that answers a host takes up to 20 ms on the chip and must not sleep through it; the
needle has no word, so no stroke can follow."""
PULSE_MAX_MS = 80
"""The line must have fallen by then."""
CLOCK_SPAN_MS = 100
CLOCK_TOLERANCE_MS = 3
_TEXT = b"123456789"
_TEXT_CRC = 0xCBF43926
_PATTERN_SIZE = 64
_ADC_MAX = 4095


class SelfTest:
    """One run at a time; `passed` keeps the last run's outcome, False before the first."""

    def __init__(self, board, sensors, settings, ledger):
        self._board = board
        self._sensors = sensors
        self._settings = settings
        self._ledger = ledger
        self._step = 0
        self._pattern = bytearray(_PATTERN_SIZE)
        self._begun_ms = 0
        self._begun_us = 0
        self._pulse_ms = 0
        self._rose = False
        self._waiting = False
        self.running = False
        self.passed = False
        self.failed_check = 0
        """0, or the number of the check the last run failed."""

    def start(self):
        """Begin a run; `passed` is False until it ends well."""
        self._step = 1
        self._waiting = False
        self._begun_ms = self._board.now_ms()
        self._begun_us = self._board.now_us()
        self.running = True
        self.passed = False
        self.failed_check = 0

    def fail(self, check):
        """Something that a check covers failed outside a run."""
        self.running = False
        self.passed = False
        self.failed_check = check

    def abort(self):
        """End a run without an outcome: not passed."""
        if self.running:
            self._board.lease_feed(0)
            self.running = False

    def tick(self, now_ms):
        """One check of a run under way, or one look at a check that takes time."""
        if not self.running:
            return
        check = self._step
        outcome = self._look(check, now_ms)
        if outcome is None:
            return
        if not outcome:
            self._board.lease_feed(0)
            self.fail(check)
            return
        self._step += 1
        if self._step > Check.CLOCK:
            self.running = False
            self.passed = True

    def _look(self, check, now_ms):
        """True or False when a check is decided, None while it goes on."""
        if check == Check.MEMORY:
            return self._memory()
        if check == Check.OUTPUTS_LOW:
            return not self._board.inputs() & (Input.NEEDLE | Input.LEASE)
        if check == Check.LEASE:
            return self._lease(now_ms)
        if check == Check.GATE:
            return self._sensors.coil_ma <= IDLE_CURRENT_MAX_MA if self._sensors.ready else None
        if check == Check.ANALOG:
            return self._analog()
        if check == Check.SETTINGS:
            return self._settings.intact()
        if check == Check.EVENTS:
            return self._ledger.events.consistent() and self._ledger.intact()
        return self._clock()

    def _memory(self):
        pattern = self._pattern
        for value in (0x55, 0xAA):
            for index in range(_PATTERN_SIZE):
                pattern[index] = value ^ index
            for index in range(_PATTERN_SIZE):
                if pattern[index] != value ^ index:
                    return False
        return binascii.crc32(_TEXT) & 0xFFFFFFFF == _TEXT_CRC

    def _lease(self, now_ms):
        """Feed one short lease and watch it end. While the stop contact is open nothing can be seen: the check waits."""
        board = self._board
        inputs = board.inputs()
        if not inputs & Input.ESTOP_CLOSED:
            self._waiting = False
            return None
        if not self._waiting:
            self._waiting = True
            self._rose = False
            self._pulse_ms = now_ms
            board.lease_feed(PULSE_TICKS)
            return None
        if inputs & Input.SAFE:
            self._rose = True
        elif self._rose:
            return True
        if board.elapsed_ms(now_ms, self._pulse_ms) > PULSE_MAX_MS:
            return False
        return None

    def _analog(self):
        board = self._board
        supply = board.analog(Analog.SUPPLY)
        temperature = board.analog(Analog.COIL_TEMPERATURE)
        current = board.analog(Analog.COIL_CURRENT)
        return 0 < supply < _ADC_MAX and 0 < temperature < _ADC_MAX and current < _ADC_MAX

    def _clock(self):
        """Over a tenth of a second both clocks must have run the same way."""
        board = self._board
        # both clocks read side by side: a pass takes milliseconds on the chip
        span_ms = board.elapsed_ms(board.now_ms(), self._begun_ms)
        span_us = board.elapsed_us(board.now_us(), self._begun_us)
        if 0 <= span_ms < CLOCK_SPAN_MS:
            return None
        return span_ms >= 0 and abs(span_us // 1000 - span_ms) <= CLOCK_TOLERANCE_MS


assert PULSE_TICKS * pio_programs.LEASE_TICK_US < PULSE_MAX_MS * 1000
