"""States of pages that need another clinic: several stations whose server answers, and two of them that differ."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.console.desk import Desk, Served, Studio
from tests.console.joined import BEFORE, tour_joined
from tests.console.test_pages import WIDE, Found, _look

pytestmark = pytest.mark.xdist_group("console-pages")
PAGES_OF_PATIENT = ("filing", "measures", "consents", "photographs", "aftercare")


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


def test_a_name_without_a_space_never_makes_a_page_scroll_sideways(desk: Desk) -> None:
    page, long = desk.page, "W" * 120
    added = desk.bench.post("/api/patients", full_name=long, birth_date="1980-05-01").json["patient_id"]
    path = f"/patients/{added}"
    note = desk.bench.post(f"/api{path}/notes", text=long * 2)
    assert note.status == 200, note.text
    rated = {"kind": "seven_point", "score": 1, "rater": long, "blinded": True}
    told = desk.bench.post(f"/api{path}/outcomes", measured=rated, day="2026-01-05", note=long)
    assert told.status == 200, told.text
    desk.control()
    wide = {}
    page.set_viewport_size({"width": 768, "height": 1024})
    for where in ("/treat", path, *(f"{path}/{one}" for one in PAGES_OF_PATIENT)):
        desk.go(where)
        page.get_by_text("WWWW").first.wait_for(state="attached")
        wide[where] = page.evaluate(WIDE)
    desk.ask("/api/treatment/patient", reference=added)
    desk.go("/treat")
    desk.heading("Screening")
    wide["screening"] = page.evaluate(WIDE)
    page.set_viewport_size({"width": 1366, "height": 768})
    unfilled = page.evaluate("() => document.querySelector('.page').textContent.match(/[{]\\w+[}]/g)")
    assert {one: px for one, px in wide.items() if px > 0} == {}
    assert unfilled is None


def test_what_is_wrong_is_said_at_its_field_in_a_sentence_and_in_the_fields_own_unit(desk: Desk) -> None:
    added = desk.bench.post("/api/patients", full_name="Wrong Numbers", birth_date="1980-05-01").json
    page = desk.go(f"/patients/{added['patient_id']}/filing")
    page.get_by_label("Needle length").fill("9")
    page.get_by_label("Times a week").fill("1")
    desk.button("They use this").click()
    page.locator("[id$=needle_um].wrong:visible", has_text="It is more than 2.5 mm.").wait_for()
