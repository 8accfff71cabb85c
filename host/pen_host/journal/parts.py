"""Verifies a long chain on every core: each process takes a stretch of it, and the stretches meet at an entry.

A stretch begins after an entry whose hash is taken as it stands, and the stretch before must end with exactly that entry, so
together they prove what one walk proves. Only whether everything is right is found out here; where something is not, or a process
could not be started, the chain is walked once more by one, which says what and where.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from pen_host.journal import sqlite
from pen_host.journal.chain import COLUMNS, HASH, SEQ, ChainCheck, Head

LONG = 400_000
"""Shorter chains are walked by one process: starting others takes a third of a second. (J)"""
PARTS_MAX = 8
_BATCH = 5_000
_SELECT = f"SELECT {', '.join(COLUMNS)} FROM entries WHERE station_id = ? AND seq > ? ORDER BY seq LIMIT ?"  # noqa: S608


def intact_in_parts(
    path: Path, station: str, ends: Head, known: Sequence[Head], progress: Callable[[int, int], None] | None
) -> bool:
    """Whether a chain is certainly right; False where it is not, or nobody knows.

    Args:
        path: The record.
        station: Whose chain.
        ends: Its last entry.
        known: Heads that it must pass through.
        progress: Called with entries checked and entries in all.
    """
    parts = min(os.cpu_count() or 1, PARTS_MAX)
    if parts < 2 or ends.seq < LONG or getattr(sys, "frozen", False):
        return False
    if any(head.station_id != station or head.seq > ends.seq for head in known):
        return False
    bounds = [ends.seq * number // parts for number in range(parts)] + [ends.seq]
    begun = []
    try:
        for first, last in itertools.pairwise(bounds):
            inside = [f"{head.seq}:{head.hash}" for head in known if first < head.seq <= last]
            words = [sys.executable, "-m", __name__, str(path), station, str(first), str(last), *inside]
            begun.append(subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))  # noqa: S603
        done = []
        for number, process in enumerate(begun, 1):
            done.append(process.wait() == 0)
            if progress:
                progress(bounds[number], ends.seq)
        return all(done)
    except OSError:
        return False
    finally:
        for process in begun:
            process.kill()
            process.wait()


def _stretch(path: Path, station: str, first: int, last: int, known: Sequence[Head]) -> bool:
    with closing(sqlite.connect_reader(path)) as connection:
        query = "SELECT hash FROM entries WHERE station_id = ? AND seq = ?"
        hashes = [connection.execute(query, (station, seq)).fetchone() for seq in (first, last)]
        if hashes[1] is None or (first and hashes[0] is None):
            return False
        check = ChainCheck(
            [*known, Head(station, last, hashes[1][0])], Head(station, first, hashes[0][0]) if first else None
        )
        place, newest = first, ""
        while place < last:
            rows = connection.execute(_SELECT, (station, place, min(_BATCH, last - place))).fetchall()
            if not rows:
                return False
            check.feed(rows)
            place, newest = rows[-1][SEQ], rows[-1][HASH]
        return place == last and newest == hashes[1][0] and not check.finish()


def main(words: Sequence[str]) -> int:
    """One stretch, in a process of its own: 0 where everything in it is right."""
    path, station, first, last, *known = words
    heads = [Head(station, int(seq), found) for seq, _, found in (text.partition(":") for text in known)]
    return 0 if _stretch(Path(path), station, int(first), int(last), heads) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
