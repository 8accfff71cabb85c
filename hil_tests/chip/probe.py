"""Both ends of the probe behind every pass of an emulated pen: what to ask, and where its figures lie.

The guest (`guests/probed.py`) runs main.py as it is shipped; it takes its orders from a register and keeps its figures in
arrays, which are read from the chip's memory without its core noticing.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Mapping

from hil_tests.benches.contract import Figures
from hil_tests.chip.emulator import ChipPen
from hil_tests.chip.guest import GUESTS

ASKED = 0x40050098
"""Compare register of PWM slice 7: nothing of the pen is on a PWM."""
FIGURES = 0x40050084
"""The same of slice 6: address of the array that holds the addresses of the others."""
KEPT = 800
"""Passes kept of each kind."""
FREE_AT = 8
"""Place of the free bytes among the heads."""
ANSWER_MS = 1_000.0


class Order(enum.IntEnum):
    """What the guest does at its next pass."""

    HANG = 1
    RAISE = 2
    HOARD = 3
    SOFT_RESET = 4
    HEAP = 5
    FREE = 6


def probed_files(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The device tree with the probe in front of the shipped main.py."""
    probe = (GUESTS / "probed.py").read_bytes()
    return {**files, "main.py": probe, "shipped_main.py": files["main.py"]}


def order(chip: ChipPen, what: Order) -> None:
    """Have something done at the next pass."""
    chip.set_word(ASKED, what)


def read_figures(chip: ChipPen) -> Figures:
    """The probe's figures; asks for a collection first, so the pen must be disarmed."""
    heads, idle, stroking = _words(chip, chip.word(FIGURES), 3)
    order(chip, Order.FREE)
    if not chip.until(lambda: chip.word(heads + FREE_AT) > 0, ANSWER_MS):
        raise RuntimeError("the probe did not answer: is the pen's firmware running behind it?")
    counts = _words(chip, heads, 9)
    return Figures(
        pass_us={
            "idle": _spread(_halves(chip, idle, counts[0])),
            "stroking": _spread(_halves(chip, stroking, counts[1])),
        },
        free_bytes=counts[2],
        allocated_bytes=counts[4],
        allocated_passes=counts[3],
        collection_us=counts[7],
        free_armed_bytes=counts[8],
    )


def _words(chip: ChipPen, address: int, count: int) -> list[int]:
    return [chip.word(address + 4 * index) for index in range(count)]


def _halves(chip: ChipPen, address: int, count: int) -> list[int]:
    count = min(count, KEPT)
    words = _words(chip, address, (count + 1) // 2)
    return list(struct.unpack(f"<{2 * len(words)}H", struct.pack(f"<{len(words)}I", *words)))[:count]


def _spread(values: list[int]) -> tuple[int, int, int, int]:
    """Number, median, 99th hundredth and largest; all 0 when there are none."""
    if not values:
        return (0, 0, 0, 0)
    ordered = sorted(values)
    return (
        len(ordered),
        ordered[len(ordered) // 2],
        ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
        ordered[-1],
    )
