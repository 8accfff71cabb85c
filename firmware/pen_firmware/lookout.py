"""What every pass looks at: clocks, hands, how long things have lasted; then readings for the interlocks."""

from pen_firmware.hal import Input
from pen_firmware.interlocks import Readings, collect
from pen_firmware.selftest import IDLE_CURRENT_MAX_MA
from pen_firmware.supervisor import Signal
from pen_protocol import limits
from pen_protocol.faults import Event, Fault
from pen_protocol.limits import WORD_MAX
from pen_protocol.states import State

MUST_HOLD = Input.ESTOP_CLOSED | Input.ESTOP_PRESENT | Input.TRIGGER | Input.LATCH
MUST_NOT = Input.OVER_CURRENT | Input.CHARGER
STROKES_NEED = MUST_HOLD | MUST_NOT
"""Strokes go on only while `inputs & STROKES_NEED == MUST_HOLD`: asked first in every pass."""
_STOP_CONTACT = Input.ESTOP_CLOSED | Input.ESTOP_PRESENT
CLOCK_STEP_MAX_MS = limits.WATCHDOG_MS
"""A longer pass than this the watchdog does not survive: then the clock jumped."""
CLOCK_TOLERANCE_MS = 3
"""Milliseconds and microseconds of one pass may differ by this much."""
RELEASE_PASSES = 4
"""Passes (20 ms) the trigger must be open while arming: a bouncing contact is no release."""
GATE_OFF_MS = 100
"""Coil current is looked at this long after the needle went off."""
GATE_STUCK_MS = 60
"""Current for this long (three readings) with the needle off: the driver conducts."""


class Lookout:
    """Eyes of the pen.

    Attributes:
        raw: Inputs as they read at the start of this pass.
        inputs: Debounced inputs; what permits must also read so in `raw`.
        uptime_ms: Time since boot modulo 2^30.
        clock_sound: False once the clocks ran back, jumped or disagreed; a passed self-test restores it.
        readings: What the interlocks judge.
    """

    def __init__(self, pen):
        self._pen = pen
        self.raw = 0
        self.inputs = 0
        self.uptime_ms = 0
        self.clock_sound = True
        self.readings = Readings()
        self._now_ms = 0
        self._now_us = 0
        self._needle_was_off = True
        self._needle_off_ms = 0
        self._gate_ms = 0
        self._trigger_held_ms = 0
        self._released_passes = 0
        self._stroking_ms = 0

    def start(self, now_us, now_ms):
        """The first pass is measured from here."""
        self._now_us = now_us
        self._now_ms = now_ms

    def begin_pass(self, raw, needle_was_off, now_us, now_ms):
        """Take the clocks and the inputs of this pass. `needle_was_off`: when the inputs were read."""
        self.raw = raw
        self._needle_was_off = needle_was_off
        board = self._pen.board
        passed_ms = board.elapsed_ms(now_ms, self._now_ms)
        passed_us = board.elapsed_us(now_us, self._now_us)
        self._now_ms = now_ms
        self._now_us = now_us
        difference_ms = passed_us // 1000 - passed_ms
        if passed_ms < 0 or passed_ms > CLOCK_STEP_MAX_MS or abs(difference_ms) > CLOCK_TOLERANCE_MS:
            self.clock_sound = False
            return
        self.uptime_ms = (self.uptime_ms + passed_ms) & WORD_MAX
        self._time_trigger(passed_ms)
        self._time_gate(passed_ms)
        if self._pen.supervisor.armed():
            self._pen.session.armed_ms += passed_ms

    def take_inputs(self, debounced):
        """What permits must be so in both readings of this pass, what forbids in one of them."""
        raw = self.raw
        self.inputs = (debounced & (raw | ~MUST_HOLD)) | (raw & MUST_NOT)

    def forget_over_current(self):
        """The comparator was reset in this pass: what it read before no longer holds."""
        self.raw &= ~Input.OVER_CURRENT
        self.inputs &= ~Input.OVER_CURRENT

    def conditions(self, now_ms):
        """Condition mask of this pass."""
        self._see_trip()
        self._see_hands_and_board()
        self._see_parts(now_ms)
        self._see_fluid(now_ms)
        self._see_self(now_ms)
        return collect(self.readings)

    def _see_trip(self):
        """The needle latched itself off: was it a stop contact that opened after this pass had read its inputs?

        Then the contact is the cause to be named, not its effect. One that has closed again leaves no more than the effect.
        """
        if self._strokes_were_cut():
            opened = ~self._pen.board.inputs() & _STOP_CONTACT
            self.raw &= ~opened
            self.inputs &= ~opened

    def _strokes_were_cut(self):
        return self._pen.supervisor.state == State.STROKING and self._pen.needle.tripped()

    def signals(self):
        """What this pass asks of the supervisor beside its conditions."""
        pen = self._pen
        state = pen.supervisor.state
        signals = self._trigger_signal(state)
        if state == State.BOOT and pen.sensors.ready and not pen.self_test.running:
            signals |= Signal.READY
        # read anew: a contact that opened since the conditions were collected is named by the next pass
        if self._strokes_were_cut() and pen.board.inputs() & self.inputs & Input.ESTOP_CLOSED:
            pen.raise_fault(Fault.NEEDLE_TRIPPED)
        if pen.fault:
            signals |= Signal.FAULT
        return signals

    def _trigger_signal(self, state):
        """A release counts at once, but while arming only when it lasts."""
        if self.inputs & Input.TRIGGER:
            self._released_passes = 0
            return Signal.TRIGGER_DOWN
        if state == State.ARMING and self._released_passes < RELEASE_PASSES:
            self._released_passes += 1
            return 0
        self._released_passes = 0
        return Signal.TRIGGER_UP

    def _time_trigger(self, passed_ms):
        """How long the trigger has been held without strokes, and strokes have gone on without a release."""
        if self._pen.supervisor.state == State.STROKING:
            self._stroking_ms += passed_ms
            self._trigger_held_ms = 0
            return
        self._stroking_ms = 0
        if not self.inputs & Input.TRIGGER:
            self._trigger_held_ms = 0
        elif self._trigger_held_ms < limits.TRIGGER_STUCK_MS:
            self._trigger_held_ms += passed_ms

    def _time_gate(self, passed_ms):
        """How long the coil has drawn current with the needle off."""
        if not self._needle_was_off:
            self._needle_off_ms = 0
            self._gate_ms = 0
        elif self._needle_off_ms < GATE_OFF_MS:
            self._needle_off_ms += passed_ms
        elif self._pen.sensors.coil_ma <= IDLE_CURRENT_MAX_MA:
            self._gate_ms = 0
        elif self._gate_ms < GATE_STUCK_MS:
            self._gate_ms += passed_ms

    def _see_hands_and_board(self):
        r = self.readings
        sensors = self._pen.sensors
        # before the inputs have been debounced for the first time, e-stop counts as it reads: a stop that was never
        # pressed must not latch at every start
        settled = self.inputs if sensors.ready else self.raw
        r.estop_closed = settled & Input.ESTOP_CLOSED != 0
        r.estop_present = settled & Input.ESTOP_PRESENT != 0
        r.latched = self.inputs & Input.LATCH != 0
        r.charger = self.inputs & Input.CHARGER != 0
        r.over_current = self.raw & Input.OVER_CURRENT != 0
        r.trigger_held_ms = self._trigger_held_ms
        r.sensors_ready = sensors.ready
        r.coil_fault = sensors.coil_fault
        r.coil_cc = sensors.coil_cc
        r.coil_ma = sensors.coil_ma
        r.supply_mv = sensors.supply_mv
        pad_high = self._needle_was_off and self.raw & Input.NEEDLE != 0
        r.gate_stuck = pad_high or self._gate_ms >= GATE_STUCK_MS

    def _see_parts(self, now_ms):
        r = self.readings
        pen = self._pen
        r.cartridge = pen.cartridge.condition
        r.burned = pen.cartridge.burned_here
        r.homed = pen.depth.homed
        r.step_mismatch = pen.depth.mismatch()
        r.axis_moving = pen.depth.busy
        r.droop = pen.needle.droop(now_ms)
        r.stroke_mismatch = pen.needle.mismatch()

    def _see_fluid(self, now_ms):
        """Wet once is wet until an engineer has looked: remembered through power loss."""
        pen = self._pen
        if pen.sensors.fluid_wet and not pen.settings.quarantined:
            pen.settings.quarantine()
            pen.log(Event.QUARANTINED, 0, 0, now_ms)
        self.readings.fluid = pen.settings.quarantined

    def _see_self(self, now_ms):
        r = self.readings
        pen = self._pen
        session = pen.session
        r.host_lease_expired = pen.host_lease.expired(now_ms)
        r.late_pass = pen.supervisor.armed() and pen.firmware_lease.late()
        r.settings_valid = pen.settings.valid
        r.coil_trip_cc = pen.settings.coil_trip_cc
        r.self_test_passed = pen.self_test.passed
        r.clock_sound = self.clock_sound and pen.ledger.numbering_sound()
        r.armed_left_ms = session.armed_left_ms()
        r.stroking_left_ms = session.stroking_max_ms - self._stroking_ms
        r.setpoints = session.depth_set and session.rate_set
