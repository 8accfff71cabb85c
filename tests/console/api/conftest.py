"""One console a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.api.bench import ConsoleBench, console_bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[ConsoleBench]:
    with console_bench(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleBench]:
    """A console that several tests share; none of them treats anybody."""
    with console_bench(tmp_path_factory.mktemp("console")) as found:
        yield found
