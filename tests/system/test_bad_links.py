"""A whole small treatment over links nobody would choose, and hosts that fall silent amid a stroke."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pen_host.errors import PenError
from pen_host.models import Zone
from pen_host.names import State
from pen_host.outcomes import Done
from pen_host.session import Proceed, Session, Treatment, check_before, open_session, wait_for_boot
from pen_protocol import limits
from pen_protocol.states import Condition
from pen_sim.stream import LaneFaults
from tests.campaigns.crash_bench import TODAY, small_plan

from .truth import Judge, WatchedPen
from .world import OPERATOR, Station

covers = pytest.mark.covers
LATE_US = limits.BUDGET_HOST_SILENT_MS * 1_000


@dataclass(frozen=True)
class Cable:
    """How a cable mistreats what it carries.

    Attributes:
        faults: Of both directions.
        one_by_one: Every byte travels alone.
        noise: Bytes that come from nowhere, now and then.
        must_complete: Bad, but not so bad that a treatment may be given up.
    """

    faults: LaneFaults = field(default_factory=LaneFaults)
    one_by_one: bool = False
    noise: bytes | None = None
    must_complete: bool = False

    @property
    def delay_us(self) -> int:
        if self.faults.harmless:
            return 0
        return 4 * self.faults.delay_us + 1_000 * limits.REQUEST_TRIES * limits.REQUEST_RETRY_MS


CABLES = {
    "one byte at a time": Cable(one_by_one=True, must_complete=True),
    "one byte at a time, each late": Cable(LaneFaults(delay_us=300), one_by_one=True, must_complete=True),
    "5 % lost": Cable(LaneFaults(lose=0.05), must_complete=True),
    "20 % lost": Cable(LaneFaults(lose=0.2)),
    "up to 300 ms late": Cable(LaneFaults(delay_us=300_000)),
    "doubled": Cable(LaneFaults(duplicate=0.5, delay_us=20_000), must_complete=True),
    "overtaking": Cable(LaneFaults(reorder=0.3, delay_us=20_000)),
    "damaged": Cable(LaneFaults(corrupt=0.1)),
    "in pieces": Cable(LaneFaults(split=0.8, delay_us=10_000), must_complete=True),
    "everything at once": Cable(LaneFaults(0.1, 0.05, 0.1, 0.3, 0.1, 30_000)),
    "noise": Cable(noise=bytes(range(256))),
    "keyboard interrupts": Cable(noise=b"\x03\x03\x03", must_complete=True),
    "zeros": Cable(noise=bytes(40), must_complete=True),
}


class Hands:
    """Somebody careful, whose every touch the judge hears of."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def give_cartridge(self, _why: str) -> None:
        """See `pen_host.session.Hands`."""
        self._bench.hand("insert_new_cartridge")

    def proceed(self, _zone: Zone) -> Proceed:
        """See `pen_host.session.Hands`."""
        return Proceed.ARM

    def hold(self, _zone: Zone) -> None:
        """See `pen_host.session.Hands`."""
        self._bench.hand("touch_skin")
        self._bench.hand("press_trigger")

    def release(self) -> None:
        """See `pen_host.session.Hands`."""
        self._bench.hand("release_trigger")
        self._bench.hand("lift")

    def resolve(self, _cause: str, _what_to_do: str) -> None:
        """See `pen_host.session.Hands`."""

    def clear(self, _cause: str, _operator: str) -> bool:
        """See `pen_host.session.Hands`."""
        return True

    def confirm(self, _question: str) -> bool:
        """See `pen_host.session.Hands`."""
        return False


class Bench:
    """A pen, a station, a judge."""

    def __init__(self, place: Path, seed: int = 1, cable: Cable = Cable()) -> None:
        self.sim = WatchedPen(seed=seed)
        self.cable = Cable()
        self.station = Station(self.sim, place, seed)
        self.judge = Judge(self.sim, self.station.history, lambda: cable.delay_us)
        self.judge.cap_um = limits.DEPTH_CAP_UM
        self._noise = random.Random(seed)
        self._wanted = cable

    def spoil(self) -> None:
        """From here on the cable is as bad as it was asked for."""
        cable = self._wanted
        self.sim.stream.set_faults(cable.faults)
        self.station.line.one_by_one = cable.one_by_one
        if cable.noise is not None:
            self.station.line.noise = self._make_noise

    def mend(self) -> None:
        """The cable is good; the program is started anew on it."""
        self.sim.stream.set_faults(LaneFaults())
        self.sim.stream.plug()
        self.station.restart()
        assert self.station.reach()

    def _make_noise(self) -> None:
        noise = self._wanted.noise
        if noise is None or self._noise.random() > 0.05:
            return
        count = self._noise.randrange(1, 40)
        stream = self.sim.stream
        for lane in (stream.to_pen, stream.to_host):
            lane.send(bytes(self._noise.choices(noise, k=count)))

    def hand(self, name: str) -> None:
        """A hand at the pen."""
        getattr(self.sim.bench, name)()
        self.judge.note()

    def pause(self, pause_s: float) -> None:
        """Time passes."""
        self.station.let_pass(pause_s * 1_000)
        self.judge.look()

    def treat(self) -> None:
        """The whole small treatment."""
        station = self.station
        plan = small_plan()
        wait_for_boot(station.pen, self.pause)
        station.settle()
        check_before(station.pen, station.journal, plan, plan.screening.answers, {}, None, TODAY)
        session = open_session(station.pen, station.journal, OPERATOR, plan, None, {})
        Treatment(
            session, plan, Hands(self), lambda _progress: None, TODAY, station.line.clock, self.pause
        ).run()
        session.close()

    def stroking(self) -> Session:
        """Up to strokes under a held trigger."""
        station = self.station
        assert station.reach()
        wait_for_boot(station.pen, self.pause)
        session = open_session(station.pen, station.journal, OPERATOR, small_plan(), None, {})
        session.home()
        cartridge = station.pen.cartridge_read()
        station.pen.cartridge_use(cartridge.serial)
        session.set_depth(300)
        session.set_rate(100_000)
        session.arm(300, 100_000, 0)
        self.pause(0.1)
        self.hand("press_trigger")
        self.pause(0.3)
        assert self.judge.edges > 10
        return session

    def assert_counts_agree(self) -> None:
        """After settling: as many strokes in the record as edges on the coil, and surely so."""
        wait_for_boot(self.station.pen, self.pause)
        self.station.settle()
        self.judge.look()
        self.station.assert_record_whole()
        assert self.station.recorded() == (self.judge.edges, True)
        assert self.station.pen.status().strokes_total == self.judge.edges
        assert all(ticket.outcome is not None for ticket in self.station.open_tickets)


@covers("REQ-1201", "REQ-1204", "REQ-0304")
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", CABLES)
def test_a_treatment_over_a_bad_cable_ends_cleanly_safely_and_with_every_stroke_counted(
    name: str, seed: int, tmp_path: Path
) -> None:
    cable = CABLES[name]
    bench = Bench(tmp_path, seed, cable)
    assert bench.station.reach()
    bench.spoil()
    ended = ""
    try:
        bench.treat()
    except PenError as error:
        ended = f"{type(error).__name__}: {error}"
    bench.judge.look()
    print(f"{name}, seed {seed}: {bench.judge.edges} strokes, {ended or 'completed'}")
    assert not (cable.must_complete and ended), ended
    assert ended or bench.judge.edges > 10
    bench.hand("release_trigger")
    bench.mend()
    bench.assert_counts_agree()
    bench.station.close()


def unplug(bench: Bench) -> None:
    bench.sim.stream.unplug()


def freeze(_bench: Bench) -> None:
    """The worker's thread does not run: nobody calls it."""


@covers("REQ-0304", "HOST_LEASE")
@pytest.mark.parametrize("silence", [unplug, freeze], ids=["cable pulled", "program frozen"])
def test_a_host_that_falls_silent_at_any_moment_of_a_stroke_leaves_the_coil_off_in_time(
    silence: Callable[[Bench], None], tmp_path: Path
) -> None:
    for phase_us in range(0, 100_000, 9_973):
        place = tmp_path / str(phase_us)
        place.mkdir()
        bench = Bench(place, seed=phase_us)
        bench.stroking()
        bench.station.let_pass(phase_us / 1_000)
        silent_us = bench.sim.now_us
        silence(bench)
        bench.sim.advance_ms(2_000)
        assert not bench.sim.trace.rises("coil", silent_us + LATE_US)
        assert not bench.sim.trace.level("coil", bench.sim.now_us)
        edges = len(bench.sim.trace.rises("coil"))
        bench.judge.look()
        assert edges > 0, "strokes went on for a while"
        assert bench.sim.pen.supervisor.first_cause == Condition.HOST_LEASE
        bench.station.close()


@covers("REQ-0304", "REQ-0311")
def test_a_program_that_wakes_from_two_seconds_of_freeze_finds_the_stop_and_starts_nothing(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    session = bench.stroking()
    bench.sim.advance_ms(2_000)
    bench.judge.look()
    made = bench.judge.edges
    bench.pause(1.0)
    status = bench.station.pen.status()
    assert (status.state, status.first_cause) == (State.STOPPED, Condition.HOST_LEASE)
    assert bench.judge.edges == made, "strokes although nobody cleared, homed and armed"
    # the trigger is still held
    assert isinstance(session.clear_fault(status.first_cause, status.cause_event), Done)
    session.home()
    session.set_depth(300)
    session.set_rate(100_000)
    session.arm(300, 100_000, 0)
    bench.pause(1.0)
    assert bench.judge.edges == made, "strokes although the trigger was never let go"
    bench.hand("release_trigger")
    bench.pause(0.2)
    bench.hand("press_trigger")
    bench.pause(0.2)
    assert bench.judge.edges > made
    bench.hand("release_trigger")
    bench.pause(0.1)
    session.close()
    bench.mend()
    bench.assert_counts_agree()
    bench.station.close()
