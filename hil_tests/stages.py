"""How a test comes to a pen in the state it begins with, on every kind of bench.

A simulated pen is built anew for each test: that takes no time. An emulated chip boots once; each test runs in a copy of it,
made by forking the process, and later stages grow out of earlier ones. A real pen is led back to the stage between tests.
"""

from __future__ import annotations

import abc
import enum
from collections.abc import Callable

from hil_tests.benches import Bench
from hil_tests.host import Station


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
