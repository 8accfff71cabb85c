"""How a test comes to a pen in the state it begins with, on every kind of bench.

A simulated pen is built anew for each test: that takes no time. An emulated chip boots once; each test runs in a copy of it,
made by forking the process, and later stages grow out of earlier ones. A real pen is led back to the stage between tests.
"""

from __future__ import annotations

import abc
import enum
from collections.abc import Callable
from typing import TYPE_CHECKING

from hil_tests.benches import Bench, Unable
from hil_tests.host import DEPTH_UM, OPERATOR, RATE_MHZ, Station
from pen_host.names import Condition, State

if TYPE_CHECKING:
    from hil_tests.benches.rig import RigBench


SETTLE_MS = 400
"""Hands that were moved are debounced, supply and temperature read anew, within this."""

_TIP_SPENT = 1 << Condition.CARTRIDGE_USED | 1 << Condition.CARTRIDGE_NOT_BURNED


class Stage(enum.IntEnum):
    """What has happened before a test begins."""

    BOOTED = 1
    """The pen has power; no host has spoken to it."""
    GREETED = 2
    """A host is connected, the pen idle, its self-test passed."""
    PREPARED = 3
    """A session is open: homed, protrusion and rate set, cartridge marked."""
    ARMED = 4
    """Armed, the trigger seen released: a hand on it gives strokes."""


def lead(station: Station, reached: Stage, wanted: Stage) -> None:
    """Take a station from one stage on to a later one."""
    steps = {
        Stage.GREETED: station.greet,
        Stage.PREPARED: station.prepare,
        Stage.ARMED: station.arm,
    }
    for stage in Stage:
        if reached < stage <= wanted:
            steps[stage]()


class Keeper(abc.ABC):
    """Owns the pen of a run, or makes one for each test."""

    @abc.abstractmethod
    def station(self, stage: Stage) -> Station:
        """A station at this stage. At `BOOTED` its host has said nothing yet."""

    def finish(self, station: Station) -> None:
        """A test is over."""
        station.bench.close()

    def end(self) -> None:  # noqa: B027 - most keepers hold nothing that outlives its process
        """The run is over."""


class FreshKeeper(Keeper):
    """A new pen for each test."""

    def __init__(self, make: Callable[[], Bench]) -> None:
        self._make = make

    def station(self, stage: Stage) -> Station:
        """A new pen, led to the stage."""
        station = Station(self._make())
        lead(station, Stage.BOOTED, stage)
        return station


class ForkKeeper(Keeper):
    """One pen, booted once and led from stage to stage; tests run in copies. Stages are asked for in rising order."""

    def __init__(self, make: Callable[[], Bench]) -> None:
        self._make = make
        self._station: Station | None = None
        self._stage = Stage.BOOTED

    def station(self, stage: Stage) -> Station:
        """The pen at this stage; a stage gone by needs another pen."""
        if self._station is None or stage < self._stage:
            self._station = Station(self._make())
            self._stage = Stage.BOOTED
        lead(self._station, self._stage, stage)
        self._stage = stage
        return self._station

    def finish(self, station: Station) -> None:
        """The copy ends with its process."""


class LedKeeper(Keeper):
    """One real pen. Tests up to `GREETED` begin with a reset; all later ones share a session, for its tip serves no second one.

    Stages are asked for in rising order. Tests that use the tip up, by a reset or by taking it off, come last: behind one of
    them no session can be opened with that tip.
    """

    def __init__(self, make: Callable[[], RigBench]) -> None:
        self._make = make
        self._bench: RigBench | None = None
        self._station: Station | None = None
        self._in_session = False
        self._tip_spent = False

    def station(self, stage: Stage) -> Station:
        """The pen at this stage: led back by host and hands when its session goes on, else reset.

        Raises:
            Unable: The pen's tip was used up by the test before.
        """
        if self._in_session and self._station is not None and stage >= Stage.PREPARED:
            if stage is Stage.ARMED:
                self._station.arm()
            return self._station
        if self._tip_spent and stage >= Stage.PREPARED:
            raise Unable(
                "take another tip: the test before used this one up. Put in a new one and run this test alone"
            )
        station = self._reset()
        if stage is Stage.BOOTED:
            return station
        station.worker.connect()
        calm(station)
        lead(station, Stage.BOOTED, stage)
        self._in_session = stage >= Stage.PREPARED
        return station

    def finish(self, station: Station) -> None:
        """Hands rest, the pen is disarmed, a stop is cleared, set-points are those of `PREPARED` again."""
        super().finish(station)
        if not self._in_session:
            return
        self._in_session = not station.worker.dead and self._goes_on(station)
        self._tip_spent = not self._in_session

    def _goes_on(self, station: Station) -> bool:
        """Lead the pen back to `PREPARED`; False when its session or its tip is gone."""
        calm(station)
        status = station.status()
        if status.session_nonce == 0 or status.conditions & _TIP_SPENT:
            return False
        station.done(station.pen.home())
        station.done(station.pen.set_depth(DEPTH_UM))
        station.done(station.pen.set_rate(RATE_MHZ))
        return True

    def end(self) -> None:
        """The rig lets go of the pen."""
        if self._station is not None:
            self._station.worker.close()
        if self._bench is not None:
            self._bench.end()
            self._bench = None

    def _reset(self) -> Station:
        """The pen after a reset; no host has spoken to it."""
        if self._bench is None:
            self._bench = self._make()
        if self._station is not None:
            self._station.worker.close()
        self._bench.close()
        self._bench.reset()
        self._station = Station(self._bench)
        return self._station


def calm(station: Station) -> None:
    """Lead a pen whose hands rest back to idle: disarm it, or clear its stop in the operator's name."""
    station.let_pass(SETTLE_MS)
    status = station.status()
    if status.state in (State.ARMING, State.ARMED, State.STROKING):
        station.done(station.pen.disarm())
    elif status.state is State.STOPPED:
        station.done(station.pen.clear_fault(status.first_cause, status.cause_event, OPERATOR))
