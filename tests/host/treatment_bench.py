"""A whole station in simulated time: the real firmware, worker, session, record and treatment, and hands that do as told."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from types import TracebackType

from pen_host.journal import Journal, JournalFullError, Kind, Row
from pen_host.link.events import Event, Settled
from pen_host.models import Plan, Zone
from pen_host.outcomes import Outcome, Value
from pen_host.pen import Pen
from pen_host.plans import load_plan
from pen_host.progress import Progress
from pen_host.session import (
    Job,
    Operator,
    Proceed,
    Session,
    TreatmentResult,
    open_session,
    recover,
    run_treatment,
)
from pen_host.worker import PenWorker, StopTicket, Ticket
from pen_sim.rig import SimPen
from tests.host.stepped import SteppedTransport

OPERATOR = Operator("Dr. Test")
TODAY = date(2026, 11, 22)
PATIENT = "P-0001"
NOON_NS = (
    int(datetime(TODAY.year, TODAY.month, TODAY.day, 12).timestamp()) * 10**9  # noqa: DTZ001 - of here
    - time.monotonic_ns()
)
"""So that noon of TODAY is when the tests began; the clock goes on from there as the real one does."""
ANSWER_S = 60
CHANGE_MS = 200
"""How long the latch is open while a cartridge is changed."""


def small_plan(zones: int = 2, **zone_changes: object) -> Plan:
    """The shipped demonstration, cut down to zones of some 25 strokes each."""
    plan = load_plan("demo_scalp")
    changes = {"area_mm2": 100, "depth_um": 300, "hold_s": 1, **zone_changes}
    return plan.model_copy(
        update={"zones": tuple(zone.model_copy(update=changes) for zone in plan.zones[:zones])}
    )


class SteppedWorker(PenWorker):
    """A worker whose time passes only while somebody asks it something or pauses."""

    def __init__(self, line: SteppedTransport, dumps: Path | None = None) -> None:
        super().__init__(line, line.clock, dumps, line.clock)
        self._line = line
        self._asked: Ticket | None = None
        self._met = False

    @contextmanager
    def flowing(self):  # type: ignore[no-untyped-def]
        """Time passes meanwhile."""
        self._line.flow(True)
        try:
            yield
        finally:
            self._line.flow(False)

    def call(
        self, name: str, values: dict[str, Value] | None = None, timeout_s: float | None = None
    ) -> Outcome:
        self._asked = ticket = self.submit(name, values, timeout_s)
        with self.flowing():
            return ticket.wait()

    def stop_now(self) -> StopTicket:
        """STOP from whatever thread; time is not touched."""
        return super().stop()

    def stop(self) -> StopTicket:
        ticket = super().stop()
        with self.flowing():
            ticket.wait(ANSWER_S)
        return ticket

    def _note_greeting(self, event: Event) -> None:
        super()._note_greeting(event)
        if self._greeted.is_set() and not self._met:
            # as below: when a treatment begins decides what a bad cable loses of it
            self._met = True
            self._line.hold()

    def _settle(self, event: Settled, now_s: float) -> None:
        # time stands from the moment the answer is there: a slow computer adds no simulated time
        if self._tickets[event.token][0] is self._asked:
            self._line.hold()
        super()._settle(event, now_s)


@dataclass
class Hands:
    """Hands that do as told; a test puts its own deeds into the lists.

    Attributes:
        sim: The pen they hold.
        on_hold: Called after the trigger was pressed, with the number of the hold from 1.
        on_cartridge: Called instead of putting a new cartridge in, with the number of the request from 1.
        on_resolve: Called when a cause is to be removed.
        asked: Everything they were asked, in order.
        agrees: What they answer when a stop is to be cleared.
        in_contact: The tip is put on skin.
        presses: The trigger is pressed at all.
    """

    sim: SimPen
    on_hold: Callable[[int], None] = lambda _: None
    on_cartridge: Callable[[int], None] | None = None
    on_resolve: Callable[[], None] = lambda: None
    on_release: Callable[[], None] | None = None
    on_proceed: Callable[[Zone], Proceed] = lambda _: Proceed.ARM
    asked: list[tuple[str, str]] = field(default_factory=list)
    agrees: bool = True
    in_contact: bool = True
    presses: bool = True

    def give_cartridge(self, why: str) -> None:
        self.asked.append(("cartridge", why))
        number = sum(1 for kind, _ in self.asked if kind == "cartridge")
        if self.on_cartridge:
            self.on_cartridge(number)
        elif number == 1:
            self.sim.bench.latch()  # the pen comes with a new one in it
        else:
            self.change(self.sim.bench.insert_new_cartridge)

    def change(self, insert: Callable[[], object]) -> None:
        """Take out what is in, then put in something else; the latch is open in between as with real hands."""
        self.sim.bench.take_cartridge()
        self.sim.at_ms(CHANGE_MS, insert)

    def proceed(self, zone: Zone) -> Proceed:
        self.asked.append(("proceed", zone.name))
        return self.on_proceed(zone)

    def hold(self, zone: Zone) -> None:
        self.asked.append(("hold", zone.name))
        if self.in_contact:
            self.sim.bench.touch_skin()
        if self.presses:
            self.sim.bench.press_trigger()
        self.on_hold(sum(1 for kind, _ in self.asked if kind == "hold"))

    def release(self) -> None:
        self.asked.append(("release", ""))
        if self.on_release:
            self.on_release()
            return
        self.sim.bench.release_trigger()
        self.sim.bench.lift()

    def resolve(self, cause: str, what_to_do: str) -> None:
        self.asked.append(("resolve", f"{cause}: {what_to_do}"))
        self.on_resolve()

    def clear(self, cause: str, _operator: str) -> bool:
        self.asked.append(("clear", cause))
        return self.agrees

    def confirm(self, _question: str) -> bool:
        return False


class Station:
    """One pen, one host, one record.

    Args:
        place: Directory of record and pictures.
        sim: The pen.
    """

    def __init__(self, place: Path, sim: SimPen | None = None, *, greet: bool = True) -> None:
        self.place = place
        self.sim = sim or SimPen(seed=1)
        self.line = SteppedTransport(self.sim)
        self.worker = SteppedWorker(self.line)
        self.pen = Pen(self.worker)
        # the record's clock is the station's: a test must not depend on the day it is run
        self.journal = Journal.create_or_open(
            place / "record.sqlite", utc_ns=lambda: NOON_NS + time.monotonic_ns()
        )
        self.worker.add_gate("journal", lambda: self.journal.healthy)
        self.hands = Hands(self.sim)
        self.shown: list[Progress] = []
        self.watch: Callable[[Progress], None] = self.shown.append
        self.on_pause: Callable[[], None] = lambda: None
        self.begun_us = self.sim.now_us
        if greet:
            with self.worker.flowing():
                self.worker.connect(ANSWER_S)
            self.let_pass(1.5)

    def let_pass(self, duration_s: float) -> None:
        """Let time pass."""
        self.line.let_pass(round(duration_s * 1e6))

    def pause(self, duration_s: float) -> None:
        """How the treatment waits."""
        self.on_pause()
        self.let_pass(duration_s)

    def treat(self, plan: Plan | None = None, patient: str | None = PATIENT) -> TreatmentResult:
        """The whole job."""
        job = Job(
            self.pen,
            self.journal,
            plan or small_plan(),
            OPERATOR,
            patient,
            self.hands,
            lambda progress: self.watch(progress),
            clock=self.line.clock,
            pause=self.pause,
        )
        return run_treatment(job, self.place, TODAY)

    def open(self, plan: Plan | None = None) -> Session:
        """A session without a treatment."""
        return open_session(self.pen, self.journal, OPERATOR, plan or small_plan(), PATIENT, {})

    def pen_stopped(self) -> bool:
        """The pen says that a stop is latched."""
        return self.pen.status().stopped

    def strokes_made(self) -> int:
        """Edges on the coil since the station began: the physical truth."""
        return len(self.sim.trace.rises("coil", self.begun_us))

    def last_stroke_us(self) -> int:
        """When the coil went on for the last time."""
        return self.sim.trace.rises("coil", self.begun_us)[-1]

    def rows(self, kind: Kind | None = None) -> list[Row]:
        """Entries of the record."""
        with self.journal.reader() as reader:
            return [row for row in reader.rows() if kind is None or row.kind == kind]

    def strokes_recorded(self) -> int:
        """Strokes of every session in the record."""
        with self.journal.reader() as reader:
            return sum(reader.strokes(one.session_id).total.strokes for one in reader.sessions())

    def fill_disk(self) -> None:
        """The record's file grows no further, as on a full disk, and some entry has found that out."""
        pages = self.journal._raw.execute("PRAGMA page_count").fetchone()[0]
        self.journal._raw.execute(f"PRAGMA max_page_count = {pages}")
        with suppress(JournalFullError):
            while True:
                self.journal.append(Kind.NOTE, {"text": "x" * 4_000})

    def free_disk(self) -> None:
        """There is room again."""
        self.journal._raw.execute("PRAGMA max_page_count = 1000000")

    def close(self) -> None:
        self.line.flow(True)
        self.worker.close()
        self.journal.close()

    def __enter__(self) -> Station:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def counts_agree(station: Station) -> None:
    """Coil, pen and record have counted the same."""
    made = station.strokes_made()
    assert station.strokes_recorded() == made
    assert station.sim.pen.counters.strokes_total == made


def closed_in_order(station: Station) -> None:
    """The session is closed on both sides, nothing is left open, and the counts agree."""
    with station.journal.reader() as reader:
        assert all(one.closed_utc_ns is not None for one in reader.sessions())
    assert station.pen.status().session_nonce == 0
    assert recover(station.pen, station.journal, OPERATOR) == []
    counts_agree(station)
    assert station.journal.verify().intact
