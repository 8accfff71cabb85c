"""An hour of a console's frames as fast as they can be made, sent and acknowledged: how much memory grows meanwhile.

A process of its own, so that what it holds is the server's and one plain client's. Prints one JSON object.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from pen_host.api.models import STREAM_HZ
from tests.console.api.bench import ConsoleBench, console_bench

FRAMES = 3_600 * STREAM_HZ
WARM_SHARE = 0.1
"""What a program sets up once is set up by then."""


def main() -> None:
    """Measure."""
    from pen_host.api import feed

    feed.PERIOD_S = 0.0005
    with tempfile.TemporaryDirectory() as folder, console_bench(Path(folder)) as bench:
        tab = bench.clinician()
        begun_s = time.monotonic()
        warm_mib = grown(bench, round(FRAMES * WARM_SHARE))
        last_mib = grown(bench, FRAMES)
        told = {
            "frames": bench.service._broadcast.seq,
            "acknowledged": tab.live["seq"],
            "warm_mib": round(warm_mib, 2),
            "last_mib": round(last_mib, 2),
            "growth_mib": round(last_mib - warm_mib, 2),
            "seconds": round(time.monotonic() - begun_s, 1),
        }
    json.dump(told, sys.stdout)


def grown(bench: ConsoleBench, frames: int) -> float:
    """Resident memory once so many frames were made."""
    while bench.service._broadcast.seq < frames:
        time.sleep(0.05)
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


if __name__ == "__main__":
    main()
