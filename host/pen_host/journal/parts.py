"""Verifies a long chain on every core: each process takes a stretch of it, and the stretches meet at an entry.

A stretch begins after an entry whose hash is taken as it stands, and the stretch before ends with exactly that entry, so together
they prove what one walk proves. Only whether everything is right is found out here; where something is not, or a process could
not be started, the chain is walked once more by one, which says what and where.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from pen_host.journal import sqlite
from pen_host.journal.stretch import holds

LONG = 400_000
"""Shorter chains are walked by one process: starting others takes a third of a second. (J)"""
PARTS_MAX = 8


class Parts:
    """Stretches of one chain, under way while this is open.

    Args:
        path: The record.
        station: Whose chain.
        first: Number of the entry before them, 0 for the beginning.
        last: Number of the last entry.
    """

    def __init__(self, path: Path, station: str, first: int, last: int) -> None:
        self._path, self._station = path, station
        self._bounds = [first, last]
        self._begun: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        first, last = self._bounds
        count = min(os.cpu_count() or 1, PARTS_MAX)
        if count < 2 or last - first < LONG or getattr(sys, "frozen", False):
            return self
        bounds = [first + (last - first) * number // count for number in range(count)] + [last]
        try:
            for begin, end in itertools.pairwise(bounds):
                words = [sys.executable, "-m", __name__, str(self._path), self._station, str(begin), str(end)]
                self._begun.append(
                    subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
                )
            self._bounds = bounds
        except OSError:
            self._stop()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def hold(self, progress: Callable[[int], None] | None = None) -> bool:
        """Whether all of them are certainly right; False where one is not, or nobody knows.

        Args:
            progress: Called with the number of the newest entry walked.
        """
        if not self._begun:
            first, last = self._bounds
            with closing(sqlite.connect_reader(self._path)) as connection:
                return holds(connection, self._station, first, last, progress)
        done = []
        for bound, process in zip(self._bounds[1:], self._begun, strict=True):
            done.append(process.wait() == 0)
            if progress:
                progress(bound)
        return all(done)

    def _stop(self) -> None:
        for process in self._begun:
            process.kill()
            process.wait()
        self._begun.clear()


def main(words: Sequence[str]) -> int:
    """One stretch, in a process of its own: 0 where everything in it is right."""
    path, station, first, last = words
    with closing(sqlite.connect_reader(Path(path))) as connection:
        return 0 if holds(connection, station, int(first), int(last)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
