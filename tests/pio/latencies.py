"""Worst cases of the machines in cycles (1 us each): one home for each figure, as HARDWARE.md shows it.

Each is measured by `test_latencies`, which fails when a figure is too small and when no phase needs all of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from pen_firmware import pio_programs as programs
from pen_firmware.lease import FirmwareLease


@dataclass(frozen=True)
class Latency:
    """From what to what, the worst case in cycles, and what it means."""

    begins: str
    ends: str
    cycles: int
    meaning: str = ""


COIL_OFF = Latency(
    "SAFE falls (stop contact opens)",
    "NEEDLE low",
    5,
    "one turn of the sampling loop and the jump out of it",
)
TRIP_FLAG = Latency("SAFE falls while the coil is on", "flag the firmware reads", 6, "the event names it")
LEASE_STOP = Latency(
    "stop contact opens", "last edge of LEASE", 4, "latched until the machines are started again"
)
LEASE_TAKEN = Latency(
    "the firmware takes the lease away (word 0)", "last rising edge of LEASE", 4, "the pump is filled no more"
)
TAKEN = Latency(
    "the firmware takes the lease away (word 0)",
    "NEEDLE low",
    LEASE_TAKEN.cycles - 1 + programs.SAFE_DECAY_US + COIL_OFF.cycles,
    "trigger released, a condition failed; the pump's decay is most of it",
)
UNRENEWED = Latency(
    "last renewal of the lease",
    "NEEDLE low",
    LEASE_TAKEN.cycles
    - 1
    + programs.LEASE_TICK_US * FirmwareLease.TICKS
    + programs.SAFE_DECAY_US
    + COIL_OFF.cycles,
    "CPU hangs: words still queued are cut too",
)
STEP_STOP = Latency("AXIS_OK falls", "rising edge of a last STEP", 4, "a step that began is whole: 4 us")
FIRST_STROKE = Latency("word for a waiting needle machine", "NEEDLE high", 8, "period built, SAFE asked")
ANSWER = Latency(
    "NEEDLE low after a whole on-time",
    "acknowledgement readable",
    1,
    "number and period of the stroke that was made",
)
DRAIN = Latency("needle machine latched", "queue of four words empty", 7, "nothing is left to replay")
MISSED = Latency(
    "SAFE falls between two strokes",
    "SAFE rises again unseen by the needle machine",
    15,
    "coil off, during trim and set-up; the lease machine misses none of 4 us or more",
)

ALL = (
    COIL_OFF,
    TRIP_FLAG,
    LEASE_STOP,
    STEP_STOP,
    LEASE_TAKEN,
    TAKEN,
    UNRENEWED,
    FIRST_STROKE,
    ANSWER,
    DRAIN,
    MISSED,
)
