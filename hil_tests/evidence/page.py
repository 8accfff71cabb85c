"""One page of a run, for people: `index.html`, drawn from its results."""

from __future__ import annotations

from pathlib import Path

from hil_tests.evidence.results import read_run, write_results


def write_all(folder: Path) -> None:
    """Write what is made of a run's log."""
    write_results(read_run(folder), folder)
