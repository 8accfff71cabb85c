"""Requests that take longer than a pass: one at a time, accepted first, answered once when they end."""

from pen_firmware.depth import RESULT_OK
from pen_firmware.hal import Input
from pen_firmware.interlocks import lowest
from pen_firmware.supervisor import Signal
from pen_protocol import limits
from pen_protocol import messages as m
from pen_protocol.codec import get_u32
from pen_protocol.faults import Event, Fault, Refusal
from pen_protocol.limits import WORD_MAX
from pen_protocol.messages import Kind
from pen_protocol.states import BLOCKS_ARM, BLOCKS_MOTION, Condition, State

FLASH_BUDGET_MS = 1_500
"""Longest a record may take to be written: the watchdog's time."""
SELF_TEST_BUDGET_MS = 2_000
OVERDUE_MS = 1_000
"""A job this long over its budget has failed, whatever its part says."""


class Jobs:
    """The one job slot. `number` is the request's message number, 0 when the slot is free."""

    def __init__(self, pen):
        self._pen = pen
        self.number = 0
        self.sequence = 0
        self.session = 0
        self.crc = 0
        self._kind = 0
        self._answered = 0
        self._values: tuple = ()
        self._budget_ms = 0
        self._begun_ms = 0
        self._steps = {
            m.HOME: self._home,
            m.SET_DEPTH: self._set_depth,
            m.ARM: self._arm,
            m.CARTRIDGE_USE: self._cartridge_use,
            m.CARTRIDGE_READ: self._cartridge_read,
            m.SELF_TEST: self._self_test,
            m.SETTINGS_WRITE: self._settings_write,
        }

    def start(self, request, budget_ms, now_ms):
        """Take the slot for a request and answer ACCEPTED."""
        self.number = request.number
        self.sequence = request.sequence
        self.session = request.session
        self.crc = request.crc
        self._kind = request.message.kind
        self._values = request.values
        self._budget_ms = budget_ms
        self._begun_ms = now_ms
        self.accept_again()

    def accept_again(self):
        """Answer ACCEPTED: the request is under way."""
        self._pen.replies.accepted(self.sequence, self.session, self.number, self._budget_ms)

    def is_repeat(self, request):
        """True when `request` is the one under way, sent again."""
        return (
            self.number == request.number
            and self.sequence == request.sequence
            and self.session == request.session
            and self.crc == request.crc
        )

    def tick(self, now_ms):
        """One look at the job under way."""
        if self.number == 0:
            return
        if self._pen.board.elapsed_ms(now_ms, self._begun_ms) > self._budget_ms + OVERDUE_MS:
            self._overdue()
            return
        self._steps[self.number](now_ms)

    def abort(self, reason, detail):
        """End the job under way: refused. What it moved is stopped."""
        if self.number == 0 or self.number == m.CARTRIDGE_READ:
            # reading goes on in any state but the armed ones, and a query is always answered with what is known
            return
        pen = self._pen
        if self.number == m.HOME or self.number == m.SET_DEPTH:
            pen.depth.stop()
            pen.session.depth_set = False
        elif self.number == m.CARTRIDGE_USE:
            # a burn that was begun leaves the cartridge used
            pen.cartridge.abort()
        elif self.number == m.SELF_TEST:
            pen.self_test.abort()
        self._refuse(reason, detail)

    def _overdue(self):
        pen = self._pen
        number = self.number
        if number == m.HOME or number == m.SET_DEPTH:
            self._motion_failed(Fault.HOMING_FAILED if number == m.HOME else Fault.AXIS_STALL)
        elif number == m.CARTRIDGE_READ:
            self._free()
            pen.replies.cartridge(self.sequence, self.session, pen.cartridge)
        elif number == m.CARTRIDGE_USE:
            pen.cartridge.abort()
            self._refuse(Refusal.BURN_FAILED, 0)
        else:
            self.abort(Refusal.ABORTED, 0)

    # --- one step of each -------------------------------------------------------------------------------------------

    def _home(self, now_ms):
        depth = self._pen.depth
        if depth.busy:
            return
        if depth.result != RESULT_OK:
            self._motion_failed(depth.result or Fault.HOMING_FAILED)
            return
        difference_um = depth.home_difference_um
        self._done(difference_um, self._pen.log(Event.HOMED, 0, difference_um, now_ms))

    def _set_depth(self, now_ms):
        pen = self._pen
        depth = pen.depth
        if depth.busy:
            return
        if depth.result != RESULT_OK:
            self._motion_failed(depth.result or Fault.AXIS_STALL)
            return
        measured_um = depth.measured_um
        if abs(measured_um - self._values[0]) > limits.DEPTH_TOLERANCE_UM:
            self._motion_failed(Condition.STEP_MISMATCH)
            return
        pen.session.depth_set = True
        self._done(measured_um, pen.log(Event.DEPTH_REACHED, 0, measured_um, now_ms))

    def _arm(self, now_ms):
        """The record must say "armed" before the needle can move, so that a power loss is noticed."""
        pen = self._pen
        if not pen.upkeep.save_record(True):
            self._refuse(Refusal.FLASH_FAILED, 0)
            return
        if pen.board.inputs() & Input.ESTOP_CLOSED:
            pen.drive(Signal.ARM, pen.conditions, now_ms)
        if self.number == 0:
            # a stop came first and has answered
            return
        if pen.supervisor.state != State.ARMING:
            self._refuse(Refusal.BLOCKED, lowest(pen.conditions & BLOCKS_ARM))
            return
        pen.session.plan_hash = self._values[2]
        event_id = pen.log(Event.ARMED, 0, self._values[2], now_ms)
        self._done(pen.session.depth_um, event_id)

    def _cartridge_use(self, now_ms):
        pen = self._pen
        cartridge = pen.cartridge
        if cartridge.busy or cartridge.result == 0:
            return
        if cartridge.result != RESULT_OK:
            self._refuse(cartridge.result, cartridge.condition)
            return
        serial = get_u32(cartridge.serial, 0) & WORD_MAX
        self._done(0, pen.log(Event.CARTRIDGE_BURNED, 0, serial, now_ms))

    def _cartridge_read(self, now_ms):  # noqa: ARG002 - every step is called alike
        cartridge = self._pen.cartridge
        if cartridge.busy:
            return
        self._free()
        self._pen.replies.cartridge(self.sequence, self.session, cartridge)

    def _self_test(self, now_ms):  # noqa: ARG002 - every step is called alike
        pen = self._pen
        if pen.self_test.running:
            return
        if pen.self_test.passed:
            self._done(0, pen.self_test_event)
        else:
            self._refuse(Refusal.SELF_TEST_FAILED, pen.self_test.failed_check)

    def _settings_write(self, now_ms):
        pen = self._pen
        pen.firmware_lease.forget()
        if not pen.settings.write(self._values):
            self._refuse(Refusal.FLASH_FAILED, 0)
            return
        pen.use_settings()
        version = pen.settings.version
        self._done(version, pen.log(Event.SETTINGS_WRITTEN, 0, version, now_ms))

    # --- ends -------------------------------------------------------------------------------------------------------

    def block_motion(self, conditions):
        """A condition forbids motion now: the move under way ends where it is."""
        blocking = lowest(conditions & BLOCKS_MOTION)
        self._pen.depth.stop()
        self._pen.session.depth_set = False
        if self.number == m.HOME or self.number == m.SET_DEPTH:
            self._refuse(Refusal.BLOCKED, blocking)

    def _motion_failed(self, fault):
        """The axis did not do what it was told: refused, and a stop is latched for it."""
        pen = self._pen
        pen.session.depth_set = False
        self._refuse(Refusal.MOTION_FAILED, fault)
        pen.raise_fault(fault)

    def _done(self, value, event_id):
        self._free()
        self._keep(m.DONE, value, event_id)
        self._pen.replies.done(self.sequence, self.session, self._answered, value, event_id)

    def _refuse(self, reason, detail):
        self._free()
        self._keep(m.REFUSED, reason, detail)
        self._pen.replies.refused(self.sequence, self.session, self._answered, reason, detail)

    def _free(self):
        self._answered = self.number
        self.number = 0

    def _keep(self, answer, first, second):
        session = self._pen.session
        if self._kind == Kind.COMMAND and self.session == session.last_nonce:
            session.answers.store(self.sequence, self.crc, answer, first, second)
