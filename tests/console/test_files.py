"""Files out of the pages and into them: reports, an export, photographs; and what is on a screen that is locked."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from tests.console.desk import Desk, wait_until
from tests.console.tour import photograph

PAPER_MS = 120_000
"""What is made in the workshop's process is made behind everything else on a machine that may be busy."""
pytestmark = pytest.mark.xdist_group("console-pages")


def test_a_report_and_an_export_are_saved_from_the_page_and_a_refusal_is_said_beside_its_button(
    desk: Desk, tmp_path: Path
) -> None:
    page = desk.go("/records")
    with page.expect_download(timeout=PAPER_MS) as coming:
        page.get_by_role("link", name="Technical data sheet").click()
    saved = coming.value
    saved.save_as(tmp_path / saved.suggested_filename)
    assert (tmp_path / "spec.pdf").read_bytes().startswith(b"%PDF")
    patient = desk.bench.get("/api/patients")[0]["patient_id"]
    desk.go(f"/patients/{patient}")
    link = page.get_by_role("link", name="Course summary")
    link.evaluate("(link) => { link.href = '/api/reports/course/P-00000-00000'; }")
    link.click()
    page.locator(".paper .wrong", has_text="P-00000-00000").wait_for(timeout=PAPER_MS)
    desk.go("/export")
    page.get_by_text("CSV", exact=True).first.click()
    page.get_by_label("Nobody by name").check()
    desk.button("Make the export").click()
    # one that was made before may be there still, and its button with it
    wait_until(lambda: _ready(desk.bench.get("/api/exports")), "the export", PAPER_MS / 1000)
    desk.go("/export")
    with page.expect_download(timeout=PAPER_MS) as coming:
        page.get_by_role("link", name="Fetch the file").click(timeout=PAPER_MS)
    coming.value.save_as(tmp_path / "export.zip")
    with zipfile.ZipFile(tmp_path / "export.zip") as opened:
        assert {"manifest.json", "patients.csv"} <= set(opened.namelist())


def _ready(view: dict[str, object]) -> bool:
    return (view["state"], view["form"], view["deidentified"]) == ("ready", "csv", True)


def test_a_photograph_goes_in_by_the_page_keeps_what_was_typed_and_is_gone_when_locked(
    desk: Desk, tmp_path: Path
) -> None:
    page = desk.page
    name = "<img src=x onerror=document.title='evil'>"
    added = desk.bench.post("/api/patients", full_name=name, birth_date="1980-05-01").json["patient_id"]
    desk.go(f"/patients/{added}/photographs")
    page.get_by_text(name, exact=True).wait_for()
    page.get_by_label("The patient has read it").check()
    desk.button("The patient agrees").click()
    (tmp_path / "none.jpg").write_bytes(b"%PDF-1.7")
    (tmp_path / "one.jpg").write_bytes(photograph(3))
    page.get_by_label("Note").fill("left <b>side</b>")
    page.get_by_label("The photograph").set_input_files(tmp_path / "none.jpg")
    desk.button("Add it to the record").click()
    page.locator("#w-file", has_text="is no picture").wait_for(timeout=PAPER_MS)
    assert page.get_by_label("Note").input_value() == "left <b>side</b>"
    page.get_by_label("The photograph").set_input_files(tmp_path / "one.jpg")
    desk.button("Add it to the record").click()
    page.locator(".small-picture", has_text="left <b>side</b>").wait_for(timeout=PAPER_MS)
    assert "evil" not in page.title()
    assert page.locator("[data-private] img").count() == 3
    desk.bench.post("/api/session/lock")
    page.wait_for_url("**/login")
    assert page.locator("img").count() == 0
    desk.bench.post("/api/session/sign-in", name="Trainee", pin="2580")
