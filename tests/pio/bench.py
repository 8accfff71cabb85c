"""A bench for the pen's machines: the firmware's board on an emulated chip, wired up, stepped cycle by cycle.

One cycle is one microsecond. What no emulator shows (two flip-flops of delay per input, about 16 ns) is left out.
"""

from __future__ import annotations

import contextlib
import heapq
import importlib
import io
import itertools
import sys
import time
import types
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from hil_tests.chip.wiring import Wiring
from pen_firmware import pins
from pen_firmware.pio_programs import LEASE_TICK_US
from tests.pio.chips import BareChip
from tests.pio.doubles import Rp2, machine_module

HIGH = 1


class Clock:
    """Nanoseconds of the bench, with alarms."""

    def __init__(self) -> None:
        self.nanos = 0
        self._order = itertools.count()
        self._due: list[tuple[int, int, Alarm]] = []

    def create_alarm(self, action: Callable[[], None]) -> Alarm:
        return Alarm(self, action)

    def add(self, alarm: Alarm) -> None:
        heapq.heappush(self._due, (alarm.due_ns, next(self._order), alarm))

    def advance(self, nanos: int) -> None:
        self.nanos += nanos
        while self._due and self._due[0][0] <= self.nanos:
            due_ns, _, alarm = heapq.heappop(self._due)
            if alarm.due_ns == due_ns:
                alarm.due_ns = -1
                alarm.action()


class Alarm:
    """One alarm; scheduling it again moves it."""

    def __init__(self, clock: Clock, action: Callable[[], None]) -> None:
        self.action = action
        self.due_ns = -1
        self._clock = clock

    def schedule(self, delay_ns: int) -> None:
        self.due_ns = self._clock.nanos + delay_ns
        self._clock.add(self)


class Bench:
    """Chip, wiring and the firmware's board on it. `started`: machines running, outputs let go."""

    def __init__(self, *, started: bool = True) -> None:
        self.chip = BareChip()
        self.clock = Clock()
        self.rp2 = Rp2(self.chip)
        self.wiring = Wiring(self.chip, self.clock)
        self.edges: dict[str, list[tuple[int, int]]] = {name: [] for name in ("NEEDLE", "LEASE", "STEP")}
        for name, edges in self.edges.items():
            self.chip.gpio[pins.gpio(name)].add_listener(
                lambda level, _before, edges=edges: edges.append((self.now_us, int(level == HIGH)))
            )
        self.module = self._load()
        self.board = self.module.Board()
        if started:
            assert self.board.start_machines()
            for edges in self.edges.values():
                edges.clear()

    @property
    def now_us(self) -> int:
        """Cycles since the bench was built."""
        return self.clock.nanos // 1000

    def run(self, cycles: int) -> None:
        """Let this many cycles pass."""
        first, second, clock = self.chip.pio[0], self.chip.pio[1], self.clock
        for _ in range(cycles):
            first.advance(1)
            second.advance(1)
            clock.advance(1000)

    def run_until(self, condition: Callable[[], bool], limit: int) -> None:
        """Run until it holds, at most `limit` cycles."""
        for _ in range(limit):
            if condition():
                return
            self.run(1)
        raise AssertionError(f"did not happen within {limit} us")

    def level(self, name: str) -> int:
        """Level of an output pad."""
        return int(self.wiring.level(name))

    def set(self, **contacts: object) -> None:
        """Set contacts of the wiring by name."""
        for name, value in contacts.items():
            assert hasattr(self.wiring, name), name
            setattr(self.wiring, name, value)
        self.wiring.apply()

    def highs(self, name: str) -> list[tuple[int, int]]:
        """Complete high times of a pad: start and length in us."""
        found = []
        rose = None
        for when, level in self.edges[name]:
            if level and rose is None:
                rose = when
            elif not level and rose is not None:
                found.append((rose, when - rose))
                rose = None
        return found

    def alive(self) -> list[tuple[int, int]]:
        """Times the lease line was alive: its first rise, and how long until the end of its last turn, in us."""
        found: list[tuple[int, int]] = []
        for rose, length in self.highs("LEASE"):
            turn_end = rose + max(length, LEASE_TICK_US)
            if found and rose <= sum(found[-1]):
                found[-1] = (found[-1][0], turn_end - found[-1][0])
            else:
                found.append((rose, turn_end - rose))
        return found

    def _load(self) -> Any:
        """Import the firmware's board module on the doubles, apart from any other copy of it."""
        with _modules(self):
            return importlib.import_module("pen_firmware.board_rp2040")


@contextlib.contextmanager
def _modules(bench: Bench) -> Iterator[None]:
    name = "pen_firmware.board_rp2040"
    fake_rp2 = types.ModuleType("rp2")
    vars(fake_rp2).update(PIO=Rp2.PIO, StateMachine=bench.rp2.StateMachine, asm_pio=bench.rp2.asm_pio)
    fakes = {
        "machine": machine_module(bench.chip),
        "rp2": fake_rp2,
        "_onewire": types.ModuleType("_onewire"),
        "select": _select_module(),
        "time": _time_module(bench),
        "sys": _sys_module(),
    }
    with mock.patch.dict(sys.modules, fakes):
        sys.modules.pop(name, None)
        yield
        sys.modules.pop(name, None)


def _time_module(bench: Bench) -> types.ModuleType:
    module = types.ModuleType("time")

    def ticks_us() -> int:
        bench.run(1)
        return bench.now_us

    vars(module).update(
        ticks_us=ticks_us,
        ticks_ms=lambda: bench.now_us // 1000,
        ticks_diff=lambda later, earlier: later - earlier,
    )
    assert time.monotonic  # the real one stays what it is
    return module


def _select_module() -> types.ModuleType:
    class Poll:
        def register(self, stream: object, flags: int) -> None:
            del stream, flags

        def ipoll(self, timeout: int) -> Iterator[object]:
            del timeout
            return iter(())

    module = types.ModuleType("select")
    vars(module).update(poll=Poll, POLLIN=1, POLLOUT=4)
    return module


def _sys_module() -> types.ModuleType:
    module = types.ModuleType("sys")
    stream = types.SimpleNamespace(buffer=io.BytesIO())
    vars(module).update(stdin=stream, stdout=stream, implementation=("micropython", (1, 22, 0)))
    return module
