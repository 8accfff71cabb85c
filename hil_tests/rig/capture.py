"""Words of the sampler to edges of lines: pure. Whatever does not fit exactly is an error, never a guess.

A word holds the lines and the low bits of a time that counts looks down. That it was unwrapped rightly and that none is
missing follows from MARK, which changes at a fixed time: a change that comes early, late or twice the same way is a gap.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hil_tests.benches.contract import Edge
from hil_tests.rig import pins, programs

SAMPLED = tuple(entry[0] for entry in pins.LINES if pins.FIRST <= entry[1] < pins.FIRST + pins.COUNT)
"""Lines of a sample in the order of their bits."""
MARK = pins.bit("MARK")
SLACK_LOOKS = 2
"""Two machines look at a change one look apart at most, at either end of a time."""
NS_PER_S = 1_000_000_000
US_PER_S = 1_000_000


class GapError(Exception):
    """Something of the run is missing or was altered on its way."""


@dataclass(frozen=True)
class Timing:
    """How the sampler's looks lie in time."""

    clock_hz: int
    """The rig's clock."""
    divider: int
    """Of that clock, for the sampler."""

    def ns(self, looks: int) -> int:
        """Nanoseconds of a number of looks."""
        return looks * programs.LOOK_CYCLES * self.divider * NS_PER_S // self.clock_hz

    @property
    def look_ns(self) -> int:
        """One look: the resolution."""
        return self.ns(1)

    def looks(self, time_us: int) -> int:
        """Looks in a time."""
        return time_us * self.clock_hz // (programs.LOOK_CYCLES * self.divider * US_PER_S)


class Capture:
    """Edges of one run.

    Attributes:
        words: Words taken so far.
        levels: Lines after the last word.
    """

    def __init__(self, timing: Timing) -> None:
        """Begin a run whose first word will be number 0."""
        self.timing = timing
        self.words = 0
        self.levels = 0
        self._looks = 0
        self._time = 0
        self._mark_looks: int | None = None
        self._mark_every = timing.looks(programs.MARK_US)
        self._first_marked = False
        self._edges: dict[str, list[Edge]] = {name: [] for name in SAMPLED}
        self._started: int = 0

    @property
    def now_ns(self) -> int:
        """Time of the last word; the first word's is 0."""
        return self.timing.ns(self._looks)

    def level(self, line: str) -> int:
        """Level of a line after the last word."""
        return int(bool(self.levels & pins.bit(line)))

    def first_level(self, line: str) -> int:
        """Level of a line at the first word."""
        return int(bool(self._started & pins.bit(line)))

    def edges(self, line: str, since_ns: int = 0) -> list[Edge]:
        """Changes of a line at or after a moment."""
        return [edge for edge in self._edges[line] if edge.t_ns >= since_ns]

    def feed(self, first: int, words: Iterable[int]) -> None:
        """Take the words of one frame.

        Args:
            first: Number of its first word within the run.
            words: 32 bits each.

        Raises:
            GapError: Words are missing or are not what a sampler says. The run is worth nothing from here on.
        """
        if first != self.words:
            raise GapError(f"word {self.words} was due, {first} came")
        for word in words:
            self._take(word >> programs.TIME_BITS, word & programs.TIME_MASK)
            self.words += 1

    def _take(self, levels: int, time: int) -> None:
        if not self.words:
            self.levels = self._started = levels
            self._time = time
            return
        passed = (self._time - time) & programs.TIME_MASK
        changed = levels ^ self.levels
        if not passed or not changed:
            raise GapError(f"word {self.words} says nothing new")
        looks = self._looks + passed
        self._check_mark(changed & MARK, looks)
        self._looks = looks
        self._time = time
        self.levels = levels
        t_ns = self.timing.ns(looks)
        for index, name in enumerate(SAMPLED):
            if changed >> index & 1:
                self._edges[name].append(Edge(t_ns, levels >> index & 1))

    def _check_mark(self, changed: int, looks: int) -> None:
        """MARK changes when it is due, neither sooner nor later."""
        since = looks - (self._mark_looks or 0)
        if since > self._mark_every + SLACK_LOOKS:
            raise GapError(f"no mark for {self.timing.ns(since)} ns at word {self.words}")
        if not changed:
            return
        # the first change comes when its machine has set itself up, which is no fixed time after the sampler's start
        if self._first_marked and since < self._mark_every - SLACK_LOOKS:
            raise GapError(f"a mark after {self.timing.ns(since)} ns at word {self.words}")
        self._first_marked = True
        self._mark_looks = looks
