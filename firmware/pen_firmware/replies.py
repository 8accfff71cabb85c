"""What the pen says: frames built in one encoder, packed straight from attributes, sent without waiting.

Answers wait in a small buffer when the stream is full. Notices are only built when nothing waits: what is not sent is
dropped, and the next one is fresh. An answer that finds the buffer full is dropped and counted; the host asks again.
"""

import struct

from pen_protocol import limits
from pen_protocol import messages as m
from pen_protocol.codec import HEADER_SIZE, put_header
from pen_protocol.framing import MAX_WIRE, Encoder
from pen_protocol.messages import BY_NUMBER
from pen_protocol.version import FIRMWARE_VERSION

_WAITING_MAX = 4 * MAX_WIRE
_U16 = 0xFFFF
_I15 = 0x7FFF


def _format(number):
    return BY_NUMBER[number].struct_format


def _end(number):
    return HEADER_SIZE + BY_NUMBER[number].size


_STATUS_FORMAT = _format(m.STATUS)
_STATUS_END = _end(m.STATUS)
_TELEMETRY_FORMAT = _format(m.TELEMETRY)
_TELEMETRY_END = _end(m.TELEMETRY)
_EVENTS_HEAD = "<IIIB"
_EVENTS_RECORDS = HEADER_SIZE + struct.calcsize(_EVENTS_HEAD)


class Replies:
    """Frames to the host. `frames` counts those built, `dropped` those that found the buffer full."""

    def __init__(self, board):
        self._board = board
        self._encoder = Encoder()
        self._waiting = bytearray(_WAITING_MAX)
        self._filled = 0
        self.frames = 0
        self.dropped = 0

    # --- answers ----------------------------------------------------------------------------------------------------

    def done(self, sequence, session, request, value, event_id):
        """DONE: executed."""
        self._begin(m.DONE, sequence, session)
        struct.pack_into("<BiI", self._encoder.body, HEADER_SIZE, request, value, event_id)
        self._send(_end(m.DONE))

    def accepted(self, sequence, session, request, budget_ms):
        """ACCEPTED: under way, the answer comes within `budget_ms`."""
        self._begin(m.ACCEPTED, sequence, session)
        struct.pack_into("<BH", self._encoder.body, HEADER_SIZE, request, min(budget_ms, _U16))
        self._send(_end(m.ACCEPTED))

    def refused(self, sequence, session, request, reason, detail):
        """REFUSED: not executed, and why."""
        self._begin(m.REFUSED, sequence, session)
        struct.pack_into("<BBI", self._encoder.body, HEADER_SIZE, request, reason, detail)
        self._send(_end(m.REFUSED))

    def identity(self, sequence, session, host_nonce, pen):
        """IDENTITY: who this is, in a layout that never changes."""
        self._begin(m.IDENTITY, sequence, session)
        board = self._board
        struct.pack_into(
            _format(m.IDENTITY),
            self._encoder.body,
            HEADER_SIZE,
            m.PRODUCT,
            m.SCHEMA_HASH,
            host_nonce,
            pen.boot_id,
            board.unique_id(),
            FIRMWARE_VERSION[0],
            FIRMWARE_VERSION[1],
            FIRMWARE_VERSION[2],
            board.reset_cause(),
            board.runtime(),
        )
        self._send(_end(m.IDENTITY))

    def events(self, sequence, session, events):
        """EVENTS: the oldest unread ones, at most `messages.EVENTS_PER_FRAME`."""
        self._begin(m.EVENTS, sequence, session)
        body = self._encoder.body
        count = events.copy_oldest(body, _EVENTS_RECORDS)
        oldest_id = events.oldest_id()
        struct.pack_into(_EVENTS_HEAD, body, HEADER_SIZE, oldest_id, events.next_id, oldest_id, count)
        self._send(_end(m.EVENTS))

    def settings(self, sequence, session, settings):
        """SETTINGS: those in force."""
        self._begin(m.SETTINGS, sequence, session)
        values = settings.values() + (1 if settings.valid else 0,)
        struct.pack_into(_format(m.SETTINGS), self._encoder.body, HEADER_SIZE, *values)
        self._send(_end(m.SETTINGS))

    def cartridge(self, sequence, session, cartridge):
        """CARTRIDGE: what was read last."""
        self._begin(m.CARTRIDGE, sequence, session)
        struct.pack_into(
            _format(m.CARTRIDGE),
            self._encoder.body,
            HEADER_SIZE,
            cartridge.condition,
            cartridge.serial,
            cartridge.lot,
            cartridge.expiry_days,
            cartridge.needles,
            cartridge.used,
        )
        self._send(_end(m.CARTRIDGE))

    # --- status and telemetry ---------------------------------------------------------------------------------------

    def status(self, sequence, pen, now_ms):
        """STATUS: an answer when `sequence` names the request, else a notice."""
        session = pen.session
        supervisor = pen.supervisor
        counters = pen.counters
        self._begin(m.STATUS, sequence, session.nonce)
        struct.pack_into(
            _STATUS_FORMAT,
            self._encoder.body,
            HEADER_SIZE,
            pen.lookout.uptime_ms,
            pen.boot_id,
            session.nonce,
            session.last_sequence,
            supervisor.state,
            supervisor.first_cause,
            supervisor.cause_event,
            pen.conditions,
            pen.notices.flags(),
            session.depth_um,
            _bounded(pen.depth.measured_um),
            session.depth_cap_um,
            session.rate_mhz,
            min(pen.needle.rate_measured_mhz, limits.WORD_MAX),
            min(pen.needle.measured_age_ms(now_ms), _U16),
            counters.strokes_total,
            counters.contact_total,
            counters.truncated_total,
            pen.events.next_id,
            pen.events.oldest_id(),
            _bounded(pen.sensors.coil_cc),
            min(pen.sensors.supply_mv, _U16),
            pen.host_lease.left_ms(now_ms),
            max(session.armed_left_ms(), 0) // 1000,
        )
        self._send(_STATUS_END)

    def telemetry(self, pen, now_ms):
        """TELEMETRY: the figures that move."""
        counters = pen.counters
        self._begin(m.TELEMETRY, 0, pen.session.nonce)
        struct.pack_into(
            _TELEMETRY_FORMAT,
            self._encoder.body,
            HEADER_SIZE,
            pen.lookout.uptime_ms,
            pen.supervisor.state,
            pen.notices.flags(),
            _bounded(pen.depth.measured_um),
            min(pen.needle.rate_measured_mhz, limits.WORD_MAX),
            counters.strokes_total,
            counters.contact_total,
            min(pen.sensors.coil_ma, _U16),
            _bounded(pen.sensors.coil_cc),
            pen.host_lease.left_ms(now_ms),
        )
        self._send(_TELEMETRY_END)

    # --- sending ----------------------------------------------------------------------------------------------------

    def idle(self):
        """True when nothing waits for the stream."""
        return self._filled == 0

    def push(self):
        """Give the stream what waits, as far as it takes it."""
        if self._filled == 0:
            return
        waiting = self._waiting
        taken = self._board.stream_write(waiting, self._filled)
        if taken == 0:
            return
        left = self._filled - taken
        for index in range(left):
            waiting[index] = waiting[index + taken]
        self._filled = left

    def _begin(self, number, sequence, session):
        put_header(self._encoder.body, number, sequence, session)

    def _send(self, body_length):
        """Finish the frame and send it, or keep what the stream does not take. A frame is kept whole or dropped whole."""
        wire = self._encoder.wire
        length = self._encoder.finish(body_length)
        self.frames += 1
        sent = 0
        if self._filled == 0:
            sent = self._board.stream_write(wire, length)
        if self._filled + length - sent > _WAITING_MAX:
            self.dropped += 1
            return
        waiting = self._waiting
        filled = self._filled
        for index in range(sent, length):
            waiting[filled] = wire[index]
            filled += 1
        self._filled = filled


def _bounded(value):
    """A signed value within what a 16-bit field of the wire carries."""
    if value > _I15:
        return _I15
    return value if value > -_I15 else -_I15
