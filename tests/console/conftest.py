"""One console and one browser for all tests of the pages that run in a worker."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, sync_playwright

from tests.console.desk import PIN, Desk, Studio, studio

HERE = Path(__file__).parent
PAGES_TIMEOUT_S = 900
"""Of a test with a browser: what takes a minute takes several where the machine does other things as well."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the pages may take longer than others; each wait in them has its own end."""
    for item in items:
        if item.path.parent == HERE and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(PAGES_TIMEOUT_S))


@pytest.fixture(scope="package")
def driver() -> Iterator[Playwright]:
    """The one driver of browsers in this process."""
    with sync_playwright() as found:
        yield found


@pytest.fixture(scope="package")
def room(driver: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with studio(tmp_path_factory.mktemp("pages"), driver) as found:
        yield found


@pytest.fixture(scope="package")
def clinician(room: Studio) -> Desk:
    """A clinician, signed in and in control."""
    desk = room.desk()
    desk.sign_in()
    return desk


@pytest.fixture
def desk(clinician: Desk) -> Iterator[Desk]:
    """The clinician's desk with nothing open and the pen idle; no page may have failed meanwhile."""
    clinician.errors.clear()
    # who was not there for some minutes is asked for the PIN again: tests before this one may have taken that long
    clinician.bench.post("/api/session/sign-in", name="Trainee", pin=PIN)
    clinician.go("/")
    clinician.clear_up()
    yield clinician
    assert clinician.errors == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What the clinician saw when a test failed, into the directory named by PEN_SHOTS."""
    report = yield
    shown = getattr(item, "funcargs", {}).get("desk")
    if report.failed and shown is not None and "PEN_SHOTS" in os.environ:
        shown.page.screenshot(path=Path(os.environ["PEN_SHOTS"]) / f"{item.name[:60]}.png")
    return report
