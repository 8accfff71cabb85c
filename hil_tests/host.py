"""The real host program on a bench, in the caller's thread: its worker's passes run while somebody asks, or in `let_pass`."""

from __future__ import annotations

from collections.abc import Callable

from hil_tests.benches import Bench
from pen_host.errors import TransportLostError
from pen_host.link.readings import Identity, Status
from pen_host.names import State
from pen_host.outcomes import Done, Outcome, Value
from pen_host.pen import Pen
from pen_host.transport import Transport
from pen_host.worker import PenWorker, Ticket
from pen_host.worker.core import random_word

GREETING_S = 6.0
"""A pen that was just switched on has greeted within this."""
PATIENCE_S = 60.0
"""A request that is not settled after this never will be."""
BOOTED_S = 6.0
"""From a reset to an idle pen whose self-test has passed."""
ARMED_S = 3.0
OPERATOR = 7
DEPTH_UM = 300
RATE_MHZ = 100_000


class InlineWorker(PenWorker):
    """The worker without its thread. Its transport's reads let time pass."""

    def __init__(
        self,
        transport: Transport,
        clock: Callable[[], float],
        wall: Callable[[], float] | None = None,
    ) -> None:
        super().__init__(transport, clock, None, wall or clock)

    @property
    def dead(self) -> bool:
        """The connection is gone for good."""
        return self._ended

    def start(self) -> None:
        """Greet."""
        if not self._started:
            self._started = True
            self._link.hello(self._clock(), random_word())

    def connect(self, timeout_s: float = GREETING_S) -> Identity:
        """Greet and wait; see the worker."""
        self.start()
        self.run(self._greeted.is_set, timeout_s)
        self._greeted.set()
        return super().connect(0)

    def call(
        self, name: str, values: dict[str, Value] | None = None, timeout_s: float | None = None
    ) -> Outcome:
        """Ask, and let time pass until it is settled."""
        ticket = self.submit(name, values, timeout_s)
        self.settle(ticket)
        assert ticket.outcome is not None, f"{name} was not settled within {PATIENCE_S} s"
        return ticket.outcome

    def settle(self, ticket: Ticket) -> None:
        """Let time pass until a request has its outcome, or patience ends."""
        self.run(lambda: ticket.outcome is not None, PATIENCE_S)

    def run(self, until: Callable[[], bool], limit_s: float) -> bool:
        """Pass after pass until something is so, time is up, or the connection is lost; whether it is so."""
        end_s = self._clock() + limit_s
        self.start()
        while not self._ended:
            try:
                self._pass()
            except TransportLostError as error:
                self._picture.lose(error, self._clock())
                self._end(error.why)
            if until():
                return True
            if self._clock() >= end_s:
                return False
        return until()


class Station:
    """A host at a bench: worker and client, and the usual way to strokes.

    Attributes:
        bench: The bench with the pen.
        pen: The host's client.
        worker: Its worker.
    """

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.worker = InlineWorker(bench.transport(), bench.clock)
        self.pen = Pen(self.worker)

    # --- the usual way ----------------------------------------------------------------------------------------------------

    def greet(self) -> Station:
        """Connect and wait until the pen has booted and is idle."""
        self.worker.connect()
        assert self.reaches(State.IDLE, BOOTED_S), f"the pen did not become idle: {self.pen.status()}"
        return self

    def open(self) -> Done:
        """A session. Its number is drawn: a pen that has stayed on refuses one that it knows, as a replay."""
        return self.done(self.pen.open_session(operator=OPERATOR, nonce=random_word()))

    def prepare(self, depth_um: int = DEPTH_UM, rate_mhz: int = RATE_MHZ) -> Station:
        """Session, homing, protrusion, rate, cartridge: all that comes before arming."""
        pen = self.pen
        self.open()
        self.done(pen.home())
        self.done(pen.set_depth(depth_um))
        self.done(pen.set_rate(rate_mhz))
        self.done(pen.cartridge_use(pen.cartridge_read().serial))
        return self

    def arm(self, depth_um: int = DEPTH_UM, rate_mhz: int = RATE_MHZ) -> Station:
        """Arm, and wait until the trigger has been seen released."""
        self.done(self.pen.arm(depth_um, rate_mhz))
        assert self.reaches(State.ARMED, ARMED_S), f"the pen did not arm: {self.pen.status()}"
        return self

    @staticmethod
    def done(outcome: Outcome) -> Done:
        """The outcome, which must be Done."""
        assert isinstance(outcome, Done), outcome
        return outcome

    # --- time and state -----------------------------------------------------------------------------------------------------

    def let_pass(self, duration_ms: float) -> None:
        """Let time pass with the host at work: heartbeats, answers."""
        self.worker.run(lambda: False, duration_ms / 1_000)

    def fall_silent(self, duration_ms: float) -> None:
        """Let time pass with the host doing nothing, as a process that was killed."""
        self.bench.run_ms(duration_ms)

    def reaches(self, state: State, within_s: float) -> bool:
        """Let time pass until the pen says it is in this state; False when it did not."""

        def there() -> bool:
            status = self.worker.snapshot().status
            return status is not None and status.state is state

        return self.worker.run(there, within_s)

    def status(self) -> Status:
        """What the pen says now."""
        return self.pen.status()

    def reconnect(self) -> Station:
        """A new host program at the same pen: after a reset, or after the old one was killed."""
        self.worker.close()
        return Station(self.bench)
