"""A record that takes no entries, as whoever sits there sees it, and the way back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.console.desk import Desk

pytestmark = pytest.mark.xdist_group("console-pages")


def _record(desk: Desk) -> Path:
    """The file that its process has open."""
    links = (Path("/proc") / str(desk.served.process.pid) / "fd").iterdir()
    return next(one.resolve() for one in links if one.resolve().suffix == ".sqlite3")


@contextmanager
def _held(record: Path) -> Iterator[None]:
    """Another program holds the record."""
    with closing(sqlite3.connect(record, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.mark.covers("REQ-1414")
def test_a_record_that_fails_is_told_on_the_page_with_the_way_back(desk: Desk) -> None:
    told = desk.page.get_by_role("alert").filter(has_text="The record takes no entries.")
    again = desk.button("The cause is gone: take entries again")
    assert not told.is_visible()
    with _held(_record(desk)):
        refused = desk.bench.post("/api/patients", full_name="Nobody Yet", birth_date="1980-05-01")
        assert (refused.status, refused.code) == (503, "record")
        told.get_by_text("is held by another program").wait_for()
        desk.go("/records")  # on every page
        told.wait_for()
        again.click()
        told.get_by_role("status").filter(has_text="still so").wait_for()
        assert told.is_visible()
    again.click()
    told.wait_for(state="hidden")
    added = desk.bench.post("/api/patients", full_name="Somebody Now", birth_date="1980-05-01")
    assert added.status == 200, added.text
