"""A simulated pen in this process: the real firmware on simulated hardware, in real time.

No thread of its own moves it: whoever touches the stream first brings simulated time up to the clock. A program that stalls
therefore finds, like with a real pen, that the pen has stopped meanwhile.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

from pen_sim.bench import Bench
from pen_sim.faults import FAULTS
from pen_sim.rig import SimPen

from ..errors import TransportLostError, UsageError

SLICE_S = 0.0005
"""How finely an answer's arrival is looked for."""
CATCH_UP_S = 5.0
"""After a longer stall than this (a suspended laptop) the simulated pen has slept as well."""
_OPTIONS = frozenset({"seed", "scale", "fault"})


class SimTransport:
    """A simulated pen.

    Args:
        url: What it is called.
        sim: The pen; owned from now on.
        scale: Simulated seconds per second.
        clock: Monotonic seconds.
    """

    def __init__(
        self, url: str, sim: SimPen, scale: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.sim = sim
        self._name = url
        self._scale = scale
        self._clock = clock
        self._at_s = clock()
        self._lock = threading.RLock()
        self._woken = threading.Event()
        self._closed = False

    @property
    def name(self) -> str:
        """The URL."""
        return self._name

    def clock(self) -> float:
        """Seconds as the pen lives them: a host that is to keep up with a scaled pen lives by these too."""
        return self._clock() * self._scale

    def pause(self, duration_s: float) -> None:
        """Let this many of the pen's seconds pass."""
        time.sleep(duration_s / self._scale)

    @contextmanager
    def hands(self) -> Iterator[Bench]:
        """The operator's hands at the pen, now: time stands still inside."""
        with self._lock:
            self._catch_up()
            yield self.sim.bench

    def read(self, timeout_s: float) -> bytes:
        """Bytes that arrived. See `Transport.read`. The timeout is in the pen's seconds."""
        end_s = self.clock() + timeout_s
        while True:
            with self._lock:
                self._alive()
                self._catch_up()
                data = self.sim.stream.read()
            rest_s = (end_s - self.clock()) / self._scale
            if data or rest_s <= 0:
                return data
            if self._woken.wait(min(SLICE_S, rest_s)):
                self._woken.clear()
                return b""

    def write(self, data: bytes) -> None:
        """Send all of `data`. See `Transport.write`."""
        with self._lock:
            self._alive()
            self._catch_up()
            self.sim.stream.write(data)

    def wake(self) -> None:
        """End a waiting `read`."""
        self._woken.set()

    def close(self) -> None:
        """Let go; simulated time stands still from here on."""
        self._closed = True

    def reopened(self) -> SimTransport:
        """Another line to the same pen, after this one was closed."""
        return SimTransport(self._name, self.sim, self._scale, self._clock)

    def _alive(self) -> None:
        if self._closed:
            raise TransportLostError(self._name, "the simulated pen was closed")
        if not self.sim.powered:
            raise TransportLostError(self._name, "the simulated pen has no power")
        if not self.sim.stream.plugged:
            raise TransportLostError(self._name, "the simulated cable is unplugged")

    def _catch_up(self) -> None:
        now_s = self._clock()
        passed_s = min(now_s - self._at_s, CATCH_UP_S)
        passed_us = int(passed_s * self._scale * 1e6)
        if passed_us <= 0:
            return
        # what is cut off here is made up for by the next call
        self._at_s = max(self._at_s + passed_us / self._scale / 1e6, now_s - 1e-3)
        self.sim.advance_us(passed_us)


def open_sim(url: str) -> SimTransport:
    """A simulated pen from `sim:?seed=3&scale=2&fault=name&fault=name`.

    Raises:
        UsageError: An option or a fault does not exist.
    """
    options = parse_qs(urlsplit(url).query, keep_blank_values=True)
    unknown = set(options) - _OPTIONS
    if unknown:
        raise UsageError(
            f"{url}: {', '.join(sorted(unknown))} is no option of a simulated pen; use seed, scale, fault."
        )
    seed, scale = _number(url, options, "seed", 0), _number(url, options, "scale", 1)
    if scale <= 0:
        raise UsageError(f"{url}: scale is simulated seconds per second and above 0.")
    # as on the chip, an exception of the firmware resets the pen; it does not end this program
    sim = SimPen(seed=int(seed), strict=False)
    for fault in options.get("fault", []):
        if fault not in FAULTS:
            raise UsageError(f"{url}: no fault is called {fault}; use one of {', '.join(sorted(FAULTS))}.")
        sim.bench.inject(fault)
    return SimTransport(url, sim, scale)


def _number(url: str, options: dict[str, list[str]], name: str, default: float) -> float:
    text = options.get(name, [str(default)])[-1]
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(f"{url}: {name}={text} is not a number.") from error
