"""One line of a benchmark: what was measured, what it cost the processor, a peer, the target."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import quantiles

_SAID_S = 5


@dataclass(frozen=True, slots=True)
class Timed:
    """What a call took: by the clock, and of processors, its child processes among them."""

    wall_s: float
    cpu_s: float


def timed(work: Callable[[], object]) -> Timed:
    """Times a call."""
    wall, cpu = time.perf_counter(), _cpu_s()
    work()
    return Timed(time.perf_counter() - wall, _cpu_s() - cpu)


def _cpu_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def p95(values: list[float]) -> float:
    """The 95th percentile."""
    return quantiles(values, n=20)[18] if len(values) > 1 else values[0]


@dataclass(frozen=True, slots=True)
class Line:
    """One figure.

    Attributes:
        name: What was measured.
        unit: Of every value.
        value: By the clock, or a size.
        cpu: The same of processors, which another load on the machine changes little; 0 for a size.
        peer: The same by other means.
        peer_name: Which means.
        target: What it must reach.
        more_is_better: Which side of the target is the right one.
    """

    name: str
    unit: str
    value: float
    cpu: float
    peer: float | None = None
    peer_name: str = ""
    target: float | None = None
    more_is_better: bool = False

    @property
    def missed(self) -> bool:
        """Whether the target is missed."""
        if self.target is None:
            return False
        return self.value < self.target if self.more_is_better else self.value > self.target

    def grown(self, before: Line) -> float:
        """How many times as much as in a smaller record, of processors where they are known."""
        return self.cpu / before.cpu if before.cpu else self.value / before.value


class Progress:
    """Says on the error stream what is going on, at most once in a few seconds, and what was found so far."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._said = 0.0

    def step(self, what: str) -> Callable[[int, int], None]:
        """Begins a step; call the result with how much is done and how much there is."""
        self._write(what)

        def told(done: int, total: int) -> None:
            if time.monotonic() - self._said >= _SAID_S and total:
                self._write(f"{what}: {100 * done // total} %")

        return told

    def found(self, lines: Sequence[Line]) -> list[Line]:
        """The lines, said at once: a run that is broken off was not for nothing."""
        for line in lines:
            told = f"{line.name}: {line.value:.2f} {line.unit}, of processors {line.cpu:.2f}"
            self._write(told + (", target MISSED" if line.missed else ""))
        return list(lines)

    def _write(self, what: str) -> None:
        self._said = time.monotonic()
        sys.stderr.write(f"{self._said - self._began:6.0f} s  {what}\n")
        sys.stderr.flush()
