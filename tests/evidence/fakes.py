"""A bench that remembers edges it was given, and small suites to run for their evidence."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from hil_tests.benches import Bench, Edge, Hand, Signal
from pen_host.transport import Transport

ROOT = Path(__file__).resolve().parents[2]
PROCESS_S = 120


class PaperBench(Bench):
    """Edges on paper."""

    name = "paper"
    resolution_ns = 1

    def __init__(self, edges: Mapping[Signal, Sequence[Edge]]) -> None:
        self._edges = edges

    @property
    def now_ns(self) -> int:
        return max((edge.t_ns for edges in self._edges.values() for edge in edges), default=0)

    def run_ms(self, duration_ms: float) -> None:
        raise NotImplementedError

    def transport(self) -> Transport:
        raise NotImplementedError

    def clock(self) -> float:
        raise NotImplementedError

    def hand(self, hand: Hand, closed: bool) -> int:
        raise NotImplementedError

    def edges(self, signal: Signal, since_ns: int = 0) -> list[Edge]:
        return [edge for edge in self._edges.get(signal, ()) if edge.t_ns >= since_ns]

    def level(self, signal: Signal) -> int:
        edges = self._edges.get(signal)
        return edges[-1].level if edges else 0

    @property
    def unsafe_coil_edges(self) -> int:
        return 0

    @property
    def resets(self) -> int:
        return 0

    def facts(self) -> dict[str, str]:
        return {"bench": "paper & ink", "image SHA-256": "00ff"}


CONFTEST = """
import pytest
from hil_tests import forked
from hil_tests.benches import Edge, Signal
from hil_tests.evidence import plugin
from tests.evidence.fakes import PaperBench

def pytest_addoption(parser):
    parser.addoption("--pen", default="sim")
    plugin.add_options(parser)

def pytest_configure(config):
    plugin.register(config)

@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item):
    if "forked" not in item.name:
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    copies = forked.Copies([item], lambda _: None, cores=1, limit_s=60)
    copies.report(item)
    copies.end()
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True

@pytest.fixture
def bench(request):
    made = PaperBench({Signal.COIL: [Edge(1_000, 1), Edge(3_000, 0), Edge(11_000, 1), Edge(12_500, 0)]})
    yield made
    plugin.record_who(request.node, made, None)
"""


def suite(folder: Path, tests: str) -> Path:
    """A folder with these tests."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (folder / "test_small.py").write_text(
        "import os, signal, time\nimport pytest\n" + tests, encoding="utf-8"
    )
    return folder


def environment() -> dict[str, str]:
    """Where a process of ours finds the clone's packages."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}


def run(*words: object) -> subprocess.CompletedProcess[str]:
    """`python -m hil_tests` as a process."""
    return subprocess.run(
        [sys.executable, "-m", "hil_tests", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=PROCESS_S,
        check=False,
        env=environment(),
    )
