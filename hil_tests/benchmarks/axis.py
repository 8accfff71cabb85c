"""Steps: the pen's axis machine on its board, and a loop in Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hil_tests.benchmarks import programs
from hil_tests.benchmarks.chip_guest import Guest
from hil_tests.benchmarks.firmware import even_part
from hil_tests.benchmarks.measures import Figures, step_figures, within
from hil_tests.benchmarks.settings import Settings
from hil_tests.waves import rises

LIMIT_MS = 5_000


def pen(image: Path) -> Figures:
    """The axis machine, fed by `steps`; and its shortest steps."""
    guest, parts = _run(image, "step_pen.py", 4, firmware=True)
    cruise, collected, least, machine = parts
    return Figures(
        programs.STEPS_PEN,
        steps={
            programs.CRUISE: even_part(cruise),
            programs.COLLECTED: even_part(collected),
            programs.LEAST: step_figures(least, guest.settings.STEP_LEAST_US),
            programs.MACHINE: step_figures(machine, guest.settings.STEP_LEAST_US),
        },
        chip_ms=guest.chip.now_ms,
    )


def loop(image: Path) -> Figures:
    """A busy loop over ticks_us; and one that does not wait."""
    guest, parts = _run(image, "step_loop.py", 4)
    settings = guest.settings
    asked = {
        programs.CRUISE: settings.STEP_US,
        programs.COLLECTED: settings.STEP_US,
        programs.LEAST: settings.STEP_LEAST_US,
        programs.UNTIMED: 0,
    }
    return Figures(
        programs.STEPS_LOOP,
        steps={
            name: step_figures(times, asked_us)
            for (name, asked_us), times in zip(asked.items(), parts, strict=True)
        },
        chip_ms=guest.chip.now_ms,
    )


def _run(
    image: Path, program: str, parts: int, *, firmware: bool = False
) -> tuple[Guest, Sequence[list[int]]]:
    guest = Guest(image, program, Settings(), firmware=firmware)
    guest.wait(lambda: len(guest.parts) == parts, LIMIT_MS, "the end of its parts")
    edges = guest.edges("STEP")
    return guest, [rises(within(edges, part)) for part in guest.parts]
