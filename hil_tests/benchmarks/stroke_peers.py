"""Strokes by the pen's board and by MicroPython's own means under collections, and what becomes of them in a hang."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from hil_tests.benchmarks import programs
from hil_tests.benchmarks.chip_guest import Guest
from hil_tests.benchmarks.measures import Figures, OffFigures, off_figures, stroke_figures
from hil_tests.benchmarks.settings import Settings
from pen_firmware import pio_programs

BOOT_MS = 1_000
WATCHED_MS = 80
"""How long a hang is watched at full pace, after it began and before the watchdog bites."""
UNGUARDED_MS = 3_000
"""How long strokes that nothing ends are watched."""
BITES_MS = 400
"""The watchdog has bitten this long after its time at the latest: it was fed once more shortly before the hang."""
HARD_SINCE = "this image has no hard timer callbacks: hard= came with MicroPython 1.26"


def pen(image: Path) -> Figures:
    """Ours: the needle machine on its board, fed by the firmware's `needle`."""
    settings = Settings()
    period_us = pio_programs.needle_period_us(settings.RATE_HZ * 1_000)
    return _strokes(image, programs.STROKES_PEN, "stroke_pen.py", settings, period_us, firmware=True)


def timer(image: Path, hard: bool) -> Figures:
    """machine.Timer, soft or hard callbacks."""
    settings = Settings(HARD=int(hard))
    name = programs.TIMER_HARD if hard else programs.TIMER_SOFT
    return _strokes(image, name, "stroke_timer.py", settings, 1_000_000 // settings.RATE_HZ)


def pwm(image: Path, guarded: bool) -> Figures:
    """machine.PWM, with the watchdog or with none."""
    settings = Settings()
    if guarded:
        return _strokes(image, programs.PWM, "stroke_pwm.py", settings, 1e6 / settings.RATE_HZ)
    settings = replace(settings, WATCHDOG_MS=0, LOAD_MS=100)
    guest = Guest(image, "stroke_pwm.py", settings)
    guest.wait(lambda: guest.hung_ns, BOOT_MS + settings.WARM_MS + settings.LOAD_MS, "its hang")
    return Figures(programs.PWM_ALONE, off=_off(guest), chip_ms=guest.chip.now_ms)


def loop(image: Path) -> Figures:
    """Strokes timed by the program, the watchdog as only guard, a hang with the coil on."""
    settings = Settings()
    guest = Guest(image, "stroke_loop.py", settings)
    strokes_ms = 1_000 * settings.STROKES / settings.RATE_HZ
    guest.wait(lambda: guest.hung_ns, BOOT_MS + strokes_ms, "its hang")
    return Figures(programs.LOOP, off=_off(guest), chip_ms=guest.chip.now_ms)


def _strokes(
    image: Path, name: str, program: str, settings: Settings, period_us: float, *, firmware: bool = False
) -> Figures:
    guest = Guest(image, program, settings, firmware=firmware)
    limit_ms = BOOT_MS + settings.WARM_MS + 2 * settings.LOAD_MS
    guest.wait(lambda: guest.hung_ns or guest.lacks, limit_ms, "its hang")
    if guest.lacks:
        return Figures(name, lacks=HARD_SINCE, chip_ms=guest.chip.now_ms)
    strokes = stroke_figures(
        guest.edges("NEEDLE"), guest.parts[0], period_us, settings.ON_MS * 1_000, guest.collections
    )
    return Figures(name, strokes=strokes, off=_off(guest), chip_ms=guest.chip.now_ms)


def _off(guest: Guest) -> OffFigures:
    """Watch a hang to its end. In the middle the core stands still to save time: PWM, pins and watchdog go on, callbacks wait."""
    chip = guest.chip
    hung_ns = guest.hung_ns
    assert hung_ns is not None
    chip.run_ms(WATCHED_MS)
    watchdog_ms = guest.settings.WATCHDOG_MS
    if not watchdog_ms:
        chip.skip_ms(UNGUARDED_MS - WATCHED_MS)
        return off_figures(guest.edges("NEEDLE"), hung_ns, chip.now_ns, ended=False)
    chip.skip_ms(watchdog_ms - 3 * WATCHED_MS)
    guest.wait(lambda: chip.resets, 3 * WATCHED_MS + BITES_MS, "the watchdog's reset")
    return off_figures(guest.edges("NEEDLE"), hung_ns, chip.now_ns, ended=True)
