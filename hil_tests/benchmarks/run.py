"""Runs every program on a chip of its own, two side by side, and gathers what they gave."""

from __future__ import annotations

import concurrent.futures
import hashlib
import importlib.metadata
import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from hil_tests.benchmarks import axis, firmware, mpremote_peer, programs, stroke_peers
from hil_tests.benchmarks.measures import Figures

WORKERS = 2
Work = Callable[[Path], Figures]
ALL: dict[str, Work] = {
    # the longest first
    programs.PEN: firmware.pen,
    programs.STROKES_PEN: stroke_peers.pen,
    programs.TIMER_SOFT: partial(stroke_peers.timer, hard=False),
    programs.TIMER_HARD: partial(stroke_peers.timer, hard=True),
    programs.PWM: partial(stroke_peers.pwm, guarded=True),
    programs.STEPS_PEN: axis.pen,
    programs.STEPS_LOOP: axis.loop,
    programs.PWM_ALONE: partial(stroke_peers.pwm, guarded=False),
    programs.LOOP: stroke_peers.loop,
    programs.MPREMOTE: mpremote_peer.requests,
}


def run(image: Path, told: Callable[[str], None]) -> tuple[dict[str, Figures], dict[str, Any]]:
    """Run all programs.

    Args:
        image: MicroPython UF2.
        told: Called with a sentence whenever a program is through.

    Returns:
        Figures by program, and facts about the run.
    """
    began = time.monotonic()
    figures: dict[str, Figures] = {}
    workers = min(WORKERS, os.cpu_count() or 1)
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(workers, mp_context=context) as pool:
        waiting = {pool.submit(_timed, work, image): name for name, work in ALL.items()}
        try:
            for done in concurrent.futures.as_completed(waiting):
                one = done.result()
                figures[one.program] = one
                told(
                    f"{len(figures)} of {len(ALL)}: {one.program}, {one.chip_ms:.0f} ms of the chip in {one.wall_s:.0f} s"
                )
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return {name: figures[name] for name in ALL}, {
        "image": image.name,
        "image_sha256": hashlib.sha256(image.read_bytes()).hexdigest(),
        "micropython": figures[programs.MPREMOTE].facts["micropython"].partition("; ")[2],
        "mpremote": figures[programs.MPREMOTE].facts["mpremote"],
        "emulator": f"rp2040py {importlib.metadata.version('rp2040py')}",
        "wall_s": time.monotonic() - began,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def _timed(work: Work, image: Path) -> Figures:
    began = time.monotonic()
    figures = work(image)
    return replace(figures, wall_s=time.monotonic() - began)
