"""Ours: the pen's firmware on the chip, spoken to by the real host. One life of a chip gives all of its figures."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from hil_tests.benchmarks import programs
from hil_tests.benchmarks.chip_guest import Guest
from hil_tests.benchmarks.measures import (
    Figures,
    Spread,
    StepFigures,
    off_figures,
    spread,
    step_figures,
    stroke_figures,
)
from hil_tests.benchmarks.mpremote_peer import CALLS, PAUSE_MS, RATES_HZ, SEED
from hil_tests.benchmarks.settings import Settings
from hil_tests.benchmarks.stopwatch import LOOK_MS, Stopwatch
from hil_tests.chip.emulator import ChipPen
from hil_tests.chip.transport import ChipTransport
from hil_tests.host import Station
from hil_tests.waves import pulses, rises
from pen_firmware import pio_programs, steps
from pen_host.transport import Transport
from pen_host.worker import Ticket
from pen_protocol import limits

IMPORTED_MS = 6_000
COLLECTED_MS = 60
STROKING_MS = 600
HUNG_MS = 150
"""The coil is watched this long after the hang; the lease is over long before."""
DEPTH_UM = 400
START_STEPS = 20
"""The axis wakes this near its home switch, to save time."""
LEG_PAUSE_NS = 10_000_000
"""Steps further apart than this belong to different legs."""
MHZ = 1_000


class WatchedTransport(ChipTransport):
    """The host's way to the chip, over the stopwatch.

    Attributes:
        over: True ends a read at once. The worker in the caller's thread would read on, for 20 ms, before it lets go of a
            request that is settled; the worker in its own thread wakes the caller when it settles it.
    """

    def __init__(self, chip: ChipPen, watch: Stopwatch) -> None:
        super().__init__(chip)
        self._watch = watch
        self.over: Callable[[], bool] = lambda: False

    def read(self, timeout_s: float) -> bytes:
        """Bytes that arrived; looks every `LOOK_MS`."""
        if self.over():
            return b""
        waited_ms = 0.0
        while not self._watch.waiting and waited_ms < timeout_s * 1_000 and not self._woken.is_set():
            self._watch.live(LOOK_MS)
            waited_ms += LOOK_MS
        self._woken.clear()
        return self._watch.take()

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        self._watch.send(data)


class Desk:
    """As much of a bench as the host's station needs."""

    def __init__(self, chip: ChipPen, watch: Stopwatch) -> None:
        self._chip = chip
        self.wire = WatchedTransport(chip, watch)

    def transport(self) -> Transport:
        """A way for the host to the chip."""
        return self.wire

    def clock(self) -> float:
        """Seconds of the chip."""
        return self._chip.now_ns / 1e9


def pen(image: Path) -> Figures:
    """Boot, prepare, time requests, arm, stroke, hang."""
    settings = Settings(LOAD_MS=STROKING_MS)
    guest = Guest(image, "pen.py", settings, firmware=True)
    chip = guest.chip
    chip.wiring.position = START_STEPS
    guest.wait(lambda: chip.machines_run, IMPORTED_MS, "its machines")
    watch = Stopwatch(chip)
    desk = Desk(chip, watch)
    station = Station(desk)  # type: ignore[arg-type] - as much of a bench as it asks for
    rate_mhz = settings.RATE_HZ * MHZ
    station.greet().prepare(DEPTH_UM, rate_mhz)
    leg = _last_leg(rises(guest.edges("STEP")))
    trips = _trips(station, desk.wire, watch)
    station.done(station.pen.set_rate(rate_mhz))
    chip.mcu.gpio[settings.COLLECT_GPIO].set_input_value(True)
    station.let_pass(COLLECTED_MS)
    station.arm(DEPTH_UM, rate_mhz)
    chip.set(trigger=True)
    station.worker.run(lambda: guest.hung_ns is not None, (settings.WARM_MS + 2 * settings.LOAD_MS) / 1_000)
    guest.wait(lambda: guest.hung_ns, 1, "its hang")
    chip.run_ms(HUNG_MS)
    coil = guest.edges("NEEDLE")
    hung_ns = guest.hung_ns
    assert hung_ns is not None
    part = guest.parts[0]
    asked_on_us = _median_on_us(guest)
    strokes = stroke_figures(coil, part, pio_programs.needle_period_us(rate_mhz), asked_on_us)
    collected = [pulse.length_us / 1_000 for pulse in pulses(guest.collections)]
    return Figures(
        programs.PEN,
        strokes=replace(strokes, collect_ms=spread(collected)),
        off=off_figures(coil, hung_ns, chip.now_ns, ended=True),
        steps={programs.FIRMWARE_LEG: leg},
        trips_ms={programs.CALLER: trips, programs.WIRE: trips},
        facts={"lease_ms": str(limits.LEASE_MS)},
        chip_ms=chip.now_ms,
    )


def _trips(station: Station, wire: WatchedTransport, watch: Stopwatch) -> Spread:
    """SET_RATE to the answer that carries the rate in force."""
    rng = random.Random(SEED)
    trips = []
    for number in range(CALLS):
        station.let_pass(rng.uniform(0, PAUSE_MS))
        rate_mhz = RATES_HZ[number % 2] * MHZ
        watch.begin()
        ticket = station.worker.submit("SET_RATE", {"rate_mhz": rate_mhz})
        wire.over = partial(_settled, ticket)
        station.worker.settle(ticket)
        trips.append(watch.elapsed_ms)
        wire.over = lambda: False
        assert ticket.outcome is not None, "a request that was waited for is settled"
        done = station.done(ticket.outcome)
        if abs(done.value - rate_mhz) > MHZ:
            raise ValueError(f"the pen was asked for {rate_mhz} mHz and answered {done.value}")
    return spread(trips)


def _settled(ticket: Ticket) -> bool:
    return ticket.outcome is not None


def _median_on_us(guest: Guest) -> float:
    """On-time the firmware asks for: that of most strokes; no word can carry a longer one than the machine's cap."""
    return spread([pulse.length_us for pulse in pulses(guest.edges("NEEDLE"))]).p50


def _last_leg(times_ns: list[int]) -> StepFigures:
    """Even part of the last leg: without its ramps."""
    first = 0
    for number, (earlier, later) in enumerate(itertools.pairwise(times_ns), start=1):
        if later - earlier > LEG_PAUSE_NS:
            first = number
    return even_part(times_ns[first:])


def even_part(times_ns: list[int]) -> StepFigures:
    """Figures of a fast leg without its ramps."""
    ramp = len(steps.RAMP_US)
    word_us = pio_programs.step_word_period_us(pio_programs.step_word(steps.FAST_US))
    return step_figures(times_ns[ramp + 1 : -ramp - 1], word_us)
