"""States of pages that need another clinic: several stations whose server answers, and two of them that differ."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.console.desk import Served, Studio
from tests.console.joined import BEFORE, tour_joined
from tests.console.test_pages import Found, _look

pytestmark = [pytest.mark.xdist_group("console-pages"), pytest.mark.timeout(300)]


def test_axe_core_finds_no_violation_where_stations_have_joined(room: Studio, tmp_path: Path) -> None:
    served = Served(tmp_path, before=BEFORE)
    try:
        seen, axe = Found(), Axe()
        desk = Studio(served, room.playwright, room.browser).desk()
        tour_joined(desk, lambda name, at: _look(seen, axe, name, at))
        told = desk.page.locator("[data-private]").inner_text()
        desk.close()
    finally:
        served.close()
    assert {stop: found for stop, found in seen.axe.items() if found} == {}
    assert {stop: px for stop, px in seen.wide.items() if px > 0} == {}
    assert {stop: found for stop, found in seen.small.items() if found} == {}
    assert "<b>Muster</b>" in told
    assert desk.errors == []
