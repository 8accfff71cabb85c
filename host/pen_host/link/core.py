"""The link to one pen, sans I/O: bytes and the time go in, bytes and events come out.

It owns the handshake, sequence numbers, repeats, the match of answers, the heartbeat's count and the stop lane. It never waits,
never reads a clock and is used from one thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

from pen_protocol import limits, messages

from ..names import Fault, Refusal, State
from ..outcomes import Done, Outcome, Unknown, Value
from . import events, frames
from .hello import Handshake
from .requests import OVERTAKES, POLL_S, RETRY_S, Request, Sequences
from .stop import StopLane

HEARTBEAT_S = limits.HEARTBEAT_PERIOD_MS / 1000
CLOCK_HALF = 1 << 29
CLOCK_MASK = (1 << 30) - 1

Recorder = Callable[[str, float, bytes], None]
"""Called with "in" or "out", the time, and header and payload of each frame; must return at once."""


def _record_nothing(_direction: str, _now_s: float, _body: bytes) -> None:
    """The default recorder."""


@dataclass(slots=True)
class Counters:
    """What happened on the link so far."""

    frames_sent: int = 0
    frames_received: int = 0
    repeats: int = 0
    stale: int = 0
    """Answers and statuses that nobody waits for any more."""
    before_hello: int = 0
    """Frames from before our own handshake: another program's, or an earlier run's."""
    heartbeats: int = 0
    stops: int = 0
    restarts: int = 0
    unknown: int = 0
    """Requests that ended Unknown."""


class Link:
    """One link. Use it so: `receive` what came, `tick`, send every `next_output`, take every `next_event`.

    Args:
        first_sequence: Sequence number to go on from, 0..65535. A random one keeps an earlier run's answers apart.
        record: Told of every frame in both directions.
        last_beat: Heartbeats count on from here. The pen takes rising counts only, so a program that takes a session over
            must begin above its predecessor's.
    """

    def __init__(
        self, first_sequence: int = 0, record: Recorder = _record_nothing, last_beat: int = 0
    ) -> None:
        self.counters = Counters()
        self.session = 0
        """Nonce of the session this host holds open, 0 for none."""
        self._record = record
        self._reader = frames.FrameReader()
        self._sequences = Sequences(first_sequence)
        self._handshake = Handshake()
        self._stop = StopLane()
        self._queue: deque[Request] = deque()
        self._open: dict[int, Request] = {}
        self._output: deque[bytes] = deque()
        self._events: deque[events.Event] = deque()
        self._tokens = 0
        self._beat_count = last_beat
        self._beat_due_s = 0.0
        self._beating = False
        self._uptime_ms = -1
        self._session_doubts = 0

    # --- what the owner asks for --------------------------------------------------------------------------------------

    @property
    def identity(self) -> Mapping[str, Value] | None:
        """What the pen said in its IDENTITY, None before the handshake."""
        return self._handshake.identity

    @property
    def stopping(self) -> bool:
        """Whether STOP is being repeated: the pen has not confirmed it yet."""
        return self._stop.active

    @property
    def busy(self) -> bool:
        """Whether any request waits for its outcome."""
        return bool(self._open or self._queue)

    def hello(self, now_s: float, nonce: int) -> None:
        """Begin the handshake; ends in IdentityReceived, Mismatch or HelloUnanswered. `nonce` is 1..2^30-1."""
        self._handshake.start(now_s, nonce)
        self._say_hello(now_s)

    def request(self, name: str, values: Mapping[str, Value], now_s: float) -> int:
        """Ask the pen for something; the token returned is settled exactly once.

        Raises:
            ValueError: There is no such request, or a value is outside its range. Nothing was sent.
        """
        message = frames.request_message(name)
        frames.encode(message.number, 1, 0, values)
        self._tokens += 1
        request = Request(self._tokens, message, dict(values))
        if request.ordered and self._stop.active:
            self._settle(request, request.refused_here(Refusal.STOPPED, Fault.STOP_COMMAND))
            return request.token
        if message.number in OVERTAKES:
            self._drop_queue(Fault.NONE)
            self._send_first(request, now_s)
        elif request.ordered and (self._queue or self._ordered_open()):
            self._queue.append(request)
        else:
            self._send_first(request, now_s)
        return request.token

    def stop(self, now_s: float, origin: int = 0) -> None:
        """STOP, ahead of everything, until STATUS says stopped. Requests that were not sent yet never will be."""
        self._drop_queue(Fault.STOP_COMMAND)
        if self._stop.active:
            return
        sequence = self._sequences.for_query()
        self._stop.start(frames.encode(messages.STOP, sequence, 0, {"origin": origin}), sequence, now_s)
        self._repeat_stop(now_s)

    def abandon(self, token: int, why: str) -> None:
        """The caller waits no longer: the request is settled as Unknown, or as refused if it was never sent."""
        for request in list(self._queue):
            if request.token == token:
                self._queue.remove(request)
                self._settle(request, request.refused_here(Refusal.ABORTED, Fault.NONE))
        for request in list(self._open.values()):
            if request.token == token:
                self._settle(request, request.unknown(why))

    def adopt_session(self, nonce: int, last_sequence: int) -> None:
        """Take over a session that the pen holds open and this host knows from its journal."""
        self.session = nonce
        self._session_doubts = 0
        self._sequences.restart(last_sequence)

    def fail(self, why: str) -> None:
        """The connection is gone: every request that was sent is Unknown, the others were never sent."""
        self._drop_queue(Fault.NONE)
        for request in list(self._open.values()):
            self._settle(request, request.unknown(why))

    # --- bytes and time in ----------------------------------------------------------------------------------------------

    def receive(self, data: bytes, now_s: float) -> None:
        """Take bytes from the pen, in pieces of any size."""
        for frame, body in self._reader.feed(data):
            self.counters.frames_received += 1
            self._handshake.heard(now_s)
            self._record("in", now_s, body)
            self._dispatch(frame, now_s)

    def tick(self, now_s: float, may_beat: bool) -> None:
        """Let time pass: repeats, ends of patience, the heartbeat when `may_beat`. Call it at `next_deadline` or sooner."""
        self._repeat_stop(now_s)
        self._beat(now_s, may_beat)
        self._tick_handshake(now_s)
        for request in list(self._open.values()):
            if now_s >= min(request.due_s, request.deadline_s):
                self._chase(request, now_s)
        self._send_queued(now_s)

    # --- bytes and events out -------------------------------------------------------------------------------------------

    def next_output(self) -> bytes | None:
        """The next frame to send, None when there is none."""
        return self._output.popleft() if self._output else None

    def next_event(self) -> events.Event | None:
        """The next event, None when there is none."""
        return self._events.popleft() if self._events else None

    def next_deadline(self) -> float:
        """When `tick` is needed next, infinity for never."""
        due_s = min(self._stop.next_deadline(), self._handshake.next_deadline())
        if self._beating:
            due_s = min(due_s, self._beat_due_s)
        for request in self._open.values():
            due_s = min(due_s, request.due_s, request.deadline_s)
        return due_s

    def statistics(self) -> dict[str, int]:
        """Counters of the link and of the frames dropped below it, by name."""
        return {**asdict(self.counters), **asdict(self._reader.dropped), "damaged": self._reader.damaged}

    # --- sending --------------------------------------------------------------------------------------------------------

    def _emit(self, wire: bytes, now_s: float, *, first: bool = False) -> None:
        self.counters.frames_sent += 1
        self._record("out", now_s, frames.body_of(wire))
        if first:
            self._output.appendleft(wire)
        else:
            self._output.append(wire)

    def _send_first(self, request: Request, now_s: float) -> None:
        sequences = self._sequences
        request.sequence = sequences.for_command() if request.ordered else sequences.for_query()
        request.session = self.session
        request.wire = frames.encode(
            request.message.number, request.sequence, request.session, request.values
        )
        request.tries = 1
        request.due_s = now_s + RETRY_S
        self._open[request.sequence] = request
        self._emit(request.wire, now_s)

    def _send_queued(self, now_s: float) -> None:
        if self._queue and not self._ordered_open():
            self._send_first(self._queue.popleft(), now_s)

    def _chase(self, request: Request, now_s: float) -> None:
        if now_s >= request.deadline_s:
            self._settle(request, request.unknown("the pen accepted it and did not report its end in time"))
            return
        if not request.accepted and request.tries >= limits.REQUEST_TRIES:
            self._settle(request, request.unknown(f"no answer to {request.tries} sendings"))
            return
        request.tries += 1
        request.due_s = now_s + (POLL_S if request.accepted else RETRY_S)
        if request.ordered and self._stop.active:
            return  # until the stop is confirmed nothing that could move goes out
        self.counters.repeats += 1
        self._emit(request.wire, now_s)

    def _repeat_stop(self, now_s: float) -> None:
        wire = self._stop.take(now_s)
        if wire is not None:
            self.counters.stops += 1
            self._emit(wire, now_s, first=True)
        overdue_s = self._stop.overdue_since(now_s)
        if overdue_s is not None:
            self._events.append(events.StopOverdue(overdue_s))

    def _beat(self, now_s: float, may_beat: bool) -> None:
        self._beating = may_beat and bool(self.session) and not self._stop.active
        if not self._beating or now_s < self._beat_due_s:
            return
        self._beat_due_s = now_s + HEARTBEAT_S
        self._beat_count += 1
        self.counters.heartbeats += 1
        self._emit(frames.encode(messages.HEARTBEAT, 0, self.session, {"count": self._beat_count}), now_s)

    def _tick_handshake(self, now_s: float) -> None:
        event = self._handshake.tick(now_s)
        if event is not None:
            self._events.append(event)
        if self._handshake.due(now_s):
            self._say_hello(now_s)

    def _say_hello(self, now_s: float) -> None:
        values = self._handshake.say(now_s)
        self._emit(frames.encode(messages.HELLO, self._sequences.for_query(), 0, values), now_s)

    # --- receiving ------------------------------------------------------------------------------------------------------

    def _dispatch(self, frame: frames.Frame, now_s: float) -> None:
        if frame.number == messages.IDENTITY:
            self._on_identity(frame, now_s)
        elif self.identity is None and not self._answers_stop(frame):
            self.counters.before_hello += 1
        elif frame.number == messages.TELEMETRY:
            self._events.append(events.TelemetryReceived(frame.values, now_s))
        else:
            if frame.number == messages.STATUS:
                self._on_status(frame, now_s)
            if frame.sequence:
                self._on_answer(frame, now_s)

    def _answers_stop(self, frame: frames.Frame) -> bool:
        return frame.number == messages.STATUS and self._stop.active and frame.sequence == self._stop.sequence

    def _on_identity(self, frame: frames.Frame, now_s: float) -> None:
        before = self.identity
        event = self._handshake.answer(frame, now_s)
        if event is None:
            self.counters.stale += 1
            return
        self._events.append(event)
        old, new = int(before["boot_id"]) if before else 0, int(frame.values["boot_id"])
        if before and old != new:
            self._on_restart(old, new)

    def _on_restart(self, old: int, new: int) -> None:
        self.counters.restarts += 1
        self._uptime_ms = -1
        self.session = 0
        self._events.append(events.PenRestarted(old, new))
        for request in [request for request in self._open.values() if request.ordered]:
            self._settle(request, request.unknown("the pen restarted"))

    def _on_status(self, frame: frames.Frame, now_s: float) -> None:
        identity = self.identity
        if identity is not None and frame.values["boot_id"] != identity["boot_id"]:
            self.counters.stale += 1
            self._handshake.doubt(now_s)
            return
        uptime_ms = int(frame.values["uptime_ms"])
        if self._uptime_ms >= 0 and (uptime_ms - self._uptime_ms) & CLOCK_MASK >= CLOCK_HALF:
            self.counters.stale += 1
            return
        self._uptime_ms = uptime_ms
        self._events.append(events.StatusReceived(frame.values, now_s))
        if self._stop.active and frame.values["state"] == State.STOPPED:
            self._events.append(events.StopConfirmed(self._stop.confirm(now_s)))
        self._check_session(int(frame.values["session_nonce"]))

    def _check_session(self, held: int) -> None:
        """Two statuses in a row must disagree: one may have been on its way while the session was opened."""
        if not self.session or held == self.session:
            self._session_doubts = 0
            return
        self._session_doubts += 1
        if self._session_doubts >= 2:
            self._events.append(events.SessionLost(self.session))
            self.session = 0

    def _on_answer(self, frame: frames.Frame, now_s: float) -> None:
        request = self._open.get(frame.sequence)
        if request is None or not request.expects(frame):
            own = frame.number == messages.STATUS and frame.sequence == self._stop.sequence
            self.counters.stale += 0 if own else 1
        elif frame.number == messages.ACCEPTED:
            request.accept(int(frame.values["budget_ms"]), now_s)
        else:
            self._settle(request, request.outcome(frame))
            self._send_queued(now_s)

    # --- ending ---------------------------------------------------------------------------------------------------------

    def _settle(self, request: Request, outcome: Outcome) -> None:
        self._open.pop(request.sequence, None)
        if isinstance(outcome, Unknown):
            self.counters.unknown += 1
        if isinstance(outcome, Done):
            self._follow_session(request)
        self._events.append(events.Settled(request.token, outcome))

    def _follow_session(self, done: Request) -> None:
        if done.message.number == messages.OPEN_SESSION:
            self.session = int(done.values["nonce"])
            self._session_doubts = 0
        elif done.message.number == messages.CLOSE_SESSION:
            self.session = 0

    def _drop_queue(self, cause: Fault) -> None:
        while self._queue:
            request = self._queue.popleft()
            self._settle(request, request.refused_here(Refusal.ABORTED, cause))

    def _ordered_open(self) -> bool:
        return any(request.ordered for request in self._open.values())
