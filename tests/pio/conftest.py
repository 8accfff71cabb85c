"""A fresh bench for each test, and the feeding of a lease."""

from __future__ import annotations

from typing import Any

import pytest

from pen_firmware import pio_programs as programs
from tests.pio.bench import Bench


@pytest.fixture
def bench() -> Bench:
    """Machines running, outputs let go, nothing fed."""
    return Bench()


@pytest.fixture(scope="session")
def assembled() -> dict[str, list[Any]]:
    """Every program as the assembler returns it."""
    assemble = Bench(started=False).module.assemble
    return {name: assemble(name) for name in programs.OPTIONS}


@pytest.fixture
def needle(assembled: dict[str, list[Any]]) -> list[Any]:
    """The needle program, loaded nowhere yet."""
    return [*assembled["needle"]]


@pytest.fixture
def armed(bench: Bench) -> Bench:
    """Lease fed for its longest, needle machine restarted and waiting."""
    bench.board.lease_feed(programs.LEASE_TICKS_MAX)
    bench.run(10)
    bench.board.needle_restart()
    bench.run(10)
    assert bench.wiring.safe
    return bench
