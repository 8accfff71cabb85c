"""A fresh bench for each test, and the feeding of a lease."""

from __future__ import annotations

import pytest

from pen_firmware import pio_programs as programs
from tests.pio.bench import Bench


@pytest.fixture
def bench() -> Bench:
    """Machines running, outputs let go, nothing fed."""
    return Bench()


@pytest.fixture
def armed(bench: Bench) -> Bench:
    """Lease fed for its longest, needle machine restarted and waiting."""
    bench.board.lease_feed(programs.LEASE_TICKS_MAX)
    bench.run(10)
    bench.board.needle_restart()
    bench.run(10)
    assert bench.wiring.safe
    return bench
