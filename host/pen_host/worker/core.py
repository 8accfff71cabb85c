"""One thread owns the transport, the link and the clock; every other thread leaves it notes.

A note is one append to a deque and a wake, so no caller ever holds a lock the worker needs. STOP notes are read first, before
anything is received or sent.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from pen_protocol import limits

from ..blackbox import Blackbox
from ..errors import NoPenError, TransportLostError
from ..link import Link, events, frames
from ..link.readings import Identity
from ..outcomes import Outcome, Value
from ..transport import Transport, WriteBlockedError
from .dumps import DumpWriter
from .gates import Gate, Gates
from .inbox import Adopt, Inbox
from .picture import News, Picture
from .snapshot import Snapshot
from .tickets import StopTicket, Subscription, Ticket

READ_S = 0.02
"""Longest single read: what a system without `wake` costs a note."""
BLOCKED_WRITES = 5
"""Writes in a row that the other side did not take: the connection counts as lost."""
BEATS_A_SECOND = 64
"""More than are ever sent: the count a program starts with lies above every count of the one before."""
CONNECT_S = 2 * limits.WATCHDOG_MS / 1000
"""Greetings until nobody is there, and as long again for what the pen says after its identity. (J)"""


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
        self.blackbox = Blackbox()
        self._transport = transport
        self._clock = clock
        last_beat = int(wall() * BEATS_A_SECOND) % (limits.WORD_MAX // 2)
        self._link = Link(random_word() & 0xFFFF, self.blackbox.frame, last_beat)
        self._inbox = Inbox(transport.wake)
        self._gates = Gates()
        self._dumps = DumpWriter(dumps)
        self._picture = Picture(transport.name, self._link, self.blackbox, self._dumps)
        self._tickets: dict[int, tuple[Ticket, float]] = {}
        self._greeted = threading.Event()
        self._blocked_writes = 0
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
        identity = self._picture.snapshot.identity
        if identity is not None:
            return identity
        raise self._picture.complaint or NoPenError(
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
        self._inbox.put(ticket)
        return ticket

    def stop(self) -> StopTicket:
        """STOP, ahead of everything. Returns at once; needs no session, no lock and no handshake."""
        ticket = StopTicket()
        self._inbox.put_stop(ticket)
        return ticket

    def add_gate(self, name: str, gate: Gate) -> None:
        """The heartbeat goes out only while every gate says True. Asked often, in the worker's thread: answer at once."""
        self._gates.add(name, gate)

    def remove_gate(self, name: str) -> None:
        """A gate is asked no longer."""
        self._gates.remove(name)

    def snapshot(self) -> Snapshot:
        """What is known now."""
        return replace(self._picture.snapshot.aged(self._clock()), counters=self._link.statistics())

    def subscribe(self, size: int = 256) -> Subscription[News]:
        """News from now on: link events, and the error when the connection breaks."""
        return self._picture.subscribe(size)

    def adopt_session(self, nonce: int, last_sequence: int) -> None:
        """Take over a session that the pen holds and this program knows from its record."""
        self._inbox.put(Adopt(nonce, last_sequence))

    def note(self, text: str) -> None:
        """Put what the program does into the black box."""
        self.blackbox.act(self._clock(), text)

    def dump(self, reason: str) -> None:
        """Have the black box written."""
        self._picture.dump(reason, self._clock(), force=True)

    def close(self) -> None:
        """End the thread and let go of the port. The pen, hearing no heartbeat, stops by itself."""
        self._closing = True
        if self._thread.is_alive():
            self._inbox.nudge()
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
            self._picture.lose(error, self._clock())
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
        data = self._transport.read(0.0 if self._inbox.waiting else wait_s)
        if data:
            self._link.receive(data, self._clock())

    def _take_notes(self) -> None:
        self._inbox.look()
        while (stop := self._inbox.take_stop()) is not None:
            now_s = self._clock()
            self._picture.await_stop(stop, now_s)
            self._link.stop(now_s)
            self._send()
        while (note := self._inbox.take()) is not None:
            if isinstance(note, Adopt):
                self._link.adopt_session(note.nonce, note.last_sequence)
                self._picture.change(session=note.nonce)
            else:
                self._begin_request(note)

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
        snapshot = self._picture.snapshot
        arming = any(ticket.name == "ARM" for ticket, _ in self._tickets.values())
        wanted = arming or bool(snapshot.status and snapshot.status.armed)
        held_by = self._gates.held_by(now_s - snapshot.status_at_s) if wanted else None
        self._picture.hold_heartbeat(held_by, now_s)
        return wanted and held_by is None

    def _handle_events(self, now_s: float) -> None:
        while (event := self._link.next_event()) is not None:
            if isinstance(event, events.Settled):
                self._settle(event, now_s)
                continue
            self._picture.follow(event, now_s)
            self._note_greeting(event)

    def _note_greeting(self, event: events.Event) -> None:
        """A caller that connects gets a pen with a status, or a reason."""
        if isinstance(event, events.IdentityReceived):
            self._begin_request(Ticket("GET_STATUS", {}, None))
        answered = isinstance(event, events.StatusReceived) and self._picture.snapshot.identity is not None
        if answered or isinstance(event, events.Mismatch | events.HelloUnanswered):
            self._greeted.set()

    def _settle(self, event: events.Settled, now_s: float) -> None:
        ticket, _ = self._tickets.pop(event.token)
        self._picture.settled(ticket.name, event, now_s)
        ticket.settle(event.outcome)

    def _end(self, why: str) -> None:
        """Nothing stays open behind the worker: every ticket is settled, every listener woken."""
        if self._ended:
            return
        self._ended = True
        self._picture.change(lost=why)
        self._link.fail(why)
        while (event := self._link.next_event()) is not None:
            if isinstance(event, events.Settled):
                self._settle(event, self._clock())
        self._picture.change(session=0)
        self._transport.close()
        self._inbox.end(why)
        self._picture.end_stops(why)
        self._picture.end()
        self._greeted.set()


def random_word() -> int:
    """A number 1..2^30-1 that nobody can guess; `secrets` would give it too, and load seven modules first."""
    return 1 + int.from_bytes(os.urandom(8), "little") % limits.WORD_MAX
