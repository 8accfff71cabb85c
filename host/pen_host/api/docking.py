"""The one pen of the console: found, greeted, settled, and opened again when the connection breaks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..discovery import find_url
from ..errors import NoPenError, PenError
from ..journal import Journal
from ..pen import Pen
from ..session import Operator, Recovered, recover, wait_for_boot
from ..transport import Transport, open_transport
from ..worker import PenWorker, Snapshot
from .models import STREAM_HZ, Link

RETRY_S = 1.0
"""How long after a failed try the next one begins. (J)"""
LOOK_S = 0.1
ASK_AGAIN_S = 1.0
"""Telemetry that has not come for this long is asked for again: a pen that restarted has forgotten it."""
SETTLER = Operator("console", "console")
"""In whose name sessions that a crash left open are settled: nobody decided anything about them."""


ENDED = (
    "The console looks after the pen's connection no more, for a reason that the program does not understand. A pen that is "
    "connected can still be stopped here. Open the console again before anything is begun with it, and show an engineer the "
    "program's output."
)


@dataclass(frozen=True, slots=True)
class Source:
    """Which pen.

    Attributes:
        url: Its port or URL; None looks for one on USB.
        serial: Its serial number, or the beginning of it.
        dumps: Directory for black box dumps; None keeps none.
    """

    url: str | None = None
    serial: str | None = None
    dumps: Path | None = None

    @property
    def simulated(self) -> bool:
        """It lives in this process."""
        return (self.url or "").startswith("sim:")


@dataclass(frozen=True, slots=True)
class Docked:
    """A pen that is connected.

    Attributes:
        url: Where.
        pen: To be asked.
        clock: Seconds as the pen lives them.
        pause: Lets them pass.
        transport: The line; a simulated one has hands.
        turn: Held by whoever has a session on it, or settles one: the pen knows one session at a time, and would close
            somebody else's as readily as its own.
    """

    url: str
    pen: Pen
    clock: Callable[[], float]
    pause: Callable[[float], None]
    transport: Transport
    turn: threading.Lock = field(default_factory=threading.Lock, compare=False)


@dataclass(frozen=True, slots=True)
class Standing:
    """How the connection stands at one moment.

    Attributes:
        docked: The pen, None while there is none.
        link: How it stands.
        complaint: Why there is no pen to work with.
    """

    docked: Docked | None = None
    link: Link = Link.SEARCHING
    complaint: str | None = None


class Dock:
    """Keeps one pen connected, in a thread of its own.

    Args:
        source: Which pen.
        journal: For sessions that a crash left open.
        gates: Names and gates of the heartbeat.
        busy: A treatment still holds the pen that was lost; it ends first.
        settled: Told of every session that a crash had left open, or of what could not be settled, before anything can begin;
            and of an end of the thread here.
        stop_first: STOP was asked for while there was no pen: it goes out before anything else.

    Attributes:
        standing: How it stands. Replaced whole; any thread may look.
        worker: Of the pen that is there, and already of one that is being greeted: STOP goes to it. None without one.
    """

    def __init__(
        self,
        source: Source,
        journal: Journal,
        gates: dict[str, Callable[[], bool]],
        busy: Callable[[], bool],
        settled: Callable[[Recovered | None, str], None],
        stop_first: Callable[[], bool],
    ) -> None:
        self.source = source
        self.standing = Standing()
        self.worker: PenWorker | None = None
        self._journal = journal
        self._gates = gates
        self._busy = busy
        self._settled = settled
        self._stop_first = stop_first
        self._last: Transport | None = None
        self._asked_s = 0.0
        self._again = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="console-dock", daemon=True)

    @property
    def docked(self) -> Docked | None:
        """The pen, None while there is none. Good for looking at it; see `ready`."""
        return self.standing.docked

    @property
    def ready(self) -> Docked | None:
        """The pen to begin something with: what an earlier run left open on it is settled. None while there is none."""
        standing = self.standing
        return None if standing.link is Link.SETTLING else standing.docked

    def start(self) -> None:
        """Begin to look for it."""
        self._thread.start()

    def settle_again(self) -> None:
        """The record takes entries again: what could not be settled or closed in it is settled now; returns at once."""
        self._again.set()

    def close(self) -> None:
        """Let go of the pen. It stops by itself when it was armed."""
        self._closing.set()
        self._thread.join()
        docked = self.docked
        self.standing, self.worker = Standing(), None
        if docked is not None:
            docked.pen.close()

    def snapshot(self) -> Snapshot | None:
        """What is known of the pen now; None without one."""
        docked = self.docked
        return docked.pen.snapshot() if docked else None

    def _run(self) -> None:
        try:
            self._keep_connected()
        finally:
            if not self._closing.is_set():  # an error of the program; what it was stands in its output
                self._settled(None, ENDED)

    def _keep_connected(self) -> None:
        while not self._closing.is_set():
            docked = self.docked
            if docked is None:
                self._try()
            elif docked.pen.snapshot().lost is not None:
                self._let_go(docked)
            else:
                self._keep_telemetry(docked)
                self._settle_where_asked(docked)
            self._closing.wait(LOOK_S if self.docked else RETRY_S)

    def _try(self) -> None:
        try:
            docked = self._open()
        except NoPenError as error:
            self.standing = Standing(None, Link.SEARCHING, error.sentence)
        except PenError as error:
            self.standing = Standing(None, Link.REFUSED, error.sentence)
        else:
            with docked.turn:  # nobody has it yet
                self._settle(docked)

    def _settle_where_asked(self, docked: Docked) -> None:
        """A run that is under way has the pen, and closes its session by itself."""
        if not self._again.is_set() or self._busy() or not docked.turn.acquire(blocking=False):
            return
        try:
            self._settle(docked)
        finally:
            docked.turn.release()

    def _open(self) -> Docked:
        transport = self._line()
        clock = getattr(transport, "clock", time.monotonic)
        pause = getattr(transport, "pause", time.sleep)
        worker = PenWorker(transport, clock, self.source.dumps)
        try:
            for name, gate in self._gates.items():
                worker.add_gate(name, gate)
            # in this order: a STOP that is given now either finds the worker or is found here
            self.worker = worker
            if self._stop_first():
                worker.stop()
            identity = worker.connect()
            if self.source.serial and not identity.serial.startswith(self.source.serial.lower()):
                raise NoPenError(
                    f"The pen on {transport.name} has the serial number {identity.serial}, not {self.source.serial}; "
                    "nothing was sent to it but a greeting. Connect the wanted pen."
                )
            self._ask_telemetry(worker)
        except PenError:
            self.worker = None
            worker.close()
            raise
        return Docked(transport.name, Pen(worker), clock, pause, transport)

    def _line(self) -> Transport:
        """A line to the pen; a simulated pen goes on living between two of them."""
        reopened = getattr(self._last, "reopened", None)
        line: Transport = (
            reopened() if reopened else open_transport(self.source.url or find_url(self.source.serial))
        )
        self._last = line
        return line

    def _let_go(self, docked: Docked) -> None:
        busy = self._busy()  # its treatment notices by itself, writes down what it can, and ends
        self.standing = Standing(docked if busy else None, Link.LOST, docked.pen.snapshot().lost)
        if not busy:
            self.worker = None
            docked.pen.close()

    def _settle(self, docked: Docked) -> None:
        """Whoever calls has the pen's turn."""
        self._again.clear()
        self.standing = Standing(docked, Link.SETTLING)
        try:
            wait_for_boot(docked.pen)
            recover(docked.pen, self._journal, SETTLER, lambda one: self._settled(one, ""))
        except PenError as error:
            self._settled(None, error.sentence)
        self.standing = Standing(docked, Link.CONNECTED)

    def _keep_telemetry(self, docked: Docked) -> None:
        snapshot = docked.pen.snapshot()
        late = snapshot.telemetry is None or snapshot.telemetry_age_ms > ASK_AGAIN_S * 1000
        if late and time.monotonic() - self._asked_s > ASK_AGAIN_S:
            self._ask_telemetry(docked.pen.worker)

    def _ask_telemetry(self, worker: PenWorker) -> None:
        self._asked_s = time.monotonic()
        worker.submit("SET_TELEMETRY", {"rate_hz": STREAM_HZ})
