"""What the record keeps, by keyboard: a consent taken back, a measure corrected, own presets, bundles that come back.

Part of the tour: each stop is one that a clinician meets when something was wrong or comes from elsewhere.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

from pen_host.exports.export import Form, export
from pen_host.journal import Kind
from pen_host.records.models import AreaUnit, CountMethod, HairCount, Landmark
from tests.console.desk import PIN, Desk
from tests.host.records.conftest import ANNA, FORTNIGHTLY, PEN, Bench

Look = Callable[[str, Desk], None]
FIRST = date(2026, 1, 5)
WEEKS = 12
SLOW_MS = 120_000
"""What is made in the workshop's process is made behind everything else on a machine that may be busy."""


def keeping(desk: Desk, look: Look, picture: bytes) -> None:
    """Walk through all of it, signed in as a clinician.

    Args:
        desk: The browser.
        look: Called at each stop.
        picture: A photograph of nobody.
    """
    added = desk.bench.post("/api/patients", full_name="Dora <b>Muster</b>", birth_date="1980-05-01")
    patient = f"/patients/{added.json['patient_id']}"
    _consents(desk, look, patient, picture)
    _correction(desk, look, patient)
    _presets(desk, look)
    _bundles(desk, look)
    desk.go(f"/cohort?preset={FORTNIGHTLY}&week={WEEKS}")
    desk.page.locator(".note.danger:visible", has_text="per inch2").wait_for()
    look("cohort-two-units", desk)


def _consents(desk: Desk, look: Look, patient: str, picture: bytes) -> None:
    page = desk.page
    for text in desk.bench.get("/api/consent-texts"):
        asked = {"text_sha256": text["digest"], "signed_by": "Dora Muster"}
        assert desk.bench.post(f"/api{patient}/consents", **asked).status == 200
    where = f"/api{patient}/photographs?view=scalp_vertex&day={FIRST}"
    desk.bench.send(where, picture, "image/jpeg")
    desk.go(f"{patient}/consents")
    of_photographs = page.locator(".card", has=page.get_by_role("heading", name="Consent to photographs"))
    of_photographs.locator("summary").press("Enter")
    of_photographs.get_by_role("button", name="Withdraw it and sign").press("Enter")
    page.get_by_text("Type your PIN: it signs").wait_for()
    look("patient-consents-wrong", desk)
    of_photographs.get_by_label("Why, in the patient's words").fill("by <i>phone</i>")
    of_photographs.get_by_label("Your PIN signs it").fill(PIN)
    of_photographs.get_by_role("button", name="Withdraw it and sign").press("Enter")
    page.get_by_text("Withdrawn on").first.wait_for()
    desk.go(f"{patient}/photographs")
    page.get_by_text("Kept and not shown").wait_for()
    assert page.locator("[data-private] img").count() == 0
    look("patient-photographs-withdrawn", desk)


def _correction(desk: Desk, look: Look, patient: str) -> None:
    page = desk.page
    rated = {"kind": "seven_point", "score": 3, "rater": "Bob", "blinded": True}
    assert desk.bench.post(f"/api{patient}/outcomes", measured=rated, day=str(FIRST)).status == 200
    desk.go(f"{patient}/measures")
    page.get_by_role("button", name="Correct: seven-point scale").press("Enter")
    page.get_by_label("Score").first.fill("2")
    desk.button("Record the correction").press("Enter")
    page.get_by_text("Write down why it is corrected").wait_for()
    page.get_by_label("Why it was wrong").fill("another patient's <b>sheet</b>")
    desk.button("Record the correction").press("Enter")
    page.get_by_text("Replaced by Trainee").wait_for()
    assert "+3" in page.locator("s").all_inner_texts()
    page.get_by_role("button", name="Correct: seven-point scale").press("Enter")
    page.get_by_text("It stays in the record, struck out").wait_for()
    look("patient-measures-corrected", desk)


def _presets(desk: Desk, look: Look) -> None:
    page, save = desk.page, "Save the preset"
    desk.go("/presets")
    look("presets", desk)
    page.get_by_role("link", name="Neck wrinkles").press("Enter")
    desk.heading("Protocol")
    page.get_by_role("link", name="Make an own preset from it").press("Enter")
    desk.heading("Make an own preset")
    page.get_by_label("Short name").fill("our_neck")
    page.get_by_label("Title").fill("Neck, <b>ours</b>")
    page.get_by_label("Protrusion, proposed").first.fill("deep")
    desk.button(save).press("Enter")
    page.get_by_text("Write a number").wait_for()
    page.get_by_label("Protrusion, proposed").first.fill("0.62")
    n = 1
    while page.get_by_label(f"Source {n}", exact=True).count():
        page.get_by_label(f"Source {n}", exact=True).fill("")
        page.get_by_label(f"Address of source {n}").fill("")
        n += 1
    desk.button(save).press("Enter")
    page.get_by_text("in steps of 0.05 mm").wait_for()
    page.locator("[id='w-sources.0.citation']", has_text="no primary source").wait_for()
    look("preset-wrong", desk)
    page.get_by_label("Protrusion, proposed").first.fill("0,65")
    page.get_by_label("Source 1", exact=True).fill("Our own series, 2026")
    page.get_by_label("Address of source 1").fill("https://example.org/series")
    desk.button(save).press("Enter")
    page.wait_for_url("**/presets/our_neck")
    desk.heading("Versions")
    page.get_by_role("link", name="Change it").press("Enter")
    desk.heading("Change an own preset")
    page.get_by_label("Days between sessions").fill("35")
    desk.button(save).press("Enter")
    page.get_by_role("link", name="Version 2").wait_for()
    look("preset-own", desk)


def _bundles(desk: Desk, look: Look) -> None:
    page = desk.page
    assert desk.bench.post("/api/exports", form="csv").status == 200
    desk.go("/export")
    page.get_by_role("link", name="Fetch the file").wait_for(timeout=SLOW_MS)
    with tempfile.TemporaryDirectory(prefix="pen-elsewhere-") as place:
        for name, told in (("truncated.json", "it is no JSON"), ("export.zip", "Take the new ones in (2)")):
            _send(desk, _elsewhere(Path(place)) / name)
            page.get_by_text(told).wait_for(timeout=SLOW_MS)
    look("export-ready-import-looked", desk)
    desk.button("Take the new ones in (2)").press("Enter")
    page.get_by_text("Patients taken in, each whole: 2.").wait_for(timeout=SLOW_MS)


def _send(desk: Desk, file: Path) -> None:
    desk.page.get_by_label("The file", exact=True).set_input_files(file)
    desk.button("Look at the file").press("Enter")


def _elsewhere(place: Path) -> Path:
    """An export of another record: two patients of one preset, one counted per cm2 and one per inch2."""
    out = place / "export"
    if out.exists():
        return place
    bench = Bench(place / "record", FIRST)
    for n, unit in enumerate(AreaUnit):
        patient = bench.patient(f"Counted per {unit}")
        for kind, told in ((Kind.SESSION_OPENED, {}), (Kind.SESSION_CLOSED, {"reason": "completed"})):
            content = {"nonce": n + 1, "plan": "p", "firmware": "0.1.0", "runtime": "test", **told}
            where = {"session_id": f"s0000000{n}", "subject": patient.patient_id, "pen_serial": PEN}
            bench.clinic.journal.append(kind, content, actor="anna", **where)
        bench.treated(patient, f"S{n}", f"s0000000{n}")
        for day, count, first in ((FIRST, 90, True), (None, 110, False)):
            bench.day = day or FIRST.fromordinal(FIRST.toordinal() + 7 * WEEKS)
            bench.clinic.outcomes.record(
                patient.patient_id, _count(count, unit), bench.day, ANNA, baseline=first
            )
        bench.day = FIRST
    export(bench.clinic, Form.FHIR, out)
    bench.clinic.close()
    with zipfile.ZipFile(place / "export.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(out.iterdir()):
            packed.write(file, file.name)
    (place / "truncated.json").write_bytes(next(out.glob("*.r5.json")).read_bytes()[:5000])
    return place


def _count(count: int, unit: AreaUnit) -> HairCount:
    return HairCount(
        site="vertex",
        method=CountMethod.MANUAL,
        landmark=Landmark.TATTOO,
        rater="Bob",
        blinded=True,
        count=count,
        area_thousandths=1_000,
        area_unit=unit,
    )
