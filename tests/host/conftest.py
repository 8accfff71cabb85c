"""A station with a simulated pen, and a record of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pen_host.journal import (
    Journal,
    encrypting,
    record_keys,
)
from pen_host.vault import this_vault
from tests.host.treatment_bench import Station


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    with Station(tmp_path) as made:
        yield made


@pytest.fixture
def path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    record = tmp_path / "record.sqlite3"
    if getattr(request, "param", "plain") == "encrypted":
        key = record_keys.new_key()
        record_keys.keep(key, this_vault())
        encrypting.create(record, key)
    return record


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.create_or_open(path, station_id="s1") as opened:
        yield opened
