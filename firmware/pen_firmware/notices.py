"""What the pen says unasked: STATUS and TELEMETRY, once a host has said HELLO, never before a waiting answer."""

from pen_firmware.hal import Input
from pen_protocol import limits
from pen_protocol.states import Flag, State


class Notices:
    """`status_due` asks for a STATUS at the next chance, as every change of state does."""

    def __init__(self, pen):
        self._pen = pen
        self.status_due = False
        self._status_ms = 0
        self._telemetry_ms = 0

    def start(self, now_ms):
        """Periods begin here."""
        self._status_ms = now_ms
        self._telemetry_ms = now_ms

    def tick(self, now_ms):
        """Waiting answers first; then status when due, else telemetry when due."""
        pen = self._pen
        replies = pen.replies
        replies.push()
        if not pen.commands.hello_seen or not replies.idle():
            return
        if self.status_due or pen.board.elapsed_ms(now_ms, self._status_ms) >= limits.STATUS_PERIOD_MS:
            self.status_due = False
            self._status_ms = now_ms
            replies.status(0, pen, now_ms)
        elif self._telemetry_due(now_ms):
            self._telemetry_ms = now_ms
            if pen.supervisor.state != State.STROKING or not pen.upkeep.sheds():
                replies.telemetry(pen, now_ms)

    def flags(self):
        """Mask of `Flag` bits."""
        pen = self._pen
        mask = self._input_flags(pen.lookout.inputs)
        if pen.depth.homed:
            mask |= Flag.HOMED
        if pen.session.depth_set:
            mask |= Flag.DEPTH_SET
        if pen.session.rate_set:
            mask |= Flag.RATE_SET
        if pen.depth.busy:
            mask |= Flag.AXIS_MOVING
        if pen.sensors.ready and pen.sensors.coil_cc >= limits.COIL_WARN_CC:
            mask |= Flag.COIL_WARM
        if pen.events.hole_id:
            mask |= Flag.EVENTS_LOST
        if pen.session.unlocked:
            mask |= Flag.UNLOCKED
        if pen.ledger.unsure():
            mask |= Flag.COUNTERS_UNSURE
        return mask

    def _input_flags(self, inputs):
        mask = 0
        if inputs & Input.TRIGGER:
            mask = Flag.TRIGGER
        if inputs & Input.CONTACT:
            mask |= Flag.CONTACT
        if inputs & Input.LATCH:
            mask |= Flag.CARTRIDGE_LATCHED
        return mask

    def _telemetry_due(self, now_ms):
        rate_hz = self._pen.commands.telemetry_hz
        if rate_hz == 0:
            return False
        return self._pen.board.elapsed_ms(now_ms, self._telemetry_ms) * rate_hz >= 1000
