"""A clinic's station on the days of a course: the same pen, the same record, another morning each time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from ..journal import Journal
from ..models import Plan, Zone
from ..pen import Pen
from ..progress import Progress
from ..records import Clinic
from ..records.models import Visit
from ..session import Job, Operator, Proceed, TreatmentResult, run_treatment
from ..transport.sim_unpaced import UnpacedTransport, simulated_cartridge, simulated_pen
from ..vault import FileVault
from ..worker import PenWorker

OPENS = time(9, tzinfo=UTC)
"""When the station is switched on."""
STATION = "demo"
Shelf = tuple[int, str]
"""Number and lot of a cartridge that lies ready."""


class SimulatedHands:
    """An operator who does what is asked; on one day the cartridge comes off amid a zone.

    Args:
        line: To the simulated pen.
        cartridges: What lies ready, in order.
        trips: The cartridge comes off once.
    """

    TRIP_AFTER_MS = 250
    """How long after the trigger was pressed."""
    CHANGE_MS = 400

    def __init__(self, line: UnpacedTransport, cartridges: Iterator[Shelf], *, trips: bool) -> None:
        self._line = line
        self._cartridges = cartridges
        self._trips = trips

    def give_cartridge(self, _why: str) -> None:
        """Take out what is in, put the next one in."""
        number, lot = next(self._cartridges)
        self._line.change_cartridge(simulated_cartridge(number, lot), self.CHANGE_MS)

    def proceed(self, _zone: Zone) -> Proceed:
        """The demonstration goes on."""
        return Proceed.ARM

    def hold(self, _zone: Zone) -> None:
        """Tip on skin, trigger held."""
        with self._line.hands() as bench:
            bench.touch_skin()
            bench.press_trigger()
            if self._trips:
                self._trips = False
                self._line.sim.at_ms(self.TRIP_AFTER_MS, bench.unlatch)

    def release(self) -> None:
        """Trigger released, tip lifted."""
        with self._line.hands() as bench:
            bench.release_trigger()
            bench.lift()

    def resolve(self, _cause: str, _what_to_do: str) -> None:
        """A cartridge that came off is all that happens here, and that is asked for by itself."""

    def clear(self, _cause: str, _operator: str) -> bool:
        """The demonstration's operator looks, and agrees."""
        return True

    def confirm(self, _question: str) -> bool:
        """The questions were asked in the screening."""
        return False


@dataclass(frozen=True, slots=True)
class Day:
    """The station on one day.

    Attributes:
        day: The day.
        clinic: The record, open.
        journal: The same, as the chain.
        line: To the pen.
        pen: The pen.
        now: The station's clock.
    """

    day: date
    clinic: Clinic
    journal: Journal
    line: UnpacedTransport
    pen: Pen
    now: Callable[[], datetime]

    @property
    def clock_time(self) -> datetime:
        """The moment, by the station's clock."""
        return self.now()

    def treat(
        self, visit: Visit, operator: Operator, cartridges: Iterator[Shelf], *, trips: bool = False
    ) -> TreatmentResult:
        """The visit's plan on the pen, with what the screening said."""
        screened = self.clinic.screening.get(visit.screening_id)
        plan: Plan = visit.plan
        job = Job(
            self.pen,
            self.journal,
            plan,
            operator,
            visit.patient_id,
            SimulatedHands(self.line, cartridges, trips=trips),
            _unseen,
            answers=screened.session_answers,
            reasons={**screened.reasons, **visit.reasons},
            clock=self.line.clock,
            pause=self.line.pause,
        )
        return run_treatment(job, None, self.day)


class Station:
    """One computer and one pen through the weeks.

    Args:
        folder: Where the record is.
        seed: Of everything random in the simulated pen.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.record = folder / "record.sqlite3"
        self._dumps = folder / "blackbox"
        # a demonstration leaves nothing in this user's keyring
        self.vault = FileVault(folder / "keys")
        self._sim = simulated_pen(seed)

    @contextmanager
    def on(self, day: date) -> Iterator[Day]:
        """The station from morning to evening of a day.

        Args:
            day: Which.

        Raises:
            PenError: Record or pen cannot be opened.
        """
        self._sim.power_cycle()
        line = UnpacedTransport(self._sim)
        opens = datetime.combine(day, OPENS)
        began_us = self._sim.now_us
        looked = 0

        def now() -> datetime:
            # no two looks at the clock show the same time, though the pen's time stands still between treatments
            nonlocal looked
            looked += 1
            return opens + timedelta(microseconds=self._sim.now_us - began_us + looked * 1_000)

        def now_ns() -> int:
            return round((now() - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) * 1_000

        with (
            Journal.create_or_open(
                self.record, station_id=STATION, utc_ns=now_ns, monotonic_ns=now_ns, vault=self.vault
            ) as journal,
            Clinic.on(journal, now=now, today=lambda: day) as clinic,
            PenWorker(line, line.clock, self._dumps, lambda: now_ns() / 1e9) as worker,
        ):
            worker.add_gate("journal", lambda: journal.healthy)
            worker.connect()
            yield Day(day, clinic, journal, line, Pen(worker), now)


def _unseen(_progress: Progress) -> None:
    """Twelve treatments in a minute are no live view."""
