"""What is done with the record besides treating, over a clinic whose patient has a hostile name: papers, photographs, exports."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pen_host.api.exporting import FOLDER
from pen_host.api.papers import Paper
from pen_host.api.routes.outcomes import measured_of
from pen_host.exports.files import MANIFEST, verify
from pen_host.journal import Kind
from pen_host.models import Endpoint
from pen_host.presets import ZoneChoice
from pen_host.records import Clinic
from pen_host.records.models import Closing, Demographics, Person
from pen_host.records.photo_access import CONSENT
from pen_host.reports import paper
from pen_host.reports.after_care import after_care_sheet
from pen_host.reports.data_sheet import specification
from pen_host.reports.lot import lot_report
from pen_host.screening import NO
from tests.console.api import bench as bench_module
from tests.console.api.bench import (
    Answer,
    Browser,
    ConsoleBench,
    ask,
    console_bench,
    wait_until,
)
from tests.host.told_clinic import HOSTILE, LOT, PRESET, ToldClinic

pytestmark = pytest.mark.xdist_group("console-record")
PAPER_S = 120.0
ANNA = Person(name="Trainee", role="clinician")


@dataclass
class Told:
    """A console over a record in which something stands."""

    bench: ConsoleBench
    browser: Browser
    patient_id: str
    visit_id: str


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    place = tmp_path_factory.mktemp("told")
    known = ToldClinic(place / "clinic")
    known.close()
    with pytest.MonkeyPatch.context() as patched:
        # the workshop works behind everything else on a machine that may be busy
        patched.setattr(bench_module, "PATIENCE_S", PAPER_S)
        left = place / "clinic" / FOLDER / "of-a-console-that-was-killed"
        left.mkdir(parents=True)
        with console_bench(place, record=place / "clinic" / "record.sqlite3") as bench:
            assert not left.exists()
            yield Told(bench, bench.browser(), known.patient_id, known.visit_id)


@pytest.fixture
def treated(told: Told) -> tuple[str, str]:
    """A patient who was treated today, and the visit."""
    return treat(told.bench.service.visiting.clinic)


def treat(clinic: Clinic) -> tuple[str, str]:
    who = Demographics(full_name="Berta Muster", birth_date=date(1980, 5, 5))
    patient = clinic.patients.add(who, ANNA).patient_id
    plan = clinic.presets.to_plan("hair_maintenance", [ZoneChoice(name="vertex", area_mm2=5_000)])
    answers = {rule.rule_id: NO for rule in clinic.screening.questions(plan)}
    screened = clinic.screening.record(patient, plan, answers, (), ANNA)
    text = next(one for one in clinic.consents.texts() if one.name == "microneedling")
    consent = clinic.consents.sign(patient, text.text_id, "Berta Muster", ANNA)
    visit = clinic.visits.open(patient, plan, screened.screening_id, consent.consent_id, ANNA).visit_id
    session = f"s{visit[:8]}"
    told = {"nonce": 7, "plan": "p", "firmware": "0.1.0", "runtime": "test"}
    for kind, content in (
        (Kind.SESSION_OPENED, told),
        (Kind.SESSION_CLOSED, {"reason": "completed", "nonce": 7}),
    ):
        clinic.journal.append(
            kind, content, actor="Trainee", session_id=session, subject=patient, pen_serial="PEN1"
        )
    clinic.visits.attach(visit, session, "PEN1", ANNA)
    clinic.visits.close(visit, Closing(endpoint=Endpoint.MILD_ERYTHEMA), ANNA)
    return patient, visit


# --- papers ---------------------------------------------------------------------------------------------------------------


def test_every_report_has_the_bytes_of_the_command_and_no_browser_keeps_it(told: Told) -> None:
    wait_until(lambda: "signed in" in notes(told.bench), "the last entry of the record for now")
    with Clinic.read(told.bench.service.office.record) as clinic:
        known = {
            Paper.AFTER_CARE: paper.pdf(*after_care_sheet(clinic, told.visit_id)),
            Paper.LOT: paper.pdf(*lot_report(clinic, LOT)),
            Paper.DATA_SHEET: paper.pdf(*specification()),
        }
    about = {"lot": f"lot?lot={LOT}", "spec": "spec"}
    # those with pictures take long to make; tests of the reports themselves look at their content
    for name in (*known, Paper.TREATMENT):
        answer = told.browser.get(f"/api/reports/{about.get(name, f'{name}/{told.visit_id}')}")
        assert answer.content.startswith(b"%PDF"), answer.text
        if name in known:
            assert hashlib.sha256(answer.content).digest() == hashlib.sha256(known[name]).digest(), name
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-disposition"] == f'attachment; filename="{name}.pdf"'


@pytest.mark.parametrize("name", [one.value for one in Paper if one is not Paper.DATA_SHEET])
def test_a_report_about_nothing_is_one_sentence(told: Told, name: str) -> None:
    about = {"lot": "lot?lot=no-such-lot", "course": "course/P-00000-00000"}.get(name, f"{name}/{'0' * 32}")
    answer = told.browser.get(f"/api/reports/{about}")
    assert answer.code in ("not_found", "malformed")
    assert answer.json["detail"].endswith(".")


# --- photographs ----------------------------------------------------------------------------------------------------------


def picture(seed: int, side: int = 90) -> bytes:
    """A JPEG with a place in it, as a telephone writes it."""
    image = Image.frombytes("RGB", (side, side), bytes((seed * 7 + n) % 256 for n in range(side * side * 3)))
    exif = Image.Exif()
    exif[0x010F] = "Telephone of Berta Muster"
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()


def send(
    browser: Browser, patient: str, raw: bytes, media: str = "image/jpeg", view: str = "scalp_vertex",
    day: str = "2026-01-05", **more: str
) -> Answer:  # fmt: skip
    headers = {"Cookie": browser.cookie, "Origin": browser.origin, "Content-Type": media, **more}
    path = f"/api/patients/{patient}/photographs?view={view}&day={day}"
    return ask(browser.port, "POST", path, raw, headers)


def agree(told: Told, patient: str) -> None:
    text = told.browser.get(f"/api/patients/{patient}/photographs/consent").json
    answer = told.browser.post(f"/api/patients/{patient}/photographs/consent", text_sha256=text["sha256"])
    assert answer.status == 200, answer.text


def test_nobody_is_photographed_without_consent_to_this_very_text(
    told: Told, treated: tuple[str, str]
) -> None:
    patient = treated[0]
    refused = send(told.browser, patient, picture(1))
    assert (refused.status, refused.code) == (409, "forbidden_by_checks")
    wrong = told.browser.post(f"/api/patients/{patient}/photographs/consent", text_sha256="0" * 64)
    assert [one["field"] for one in wrong.json["errors"]] == ["text_sha256"]
    assert told.browser.get(f"/api/patients/{patient}/photographs").json == []
    agree(told, patient)
    assert send(told.browser, patient, picture(1)).status == 200


def test_a_photograph_is_kept_without_anything_but_the_picture_and_stands_on_the_timeline(
    told: Told, treated: tuple[str, str]
) -> None:
    patient = treated[0]
    agree(told, patient)
    kept = send(told.browser, patient, picture(2)).json
    shown = told.browser.get(f"/api/photographs/{kept['photo_id']}")
    assert shown.headers["content-type"] == "image/jpeg"
    assert shown.headers["cache-control"] == "no-store"
    assert b"Telephone" in picture(2)
    assert b"Telephone" not in shown.content
    assert hashlib.sha256(shown.content).hexdigest() == kept["sha256"]
    line = told.browser.get(f"/api/patients/{patient}/timeline").json
    assert [one["key"] for one in line if one["kind"] == "photograph"] == [kept["photo_id"]]
    again = send(told.browser, patient, picture(2))
    assert again.status == 409
    assert "in the record already" in again.json["detail"]


@pytest.mark.parametrize(
    ("raw", "media", "code"),
    [
        (b"%PDF-1.7 not a picture", "image/jpeg", "invalid_fields"),
        (picture(3)[:400], "image/png", "invalid_fields"),
        (b"", "image/webp", "invalid_fields"),
        (picture(3), "multipart/form-data; boundary=x", "not_a_picture"),
        (picture(3), "application/json", "not_a_picture"),
        (picture(3), "image/svg+xml", "not_a_picture"),
    ],
)
def test_what_is_no_photograph_is_refused_with_a_sentence(
    told: Told, raw: bytes, media: str, code: str
) -> None:
    refused = send(told.browser, told.patient_id, raw, media)
    assert refused.code == code, refused.text
    assert "Nothing was done" in refused.text or "picture" in refused.text
    assert len(told.browser.get(f"/api/patients/{told.patient_id}/photographs").json) == 2


def test_a_photograph_from_another_page_or_too_large_is_not_even_read(told: Told) -> None:
    foreign = send(told.browser, told.patient_id, picture(4), Origin="http://evil.example")
    assert foreign.code == "origin_not_allowed"
    large = {"Content-Length": str(26 * 1024 * 1024)}
    assert send(told.browser, told.patient_id, b"", **large).code == "body_too_large"
    # what is no photograph's place takes no more than before
    body = {"Content-Type": "image/jpeg", "Cookie": told.browser.cookie, "Origin": told.browser.origin}
    assert ask(told.bench.port, "POST", "/api/session/lock", picture(4), body).code == "not_json"


def test_photographs_are_gone_when_the_console_is_locked_and_for_engineers(told: Told) -> None:
    photo = told.browser.get(f"/api/patients/{told.patient_id}/photographs").json[0]
    path = f"/api/photographs/{photo['photo_id']}"
    other = told.bench.browser()
    assert other.get(path).status == 200
    other.post("/api/session/lock")
    assert (other.get(path).status, other.get(path).code) == (423, "locked")
    assert told.bench.browser(None).get(path).code == "sign_in_first"
    assert told.bench.browser("Engineer").get(path).code == "role_may_not"


# --- outcomes, reactions --------------------------------------------------------------------------------------------------

COUNT = {
    "kind": "hair_count", "site": "vertex", "method": "manual", "landmark": "tattoo", "rater": "bob", "blinded": True,
}  # fmt: skip


def test_a_count_without_its_area_is_named_at_its_field_and_not_stored(
    told: Told, treated: tuple[str, str]
) -> None:
    path = f"/api/patients/{treated[0]}/outcomes"
    refused = told.browser.post(path, measured={**COUNT, "count": 90}, day="2026-01-05")
    assert {one["field"] for one in refused.json["errors"]} == {"area_thousandths", "area_unit"}
    assert told.browser.get(path).json == []
    area = {"area_thousandths": 1_000, "area_unit": "cm2"}
    kept = told.browser.post(path, measured={**COUNT, "count": 90, **area}, day="2026-01-05", baseline=True)
    assert kept.json["measured"]["area_unit"] == "cm2"
    assert [one["outcome_id"] for one in told.browser.get(path).json] == [kept.json["outcome_id"]]
    late = told.browser.post(path, measured={"kind": "pain_vas", "pain_mm": 3}, day="2999-01-01")
    assert [one["field"] for one in late.json["errors"]] == ["day"]
    assert (
        told.browser.post(path, measured={"kind": "luck"}, day="2026-01-05").json["errors"][0]["field"]
        == "kind"
    )


def test_a_reaction_is_followed_day_by_day_until_somebody_looked_at_it(
    told: Told, treated: tuple[str, str]
) -> None:
    patient, visit = treated
    browser, today = told.browser, told.bench.service.visiting.today().isoformat()
    early = browser.post(
        f"/api/visits/{visit}/reactions", kind="infection", onset="2026-01-01", severity="mild"
    )
    assert [one["field"] for one in early.json["errors"]] == ["onset"]
    seen = browser.post(
        f"/api/visits/{visit}/reactions", kind="infection", onset=today, severity="severe"
    ).json
    assert "must look at it now" in seen["escalated"]
    assert [one["reaction_id"] for one in browser.get("/api/reactions/escalated").json] == [
        seen["reaction_id"]
    ]
    twice = browser.post(f"/api/reactions/{seen['reaction_id']}/diary", day=today, severity="mild")
    assert [one["field"] for one in twice.json["errors"]] == ["day"]
    looked = browser.post(f"/api/reactions/{seen['reaction_id']}/review").json
    assert looked["reviewed_by"]["name"] == "Trainee"
    assert browser.get("/api/reactions/escalated").json == []
    assert [one["kind"] for one in browser.get(f"/api/patients/{patient}/reactions").json] == ["infection"]


def test_a_cohort_has_its_unit_and_two_units_are_not_put_together(told: Told) -> None:
    whole = told.browser.get(f"/api/cohorts/{PRESET}?week=12").json
    (found,) = whole["arms"]
    assert (whole["pooled"], whole["of_several"], found["version"]) == (None, 0, "")
    assert found["change"]["unit"] == "all hairs per cm2"
    assert (found["change"]["n"], found["change"]["mean"]) == (1, 9.0)
    assert found["change"]["low"] is None, "one patient gives no interval"
    assert found["blinded"]["responders"] == found["own"]["responders"] == 1
    inch = {**COUNT, "count": 90, "area_thousandths": 1_000, "area_unit": "inch2"}
    clinic = told.bench.service.visiting.clinic
    day = clinic.visits.of(told.patient_id)[0].day
    clinic.store.today = lambda: date(2029, 1, 1)  # type: ignore[method-assign]
    try:
        kept = clinic.outcomes.record(told.patient_id, measured_of(inch), date(2028, 4, 25), ANNA)
    finally:
        del clinic.store.today
    assert kept.day > day
    refused = told.browser.get(f"/api/cohorts/{PRESET}?week=12")
    assert refused.status == 422
    assert "cm2" in refused.json["detail"]
    assert "inch2" in refused.json["detail"]
    assert told.browser.get("/api/cohorts/no_such_preset").status == 422


# --- exports --------------------------------------------------------------------------------------------------------------


def made(browser: Browser) -> Any:
    return wait_until(
        lambda: (view := browser.get("/api/exports").json)["state"] != "making" and view,
        "the export",
        PAPER_S,
    )


def test_an_export_is_made_aside_fetched_by_who_asked_and_stands_in_the_record(
    told: Told, tmp_path: Path
) -> None:
    told.bench.browser()
    assert told.browser.get("/api/exports/file").code == "not_found"
    begun = told.browser.post("/api/exports", form="csv", deidentified=True)
    assert begun.json["state"] in ("making", "ready")
    view = made(told.browser)
    assert view["state"] == "ready", view["sentence"]
    packed = told.browser.get("/api/exports/file")
    assert hashlib.sha256(packed.content).hexdigest() == view["sha256"]
    assert packed.headers["cache-control"] == "no-store"
    with zipfile.ZipFile(io.BytesIO(packed.content)) as opened:
        opened.extractall(tmp_path / "out")
    assert json.loads((tmp_path / "out" / MANIFEST).read_text())["deidentified"] is True
    assert verify(tmp_path / "out").files
    assert HOSTILE not in b"".join(file.read_bytes() for file in (tmp_path / "out").iterdir()).decode()
    assert told.bench.browser("Admin").get("/api/exports/file").code == "role_may_not"
    assert told.bench.browser("Engineer").post("/api/exports", form="csv").code == "role_may_not"
    wait_until(lambda: view["sha256"] in notes(told.bench), "the entry in the record")
    assert "record exported" in notes(told.bench)
    folder = told.bench.service.office.exports.file(told.bench.service.people.check("Trainee", "2580")).parent
    assert folder.stat().st_mode & 0o077 == 0, "nobody else of this computer may look"


@pytest.mark.covers("REQ-1412")
def test_an_export_is_thrown_away_when_a_consent_to_its_pictures_is_taken_back_before_it_is_fetched(
    told: Told,
) -> None:
    clinic = told.bench.service.visiting.clinic
    assert told.browser.post("/api/exports", form="fhir").status == 200
    view = made(told.browser)
    assert view["state"] == "ready", view["sentence"]
    given = clinic.consents.standing(told.patient_id, CONSENT)
    assert given is not None
    clinic.consents.withdraw(given.consent_id, "asked", ANNA)
    refused = told.browser.get("/api/exports/file")
    assert refused.code == "not_found"
    assert "took back the consent to photographs" in refused.json["detail"]
    assert told.browser.get("/api/exports").json["state"] == "none"
    assert not list((clinic.place.parent / FOLDER).iterdir()), "nothing of it is left"
    clinic.consents.sign(told.patient_id, given.text_id, "Ada", ANNA)


def test_a_form_that_is_none_begins_nothing(told: Told) -> None:
    assert told.browser.post("/api/exports", form="xlsx").code == "invalid_fields"


def notes(bench: ConsoleBench) -> str:
    with bench.service.journal.reader() as reader:
        return "\n".join(row.payload_json for row in reader.rows() if row.kind == "note")
