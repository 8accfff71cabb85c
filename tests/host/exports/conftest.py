"""One told clinic for all tests of a file: exports only read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.host.told_clinic import ToldClinic


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ToldClinic]:
    made = ToldClinic(tmp_path_factory.mktemp("told"))
    yield made
    made.close()
