"""Requests: guards from the message table first, then one handler each. Every request gets exactly one answer.

Order of the guards: version, known, length; for commands session and sequence (a repeated request is answered again,
not executed); then stopped, ranges, busy; last what the handler itself asks. What passes no guard changes nothing.
"""

import binascii

from pen_firmware import pio_programs
from pen_firmware.cartridge import BURN_BUDGET_MS, READ_BUDGET_MS
from pen_firmware.events import FREE_TO_ARM
from pen_firmware.hal import Input
from pen_firmware.interlocks import lowest
from pen_firmware.jobs import FLASH_BUDGET_MS, SELF_TEST_BUDGET_MS
from pen_firmware.supervisor import Signal
from pen_protocol import codec, limits
from pen_protocol import messages as m
from pen_protocol.faults import Event, Refusal
from pen_protocol.limits import WORD_MAX
from pen_protocol.messages import BY_NUMBER, SCHEMA_HASH, Kind
from pen_protocol.states import BLOCKS_ARM, BLOCKS_MOTION, Condition, ServiceAction, State, bits
from pen_protocol.version import PROTOCOL_VERSION

_CARTRIDGE = bits(
    Condition.CARTRIDGE_ABSENT,
    Condition.CARTRIDGE_UNLATCHED,
    Condition.CARTRIDGE_USED,
    Condition.CARTRIDGE_EXPIRED,
    Condition.CARTRIDGE_UNREADABLE,
    Condition.CARTRIDGE_NOT_BURNED,
)
_NOT_HOMED = 1 << Condition.NOT_HOMED
_WORKING = bits(State.IDLE, State.ARMING, State.ARMED, State.STROKING)
_HOST_TO_PEN = (Kind.QUERY, Kind.COMMAND, Kind.LINK)
_ABORTING = (m.DISARM, m.CLOSE_SESSION)
"""Commands that a running job does not hold off: they end it."""
_MOTION_MARGIN_MS = 500


class Request:
    """The frame being handled. One object, filled again."""

    def __init__(self):
        self.message = BY_NUMBER[m.HELLO]
        self.number = 0
        self.sequence = 0
        self.session = 0
        self.crc = 0
        self.values = ()


class Commands:
    """Takes whole frames; `strays` counts those that are no request, `other_version` those of another protocol."""

    def __init__(self, pen):
        self._pen = pen
        self._request = Request()
        self._now_ms = 0
        self._detail = 0
        self.hello_seen = False
        self.schema_agrees = False
        self.telemetry_hz = 0
        self.strays = 0
        self.other_version = 0
        self._handlers = {
            m.HELLO: self._hello,
            m.GET_STATUS: self._get_status,
            m.STOP: self._stop,
            m.PULL_EVENTS: self._pull_events,
            m.SET_TELEMETRY: self._set_telemetry,
            m.SETTINGS_READ: self._settings_read,
            m.CARTRIDGE_READ: self._cartridge_read,
            m.OPEN_SESSION: self._open_session,
            m.CLOSE_SESSION: self._close_session,
            m.HOME: self._home,
            m.SET_DEPTH: self._set_depth,
            m.SET_RATE: self._set_rate,
            m.TIGHTEN_LIMITS: self._tighten,
            m.ARM: self._arm,
            m.DISARM: self._disarm,
            m.CLEAR_FAULT: self._clear_fault,
            m.CARTRIDGE_USE: self._cartridge_use,
            m.SELF_TEST: self._self_test,
            m.SETTINGS_WRITE: self._settings_write,
            m.SERVICE: self._service,
        }

    # --- guards -----------------------------------------------------------------------------------------------------

    def handle(self, frame, length, now_ms):
        """Handle one whole frame (header and payload, check sum already verified)."""
        number = frame[1]
        message = BY_NUMBER.get(number)
        if message is not None and message.kind not in _HOST_TO_PEN:
            self.strays += 1
            return
        if frame[0] != PROTOCOL_VERSION and number != m.HELLO:
            self.other_version += 1
            return
        self._now_ms = now_ms
        request = self._request
        request.number = number
        request.sequence = codec.header_sequence(frame)
        request.session = codec.header_session(frame)
        if number == m.STOP:
            # before anything is checked: a damaged STOP is still meant
            self._pen.stop(now_ms)
        if message is None:
            self._refuse_unrecorded(Refusal.UNKNOWN_MESSAGE, 0)
            return
        request.message = message
        fits = length == codec.HEADER_SIZE + message.size
        if number == m.HEARTBEAT:
            if fits:
                self._heartbeat(codec.get_u32(frame, codec.HEADER_SIZE))
        elif fits:
            self._decide(frame, length)
        else:
            self._refuse_unrecorded(Refusal.MALFORMED, 0)

    def _heartbeat(self, count):
        """Never answered. Only the open session's renew, and no count twice."""
        pen = self._pen
        nonce = pen.session.nonce
        if nonce and self._request.session == nonce and 0 < count <= WORD_MAX:
            pen.host_lease.renew(count, self._now_ms)

    def _decide(self, frame, length):
        request = self._request
        message = request.message
        jobs = self._pen.jobs
        payload = memoryview(frame)[codec.HEADER_SIZE : length]
        request.crc = binascii.crc32(payload, request.number) & WORD_MAX
        if jobs.is_repeat(request):
            jobs.accept_again()
            return
        if message.kind == Kind.COMMAND and not self._gate():
            return
        request.values = codec.unpack_payload(message, frame)
        refusal = self._refusal(message, request.values)
        if refusal:
            self._refuse(refusal, self._detail)
            return
        self._handlers[request.number]()

    def _gate(self):
        """Session and sequence of a command; True when it is to be decided now. It counts as executed from here."""
        request = self._request
        session = self._pen.session
        if request.session and request.session == session.last_nonce:
            kept = session.answers.find(request.sequence)
            if kept >= 0 and session.answers.same(kept, request.crc):
                self._answer_again(session.answers, kept)
                return False
        else:
            kept = -1
        if session.nonce == 0:
            self._refuse_unrecorded(Refusal.NO_SESSION, 0)
        elif request.session != session.nonce:
            self._refuse_unrecorded(Refusal.WRONG_SESSION, 0)
        elif session.newer(request.sequence):
            session.last_sequence = request.sequence
            return True
        elif kept >= 0 or request.sequence == session.last_sequence:
            self._refuse_unrecorded(Refusal.SEQUENCE_REUSED, session.last_sequence)
        else:
            self._refuse_unrecorded(Refusal.STALE_SEQUENCE, session.last_sequence)
        return False

    def _answer_again(self, answers, kept):
        request = self._request
        replies = self._pen.replies
        first = answers.first[kept]
        second = answers.second[kept]
        if answers.number[kept] == m.DONE:
            replies.done(request.sequence, request.session, request.number, first, second)
        else:
            replies.refused(request.sequence, request.session, request.number, first, second)

    def _refusal(self, message, values):
        """Reason of the first general guard that refuses, 0 for none; its detail is in `_detail`."""
        pen = self._pen
        self._detail = 0
        if pen.supervisor.state == State.STOPPED and not message.stopped_ok:
            self._detail = pen.supervisor.first_cause
            return Refusal.STOPPED
        bad = codec.first_out_of_range(message, values)
        if bad >= 0:
            self._detail = bad
            return Refusal.OUT_OF_RANGE
        if not message.stopped_ok and not self.schema_agrees:
            return Refusal.SCHEMA_MISMATCH
        if message.kind == Kind.QUERY or (message.stopped_ok and message.kind == Kind.LINK):
            return Refusal.NONE
        if pen.jobs.number and message.number not in _ABORTING:
            self._detail = pen.jobs.number
            return Refusal.BUSY
        return Refusal.NONE

    # --- answers ----------------------------------------------------------------------------------------------------

    def _done(self, value, event_id):
        request = self._request
        self._keep(m.DONE, value, event_id)
        self._pen.replies.done(request.sequence, request.session, request.number, value, event_id)

    def _refuse(self, reason, detail):
        self._keep(m.REFUSED, reason, detail)
        self._refuse_unrecorded(reason, detail)

    def _refuse_unrecorded(self, reason, detail):
        request = self._request
        self._pen.replies.refused(request.sequence, request.session, request.number, reason, detail)

    def _keep(self, answer, first, second):
        request = self._request
        if request.message.kind == Kind.COMMAND:
            self._pen.session.answers.store(request.sequence, request.crc, answer, first, second)

    def _not_in(self, states):
        """Refuse in any other state; True when it did."""
        state = self._pen.supervisor.state
        if states & 1 << state:
            return False
        self._refuse(Refusal.WRONG_STATE, state)
        return True

    # --- queries ----------------------------------------------------------------------------------------------------

    def _hello(self):
        request = self._request
        self.hello_seen = True
        self.schema_agrees = request.values[0] == SCHEMA_HASH
        self._pen.replies.identity(request.sequence, request.session, request.values[1], self._pen)

    def _get_status(self):
        self._pen.replies.status(self._request.sequence, self._pen, self._now_ms)

    def _stop(self):
        # the stop itself came before the guards
        self._get_status()

    def _pull_events(self):
        pen = self._pen
        next_id = self._request.values[0]
        if next_id > pen.events.next_id:
            self._refuse(Refusal.OUT_OF_RANGE, 0)
            return
        pen.ledger.acknowledge(next_id)
        pen.replies.events(self._request.sequence, self._request.session, pen.events)

    def _set_telemetry(self):
        self.telemetry_hz = self._request.values[0]
        self._done(self.telemetry_hz, 0)

    def _settings_read(self):
        self._pen.replies.settings(self._request.sequence, self._request.session, self._pen.settings)

    def _cartridge_read(self):
        """From memory while armed (the bus must rest) or when another job runs; from the cartridge otherwise."""
        pen = self._pen
        request = self._request
        at_rest = bits(State.IDLE, State.STOPPED) & 1 << pen.supervisor.state
        if not at_rest or pen.jobs.number or not pen.latched:
            pen.replies.cartridge(request.sequence, request.session, pen.cartridge)
            return
        if not pen.cartridge.busy:
            pen.cartridge.request_read()
        pen.jobs.start(request, READ_BUDGET_MS, self._now_ms)

    # --- session ----------------------------------------------------------------------------------------------------

    def _open_session(self):
        pen = self._pen
        session = pen.session
        nonce, operator, cap_um, reason = self._request.values
        if nonce == session.nonce:
            self._done(nonce, session.opened_event)
            return
        if session.used(nonce):
            self._refuse(Refusal.NONCE_USED, 0)
            return
        if session.nonce:
            self._refuse(Refusal.SESSION_OPEN, 0)
            return
        if self._not_in(bits(State.IDLE)):
            return
        deepest_um = session.deepest_cap_um(reason)
        if cap_um > deepest_um:
            self._refuse(Refusal.ABOVE_CAP, deepest_um)
            return
        session.open(nonce, operator, cap_um, reason, self._request.sequence)
        pen.host_lease.new_session()
        session.opened_event = pen.log(Event.SESSION_OPENED, reason, nonce, self._now_ms)
        self._done(nonce, session.opened_event)

    def _close_session(self):
        """Allowed in every state. Strokes end, the cartridge becomes a used one, the needle goes back."""
        pen = self._pen
        nonce = pen.session.nonce
        self._end_armed()
        pen.cartridge.end_session()
        event_id = pen.log(Event.SESSION_CLOSED, 0, nonce, self._now_ms)
        self._done(nonce, event_id)
        pen.session.close()
        pen.host_lease.new_session()
        pen.retract()

    def _end_armed(self):
        """Out of the armed states and out of a running job; id of the DISARMED event, 0 when nothing was armed."""
        pen = self._pen
        was_armed = pen.supervisor.armed()
        pen.drive(Signal.DISARM, 0, self._now_ms)
        pen.jobs.abort(Refusal.ABORTED, pen.supervisor.first_cause)
        if not was_armed:
            return 0
        return pen.log(Event.DISARMED, 0, 0, self._now_ms)

    # --- motion and set-points --------------------------------------------------------------------------------------

    def _blocked_motion(self):
        """Refuse while motion is forbidden or under way; True when it did."""
        pen = self._pen
        blocking = lowest(pen.conditions & BLOCKS_MOTION)
        if blocking:
            self._refuse(Refusal.BLOCKED, blocking)
        elif pen.depth.busy:
            self._refuse(Refusal.BUSY, m.CLOSE_SESSION)
        else:
            return False
        return True

    def _home(self):
        pen = self._pen
        if self._not_in(bits(State.IDLE)) or self._blocked_motion():
            return
        pen.session.depth_set = False
        pen.session.depth_um = 0
        budget_ms = pen.depth.budget_ms() + _MOTION_MARGIN_MS
        pen.depth.home()
        pen.jobs.start(self._request, budget_ms, self._now_ms)

    def _set_depth(self):
        pen = self._pen
        session = pen.session
        depth_um = self._request.values[0]
        if self._not_in(_WORKING):
            return
        stroking = pen.supervisor.state == State.STROKING
        if depth_um % limits.DEPTH_STEP_UM:
            self._refuse(Refusal.OFF_STEP, limits.DEPTH_STEP_UM)
        elif depth_um > session.depth_cap_um:
            self._refuse(Refusal.ABOVE_CAP, session.depth_cap_um)
        elif stroking and depth_um > session.depth_um:
            self._refuse(Refusal.DEEPER_WHILE_STROKING, session.depth_um)
        elif self._blocked_motion():
            return
        elif not pen.depth.homed:
            self._refuse(Refusal.NOT_HOMED, 0)
        else:
            # a shallower move may go on under strokes; before the first one a set-point must have been reached
            session.depth_set = session.depth_set and stroking
            session.depth_um = depth_um
            budget_ms = pen.depth.budget_ms(depth_um) + _MOTION_MARGIN_MS
            pen.depth.move(depth_um)
            pen.jobs.start(self._request, budget_ms, self._now_ms)

    def _set_rate(self):
        pen = self._pen
        rate_mhz = self._request.values[0]
        if self._not_in(_WORKING):
            return
        if rate_mhz > pen.session.rate_max_mhz:
            self._refuse(Refusal.ABOVE_CAP, pen.session.rate_max_mhz)
            return
        period_us = pio_programs.needle_period_us(rate_mhz)
        pen.needle.set(period_us, pen.settings.on_us)
        pen.session.rate_mhz = rate_mhz
        pen.session.rate_set = True
        self._done(pio_programs.rate_mhz(period_us), pen.log(Event.RATE_SET, 0, rate_mhz, self._now_ms))

    def _tighten(self):
        """Each value at most the one in force. Strokes beyond a new limit end with a latched stop."""
        pen = self._pen
        session = pen.session
        if self._not_in(_WORKING):
            return
        values = self._request.values
        held = (
            session.depth_cap_um,
            session.rate_max_mhz,
            session.armed_max_s,
            session.stroking_max_ms,
        )
        for index in range(len(held)):
            if values[index] > held[index]:
                self._refuse(Refusal.WOULD_LOOSEN, index)
                return
        session.tighten(values)
        self._done(0, pen.log(Event.LIMITS_TIGHTENED, 0, values[0], self._now_ms))

    # --- arming -----------------------------------------------------------------------------------------------------

    def _arm(self):
        pen = self._pen
        session = pen.session
        depth_um, rate_mhz, _ = self._request.values
        if self._not_in(bits(State.IDLE)):
            return
        blocking = pen.conditions & BLOCKS_ARM
        if blocking:
            self._refuse_blocked(lowest(blocking))
        elif depth_um != session.depth_um:
            self._refuse(Refusal.PLAN_MISMATCH, 0)
        elif rate_mhz != session.rate_mhz:
            self._refuse(Refusal.PLAN_MISMATCH, 1)
        elif pen.cartridge.busy:
            self._refuse(Refusal.BUSY, m.CARTRIDGE_READ)
        elif pen.events.free() < FREE_TO_ARM:
            self._refuse(Refusal.EVENTS_UNREAD, pen.events.count)
        else:
            pen.jobs.start(self._request, FLASH_BUDGET_MS, self._now_ms)

    def _refuse_blocked(self, condition):
        if _CARTRIDGE & 1 << condition:
            self._refuse(Refusal.CARTRIDGE, condition)
        elif condition == Condition.NOT_HOMED:
            self._refuse(Refusal.NOT_HOMED, 0)
        else:
            self._refuse(Refusal.BLOCKED, condition)

    def _disarm(self):
        self._done(0, self._end_armed())

    def _clear_fault(self):
        pen = self._pen
        supervisor = pen.supervisor
        cause, event_id, operator = self._request.values
        if not supervisor.names_cause(cause, event_id):
            if supervisor.state == State.STOPPED:
                self._refuse(Refusal.WRONG_CAUSE, supervisor.first_cause)
            elif supervisor.names_cleared(cause, event_id):
                self._done(cause, pen.cleared_event)
            else:
                self._refuse(Refusal.WRONG_STATE, supervisor.state)
            return
        pen.clear_over_current()
        present = supervisor.may_clear(pen.conditions)
        if present:
            self._refuse(Refusal.CAUSE_PRESENT, present)
            return
        pen.drive(Signal.CLEAR, 0, self._now_ms)
        pen.cleared_event = pen.log(Event.FAULT_CLEARED, cause, operator, self._now_ms)
        self._done(cause, pen.cleared_event)

    # --- cartridge, test, settings, service -------------------------------------------------------------------------

    def _cartridge_use(self):
        pen = self._pen
        cartridge = pen.cartridge
        serial = self._request.values[0]
        if self._not_in(bits(State.IDLE)):
            return
        if not pen.latched:
            self._refuse(Refusal.CARTRIDGE, Condition.CARTRIDGE_UNLATCHED)
        elif cartridge.busy or cartridge.condition:
            self._refuse(Refusal.CARTRIDGE, cartridge.condition or Condition.CARTRIDGE_UNREADABLE)
        elif serial != bytes(cartridge.serial):
            self._refuse(Refusal.CARTRIDGE, Condition.CARTRIDGE_UNREADABLE)
        elif cartridge.burned_here:
            self._done(0, 0)
        else:
            cartridge.request_burn(serial)
            pen.jobs.start(self._request, BURN_BUDGET_MS, self._now_ms)

    def _self_test(self):
        pen = self._pen
        if self._not_in(bits(State.IDLE)):
            return
        if not pen.board.inputs() & Input.ESTOP_CLOSED:
            self._refuse(Refusal.BLOCKED, Condition.ESTOP_OPEN)
            return
        pen.self_test.start(self._now_ms)
        pen.jobs.start(self._request, SELF_TEST_BUDGET_MS, self._now_ms)

    def _settings_write(self):
        pen = self._pen
        settings = pen.settings
        values = self._request.values
        if settings.same(values):
            self._done(settings.version, 0)
        elif values[0] != settings.version + 1:
            self._refuse(Refusal.VERSION_CONFLICT, settings.version)
        elif pen.session.nonce:
            self._refuse(Refusal.SESSION_OPEN, 0)
        elif self._not_in(bits(State.IDLE)):
            return
        else:
            pen.jobs.start(self._request, FLASH_BUDGET_MS, self._now_ms)

    def _service(self):
        pen = self._pen
        action, boot_id = self._request.values
        state = pen.supervisor.state
        if boot_id != pen.boot_id:
            self._refuse(Refusal.WRONG_STATE, state)
        elif action == ServiceAction.REBOOT:
            self._end_armed()
            self._enter_service(action)
        elif pen.session.nonce or pen.supervisor.armed() or pen.jobs.number:
            self._refuse(Refusal.SERVICE_LOCKED, state)
        elif action == ServiceAction.ENTER_REPL:
            self._enter_service(action)
        elif pen.sensors.fluid_wet:
            self._refuse(Refusal.CAUSE_PRESENT, Condition.FLUID)
        elif not pen.clear_quarantine():
            self._refuse(Refusal.FLASH_FAILED, 0)
        else:
            self._done(0, pen.log(Event.SERVICE, action, 0, self._now_ms))

    def _enter_service(self, action):
        pen = self._pen
        event_id = pen.log(Event.SERVICE, action, 0, self._now_ms)
        pen.enter_service(action, self._now_ms)
        self._done(0, event_id)
