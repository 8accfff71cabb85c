"""One handler for each request that has passed the guards: the limits are enforced here. Each answers exactly once."""

from pen_firmware import pio_programs
from pen_firmware.cartridge import BURN_BUDGET_MS, READ_BUDGET_MS
from pen_firmware.events import FREE_TO_ARM
from pen_firmware.hal import Input
from pen_firmware.interlocks import lowest
from pen_firmware.jobs import FLASH_BUDGET_MS, SELF_TEST_BUDGET_MS
from pen_firmware.supervisor import Signal
from pen_protocol import limits
from pen_protocol import messages as m
from pen_protocol.faults import Event, Refusal
from pen_protocol.messages import SCHEMA_HASH
from pen_protocol.states import BLOCKS_ARM, BLOCKS_MOTION, Condition, ServiceAction, State, bits

_CARTRIDGE = bits(
    Condition.CARTRIDGE_ABSENT,
    Condition.CARTRIDGE_UNLATCHED,
    Condition.CARTRIDGE_USED,
    Condition.CARTRIDGE_EXPIRED,
    Condition.CARTRIDGE_UNREADABLE,
    Condition.CARTRIDGE_NOT_BURNED,
)
_WORKING = bits(State.IDLE, State.ARMING, State.ARMED, State.STROKING)
_MOTION_MARGIN_MS = 500


def handlers_of(pen, commands):
    """Message number -> handler without arguments; the request is `commands.request`."""
    queries = _Queries(pen, commands)
    session = _Session(pen, commands)
    motion = _Motion(pen, commands)
    arming = _Arming(pen, commands)
    care = _Care(pen, commands)
    return {
        m.HELLO: queries.hello,
        m.GET_STATUS: queries.get_status,
        m.STOP: queries.stop,
        m.PULL_EVENTS: queries.pull_events,
        m.SET_TELEMETRY: queries.set_telemetry,
        m.SETTINGS_READ: queries.settings_read,
        m.CARTRIDGE_READ: queries.cartridge_read,
        m.OPEN_SESSION: session.open_session,
        m.CLOSE_SESSION: session.close_session,
        m.HOME: motion.home,
        m.SET_DEPTH: motion.set_depth,
        m.SET_RATE: motion.set_rate,
        m.TIGHTEN_LIMITS: motion.tighten,
        m.ARM: arming.arm,
        m.DISARM: arming.disarm,
        m.CLEAR_FAULT: arming.clear_fault,
        m.CARTRIDGE_USE: care.cartridge_use,
        m.SELF_TEST: care.self_test,
        m.SETTINGS_WRITE: care.settings_write,
        m.SERVICE: care.service,
    }


class _Handlers:
    """What every group of handlers needs."""

    def __init__(self, pen, commands):
        self._pen = pen
        self._commands = commands

    def _not_in(self, states):
        """Refuse in any other state; True when it did."""
        state = self._pen.supervisor.state
        if states & 1 << state:
            return False
        self._commands.refuse(Refusal.WRONG_STATE, state)
        return True

    def _end_armed(self):
        """Out of the armed states and out of a running job; id of the DISARMED event, 0 when nothing was armed."""
        pen = self._pen
        was_armed = pen.supervisor.armed()
        pen.drive(Signal.DISARM, 0, self._commands.now_ms)
        pen.jobs.abort(Refusal.ABORTED, pen.supervisor.first_cause)
        if not was_armed:
            return 0
        return pen.log(Event.DISARMED, 0, 0, self._commands.now_ms)


class _Queries(_Handlers):
    """Questions, and what needs no session."""

    def hello(self):
        request = self._commands.request
        self._commands.hello_seen = True
        self._commands.schema_agrees = request.values[0] == SCHEMA_HASH
        self._pen.replies.identity(request.sequence, request.session, request.values[1], self._pen)

    def get_status(self):
        self._pen.replies.status(self._commands.request.sequence, self._pen, self._commands.now_ms)

    def stop(self):
        # the stop itself came before the guards
        self.get_status()

    def pull_events(self):
        pen = self._pen
        next_id = self._commands.request.values[0]
        if next_id > pen.events.next_id:
            self._commands.refuse(Refusal.OUT_OF_RANGE, 0)
            return
        pen.ledger.acknowledge(next_id)
        pen.replies.events(self._commands.request.sequence, self._commands.request.session, pen.events)

    def set_telemetry(self):
        self._commands.telemetry_hz = self._commands.request.values[0]
        self._commands.done(self._commands.telemetry_hz, 0)

    def settings_read(self):
        self._pen.replies.settings(
            self._commands.request.sequence, self._commands.request.session, self._pen.settings
        )

    def cartridge_read(self):
        """From memory while armed (the bus must rest) or when another job runs; from the cartridge otherwise."""
        pen = self._pen
        request = self._commands.request
        at_rest = bits(State.IDLE, State.STOPPED) & 1 << pen.supervisor.state
        if not at_rest or pen.jobs.number or not pen.latched:
            pen.replies.cartridge(request.sequence, request.session, pen.cartridge)
            return
        if not pen.cartridge.busy:
            pen.cartridge.request_read()
        pen.jobs.start(request, READ_BUDGET_MS, self._commands.now_ms)


class _Session(_Handlers):
    """Opening and closing a session."""

    def open_session(self):
        pen = self._pen
        session = pen.session
        nonce, operator, cap_um, reason = self._commands.request.values
        if nonce == session.nonce:
            self._commands.done(nonce, session.opened_event)
            return
        if session.used(nonce):
            self._commands.refuse(Refusal.NONCE_USED, 0)
            return
        if session.nonce:
            self._commands.refuse(Refusal.SESSION_OPEN, 0)
            return
        if self._not_in(bits(State.IDLE)):
            return
        deepest_um = session.deepest_cap_um(reason)
        if cap_um > deepest_um:
            self._commands.refuse(Refusal.ABOVE_CAP, deepest_um)
            return
        session.open(nonce, operator, cap_um, reason, self._commands.request.sequence)
        pen.host_lease.new_session()
        session.opened_event = pen.log(Event.SESSION_OPENED, reason, nonce, self._commands.now_ms)
        self._commands.done(nonce, session.opened_event)

    def close_session(self):
        """Allowed in every state. Strokes end, the cartridge becomes a used one, the needle goes back."""
        pen = self._pen
        nonce = pen.session.nonce
        self._end_armed()
        # strokes of the run that this ends are the session's: counted before it is closed
        pen.settle_run(self._commands.now_ms)
        pen.cartridge.end_session()
        event_id = pen.log(Event.SESSION_CLOSED, 0, nonce, self._commands.now_ms)
        self._commands.done(nonce, event_id)
        pen.session.close()
        pen.host_lease.new_session()
        pen.retract()


class _Motion(_Handlers):
    """Depth, rate and limits."""

    def _blocked_motion(self):
        """Refuse while motion is forbidden or under way; True when it did."""
        pen = self._pen
        blocking = lowest(pen.conditions & BLOCKS_MOTION)
        if blocking:
            self._commands.refuse(Refusal.BLOCKED, blocking)
        elif pen.depth.busy:
            self._commands.refuse(Refusal.BUSY, m.CLOSE_SESSION)
        else:
            return False
        return True

    def home(self):
        pen = self._pen
        if self._not_in(bits(State.IDLE)) or self._blocked_motion():
            return
        pen.session.depth_set = False
        pen.session.depth_um = 0
        budget_ms = pen.depth.budget_ms() + _MOTION_MARGIN_MS
        pen.depth.home()
        pen.jobs.start(self._commands.request, budget_ms, self._commands.now_ms)

    def set_depth(self):
        pen = self._pen
        session = pen.session
        depth_um = self._commands.request.values[0]
        if self._not_in(_WORKING):
            return
        stroking = pen.supervisor.state == State.STROKING
        if depth_um % limits.DEPTH_STEP_UM:
            self._commands.refuse(Refusal.OFF_STEP, limits.DEPTH_STEP_UM)
        elif depth_um > session.depth_cap_um:
            self._commands.refuse(Refusal.ABOVE_CAP, session.depth_cap_um)
        elif stroking and depth_um > session.depth_um:
            self._commands.refuse(Refusal.DEEPER_WHILE_STROKING, session.depth_um)
        elif self._blocked_motion():
            return
        elif not pen.depth.homed:
            self._commands.refuse(Refusal.NOT_HOMED, 0)
        else:
            # a shallower move may go on under strokes; before the first one a set-point must have been reached
            session.depth_set = session.depth_set and stroking
            session.depth_um = depth_um
            budget_ms = pen.depth.budget_ms(depth_um) + _MOTION_MARGIN_MS
            pen.depth.move(depth_um)
            pen.jobs.start(self._commands.request, budget_ms, self._commands.now_ms)

    def set_rate(self):
        pen = self._pen
        rate_mhz = self._commands.request.values[0]
        if self._not_in(_WORKING):
            return
        if rate_mhz > pen.session.rate_max_mhz:
            self._commands.refuse(Refusal.ABOVE_CAP, pen.session.rate_max_mhz)
            return
        period_us = pio_programs.needle_period_us(rate_mhz)
        pen.needle.set(period_us, pen.settings.on_us)
        pen.session.rate_mhz = rate_mhz
        pen.session.rate_set = True
        self._commands.done(
            pio_programs.rate_mhz(period_us), pen.log(Event.RATE_SET, 0, rate_mhz, self._commands.now_ms)
        )

    def tighten(self):
        """Each value at most the one in force. Strokes beyond a new limit end with a latched stop."""
        pen = self._pen
        session = pen.session
        if self._not_in(_WORKING):
            return
        values = self._commands.request.values
        held = (
            session.depth_cap_um,
            session.rate_max_mhz,
            session.armed_max_s,
            session.stroking_max_ms,
        )
        for index in range(len(held)):
            if values[index] > held[index]:
                self._commands.refuse(Refusal.WOULD_LOOSEN, index)
                return
        session.tighten(values)
        self._commands.done(0, pen.log(Event.LIMITS_TIGHTENED, 0, values[0], self._commands.now_ms))


class _Arming(_Handlers):
    """Arming, disarming, clearing a stop."""

    def arm(self):
        pen = self._pen
        session = pen.session
        depth_um, rate_mhz, _ = self._commands.request.values
        if self._not_in(bits(State.IDLE)):
            return
        blocking = pen.conditions & BLOCKS_ARM
        if blocking:
            self._refuse_blocked(lowest(blocking))
        elif depth_um != session.depth_um:
            self._commands.refuse(Refusal.PLAN_MISMATCH, 0)
        elif rate_mhz != session.rate_mhz:
            self._commands.refuse(Refusal.PLAN_MISMATCH, 1)
        elif pen.cartridge.busy:
            self._commands.refuse(Refusal.BUSY, m.CARTRIDGE_READ)
        elif pen.events.free() < FREE_TO_ARM:
            self._commands.refuse(Refusal.EVENTS_UNREAD, pen.events.count)
        else:
            pen.jobs.start(self._commands.request, FLASH_BUDGET_MS, self._commands.now_ms)

    def _refuse_blocked(self, condition):
        if _CARTRIDGE & 1 << condition:
            self._commands.refuse(Refusal.CARTRIDGE, condition)
        elif condition == Condition.NOT_HOMED:
            self._commands.refuse(Refusal.NOT_HOMED, 0)
        else:
            self._commands.refuse(Refusal.BLOCKED, condition)

    def disarm(self):
        self._commands.done(0, self._end_armed())

    def clear_fault(self):
        pen = self._pen
        supervisor = pen.supervisor
        cause, event_id, operator = self._commands.request.values
        if pen.upkeep.leaving():
            # what was left by SERVICE is left by a reset only
            self._commands.refuse(Refusal.SERVICE_LOCKED, supervisor.state)
            return
        if not supervisor.names_cause(cause, event_id):
            if supervisor.state == State.STOPPED:
                self._commands.refuse(Refusal.WRONG_CAUSE, supervisor.first_cause)
            elif supervisor.names_cleared(cause, event_id):
                self._commands.done(cause, pen.cleared_event)
            else:
                self._commands.refuse(Refusal.WRONG_STATE, supervisor.state)
            return
        pen.clear_over_current()
        present = supervisor.may_clear(pen.conditions)
        if present:
            self._commands.refuse(Refusal.CAUSE_PRESENT, present)
            return
        pen.drive(Signal.CLEAR, 0, self._commands.now_ms)
        pen.cleared_event = pen.log(Event.FAULT_CLEARED, cause, operator, self._commands.now_ms)
        self._commands.done(cause, pen.cleared_event)


class _Care(_Handlers):
    """Cartridge, self-test, settings, service."""

    def cartridge_use(self):
        pen = self._pen
        cartridge = pen.cartridge
        serial = self._commands.request.values[0]
        if self._not_in(bits(State.IDLE)):
            return
        if not pen.latched:
            self._commands.refuse(Refusal.CARTRIDGE, Condition.CARTRIDGE_UNLATCHED)
        elif cartridge.busy or cartridge.condition:
            self._commands.refuse(Refusal.CARTRIDGE, cartridge.condition or Condition.CARTRIDGE_UNREADABLE)
        elif serial != bytes(cartridge.serial):
            self._commands.refuse(Refusal.CARTRIDGE, Condition.CARTRIDGE_UNREADABLE)
        elif cartridge.burned_here:
            self._commands.done(0, 0)
        else:
            cartridge.request_burn(serial)
            pen.jobs.start(self._commands.request, BURN_BUDGET_MS, self._commands.now_ms)

    def self_test(self):
        pen = self._pen
        if self._not_in(bits(State.IDLE)):
            return
        if not pen.board.inputs() & Input.ESTOP_CLOSED:
            self._commands.refuse(Refusal.BLOCKED, Condition.ESTOP_OPEN)
            return
        pen.self_test.start()
        pen.jobs.start(self._commands.request, SELF_TEST_BUDGET_MS, self._commands.now_ms)

    def settings_write(self):
        pen = self._pen
        settings = pen.settings
        values = self._commands.request.values
        if settings.same(values):
            self._commands.done(settings.version, 0)
        elif values[0] != settings.version + 1:
            self._commands.refuse(Refusal.VERSION_CONFLICT, settings.version)
        elif pen.session.nonce:
            self._commands.refuse(Refusal.SESSION_OPEN, 0)
        elif self._not_in(bits(State.IDLE)):
            return
        else:
            pen.jobs.start(self._commands.request, FLASH_BUDGET_MS, self._commands.now_ms)

    def service(self):
        pen = self._pen
        action, boot_id = self._commands.request.values
        state = pen.supervisor.state
        if boot_id != pen.boot_id or state == State.SERVICE:
            self._commands.refuse(Refusal.WRONG_STATE, state)
        elif action == ServiceAction.REBOOT:
            self._end_armed()
            self._enter_service(action)
        elif pen.session.nonce or pen.supervisor.armed() or pen.jobs.number:
            self._commands.refuse(Refusal.SERVICE_LOCKED, state)
        elif action == ServiceAction.ENTER_REPL:
            self._enter_service(action)
        elif pen.sensors.fluid_wet:
            self._commands.refuse(Refusal.CAUSE_PRESENT, Condition.FLUID)
        elif not pen.clear_quarantine():
            self._commands.refuse(Refusal.FLASH_FAILED, 0)
        else:
            self._commands.done(0, pen.log(Event.SERVICE, action, 0, self._commands.now_ms))

    def _enter_service(self, action):
        pen = self._pen
        event_id = pen.log(Event.SERVICE, action, 0, self._commands.now_ms)
        pen.upkeep.enter_service(action, self._commands.now_ms)
        self._commands.done(0, event_id)
