"""A treatment in simulated time that can be cut anywhere: the host killed, the pen reset, the power gone.

Killing the host means: the record stays as it lies on the disk at that instant, and nothing it would have sent afterwards
reaches the pen. So the bench copies the record's files at the instant and cuts the line; what the dying program still
does to its own files is nobody's business any more.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from pen_host.journal import Head, Journal
from pen_host.models import Plan, Zone
from pen_host.pen import Pen
from pen_host.plans import load_plan
from pen_host.session import (
    Operator,
    Proceed,
    Recovered,
    Treatment,
    check_before,
    open_session,
    recover,
    wait_for_boot,
)
from pen_protocol import codec, framing, messages
from pen_sim.rig import SimPen
from tests.host.stepped import SteppedTransport
from tests.host.treatment_bench import SteppedWorker

OPERATOR = Operator("campaign", "rig")
TODAY = date(2026, 11, 22)
RECORD = "record.sqlite"
FLOW_TIMEOUT_S = 30


def small_plan() -> Plan:
    """Two zones of a few strokes each, otherwise as shipped."""
    plan = load_plan("demo_scalp")
    zones = tuple(
        zone.model_copy(update={"area_mm2": 100, "depth_um": depth_um, "hold_s": 1})
        for zone, depth_um in zip(plan.zones[:2], (300, 200), strict=True)
    )
    return plan.model_copy(update={"zones": zones})


class CuttableLine(SteppedTransport):
    """The line to the pen; calls `hook` around every sending and falls silent once `cut`."""

    def __init__(self, sim: SimPen, hook: Callable[[str], None]) -> None:
        super().__init__(sim)
        self._hook = hook
        self._reader = framing.Decoder()
        self.arms_us: list[int] = []
        """When ARM was sent: only after one of these may there be strokes."""

    def write(self, data: bytes) -> None:
        """Send, unless the host has died before."""
        self._hook("before a send")
        super().write(data)
        self._reader.feed(data, 0, len(data))
        if self._reader.length and codec.header_number(self._reader.frame) == messages.ARM:
            self.arms_us.append(self.sim.now_us)
        self._hook("after a send")


@dataclass(slots=True)
class Hooks:
    """Counts the instants at which the host can be killed, and kills it at one of them.

    Attributes:
        kill_at: Number of the instant, None for never.
        count: Instants so far.
        killed: What the instant was, empty while the host lives.
        kill: Does it.
    """

    kill_at: int | None
    kill: Callable[[], None]
    count: int = 0
    killed: str = ""

    def __call__(self, what: str) -> None:
        """One instant passes."""
        if self.killed:
            return
        self.count += 1
        if self.count == self.kill_at:
            self.killed = what
            self.kill()


class Hands:
    """Holds the trigger when asked. A dead host cannot ask for the release: then the hand goes on holding."""

    def __init__(self, bench: CrashBench) -> None:
        self._bench = bench

    def give_cartridge(self, _why: str) -> None:
        """One that was never used."""
        self._bench.sim.bench.insert_new_cartridge()

    def proceed(self, _zone: Zone) -> Proceed:
        """At once."""
        return Proceed.ARM

    def hold(self, _zone: Zone) -> None:
        """Tip on skin, trigger held."""
        self._bench.sim.bench.touch_skin()
        self._bench.sim.bench.press_trigger()

    def release(self) -> None:
        """Let go, if there is a host to ask for it."""
        if not self._bench.hooks.killed:
            self._bench.sim.bench.release_trigger()

    def resolve(self, _cause: str, _what_to_do: str) -> None:
        """The campaign causes no stop that a hand resolves."""

    def clear(self, _cause: str, _operator: str) -> bool:
        """Nor one that anybody clears."""
        return False

    def confirm(self, _question: str) -> bool:
        """Answers are in the plan."""
        return False


@dataclass(slots=True)
class CrashBench:
    """One pen, one host, one record.

    Attributes:
        place: Directory of the living host's record.
        sim: The pen.
        kill_at: Instant at which the host dies, None for never.
        killed_at_us: When it did, in simulated time.
        acknowledged: The newest entry the program had been told is on the disk when it was cut or ended.
    """

    place: Path
    sim: SimPen
    kill_at: int | None = None
    killed_at_us: int = -1
    acknowledged: Head | None = None
    hooks: Hooks = field(init=False)
    line: CuttableLine = field(init=False)
    _journal: Journal | None = None

    def __post_init__(self) -> None:
        self.hooks = Hooks(self.kill_at, self._kill)
        self.line = CuttableLine(self.sim, self.hooks)

    @property
    def remains(self) -> Path:
        """What lies on the disk when the host is dead."""
        return self.place / ("remains" if self.hooks.killed else "") / RECORD

    def treat(self) -> None:
        """The whole small treatment. However it ends, the line is let go."""
        worker = SteppedWorker(self.line)
        try:
            with Journal.create_or_open(self.place / RECORD) as journal:
                journal._raw.set_trace_callback(lambda _statement: self.hooks("before a statement"))
                worker.add_gate("journal", lambda: journal.healthy)
                self._journal = journal
                self._greet(worker)
                self._treat(Pen(worker), journal)
        finally:
            self.line.flow(True)
            worker.close()

    def _treat(self, pen: Pen, journal: Journal) -> None:
        plan = small_plan()
        wait_for_boot(pen, self._pause)
        recover(pen, journal, OPERATOR)
        check_before(pen, journal, plan, plan.screening.answers, {}, None, TODAY)
        session = open_session(pen, journal, OPERATOR, plan, None, {})
        Treatment(
            session, plan, Hands(self), lambda _progress: None, TODAY, self.line.clock, self._pause
        ).run()
        session.close()

    def settle(self) -> list[Recovered]:
        """A new host process finds the record as it lies on the disk and settles what is open."""
        line = CuttableLine(self.sim, lambda _what: None)
        worker = SteppedWorker(line)
        try:
            self._greet(worker)
            with Journal.create_or_open(self.remains) as journal:
                return recover(Pen(worker), journal, OPERATOR)
        finally:
            line.flow(True)
            worker.close()

    def _greet(self, worker: SteppedWorker) -> None:
        with worker.flowing():
            worker.connect(FLOW_TIMEOUT_S)

    def _pause(self, pause_s: float) -> None:
        self.hooks("while waiting")
        self.line.let_pass(round(pause_s * 1e6))

    def _kill(self) -> None:
        """The host dies here and now."""
        self.killed_at_us = self.sim.now_us
        self.acknowledged = self._journal.head if self._journal else None
        remains = self.place / "remains"
        remains.mkdir()
        for file in self.place.glob(f"{RECORD}*"):
            if not file.name.endswith(".lock"):
                shutil.copy2(file, remains / file.name)
        self.line.cut = True
