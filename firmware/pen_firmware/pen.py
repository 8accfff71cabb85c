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
from pen_firmware.jobs import Jobs
from pen_firmware.lease import FirmwareLease, HostLease
from pen_firmware.ledger import Ledger
from pen_firmware.lookout import MUST_HOLD, STROKES_NEED, Lookout
from pen_firmware.needle import SETTLE_US, Needle
from pen_firmware.notices import Notices
from pen_firmware.replies import Replies
from pen_firmware.selftest import Check, SelfTest
from pen_firmware.sensors import Sensors
from pen_firmware.session import Session
from pen_firmware.settings import Settings
from pen_firmware.supervisor import Action, Signal, Supervisor
from pen_firmware.upkeep import Upkeep
from pen_protocol import limits
from pen_protocol.faults import Event, Fault, Refusal
from pen_protocol.framing import Decoder
from pen_protocol.limits import WORD_MAX
from pen_protocol.states import ALL_CONDITIONS, BLOCKS_MOTION, Condition, State

TICK_MS = 5
"""One pass of the main loop."""
SERVE_US = 250
"""How often the host's stream is looked at between passes while the pen is not armed."""
STREAM_BYTES = 64
"""Bytes taken from the host in one pass; the rest waits in the chip's buffer."""
FRAMES_PER_PASS = 2
"""Frames handled in one pass: the costliest answers still leave the pass well within the lease."""

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
        self.decoder = Decoder()
        self.replies = Replies(board)
        self.jobs = Jobs(self)
        self.commands = Commands(self)
        self.lookout = Lookout(self)
        self.notices = Notices(self)
        self.upkeep = Upkeep(self, heap)
        self.conditions = ALL_CONDITIONS
        """Condition mask of the last pass; everything blocks before the first."""
        self.fault = Fault.NONE
        """What this pass latches a stop for beside conditions."""
        self.boot_id = 0
        self.latched = False
        """The cartridge latch is closed."""
        self.self_test_event = 0
        """Event of the last self-test that ended."""
        self.cleared_event = 0
        """Event of the last stop that was cleared."""
        self.service_exit = False
        """`run` ends: an engineer asked for the interpreter's prompt."""
        self.resetting = False
        """The reset under way was asked for."""
        self.tick_us = 0
        self.tick_us_worst = 0
        """Longest pass while armed, without the wait for the next one."""
        self._received = bytearray(STREAM_BYTES)
        self._received_at = 0
        self._received_end = 0
        self._read_due = True
        self._retracting = False
        self._run_begins = False
        self._run_over = False
        self._run_cause = 0
        self._run_truncated = 0

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
        now_ms = board.now_ms()
        self.lookout.start(board.now_us(), now_ms)
        self.notices.start(now_ms)
        self.upkeep.start(now_ms)
        if started:
            self.self_test.start()
        else:
            self.self_test.fail(Check.MACHINES)
        if fault:
            # latched before anything else is looked at: the cause of the reset is the first cause
            self.fault = fault
            self.drive(Signal.FAULT, 0, now_ms)
        elif self.service_exit:
            self.drive(Signal.SERVICE, 0, now_ms)

    def run(self):
        """Pass after pass until an engineer asks for the prompt. Any other way out makes the pen safe and resets it."""
        board = self.board
        left_for_service = False
        try:
            while not self.service_exit:
                started_us = board.now_us()
                self.tick()
                self._rest(started_us)
            left_for_service = True
        finally:
            board.make_safe()
            if not (left_for_service or self.resetting):
                self.fail()

    def _rest(self, started_us):
        """What is left of a pass's time; the host is served meanwhile."""
        board = self.board
        rest_us = TICK_MS * 1000 - board.elapsed_us(board.now_us(), started_us)
        while rest_us > 0:
            board.wait_us(min(rest_us, SERVE_US))
            rest_us = TICK_MS * 1000 - board.elapsed_us(board.now_us(), started_us)
            if rest_us > 0:
                self.serve()

    def serve(self):
        """Between two passes: answer what the host has sent meanwhile, unless strokes are possible.

        While armed nothing may come between the passes: a frame then waits for the next one, at most `TICK_MS`.
        """
        if self.supervisor.armed() or self.resetting:
            return
        self._take_frames(self.board.now_ms())
        self.replies.push()

    def fail(self):
        """The firmware cannot go on: safe, totals and cause into the words that survive, reset."""
        board = self.board
        board.make_safe()
        self.needle.stop()
        self.needle.settle()
        self.counters.update(
            self.needle.edges_total, self.needle.truncated_total, self.lookout.inputs & Input.CONTACT
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
        needle_was_off = not needle.running
        if needle.running and raw & STROKES_NEED != MUST_HOLD:
            needle.stop()
        was_armed = self.supervisor.armed()
        run_over = self._run_over
        self.firmware_lease.begin_pass(now_us)
        self.lookout.begin_pass(raw, needle_was_off, now_us, now_ms)
        self.sensors.tick(now_ms)
        self.lookout.take_inputs(self.sensors.inputs)
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
        self.conditions = self.lookout.conditions(now_ms)
        if self.depth.busy and self.conditions & BLOCKS_MOTION:
            self.jobs.block_motion(self.conditions)
        self.drive(self.lookout.signals(), self.conditions, now_ms)
        self._renew_strokes(now_ms)
        self._count()
        self.notices.tick(now_ms)
        self.upkeep.tick(now_ms)
        board.watchdog_feed()
        self.tick_us = board.elapsed_us(board.now_us(), now_us)
        if self.tick_us > self.tick_us_worst and was_armed:
            self.tick_us_worst = self.tick_us

    def drive(self, signals, conditions, now_ms):
        """Let the supervisor decide and do what it says."""
        actions = self.supervisor.step(conditions, signals, self.fault)
        if actions:
            self._act(actions, now_ms)

    def stop(self, now_ms):
        """The STOP message: latched when this returns, whatever the state."""
        self.needle.stop()
        self.drive(Signal.STOP, 0, now_ms)

    # --- host -------------------------------------------------------------------------------------------------------

    def _take_frames(self, now_ms):
        """Bytes from the stream into the decoder, whole frames to their handlers."""
        if self._received_at >= self._received_end:
            self._received_at = 0
            self._received_end = self.board.stream_read(self._received)
        decoder = self.decoder
        frames = 0
        while self._received_at < self._received_end and frames < FRAMES_PER_PASS:
            self._received_at = decoder.feed(self._received, self._received_at, self._received_end)
            if decoder.length:
                frames += 1
                self.commands.handle(decoder.frame, decoder.length, now_ms)

    # --- cartridge --------------------------------------------------------------------------------------------------

    def _tick_cartridge(self, now_ms):
        """Read a cartridge once its latch has closed. While armed the bus rests."""
        latched = self.lookout.inputs & Input.LATCH != 0
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
            self.lookout.clock_sound = True
        self.self_test_event = self.log(Event.SELF_TEST, test.failed_check, 0, now_ms)

    # --- actions ----------------------------------------------------------------------------------------------------

    def _act(self, actions, now_ms):
        """Do what a transition asks for; what stops comes first and allocates nothing."""
        if actions & Action.NEEDLE_OFF:
            self.needle.stop()
        if actions & Action.AXIS_HOLD:
            self.depth.stop()
        if actions & Action.RUN_ENDED:
            self._run_over = True
            self._run_cause = self.supervisor.first_cause
        self._mark()
        self.notices.status_due = True
        self.upkeep.disturb(now_ms)
        if actions & Action.DISARMED:
            self.host_lease.end()
            self.upkeep.disarmed()
        if actions & Action.LATCHED:
            self._latched_stop(now_ms)
        if actions & Action.ARMED:
            self.upkeep.armed()
            # record and memory have taken their time: the heartbeat is due from here, not from the start of the pass
            self.host_lease.start(self.board.now_ms())
        if actions & Action.RUN_STARTED:
            self._run_begins = True
            self._run_truncated = self.counters.truncated_total
            self.log(Event.RUN_STARTED, 0, self.session.depth_um, now_ms)
        if actions & Action.CLEARED:
            self._restart_machines()

    def _mark(self):
        """What the surviving words say the pen was doing: stroking until the last stroke is counted."""
        state = self.supervisor.state
        marks = 0
        if self.supervisor.armed():
            marks = Mark.ARMED
        if state == State.STROKING or self._run_over:
            marks |= Mark.STROKING
        self.ledger.marks = marks

    def _latched_stop(self, now_ms):
        supervisor = self.supervisor
        self.fault = Fault.NONE
        self._run_begins = False
        self._retracting = False
        self.session.drop_setpoints()
        supervisor.cause_event = self.log(Event.STOPPED, supervisor.first_cause, 0, now_ms)
        self.jobs.abort(Refusal.ABORTED, supervisor.first_cause)

    def _restart_machines(self):
        """After a stop the machines start anew: an opened stop contact has latched lease and needle off."""
        self.needle.settle()
        started = self.board.start_machines() is not False
        self.needle.rebase()
        self.depth.rebase()
        if not started:
            self.self_test.fail(Check.MACHINES)
        elif not self.self_test.passed:
            self.self_test.start()

    def raise_fault(self, fault):
        """Something failed that is no condition: this pass latches a stop for it. The first one counts, the latched one."""
        if not self.fault and self.supervisor.state != State.STOPPED:
            self.fault = fault

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

    def settle_run(self, now_ms):
        """A run ended in this very pass and its session is about to: wait for its last edge, then settle it."""
        if self._run_over:
            self.board.wait_us(SETTLE_US)
            self._settle_run(now_ms)

    def _settle_run(self, now_ms):
        """The pass after the end of a run: all its edges are in, its totals final."""
        self._run_over = False
        self.needle.settle()
        self._count()
        self._mark()
        truncated = (self.counters.truncated_total - self._run_truncated) & WORD_MAX
        self.log(Event.RUN_ENDED, self._run_cause, truncated, now_ms)

    def _count(self):
        """Totals of this pass, and their copy in the surviving words."""
        needle = self.needle
        contact = self.lookout.inputs & Input.CONTACT
        self.counters.update(needle.edges_total, needle.truncated_total, contact)
        self.ledger.mirror()

    # --- for the handlers of requests -------------------------------------------------------------------------------

    def log(self, code, arg, value, now_ms):
        """Add an event with the totals of now; return its id."""
        self.upkeep.disturb(now_ms)
        return self.ledger.log(code, arg, value, self.lookout.uptime_ms)

    def use_settings(self):
        """Settings are new: take them into use. No session is open."""
        settings = self.settings
        self.depth.configure(settings.home_offset_um, settings.backlash_um)
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
        if board.inputs() & Input.OVER_CURRENT or self.sensors.coil_ma > limits.COIL_CURRENT_MAX_MA:
            return
        self.lookout.forget_over_current()
        self.conditions &= ~_OVER_CURRENT

    def clear_quarantine(self):
        """An engineer has inspected the pen; True when the flash knows it."""
        self.firmware_lease.forget()
        if not self.settings.clear_quarantine():
            return False
        self.conditions &= ~_FLUID
        return True
