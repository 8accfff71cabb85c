"""Guards of requests, straight from the message table. Every request gets exactly one answer.

Order of the guards: version, known, length; for commands session and sequence (a repeated request is answered again,
not executed); then stopped, ranges, schema, busy. What passes all of them is its handler's (`handlers`). What a guard
refuses changes nothing.
"""

import binascii

from pen_firmware.handlers import handlers_of
from pen_protocol import codec
from pen_protocol import messages as m
from pen_protocol.faults import Refusal
from pen_protocol.limits import WORD_MAX
from pen_protocol.messages import BY_NUMBER, Kind
from pen_protocol.states import State
from pen_protocol.version import PROTOCOL_VERSION

_HOST_TO_PEN = (Kind.QUERY, Kind.COMMAND, Kind.LINK)
_ABORTING = (m.DISARM, m.CLOSE_SESSION)
"""Commands that a running job does not hold off: they end it."""


class Request:
    """The frame being handled. One object, filled again."""

    def __init__(self):
        self.message = BY_NUMBER[m.HELLO]
        self.number = 0
        self.sequence = 0
        self.session = 0
        self.crc = 0
        self.values: tuple = ()


class Commands:
    """Takes whole frames.

    Attributes:
        requests: How many were decided, refused ones included.
        strays: Frames that are no request.
        other_version: Frames of another protocol.
    """

    def __init__(self, pen):
        self._pen = pen
        self.request = Request()
        self.now_ms = 0
        self._detail = 0
        self.hello_seen = False
        self.schema_agrees = False
        self.telemetry_hz = 0
        self.requests = 0
        self.strays = 0
        self.other_version = 0
        self._handlers = handlers_of(pen, self)

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
        self.now_ms = now_ms
        request = self.request
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
        if nonce and self.request.session == nonce and 0 < count <= WORD_MAX:
            pen.host_lease.renew(count, self.now_ms)

    def _decide(self, frame, length):
        request = self.request
        message = request.message
        jobs = self._pen.jobs
        self.requests += 1
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
            self.refuse(refusal, self._detail)
            return
        self._handlers[request.number]()

    def _gate(self):
        """Session and sequence of a command; True when it is to be decided now. It counts as executed from here."""
        request = self.request
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
        request = self.request
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

    def done(self, value, event_id):
        """Answer the request in hand: executed. Kept for a repeat when it is a command."""
        request = self.request
        self._keep(m.DONE, value, event_id)
        self._pen.replies.done(request.sequence, request.session, request.number, value, event_id)

    def refuse(self, reason, detail):
        """Answer the request in hand: not executed. Kept for a repeat when it is a command."""
        self._keep(m.REFUSED, reason, detail)
        self._refuse_unrecorded(reason, detail)

    def _refuse_unrecorded(self, reason, detail):
        request = self.request
        self._pen.replies.refused(request.sequence, request.session, request.number, reason, detail)

    def _keep(self, answer, first, second):
        request = self.request
        if request.message.kind == Kind.COMMAND:
            self._pen.session.answers.store(request.sequence, request.crc, answer, first, second)
