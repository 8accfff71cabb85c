"""One thread owns the transport, the link and the clock; every other thread leaves it notes.

A note is one append to a deque and a wake, so no caller ever holds a lock the worker needs. STOP notes are read first, before
anything is received or sent.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType

from pen_protocol import limits

from ..blackbox import Blackbox
from ..errors import NoPenError, NotAPenError, PenError, SchemaMismatchError, TransportLostError
from ..link import Link, events, frames
from ..link.readings import Identity, Status, Telemetry
from ..names import Refusal
from ..outcomes import Outcome, Refused, Unknown, Value
from ..transport import Transport, WriteBlockedError
from .dumps import DumpWriter
from .snapshot import Snapshot
from .tickets import StopReport, StopTicket, Subscription, Ticket

Gate = Callable[[], bool]
News = events.Event | TransportLostError

READ_S = 0.02
"""Longest single read: what a system without `wake` costs a note."""
BLOCKED_WRITES = 5
"""Writes in a row that the other side did not take: the connection counts as lost."""
FRESH_S = 4 * limits.STATUS_PERIOD_MS / 1000
"""A pen not heard for this long gets no heartbeat: a host that is blind must not keep a needle going."""
BEATS_A_SECOND = 64
"""More than are ever sent: the count a program starts with lies above every count of the one before."""
CONNECT_S = 2 * limits.REQUEST_TRIES * limits.REQUEST_RETRY_MS / 1000

GATE_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    PenError,
)
"""A gate that fails in any of these ways is an unhealthy gate, not the end of the worker."""


@dataclass(frozen=True, slots=True)
class _Adopt:
    nonce: int
    last_sequence: int


class PenWorker:
    """Runs the link to one pen.

    Args:
        transport: Owned from now on; closed with the worker.
        clock: Monotonic seconds.
        dumps: Directory for black box dumps; None keeps none.
        wall: Seconds of the calendar, for heartbeat counts that rise from one program to the next.
    """

    def __init__(
        self,
        transport: Transport,
        clock: Callable[[], float] = time.monotonic,
        dumps: Path | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self.blackbox = Blackbox()
        last_beat = int(wall() * BEATS_A_SECOND) % (limits.WORD_MAX // 2)
        self._link = Link(random_word() & 0xFFFF, self.blackbox.frame, last_beat)
        self._dumps = DumpWriter(dumps)
        self._stops: deque[StopTicket] = deque()
        self._notes: deque[Ticket | _Adopt] = deque()
        self._stop_tickets: list[StopTicket] = []
        self._stop_since_s = 0.0
        self._tickets: dict[int, tuple[Ticket, float]] = {}
        self._gates: dict[str, Gate] = {}
        self._subscriptions: tuple[Subscription[News], ...] = ()
        self._snapshot = Snapshot()
        self._greeted = threading.Event()
        self._complaint: PenError | None = None
        self._blocked_writes = 0
        self._woken = False
        self._started = False
        self._closing = False
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="pen-worker", daemon=True)

    # --- for any thread -------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the thread: it greets the pen and takes notes, STOP first."""
        if not self._started:
            self._started = True
            self._thread.start()

    def connect(self, timeout_s: float = CONNECT_S) -> Identity:
        """Start, and wait until the pen has said who it is and how it is.

        Raises:
            SchemaMismatchError: The pen was built from another message table. It can still be stopped.
            NotAPenError: Something else answered.
            NoPenError: Nobody answered.
            TransportLostError: The connection broke.
        """
        self.start()
        self._greeted.wait(timeout_s)
        identity = self._snapshot.identity
        if identity is not None:
            return identity
        raise self._complaint or NoPenError(
            f"Nobody on {self._transport.name} answers as a pen, so nothing was sent but a greeting. "
            "Check that the pen is on and that this is its port; pen list shows the ports."
        )

    def call(
        self, name: str, values: dict[str, Value] | None = None, timeout_s: float | None = None
    ) -> Outcome:
        """Ask the pen and wait for the outcome.

        Args:
            name: Name of the request, as in the message table.
            values: Its fields.
            timeout_s: Give up after this long; None waits as long as the pen may take.

        Raises:
            ValueError: There is no such request or a value is outside its range. Nothing was sent.
        """
        return self.submit(name, values, timeout_s).wait()

    def submit(
        self, name: str, values: dict[str, Value] | None = None, timeout_s: float | None = None
    ) -> Ticket:
        """Ask the pen without waiting. See `call`."""
        values = values or {}
        frames.check_request(name, values)
        ticket = Ticket(name, dict(values), timeout_s)
        self._notes.append(ticket)
        self._wake()
        if self._ended:
            self._refuse_notes()
        return ticket

    def stop(self) -> StopTicket:
        """STOP, ahead of everything. Returns at once; needs no session, no lock and no handshake."""
        ticket = StopTicket()
        self._stops.append(ticket)
        self._wake()
        if self._ended:
            self._refuse_stops()
        return ticket

    def add_gate(self, name: str, gate: Gate) -> None:
        """The heartbeat goes out only while every gate says True. Asked often, in the worker's thread: answer at once."""
        self._gates = {**self._gates, name: gate}

    def remove_gate(self, name: str) -> None:
        """A gate is asked no longer."""
        self._gates = {other: gate for other, gate in self._gates.items() if other != name}

    def snapshot(self) -> Snapshot:
        """What is known now."""
        return replace(self._snapshot.aged(self._clock()), counters=self._link.statistics())

    def subscribe(self, size: int = 256) -> Subscription[News]:
        """News from now on: link events, and the error when the connection breaks."""
        subscription: Subscription[News] = Subscription(size)
        self._subscriptions = (*self._subscriptions, subscription)
        if self._ended:
            subscription.close()
        return subscription

    def adopt_session(self, nonce: int, last_sequence: int) -> None:
        """Take over a session that the pen holds and this program knows from its record."""
        self._notes.append(_Adopt(nonce, last_sequence))
        self._wake()

    def note(self, text: str) -> None:
        """Put what the program does into the black box."""
        self.blackbox.act(self._clock(), text)

    def dump(self, reason: str) -> None:
        """Have the black box written."""
        self._dumps.ask(reason, self.blackbox.copy(), self._clock(), self._context(), force=True)

    def close(self) -> None:
        """End the thread and let go of the port. The pen, hearing no heartbeat, stops by itself."""
        self._closing = True
        if self._thread.is_alive():
            self._wake()
            self._thread.join()
        else:
            self._end("the connection was closed")
        self._dumps.close()

    def __enter__(self) -> PenWorker:
        """The worker itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _wake(self) -> None:
        if not self._woken:
            self._woken = True
            self._transport.wake()

    # --- the worker's thread --------------------------------------------------------------------------------------------

    def _run(self) -> None:
        why = "the program's link to the pen failed"
        try:
            self._link.hello(self._clock(), random_word())
            while not self._closing:
                self._pass()
            why = "the connection was closed"
        except TransportLostError as error:
            why = error.why
            self._lose(error)
        finally:
            self._end(why)

    def _pass(self) -> None:
        self._take_notes()
        now_s = self._clock()
        self._link.tick(now_s, self._may_beat(now_s))
        self._give_up_late(now_s)
        self._handle_events(now_s)
        self._send()
        wait_s = min(READ_S, max(0.0, self._link.next_deadline() - self._clock()))
        if self._notes or self._stops:
            wait_s = 0.0
        data = self._transport.read(wait_s)
        if data:
            self._link.receive(data, self._clock())

    def _take_notes(self) -> None:
        self._woken = False
        while self._stops:
            self._begin_stop(self._stops.popleft())
        while self._notes and not self._stops:
            note = self._notes.popleft()
            if isinstance(note, _Adopt):
                self._link.adopt_session(note.nonce, note.last_sequence)
                self._snapshot = replace(self._snapshot, session=note.nonce)
            else:
                self._begin_request(note)

    def _begin_stop(self, ticket: StopTicket) -> None:
        now_s = self._clock()
        self.blackbox.act(now_s, "STOP asked for")
        if not self._link.stopping:
            self._stop_since_s = now_s
            self._link.stop(now_s)
            self._send()
        self._stop_tickets.append(ticket)
        self._snapshot = replace(self._snapshot, stopping=True, stop=None)

    def _begin_request(self, ticket: Ticket) -> None:
        now_s = self._clock()
        token = self._link.request(ticket.name, ticket.values, now_s)
        deadline_s = float("inf") if ticket.timeout_s is None else now_s + ticket.timeout_s
        self._tickets[token] = (ticket, deadline_s)

    def _give_up_late(self, now_s: float) -> None:
        for token, (_, deadline_s) in list(self._tickets.items()):
            if now_s >= deadline_s:
                self._link.abandon(token, "the caller's patience ended before the pen answered")

    def _send(self) -> None:
        while (wire := self._link.next_output()) is not None:
            try:
                self._transport.write(wire)
                self._blocked_writes = 0
            except WriteBlockedError as error:
                self._blocked_writes += 1
                if self._blocked_writes >= BLOCKED_WRITES:
                    raise TransportLostError(self._transport.name, str(error)) from error

    def _may_beat(self, now_s: float) -> bool:
        snapshot = self._snapshot
        arming = any(ticket.name == "ARM" for ticket, _ in self._tickets.values())
        if not arming and not (snapshot.status and snapshot.status.armed):
            return self._hold(None, False)
        if now_s - snapshot.status_at_s > FRESH_S:
            return self._hold("status", False)
        for name, gate in self._gates.items():
            if not _ask(gate):
                return self._hold(name, False)
        return self._hold(None, True)

    def _hold(self, name: str | None, beat: bool) -> bool:
        if name != self._snapshot.heartbeat_held_by:
            self._snapshot = replace(self._snapshot, heartbeat_held_by=name)
            if name is not None:
                self.blackbox.act(self._clock(), f"heartbeat held back by {name}")
        return beat

    # --- news -----------------------------------------------------------------------------------------------------------

    def _handle_events(self, now_s: float) -> None:
        while (event := self._link.next_event()) is not None:
            if isinstance(event, events.Settled):
                self._settle(event, now_s)
                continue
            self._follow(event, now_s)
            self._publish(event)

    def _follow(self, event: events.Event, now_s: float) -> None:
        match event:
            case events.StatusReceived(values, at_s):
                self._follow_status(Status.of(values), at_s)
            case events.TelemetryReceived(values, at_s):
                telemetry = Telemetry.of(values)
                self._snapshot = replace(self._snapshot, telemetry=telemetry, telemetry_at_s=at_s)
            case events.IdentityReceived(values):
                self._snapshot = replace(self._snapshot, identity=Identity.of(values))
                self._begin_request(Ticket("GET_STATUS", {}, None))
            case events.Mismatch(sentence, is_pen):
                self._complaint = SchemaMismatchError(sentence) if is_pen else NotAPenError(sentence)
                self._greeted.set()
            case events.HelloUnanswered():
                self._greeted.set()
            case events.StopConfirmed(after_s):
                self._report_stop(StopReport(True, round(after_s * 1000)), now_s)
                self._stop_tickets.clear()
            case events.StopOverdue(after_s):
                self._report_stop(StopReport(False, round(after_s * 1000), "no answer", pending=True), now_s)
                self._dump("stop not confirmed", now_s)
            case events.PenRestarted() | events.SessionLost():
                self._snapshot = replace(self._snapshot, session=0)
                self._dump(type(event).__name__, now_s)
            case _:
                self.blackbox.act(now_s, str(event))

    def _follow_status(self, status: Status, at_s: float) -> None:
        before = self._snapshot.status
        if self._snapshot.identity is not None:
            self._greeted.set()
        self._snapshot = replace(self._snapshot, status=status, status_at_s=at_s, session=self._link.session)
        if status.stopped and not (before and before.stopped):
            self._dump(f"pen stopped {status.cause_text}", at_s)

    def _settle(self, event: events.Settled, now_s: float) -> None:
        ticket, _ = self._tickets.pop(event.token)
        self._snapshot = replace(self._snapshot, session=self._link.session)
        if isinstance(event.outcome, Unknown):
            self.blackbox.act(now_s, event.outcome.sentence)
            self._dump(f"unknown {ticket.name}", now_s)
        ticket.settle(event.outcome)

    def _report_stop(self, report: StopReport, now_s: float) -> None:
        self.blackbox.act(now_s, report.sentence)
        self._snapshot = replace(self._snapshot, stop=report, stopping=not report.confirmed)
        for ticket in self._stop_tickets:
            ticket.settle(report)

    def _publish(self, news: News) -> None:
        for subscription in self._subscriptions:
            subscription.put(news)

    def _dump(self, reason: str, now_s: float) -> None:
        self._dumps.ask(reason, self.blackbox.copy(), now_s, self._context())

    def _context(self) -> dict[str, object]:
        snapshot = self._snapshot
        return {
            "port": self._transport.name,
            "identity": snapshot.identity and asdict(snapshot.identity),
            "status": snapshot.status and asdict(snapshot.status),
            "counters": self._link.statistics(),
        }

    # --- the end --------------------------------------------------------------------------------------------------------

    def _lose(self, error: TransportLostError) -> None:
        now_s = self._clock()
        self.blackbox.act(now_s, error.sentence)
        self._complaint = error
        self._dump("connection lost", now_s)
        self._publish(error)

    def _end(self, why: str) -> None:
        """Nothing stays open behind the worker: every ticket is settled, every listener woken."""
        if self._ended:
            return
        self._snapshot = replace(self._snapshot, lost=why)
        self._link.fail(why)
        while (event := self._link.next_event()) is not None:
            if isinstance(event, events.Settled):
                self._settle(event, self._clock())
        self._snapshot = replace(self._snapshot, session=0)
        self._ended = True
        self._transport.close()
        self._refuse_notes()
        self._stops.extend(self._stop_tickets)
        self._refuse_stops()
        for subscription in self._subscriptions:
            subscription.close()
        self._greeted.set()

    def _refuse_notes(self) -> None:
        while self._notes:
            try:
                note = self._notes.popleft()
            except IndexError:
                return  # another thread took it
            if isinstance(note, Ticket):
                note.settle(_never_sent(note, self._snapshot.lost or ""))

    def _refuse_stops(self) -> None:
        while self._stops:
            try:
                ticket = self._stops.popleft()
            except IndexError:
                return  # another thread took it
            ticket.settle(StopReport(False, 0, self._snapshot.lost or "the connection is gone"))


def random_word() -> int:
    """A number 1..2^30-1 that nobody can guess; `secrets` would give it too, and load seven modules first."""
    return 1 + int.from_bytes(os.urandom(8), "little") % limits.WORD_MAX


def _ask(gate: Gate) -> bool:
    try:
        return bool(gate())
    except GATE_ERRORS:
        return False


def _never_sent(ticket: Ticket, why: str) -> Refused:
    sentence = (
        f"{ticket.name} was not sent: there is no connection to the pen ({why}). Nothing was changed by it. "
        "Connect again; a pen without a host stops by itself within 300 ms."
    )
    return Refused(Refusal.ABORTED, 0, sentence, ticket.name)
