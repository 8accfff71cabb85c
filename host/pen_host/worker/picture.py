"""What the worker knows about the pen: the snapshot, the listeners, and when the black box is written."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from ..blackbox import Blackbox
from ..errors import NotAPenError, PenError, SchemaMismatchError, TransportLostError
from ..link import Link, events
from ..link.readings import Identity, Status, Telemetry
from ..outcomes import Unknown
from .dumps import DumpWriter
from .snapshot import Snapshot
from .tickets import StopReport, StopTicket, Subscription

News = events.Event | TransportLostError


class Picture:
    """Changed by the worker's thread only; any thread may look, because each change replaces the snapshot whole.

    Args:
        port: Name of the connection.
        link: Asked for its session and its counters.
        blackbox: Told what happened.
        dumps: Writes the black box.
    """

    def __init__(self, port: str, link: Link, blackbox: Blackbox, dumps: DumpWriter) -> None:
        self.snapshot = Snapshot()
        self.complaint: PenError | None = None
        """Why there is no pen to work with."""
        self._port = port
        self._link = link
        self._blackbox = blackbox
        self._dumps = dumps
        self._stop_tickets: list[StopTicket] = []
        self._subscriptions: list[Subscription[News]] = []
        """Grows only, by single appends, which several threads may do at once."""

    def change(self, **values: Any) -> None:
        """Replace fields of the snapshot."""
        self.snapshot = replace(self.snapshot, **values)

    # --- news -----------------------------------------------------------------------------------------------------------

    def follow(self, event: events.Event, now_s: float) -> None:
        """Take in what the link says and tell every listener."""
        match event:
            case events.StatusReceived(values, at_s):
                self._follow_status(Status.of(values), at_s)
            case events.TelemetryReceived(values, at_s):
                self.change(telemetry=Telemetry.of(values), telemetry_at_s=at_s)
            case events.IdentityReceived(values):
                self.change(identity=Identity.of(values))
            case events.Mismatch(sentence, is_pen):
                self.complaint = SchemaMismatchError(sentence) if is_pen else NotAPenError(sentence)
            case events.StopConfirmed(after_s):
                self._report_stop(StopReport(True, round(after_s * 1000)), now_s)
                self._stop_tickets.clear()
            case events.StopOverdue(after_s):
                self._report_stop(StopReport(False, round(after_s * 1000), "no answer", pending=True), now_s)
                self.dump("stop not confirmed", now_s)
            case events.PenRestarted() | events.SessionLost():
                self.change(session=0)
                self.dump(type(event).__name__, now_s)
            case _:
                self._blackbox.act(now_s, str(event))
        self._publish(event)

    def settled(self, name: str, event: events.Settled, now_s: float) -> None:
        """A request ended; its session may have begun or ended with it."""
        self.change(session=self._link.session)
        if isinstance(event.outcome, Unknown):
            self._blackbox.act(now_s, event.outcome.sentence)
            self.dump(f"unknown {name}", now_s)

    def lose(self, error: TransportLostError, now_s: float) -> None:
        """The connection broke."""
        self._blackbox.act(now_s, error.sentence)
        self.complaint = error
        self.dump("connection lost", now_s)
        self._publish(error)

    def hold_heartbeat(self, name: str | None, now_s: float) -> None:
        """The heartbeat is kept back by `name`, or no longer."""
        if name == self.snapshot.heartbeat_held_by:
            return
        self.change(heartbeat_held_by=name)
        if name is not None:
            self._blackbox.act(now_s, f"heartbeat held back by {name}")

    # --- stop -----------------------------------------------------------------------------------------------------------

    def await_stop(self, ticket: StopTicket, now_s: float) -> None:
        """STOP was asked for; `ticket` is told what becomes of it."""
        self._blackbox.act(now_s, "STOP asked for")
        self._stop_tickets.append(ticket)
        self.change(stopping=True, stop=None)

    def end_stops(self, why: str) -> None:
        """No confirmation will come any more."""
        for ticket in self._stop_tickets:
            ticket.settle(StopReport(False, 0, why))
        self._stop_tickets.clear()

    # --- listeners and dumps --------------------------------------------------------------------------------------------

    def subscribe(self, size: int) -> Subscription[News]:
        """News from now on, for one listener. Any thread."""
        subscription: Subscription[News] = Subscription(size)
        self._subscriptions.append(subscription)
        if self.snapshot.lost is not None:
            subscription.close()
        return subscription

    def end(self) -> None:
        """No more news."""
        for subscription in list(self._subscriptions):
            subscription.close()

    def dump(self, reason: str, now_s: float, *, force: bool = False) -> None:
        """Have the black box written. Any thread."""
        snapshot = self.snapshot
        context = {
            "port": self._port,
            "identity": snapshot.identity and asdict(snapshot.identity),
            "status": snapshot.status and asdict(snapshot.status),
            "counters": self._link.statistics(),
        }
        self._dumps.ask(reason, self._blackbox.copy(), now_s, context, force)

    def _follow_status(self, status: Status, at_s: float) -> None:
        before = self.snapshot.status
        self.change(status=status, status_at_s=at_s, session=self._link.session)
        if status.stopped and not (before and before.stopped):
            self.dump(f"pen stopped {status.cause_text}", at_s)

    def _report_stop(self, report: StopReport, now_s: float) -> None:
        self._blackbox.act(now_s, report.sentence)
        self.change(stop=report, stopping=not report.confirmed)
        for ticket in self._stop_tickets:
            ticket.settle(report)

    def _publish(self, news: News) -> None:
        for subscription in list(self._subscriptions):
            subscription.put(news)
