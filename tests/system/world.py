"""One pen, one station, one record, one thread: the real worker, client, session and journal on the real firmware.

The worker's own pass is called instead of its thread's loop, and its reads let simulated time pass. Nothing sleeps, nothing
waits for the wall clock, and the same seed does the same again.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pen_host.errors import PenError, TransportLostError
from pen_host.journal import Journal, JournalReader, Kind, verify_record
from pen_host.link.readings import EventPage, Identity
from pen_host.names import EventCode
from pen_host.outcomes import Outcome, Value
from pen_host.pen import Pen
from pen_host.session import Operator, Recovered, recover
from pen_host.worker import PenWorker, Ticket, core
from pen_protocol.codec import header_number
from pen_protocol.framing import Decoder
from pen_sim.rig import SimPen

RECORD = "record.sqlite"
OPERATOR = Operator("campaign", "rig")
STEP_US = 2_000
"""Longest piece of simulated time between two looks at the stream."""
GREETING_US = 3_000_000
PATIENCE_US = 60_000_000
"""A request that is not settled after this much simulated time never will be."""


@contextmanager
def words_from(draw: random.Random) -> Iterator[None]:
    """Numbers that nobody can guess come from here, so that a run can be repeated."""
    before = core.random_word
    core.random_word = lambda: draw.randrange(1, 1 << 30)
    try:
        yield
    finally:
        core.random_word = before


class Line:
    """A transport whose reads let simulated time pass.

    Attributes:
        history: When frames were sent, by message number, in order of time.
        noise: Called before each read; may put bytes of its own on the wire.
    """

    name = "simulated line"

    def __init__(self, sim: SimPen) -> None:
        self.sim = sim
        self.history: dict[int, list[int]] = {}
        self.noise: Callable[[], None] | None = None
        self.cut = False
        self.one_by_one = False
        """Bytes travel alone."""
        self._reader = Decoder()

    def clock(self) -> float:
        """Seconds of simulated time."""
        return self.sim.now_us / 1e6

    def read(self, timeout_s: float) -> bytes:
        """Bytes as soon as there are any; time passes meanwhile."""
        if self.noise is not None:
            self.noise()
        end_us = self.sim.now_us + max(1, round(timeout_s * 1e6)) if timeout_s > 0 else self.sim.now_us
        while True:
            self._check()
            data = self.sim.stream.read(1) if self.one_by_one else self.sim.stream.read()
            if data or self.sim.now_us >= end_us:
                return data
            self.sim.advance_to(min(end_us, self.sim.now_us + STEP_US))

    def write(self, data: bytes) -> None:
        """Send; what was sent when is kept for the judges."""
        self._check()
        at = 0
        while at < len(data):
            at = self._reader.feed(data, at, len(data))
            if self._reader.length:
                self.history.setdefault(header_number(self._reader.frame), []).append(self.sim.now_us)
        for piece in [bytes([byte]) for byte in data] if self.one_by_one else [data]:
            self.sim.stream.write(piece)

    def wake(self) -> None:
        """Nobody waits in another thread."""

    def close(self) -> None:
        """Let go."""

    def _check(self) -> None:
        if self.cut or not self.sim.stream.plugged:
            raise TransportLostError(self.name, "the cable was pulled")


class InlineWorker(PenWorker):
    """The worker without its thread: time passes while somebody asks, or in `let_pass`."""

    def __init__(self, line: Line, draw: random.Random) -> None:
        with words_from(draw):
            super().__init__(line, line.clock, None, line.clock)
        self.line = line
        self._draw = draw
        self.tickets: list[Ticket] = []

    @property
    def dead(self) -> bool:
        """The connection is gone for good."""
        return self._ended

    def start(self) -> None:
        """Greet."""
        if not self._started:
            self._started = True
            with words_from(self._draw):
                self._link.hello(self._clock(), core.random_word())

    def connect(self, timeout_s: float = GREETING_US / 1e6) -> Identity:
        """Greet and wait; see the worker."""
        self.start()
        self.run(self._greeted.is_set, round(timeout_s * 1e6))
        self._greeted.set()
        return super().connect(0)

    def submit(
        self, name: str, values: dict[str, Value] | None = None, timeout_s: float | None = None
    ) -> Ticket:
        """Ask without waiting; kept, so that the end can be asked for."""
        ticket = super().submit(name, values, timeout_s)
        self.tickets.append(ticket)
        return ticket

    def call(
        self, name: str, values: dict[str, Value] | None = None, timeout_s: float | None = None
    ) -> Outcome:
        """Ask, and let time pass until it is settled."""
        ticket = self.submit(name, values, timeout_s)
        self.run(lambda: ticket.outcome is not None, PATIENCE_US)
        assert ticket.outcome is not None, f"{name} was not settled within {PATIENCE_US // 1_000_000} s"
        return ticket.outcome

    def let_pass(self, duration_us: int) -> None:
        """Let time pass with this worker at work."""
        self.run(lambda: False, duration_us)

    def run(self, until: Callable[[], bool], limit_us: int) -> None:
        """Pass after pass until something is so, or time is up, or the connection is lost."""
        end_us = self.line.sim.now_us + limit_us
        self.start()
        while not self._ended:
            try:
                self._pass()
            except TransportLostError as error:
                self._picture.lose(error, self._clock())
                self._end(error.why)
            if until() or self.line.sim.now_us >= end_us:
                break
        if self.line.sim.now_us < end_us and not until():
            self.line.sim.advance_to(end_us)


class Client(Pen):
    """The client, with every event it is ever told kept."""

    def __init__(self, worker: InlineWorker, seen: dict[int, object]) -> None:
        super().__init__(worker)
        self._seen = seen

    def event_page(self, next_id: int) -> EventPage:
        """See `Pen`; no number may ever come with other content."""
        page = super().event_page(next_id)
        last_id = 0
        for event in page.events:
            assert event.event_id > last_id, f"event {event.event_id} after event {last_id}"
            last_id = event.event_id
            assert self._seen.setdefault(event.event_id, event) == event, (
                f"event {event.event_id} again with other content"
            )
        return page


class Station:
    """A host: its record on the disk, and a worker and a client while its program runs."""

    def __init__(self, sim: SimPen, place: Path, seed: int = 0) -> None:
        self.sim = sim
        self.place = place
        self.events: dict[int, object] = {}
        self.history: dict[int, list[int]] = {}
        """When the host sent what, by message number."""
        self.noise: Callable[[], None] | None = None
        self._draw = random.Random(seed)
        self.open_tickets: list[Ticket] = []
        self.start()

    def start(self) -> None:
        """The program starts: a new link, the record as it lies on the disk."""
        self.line = Line(self.sim)
        self.line.history = self.history
        self.line.noise = self.noise
        self.worker = InlineWorker(self.line, self._draw)
        self.worker.tickets = self.open_tickets
        self.pen = Client(self.worker, self.events)
        self.journal = Journal.create_or_open(self.place / RECORD)
        journal = self.journal
        self.worker.add_gate("journal", lambda: journal.healthy)

    def kill(self) -> None:
        """The program ends, without a word to the pen."""
        self.line.cut = True
        self.worker.close()
        self.journal.close()

    def restart(self) -> None:
        """The program ends and starts anew."""
        self.kill()
        self.start()

    def reach(self) -> bool:
        """Whether a pen answers; starts the program anew when its connection is lost."""
        if self.worker.dead:
            if not self.sim.stream.plugged:
                return False
            self.restart()
        try:
            self.worker.connect()
        except PenError:
            self.restart()
            return False
        return True

    def settle(self) -> list[Recovered]:
        """Recover every interrupted session. Raises as `recover` does."""
        return recover(self.pen, self.journal, OPERATOR)

    def forget(self) -> None:
        """Drop what is kept for judges only."""
        self.events.clear()
        self.history.clear()
        self.open_tickets.clear()

    def stop_soon(self) -> None:
        """STOP is asked for, as from another thread: sent when the worker looks next."""
        if not self.worker.dead:
            PenWorker.stop(self.worker)

    def let_pass(self, duration_ms: float) -> None:
        """Let time pass with the host at work, or dead."""
        self.worker.let_pass(round(duration_ms * 1_000))

    def close(self) -> None:
        """End it all."""
        self.kill()

    # --- what the record says -----------------------------------------------------------------------------------------

    def recorded(self) -> tuple[int, bool]:
        """Strokes of all sessions in the record, and whether it says that none can be missing."""
        strokes, sure = 0, True
        with JournalReader(self.place / RECORD) as reader:
            for one in reader.sessions():
                report = reader.strokes(one.session_id)
                strokes += report.total.strokes
                sure = sure and report.sure
        return strokes, sure

    def pen_told_unsure(self) -> bool:
        """Whether the pen ever said that its totals may be short."""
        with JournalReader(self.place / RECORD) as reader:
            events = reader.payloads(Kind.PEN_EVENT)
        return any(event["code"] == EventCode.RECOVERED and event["arg"] == 0 for event in events)

    def assert_record_whole(self) -> None:
        """The chain verifies, and no event number came twice with other content."""
        report = verify_record(self.place / RECORD)
        assert report.intact, "; ".join(damage.sentence for damage in report.damages)
        with JournalReader(self.place / RECORD) as reader:
            conflicts = reader.payloads(Kind.EVENT_CONFLICT)
        assert not list(conflicts), f"events told twice with other content: {list(conflicts)}"
