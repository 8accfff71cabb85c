"""The pen: builds its parts once and runs them, pass by pass, in one fixed order.

A pass: clock and inputs (strokes end at once when a hand let go or a stop opened), sensors, host stream, axis and
cartridge, interlocks, supervisor and its actions, then last lease and needle, totals, notices, record, watchdog. Whatever
ends a pass early therefore also ends the lease: strokes need a whole pass every few milliseconds.
"""

from pen_firmware.cartridge import Cartridge
from pen_firmware.commands import Commands
from pen_firmware.counters import Mark
from pen_firmware.depth import RESULT_OK, Depth
from pen_firmware.hal import Input
from pen_firmware.interlocks import Readings, collect
from pen_firmware.jobs import Jobs
from pen_firmware.lease import FirmwareLease, HostLease
from pen_firmware.ledger import Ledger
from pen_firmware.needle import Needle
from pen_firmware.replies import Replies
from pen_firmware.selftest import IDLE_CURRENT_MAX_MA, Check, SelfTest
from pen_firmware.sensors import Sensors
from pen_firmware.session import Session
from pen_firmware.settings import Settings
from pen_firmware.supervisor import Action, Signal, Supervisor
from pen_protocol import limits
from pen_protocol.faults import Event, Fault, Refusal
from pen_protocol.framing import Decoder
from pen_protocol.limits import WORD_MAX
from pen_protocol.states import ALL_CONDITIONS, BLOCKS_MOTION, Condition, Flag, ServiceAction, State

TICK_MS = 5
"""One pass of the main loop."""
STREAM_BYTES = 64
"""Bytes taken from the host in one pass; the rest waits in the chip's buffer."""
FRAMES_PER_PASS = 2
"""Frames handled in one pass: the costliest answers still leave the pass well within the lease."""
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
QUIET_MS = 300
"""The record is written only this long after the last event, so that its flash time delays no answer."""
RECORD_PERIOD_MS = 2_000
"""Records are not written more often than this: flash wears."""
SERVICE_EXIT_MS = 60
"""From the answer to SERVICE to leaving: the answer must get out."""
SERVICE_EXIT_MAX_MS = 1_000
"""A host that does not read its answer is not waited for any longer."""
FRAMES_PER_COLLECT = 256
"""A frame costs the heap some 100 bytes; after this many it is collected when no stroke can run."""
FRAMES_TO_SHED = 1_024
"""Frames since the last collection from which on strokes cost telemetry, so that the heap outlasts the run."""
FRAMES_TO_COLLECT = 1_536
"""Frames from which on the heap is collected even under strokes: the lease bears it, running out of memory nothing."""

_MUST_HOLD = Input.ESTOP_CLOSED | Input.ESTOP_PRESENT | Input.TRIGGER | Input.LATCH
"""Inputs without any of which strokes end at the start of a pass, before anything else."""
_OVER_CURRENT = 1 << Condition.OVER_CURRENT
_FLUID = 1 << Condition.FLUID


class Pen:
    """The whole firmware on a board. `boot` once, then `tick` every `TICK_MS`, which `run` does.

    Args:
        board: See `hal.Board`.
        heap: The `gc` module on the chip: collected at chosen moments only. None where the heap needs no care.
    """

    def __init__(self, board, heap=None):
        self.board = board
        self._heap = heap
        self.supervisor = Supervisor()
        self.ledger = Ledger(board)
        self.counters = self.ledger.counters
        self.events = self.ledger.events
        self.settings = Settings(board)
        self.session = Session(self.settings)
        self.sensors = Sensors(board)
        self.needle = Needle(board)
        self.depth = Depth(board)
        self.cartridge = Cartridge(board)
        self.host_lease = HostLease(board)
        self.firmware_lease = FirmwareLease(board)
        self.self_test = SelfTest(board, self.sensors, self.settings, self.ledger)
        self.replies = Replies(board)
        self.jobs = Jobs(self)
        self.commands = Commands(self)
        self.readings = Readings()
        self.conditions = ALL_CONDITIONS
        """Condition mask of the last pass; everything blocks before the first."""
        self.clock_sound = True
        self.boot_id = 0
        self.uptime_ms = 0
        self.latched = False
        self.cleared_event = 0
        self.self_test_event = 0
        self.service_exit = False
        """`run` ends: an engineer asked for the interpreter's prompt."""
        self.tick_us = 0
        self.tick_us_worst = 0
        """Longest pass while armed, without the wait for the next one."""
        self.heap_free = 0
        """Bytes free after the last collection here, 0 before the first."""
        self._decoder = Decoder()
        self._received = bytearray(STREAM_BYTES)
        self._received_at = 0
        self._received_end = 0
        self._inputs = 0
        self._raw = 0
        self._needle_was_off = True
        self._now_ms = 0
        self._now_us = 0
        self._needle_off_ms = 0
        self._gate_ms = 0
        self._trigger_held_ms = 0
        self._released_passes = 0
        self._stroking_ms = 0
        self._read_due = True
        self._fault = Fault.NONE
        self._run_begins = False
        self._run_over = False
        self._retracting = False
        self._run_cause = 0
        self._run_truncated = 0
        self._status_due = False
        self._status_ms = 0
        self._telemetry_ms = 0
        self._quiet_ms = 0
        self._record_ms = 0
        self._service = 0
        self._service_ms = 0
        self._collected_at = 0

    # --- start and end ----------------------------------------------------------------------------------------------

    def boot(self):
        """Outputs safe first; then what was before the reset, settings, machines, watchdog; the self-test begins."""
        board = self.board
        board.make_safe()
        fault = self.ledger.recover(board.reset_cause())
        self.settings.load()
        self.use_settings()
        self.boot_id = board.random_word()
        self.needle.settle()
        started = board.start_machines() is not False
        self.needle.rebase()
        self.depth.rebase()
        self.counters.start(self.needle.edges_total, self.needle.truncated_total)
        self.service_exit = self.ledger.for_service
        if not self.service_exit:
            board.watchdog_start(limits.WATCHDOG_MS)
        self._now_us = board.now_us()
        self._now_ms = board.now_ms()
        self._status_ms = self._telemetry_ms = self._quiet_ms = self._record_ms = self._now_ms
        if started:
            self.self_test.start(self._now_ms)
        else:
            self.self_test.fail(Check.MACHINES)
        if fault:
            # latched before anything else is looked at: the cause of the reset is the first cause
            self._fault = fault
            self.drive(Signal.FAULT, 0, self._now_ms)
        elif self.service_exit:
            self.drive(Signal.SERVICE, 0, self._now_ms)

    def run(self):
        """Pass after pass until an engineer asks for the prompt. Any other way out makes the pen safe and resets it."""
        board = self.board
        left_for_service = False
        try:
            while not self.service_exit:
                started_us = board.now_us()
                self.tick()
                rest_us = TICK_MS * 1000 - board.elapsed_us(board.now_us(), started_us)
                if rest_us > 0:
                    board.wait_us(rest_us)
            left_for_service = True
        finally:
            if left_for_service:
                board.make_safe()
            else:
                self.fail()

    def fail(self):
        """The firmware cannot go on: safe, totals and cause into the words that survive, reset."""
        board = self.board
        board.make_safe()
        self.needle.stop()
        self.needle.settle()
        self.counters.update(
            self.needle.edges_total, self.needle.truncated_total, self._inputs & Input.CONTACT
        )
        self.ledger.mirror()
        self.counters.note_exception()
        board.reset()

    # --- one pass ---------------------------------------------------------------------------------------------------

    def tick(self):
        """One pass. Nothing in it waits, but for the flash while disarmed."""
        board = self.board
        needle = self.needle
        now_us = board.now_us()
        now_ms = board.now_ms()
        raw = board.inputs()
        self._needle_was_off = not needle.running
        if needle.running and raw & _MUST_HOLD != _MUST_HOLD:
            needle.stop()
        was_armed = self.supervisor.armed()
        run_over = self._run_over
        self._raw = raw
        self._pass_began(now_us, now_ms)
        self.sensors.tick(now_ms)
        self._inputs = self.sensors.inputs & (raw | ~_MUST_HOLD)
        if run_over:
            self._settle_run(now_ms)
        self._take_frames(now_ms)
        self.depth.tick(now_ms)
        self._tick_cartridge(now_ms)
        self._tick_self_test(now_ms)
        self._watch_retraction()
        self.jobs.tick(now_ms)
        # a job may have written the flash
        now_ms = board.now_ms()
        self._read(now_ms)
        self.conditions = collect(self.readings)
        if self.depth.busy and self.conditions & BLOCKS_MOTION:
            self.jobs.block_motion(self.conditions)
        self.drive(self._signals(), self.conditions, now_ms)
        self._renew_strokes(now_ms)
        self._count()
        self._notify(now_ms)
        self._keep(now_ms)
        board.watchdog_feed()
        self.tick_us = board.elapsed_us(board.now_us(), now_us)
        if self.tick_us > self.tick_us_worst and was_armed:
            self.tick_us_worst = self.tick_us

    def drive(self, signals, conditions, now_ms):
        """Let the supervisor decide and do what it says."""
        actions = self.supervisor.step(conditions, signals, self._fault)
        if actions:
            self._act(actions, now_ms)

    def stop(self, now_ms):
        """The STOP message: latched when this returns, whatever the state."""
        self.needle.stop()
        self.drive(Signal.STOP, 0, now_ms)

    def _pass_began(self, now_us, now_ms):
        """Clocks: how long since the last pass, and whether both agree about it."""
        board = self.board
        passed_ms = board.elapsed_ms(now_ms, self._now_ms)
        passed_us = board.elapsed_us(now_us, self._now_us)
        self._now_ms = now_ms
        self._now_us = now_us
        self.firmware_lease.begin_pass(now_us)
        difference_ms = passed_us // 1000 - passed_ms
        if passed_ms < 0 or passed_ms > CLOCK_STEP_MAX_MS or abs(difference_ms) > CLOCK_TOLERANCE_MS:
            self.clock_sound = False
            return
        self.uptime_ms = (self.uptime_ms + passed_ms) & WORD_MAX
        self._time_trigger(passed_ms)
        self._time_gate(passed_ms)
        if self.supervisor.armed():
            self.session.armed_ms += passed_ms

    def _time_trigger(self, passed_ms):
        """How long the trigger has been held without strokes, and strokes have gone on without a release."""
        if self.supervisor.state == State.STROKING:
            self._stroking_ms += passed_ms
            self._trigger_held_ms = 0
            return
        self._stroking_ms = 0
        if self._inputs & Input.TRIGGER:
            if self._trigger_held_ms < limits.TRIGGER_STUCK_MS:
                self._trigger_held_ms += passed_ms
        else:
            self._trigger_held_ms = 0

    def _time_gate(self, passed_ms):
        """How long the coil has drawn current with the needle off."""
        if not self._needle_was_off:
            self._needle_off_ms = 0
            self._gate_ms = 0
        elif self._needle_off_ms < GATE_OFF_MS:
            self._needle_off_ms += passed_ms
        elif self.sensors.coil_ma <= IDLE_CURRENT_MAX_MA:
            self._gate_ms = 0
        elif self._gate_ms < GATE_STUCK_MS:
            self._gate_ms += passed_ms

    # --- host -------------------------------------------------------------------------------------------------------

    def _take_frames(self, now_ms):
        """Bytes from the stream into the decoder, whole frames to their handlers."""
        if self._received_at >= self._received_end:
            self._received_at = 0
            self._received_end = self.board.stream_read(self._received)
        decoder = self._decoder
        frames = 0
        while self._received_at < self._received_end and frames < FRAMES_PER_PASS:
            self._received_at = decoder.feed(self._received, self._received_at, self._received_end)
            if decoder.length:
                frames += 1
                self.commands.handle(decoder.frame, decoder.length, now_ms)

    # --- cartridge --------------------------------------------------------------------------------------------------

    def _tick_cartridge(self, now_ms):
        """Read a cartridge once its latch has closed. While armed the bus rests."""
        latched = self._inputs & Input.LATCH != 0
        cartridge = self.cartridge
        if self.latched and not latched and cartridge.condition != Condition.CARTRIDGE_ABSENT:
            self.log(Event.CARTRIDGE_REMOVED, 0, 0, now_ms)
        self.latched = latched
        if not latched:
            self._read_due = True
        elif self._read_due and not cartridge.busy and not self.supervisor.armed() and not self.jobs.number:
            self._read_due = False
            cartridge.request_read()
        cartridge.tick(now_ms, latched)

    def _tick_self_test(self, now_ms):
        test = self.self_test
        if not test.running:
            return
        test.tick(now_ms)
        if test.running:
            return
        if test.passed:
            self.clock_sound = True
        self.self_test_event = self.log(Event.SELF_TEST, test.failed_check, 0, now_ms)

    # --- interlocks -------------------------------------------------------------------------------------------------

    def _read(self, now_ms):
        """Fill the readings of this pass."""
        r = self.readings
        sensors = self.sensors
        # before the inputs have been debounced for the first time, e-stop counts as it reads: a stop that was never
        # pressed must not latch at every start
        inputs = self._inputs if sensors.ready else self._raw
        r.estop_closed = inputs & Input.ESTOP_CLOSED != 0
        r.estop_present = inputs & Input.ESTOP_PRESENT != 0
        r.latched = self.latched
        r.charger = self._inputs & Input.CHARGER != 0
        r.over_current = self._raw & Input.OVER_CURRENT != 0
        r.sensors_ready = sensors.ready
        r.coil_fault = sensors.coil_fault
        r.coil_cc = sensors.coil_cc
        r.coil_ma = sensors.coil_ma
        r.supply_mv = sensors.supply_mv
        self._read_fluid(now_ms)
        stuck = self._needle_was_off and self._raw & Input.NEEDLE
        r.gate_stuck = bool(stuck) or self._gate_ms >= GATE_STUCK_MS
        r.cartridge = self.cartridge.condition
        r.burned = self.cartridge.burned_here
        r.homed = self.depth.homed
        r.step_mismatch = self.depth.mismatch()
        r.axis_moving = self.depth.busy
        r.trigger_held_ms = self._trigger_held_ms
        r.host_lease_expired = self.host_lease.expired(now_ms)
        r.late_pass = self.supervisor.armed() and self.firmware_lease.late()
        r.droop = self.needle.droop(now_ms)
        r.stroke_mismatch = self.needle.mismatch()
        r.settings_valid = self.settings.valid
        r.self_test_passed = self.self_test.passed
        r.clock_sound = self.clock_sound and self.ledger.numbering_sound()
        r.armed_left_ms = self.session.armed_left_ms()
        r.stroking_left_ms = self.session.stroking_max_ms - self._stroking_ms
        r.setpoints = self.session.depth_set and self.session.rate_set

    def _read_fluid(self, now_ms):
        """Wet once is wet until an engineer has looked: remembered through power loss."""
        if self.sensors.fluid_wet and not self.settings.quarantined:
            self.settings.quarantine()
            self.log(Event.QUARANTINED, 0, 0, now_ms)
        self.readings.fluid = self.settings.quarantined

    def _signals(self):
        """What this pass asks of the supervisor beside its conditions."""
        signals = 0
        state = self.supervisor.state
        if self._inputs & Input.TRIGGER:
            signals = Signal.TRIGGER_DOWN
            self._released_passes = 0
        elif state != State.ARMING:
            signals = Signal.TRIGGER_UP
            self._released_passes = 0
        else:
            self._released_passes += 1
            if self._released_passes >= RELEASE_PASSES:
                signals = Signal.TRIGGER_UP
        if state == State.BOOT and self.sensors.ready and not self.self_test.running:
            signals |= Signal.READY
        if state == State.STROKING and self.needle.tripped():
            self.raise_fault(Fault.NEEDLE_TRIPPED)
        if state == State.STOPPED:
            self._fault = Fault.NONE
        elif self._fault:
            signals |= Signal.FAULT
        return signals

    # --- actions ----------------------------------------------------------------------------------------------------

    def _act(self, actions, now_ms):
        """Do what a transition asks for; what stops comes first and allocates nothing."""
        if actions & Action.NEEDLE_OFF:
            self.needle.stop()
        if actions & Action.AXIS_HOLD:
            self.depth.stop()
        self._mark()
        self._status_due = True
        self._quiet_ms = now_ms
        if actions & Action.RUN_ENDED:
            self._run_over = True
            self._run_cause = self.supervisor.first_cause
        if actions & Action.DISARMED:
            self.host_lease.end()
            self._set_collecting(True)
        if actions & Action.LATCHED:
            self._latched_stop(now_ms)
        if actions & Action.ARMED:
            # the record was written just now: the heartbeat is due from here, not from the start of the pass
            self.host_lease.start(self.board.now_ms())
            self._set_collecting(False)
        if actions & Action.RUN_STARTED:
            self._run_begins = True
            self._run_truncated = self.counters.truncated_total
            self.log(Event.RUN_STARTED, 0, self.session.depth_um, now_ms)
        if actions & Action.CLEARED:
            self._restart_machines(now_ms)

    def _mark(self):
        """What the surviving words say the pen was doing."""
        state = self.supervisor.state
        marks = 0
        if self.supervisor.armed():
            marks = Mark.ARMED
        if state == State.STROKING:
            marks |= Mark.STROKING
        self.ledger.marks = marks

    def _latched_stop(self, now_ms):
        supervisor = self.supervisor
        self._fault = Fault.NONE
        self._run_begins = False
        self._retracting = False
        self.session.drop_setpoints()
        supervisor.cause_event = self.log(Event.STOPPED, supervisor.first_cause, 0, now_ms)
        self.jobs.abort(Refusal.ABORTED, supervisor.first_cause)

    def _restart_machines(self, now_ms):
        """After a stop the machines start anew: an opened stop contact has latched lease and needle off."""
        self.needle.settle()
        started = self.board.start_machines() is not False
        self.needle.rebase()
        self.depth.rebase()
        if not started:
            self.self_test.fail(Check.MACHINES)
        elif not self.self_test.passed:
            self.self_test.start(now_ms)

    def raise_fault(self, fault):
        """Something failed that is no condition: this pass latches a stop for it. The first one counts."""
        if not self._fault:
            self._fault = fault

    # --- needle, last of a pass -------------------------------------------------------------------------------------

    def _renew_strokes(self, now_ms):
        """Feed the lease once, then let the needle go on; only here, at the end of a pass that found nothing wrong."""
        needle = self.needle
        if self.supervisor.state != State.STROKING:
            if not self._run_over:
                # a run just ended is settled in the next pass, when its last edge is certain
                needle.tick(now_ms)
            return
        if self._run_begins:
            self._run_begins = False
            self.firmware_lease.feed()
            needle.start(now_ms)
        elif needle.running:
            self.firmware_lease.feed()
        else:
            self.raise_fault(Fault.NEEDLE_TRIPPED)
            return
        needle.tick(now_ms)

    def _settle_run(self, now_ms):
        """The pass after the end of a run: all its edges are in, its totals final."""
        self._run_over = False
        self.needle.settle()
        self._count()
        truncated = (self.counters.truncated_total - self._run_truncated) & WORD_MAX
        self.log(Event.RUN_ENDED, self._run_cause, truncated, now_ms)

    def _count(self):
        """Totals of this pass, and their copy in the surviving words."""
        needle = self.needle
        contact = self._inputs & Input.CONTACT
        self.counters.update(needle.edges_total, needle.truncated_total, contact)
        self.ledger.mirror()

    # --- host: what goes out ----------------------------------------------------------------------------------------

    def _notify(self, now_ms):
        """Waiting answers first; then, once a host has said HELLO, status when due, else telemetry when due."""
        replies = self.replies
        commands = self.commands
        replies.push()
        if not commands.hello_seen or not replies.idle():
            return
        board = self.board
        if self._status_due or board.elapsed_ms(now_ms, self._status_ms) >= limits.STATUS_PERIOD_MS:
            self._status_due = False
            self._status_ms = now_ms
            replies.status(0, self, now_ms)
        elif commands.telemetry_hz:
            if board.elapsed_ms(now_ms, self._telemetry_ms) * commands.telemetry_hz < 1000:
                return
            self._telemetry_ms = now_ms
            if self.supervisor.state != State.STROKING or self._frames_since_collect() < FRAMES_TO_SHED:
                replies.telemetry(self, now_ms)

    def flags(self):
        """Mask of `Flag` bits."""
        inputs = self._inputs
        session = self.session
        mask = 0
        if inputs & Input.TRIGGER:
            mask |= Flag.TRIGGER
        if inputs & Input.CONTACT:
            mask |= Flag.CONTACT
        if self.latched:
            mask |= Flag.CARTRIDGE_LATCHED
        if self.depth.homed:
            mask |= Flag.HOMED
        if session.depth_set:
            mask |= Flag.DEPTH_SET
        if session.rate_set:
            mask |= Flag.RATE_SET
        if self.depth.busy:
            mask |= Flag.AXIS_MOVING
        if self.sensors.ready and self.sensors.coil_cc >= limits.COIL_WARN_CC:
            mask |= Flag.COIL_WARM
        if self.events.hole_id:
            mask |= Flag.EVENTS_LOST
        if session.unlocked:
            mask |= Flag.UNLOCKED
        if self.ledger.unsure():
            mask |= Flag.COUNTERS_UNSURE
        return mask

    def log(self, code, arg, value, now_ms):
        """Add an event with the totals of now; return its id."""
        self._quiet_ms = now_ms
        return self.ledger.log(code, arg, value, self.uptime_ms)

    # --- record, heap, service --------------------------------------------------------------------------------------

    def _keep(self, now_ms):
        """Care for heap and flash when nothing moves; leave for service when asked."""
        self._collect()
        if self._service:
            self._leave_for_service(now_ms)
            return
        if self.supervisor.armed() or self.jobs.number or self.depth.busy or self.cartridge.busy:
            return
        board = self.board
        if board.elapsed_ms(now_ms, self._quiet_ms) < QUIET_MS or not self.replies.idle():
            return
        if board.elapsed_ms(now_ms, self._record_ms) < RECORD_PERIOD_MS:
            return
        if not self.settings.stored and self.settings.valid:
            self._record_ms = now_ms
            self.firmware_lease.forget()
            self.settings.store()
        elif self.ledger.stale():
            self.save_record(False)

    def save_record(self, armed):
        """Write totals and events to the record; True when it was. Disarmed only: it waits for the flash."""
        self.firmware_lease.forget()
        written = self.ledger.save(armed)
        self._record_ms = self.board.now_ms()
        return written

    def use_settings(self):
        """Settings are new: take them into use. No session is open."""
        settings = self.settings
        self.depth.configure(settings.home_offset_um, settings.backlash_um)
        self.readings.coil_trip_cc = settings.coil_trip_cc
        self.session.reset_limits()

    def retract(self):
        """Bring the needle back to zero protrusion, as far as that is possible now."""
        depth = self.depth
        idle = self.supervisor.state == State.IDLE
        if idle and depth.homed and not depth.busy and not self.conditions & BLOCKS_MOTION:
            depth.retract()
            self._retracting = True

    def _watch_retraction(self):
        """A retraction that failed latches a stop: the needle may still protrude."""
        depth = self.depth
        if self._retracting and not depth.busy:
            self._retracting = False
            if depth.result != RESULT_OK:
                self.raise_fault(depth.result or Fault.AXIS_STALL)

    def clear_over_current(self):
        """Reset the board's current comparator; the condition goes at once when it stays reset."""
        board = self.board
        if board.inputs() & Input.OVER_CURRENT:
            board.clear_over_current()
        if not board.inputs() & Input.OVER_CURRENT and self.sensors.coil_ma <= limits.COIL_CURRENT_MAX_MA:
            self.conditions &= ~_OVER_CURRENT

    def clear_quarantine(self):
        """An engineer has inspected the pen; True when the flash knows it."""
        self.firmware_lease.forget()
        if not self.settings.clear_quarantine():
            return False
        self.conditions &= ~_FLUID
        return True

    def enter_service(self, action, now_ms):
        """Leave the firmware for a reboot or the prompt, once the answer is out."""
        self._service = action
        self._service_ms = now_ms
        self.drive(Signal.SERVICE, 0, now_ms)

    def _leave_for_service(self, now_ms):
        waited_ms = self.board.elapsed_ms(now_ms, self._service_ms)
        if waited_ms < SERVICE_EXIT_MS or (not self.replies.idle() and waited_ms < SERVICE_EXIT_MAX_MS):
            return
        board = self.board
        board.make_safe()
        self.settings.store()
        self.ledger.save(False)
        # the watchdog cannot be stopped: the prompt is reached through a reset that does not start it again
        self.ledger.marks = Mark.SERVICE if self._service == ServiceAction.ENTER_REPL else 0
        self.ledger.mirror()
        board.reset()

    def _set_collecting(self, automatic):
        """Collecting memory by itself, only while disarmed: at any other time it would make a pass late."""
        if not self._heap:
            return
        if automatic:
            self._heap.enable()
        else:
            self._heap.disable()

    def _frames_since_collect(self):
        return self._decoder.frames + self.replies.frames - self._collected_at

    def _collect(self):
        """Collect memory once enough frames have used some: before they use all, and under strokes only then."""
        if not self._heap:
            return
        stroking = self.supervisor.state == State.STROKING
        if self._frames_since_collect() < (FRAMES_TO_COLLECT if stroking else FRAMES_PER_COLLECT):
            return
        self._heap.collect()
        self.heap_free = self._heap.mem_free()
        self._collected_at = self._decoder.frames + self.replies.frames
        if not stroking:
            self.firmware_lease.forget()
