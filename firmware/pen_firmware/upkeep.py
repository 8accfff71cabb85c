"""Care that takes time and so waits until nothing can move: the record, the heap, leaving for service."""

from pen_firmware.counters import Mark
from pen_firmware.supervisor import Signal
from pen_protocol.states import ServiceAction, State

QUIET_MS = 300
"""The record is written only this long after the last event, so that its flash time delays no answer."""
RECORD_PERIOD_MS = 2_000
"""Records are not written more often than this: flash wears."""
SERVICE_EXIT_MS = 60
"""From the answer to SERVICE to leaving: the answer must get out."""
SERVICE_EXIT_MAX_MS = 1_000
"""A host that does not read its answer is not waited for any longer."""
REQUEST_BLOCKS = 16
"""Heap blocks (16 bytes) a request takes beside its frame; measured: 3 to 17. A frame takes one, for its check sum."""
BLOCKS_TO_COLLECT = 256
"""Blocks after which memory is collected while no stroke can run."""
BLOCKS_TO_SHED = 1_536
"""Blocks from which on strokes cost telemetry, so that the rest lasts the longest run: a minute of STATUS, heartbeats
and a pull of events each second takes 2400."""
BLOCKS_UNDER_STROKES = 4_096
"""Blocks (64 KB of the 90 KB free) after which memory is collected even under strokes: at worst a late pass, which is a
stop, not a crash. Only a host that floods the pen gets here."""


class Upkeep:
    """`heap` is the `gc` module on the chip, None where the heap needs no care. `heap_free` as last measured, in bytes."""

    def __init__(self, pen, heap):
        self._pen = pen
        self._heap = heap
        self.heap_free = 0
        self._collected_at = 0
        self._quiet_ms = 0
        self._record_ms = 0
        self._service = 0
        self._service_ms = 0

    def start(self, now_ms):
        """The record was written just now."""
        self._quiet_ms = now_ms
        self._record_ms = now_ms

    def disturb(self, now_ms):
        """Something happened: answers and notices go first, the record later."""
        self._quiet_ms = now_ms

    def tick(self, now_ms):
        """Collect when due; then at most one of: leave, write settings, write the record."""
        pen = self._pen
        self._collect()
        if self._service:
            self._leave(now_ms)
            return
        age_ms = pen.board.elapsed_ms(now_ms, self._record_ms)
        if age_ms < QUIET_MS or pen.supervisor.armed():
            return
        if pen.jobs.number or pen.depth.busy or pen.cartridge.busy:
            return
        if pen.ledger.reservation_low():
            # event numbers run out: rather a late answer than a pen that blocks itself
            self.save_record(False)
        elif age_ms >= RECORD_PERIOD_MS:
            self._write_when_quiet(now_ms)

    # --- record -----------------------------------------------------------------------------------------------------

    def save_record(self, armed):
        """Write totals and events to the record; True when it was. Disarmed only: it waits for the flash."""
        pen = self._pen
        pen.firmware_lease.forget()
        written = pen.ledger.save(armed)
        self._record_ms = pen.board.now_ms()
        return written

    def _write_when_quiet(self, now_ms):
        pen = self._pen
        board = pen.board
        if board.elapsed_ms(now_ms, self._quiet_ms) < QUIET_MS or not pen.replies.idle():
            return
        if pen.settings.valid and not pen.settings.stored:
            pen.firmware_lease.forget()
            pen.settings.store()
            self._record_ms = board.now_ms()
        elif pen.ledger.stale():
            self.save_record(False)

    # --- heap -------------------------------------------------------------------------------------------------------

    def armed(self):
        """From now on memory is collected only here: by itself it would make a pass late.

        Collected once more before that: what boot and preparation left behind nearly fills the heap, and with the
        collector off a heap that is full is an exception, which is a reset amid a treatment.
        """
        if self._heap:
            self._collect_now()
            self._pen.firmware_lease.forget()
            self._heap.disable()

    def disarmed(self):
        """Memory may be collected at any time."""
        if self._heap:
            self._heap.enable()

    def sheds(self):
        """True when frames have taken so much memory that strokes should cost telemetry."""
        return self._heap is not None and self._blocks() >= BLOCKS_TO_SHED

    def _blocks(self):
        """Heap blocks taken by frames and requests since the last collection, by count."""
        pen = self._pen
        taken = pen.decoder.frames + pen.replies.frames + REQUEST_BLOCKS * pen.commands.requests
        return taken - self._collected_at

    def _collect(self):
        """Collect memory once enough has been taken; under strokes only before all is."""
        if not self._heap:
            return
        stroking = self._pen.supervisor.state == State.STROKING
        if self._blocks() < (BLOCKS_UNDER_STROKES if stroking else BLOCKS_TO_COLLECT):
            return
        self._collect_now()
        if not stroking:
            self._pen.firmware_lease.forget()

    def _collect_now(self):
        self._heap.collect()
        self.heap_free = self._heap.mem_free()
        self._collected_at += self._blocks()

    # --- service ----------------------------------------------------------------------------------------------------

    def enter_service(self, action, now_ms):
        """Leave the firmware for a reboot or the prompt, once the answer is out."""
        self._service = action
        self._service_ms = now_ms
        self._pen.drive(Signal.SERVICE, 0, now_ms)

    def leaving(self):
        """True from SERVICE on, also when a stop was latched since: only a reset leads on."""
        return self._service != 0

    def _leave(self, now_ms):
        pen = self._pen
        waited_ms = pen.board.elapsed_ms(now_ms, self._service_ms)
        if waited_ms < SERVICE_EXIT_MS or (not pen.replies.idle() and waited_ms < SERVICE_EXIT_MAX_MS):
            return
        pen.board.make_safe()
        pen.settings.store()
        pen.ledger.save(False)
        # a watchdog cannot be stopped: the prompt is reached through a reset that does not start it again
        pen.ledger.marks = Mark.SERVICE if self._service == ServiceAction.ENTER_REPL else 0
        pen.ledger.mirror()
        self._service = 0
        pen.resetting = True
        pen.board.reset()
