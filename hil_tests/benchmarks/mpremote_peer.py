"""The peer of a request: mpremote's own serial transport at the raw REPL of the same chip, setting a rate and reading it back."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any
from unittest import mock

import mpremote
import serial
from mpremote import transport_serial

from hil_tests.benchmarks import programs
from hil_tests.benchmarks.chip_guest import Guest
from hil_tests.benchmarks.measures import Figures, spread
from hil_tests.benchmarks.settings import Settings
from hil_tests.benchmarks.stopwatch import LOOK_MS, Stopwatch

CALLS = 24
RATES_HZ = (100, 120)
PAUSE_MS = 12.0
"""Longest pause between two requests; of random length, so that neither side's rhythm is met."""
SEED = 3
PATIENCE_MS = 2_000.0
END = 0x04
"""The raw REPL ends output and error output with one of these each."""
SET_UP = """
from machine import Pin, PWM
strokes = PWM(Pin(%d))
strokes.freq(100)
strokes.duty_ns(2000000)
"""
SET_AND_READ = "strokes.freq(%d)\nprint(strokes.freq())"


class ChipSerial:
    """As much of a pyserial port as mpremote uses."""

    def __init__(self, watch: Stopwatch) -> None:
        self._watch = watch
        self.dtr = self.rts = True

    def isOpen(self) -> bool:  # noqa: N802 - pyserial's name
        """Always."""
        return True

    def inWaiting(self) -> int:  # noqa: N802 - pyserial's name
        """Bytes that came."""
        return self._watch.waiting

    def read(self, count: int = 1) -> bytes:
        """Wait for this many bytes."""
        waited_ms = 0.0
        while self._watch.waiting < count and waited_ms < PATIENCE_MS:
            self._watch.live(LOOK_MS)
            waited_ms += LOOK_MS
        return self._watch.take(count)

    def write(self, data: bytes) -> int:
        """Send."""
        self._watch.send(data)
        return len(data)

    def close(self) -> None:
        """Nothing to let go of."""


class ChipTime:
    """The clock mpremote waits by: the chip's."""

    def __init__(self, watch: Stopwatch) -> None:
        self._watch = watch

    def monotonic(self) -> float:
        """Seconds of the chip."""
        return self._watch.chip.now_ms / 1_000

    def sleep(self, duration_s: float) -> None:
        """Let the chip live."""
        self._watch.live(duration_s * 1_000)


def requests(image: Path) -> Figures:
    """Time mpremote's set-and-read.

    Raises:
        ValueError: The rate read back is not the one that was set.
    """
    guest = Guest(image, "", Settings())
    watch = Stopwatch(guest.chip)
    port = ChipSerial(watch)

    def opened(*_args: Any, **_options: Any) -> ChipSerial:
        return port

    with (
        mock.patch.object(transport_serial, "time", ChipTime(watch)),
        mock.patch.object(serial, "serial_for_url", opened),
    ):
        transport = transport_serial.SerialTransport("chip")
        transport.enter_raw_repl(soft_reset=False)
        transport.exec(SET_UP % guest.settings.COIL_GPIO)
        version = transport.exec("import sys\nprint(sys.version)").decode().strip()
        trips = _trips(transport, watch)
    return Figures(
        programs.MPREMOTE,
        trips_ms={name: spread(samples) for name, samples in trips.items()},
        facts={"micropython": version, "mpremote": mpremote.__version__},
        chip_ms=guest.chip.now_ms,
    )


def _trips(transport: Any, watch: Stopwatch) -> dict[str, list[float]]:
    rng = random.Random(SEED)
    trips: dict[str, list[float]] = {programs.CALLER: [], programs.WIRE: []}
    for number in range(CALLS):
        watch.live(rng.uniform(0, PAUSE_MS))
        rate_hz = RATES_HZ[number % 2]
        watch.begin()
        said = transport.exec(SET_AND_READ % rate_hz)
        trips[programs.CALLER].append(watch.elapsed_ms)
        trips[programs.WIRE].append(watch.elapsed_to_ms(END))
        if int(said) != rate_hz:
            raise ValueError(
                f"the raw REPL set {rate_hz} Hz and read {said!r}: its round trips are worth nothing"
            )
    return trips
