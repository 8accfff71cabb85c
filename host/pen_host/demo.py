"""The demonstration: a whole treatment on the simulated pen, with one trip on the way, and nobody asked anything.

The hands are simulated, everything else is what a clinic runs: the same firmware, link, session, record and picture.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, cast

from .journal import Journal
from .models import Plan, Zone
from .pen import Pen
from .plans import load_plan
from .progress import Progress
from .session import Job, Operator, Proceed, TreatmentResult, run_treatment, writable
from .transport import open_transport
from .vault import FileVault
from .worker import PenWorker

PLAN = "demo_scalp"
PATIENT = "DEMO-0001"
OPERATOR = Operator("Dr. Demo", "physician")
TRIP_ZONE = 1
"""The cartridge comes off in the second zone ..."""
TRIP_AFTER_MS = 900
"""... this long after the trigger was pressed."""
LATCH_AFTER_MS = 1_500
"""How long the operator looks at the stop before the latch is pushed in again."""
CHANGE_AFTER_MS = 1_000
"""How long it takes to put another cartridge in."""


class SimulatedPen(Protocol):
    """What the demonstration needs of the simulated pen's transport."""

    sim: Any

    def clock(self) -> float:
        """Seconds as the pen lives them."""

    def pause(self, duration_s: float) -> None:
        """Let this many of them pass."""

    def hands(self) -> AbstractContextManager[Any]:
        """The bench, while time stands still."""


class SimulatedHands:
    """An operator who does what is asked, and once lets the cartridge come off.

    Args:
        pen: The simulated pen.
        plan: To know the zone in which the cartridge comes off.
    """

    def __init__(self, pen: SimulatedPen, plan: Plan) -> None:
        self._pen = pen
        self._trip_zone = plan.zones[TRIP_ZONE].name
        self._tripped = False
        self._tried_old = False

    def give_cartridge(self, _why: str) -> None:
        """The first time the new one is in already; after the trip the old one is tried first, in vain."""
        with self._pen.hands() as bench:
            if not self._tripped:
                bench.latch()
            elif not self._tried_old:
                self._tried_old = True
                self._pen.sim.at_ms(LATCH_AFTER_MS, bench.latch)
            else:
                bench.take_cartridge()
                self._pen.sim.at_ms(CHANGE_AFTER_MS, bench.insert_new_cartridge)

    def proceed(self, _zone: Zone) -> Proceed:
        """The demonstration goes on."""
        return Proceed.ARM

    def hold(self, zone: Zone) -> None:
        """Tip on skin, trigger held."""
        with self._pen.hands() as bench:
            bench.touch_skin()
            bench.press_trigger()
            if zone.name == self._trip_zone and not self._tripped:
                self._tripped = True
                self._pen.sim.at_ms(TRIP_AFTER_MS, bench.unlatch)

    def release(self) -> None:
        """Trigger released, tip lifted."""
        with self._pen.hands() as bench:
            bench.release_trigger()
            bench.lift()

    def resolve(self, _cause: str, _what_to_do: str) -> None:
        """Whatever else stops the pen in a demonstration has no hand in it."""

    def clear(self, _cause: str, _operator: str) -> bool:
        """The demonstration's operator looks, and agrees."""
        return True

    def confirm(self, _question: str) -> bool:
        """The demonstration's patient answers no to everything."""
        return False


def run_demo(out: Path, watch: Callable[[Progress], None], url: str = "sim:") -> TreatmentResult:
    """Treat the demonstration's patient from greeting to closed record.

    Args:
        out: Directory for record and picture; made when it is not there.
        watch: Told of every step.
        url: The simulated pen; its options are those of `sim:`.

    Raises:
        PenError: As in a real treatment.
    """
    plan = load_plan(PLAN)
    writable(out)
    transport = open_transport(url)
    pen = cast(SimulatedPen, transport)
    hands = SimulatedHands(pen, plan)
    with (
        PenWorker(transport, pen.clock, dumps=out / "blackbox") as worker,
        Journal.create_or_open(out / "record.sqlite", vault=FileVault(out / "keys")) as journal,
    ):
        worker.add_gate("journal", lambda: journal.healthy)
        worker.connect()
        job = Job(
            Pen(worker),
            journal,
            plan,
            OPERATOR,
            PATIENT,
            hands,
            watch,
            clock=pen.clock,
            pause=pen.pause,
        )
        return run_treatment(job, out)
