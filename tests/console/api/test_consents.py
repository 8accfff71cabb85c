"""Consents at the console: signed, taken back with a reason and a PIN, and what follows from that at once."""

from __future__ import annotations

import io
from datetime import date
from typing import Any

import pytest
from PIL import Image

from pen_host.records.models import Demographics, Person
from tests.console.api.bench import Browser, ConsoleBench, Tab, ask, stroke, to_cartridge, to_first_zone

ANNA = Person(name="Trainee", role="clinician")
PIN = "2580"
pytestmark = pytest.mark.xdist_group("console-consents")


@pytest.fixture(scope="module")
def trainee(served: ConsoleBench) -> Browser:
    return served.browser()


@pytest.fixture(scope="module")
def tab(served: ConsoleBench) -> Tab:
    return served.clinician()


def patient(bench: ConsoleBench) -> str:
    who = Demographics(full_name="Cleo <b>Muster</b>", birth_date=date(1980, 5, 5))
    return bench.service.visiting.clinic.patients.add(who, ANNA).patient_id


def signed(browser: Browser, who: str, name: str, **more: str) -> dict[str, Any]:
    text = next(one for one in browser.get("/api/consent-texts").json if one["name"] == name)
    asked = {"text_sha256": text["digest"], "signed_by": "Cleo Muster", **more}
    answer = browser.post(f"/api/patients/{who}/consents", **asked)
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


def photographed(browser: Browser, who: str) -> str:
    out = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(out, "JPEG")
    headers = {"Cookie": browser.cookie, "Origin": browser.origin, "Content-Type": "image/jpeg"}
    where = f"/api/patients/{who}/photographs?view=scalp_vertex&day=2026-01-05"
    answer = ask(browser.port, "POST", where, out.getvalue(), headers)
    assert answer.status == 200, answer.text
    return str(answer.json["photo_id"])


def test_a_consent_is_signed_for_a_guardian_and_listed_with_who_witnessed_it(
    served: ConsoleBench, trainee: Browser
) -> None:
    who = patient(served)
    signed(trainee, who, "microneedling", relation="guardian", signed_on="screen")
    (known,) = trainee.get(f"/api/patients/{who}/consents").json
    assert (known["relation"], known["signed_on"], known["version"]) == ("guardian", "screen", 1)
    assert known["witnessed_by"]["name"] == "Trainee"
    assert known["withdrawn_at"] is None


def test_a_text_that_was_replaced_meanwhile_is_not_signed(served: ConsoleBench, trainee: Browser) -> None:
    who = patient(served)
    answer = trainee.post(f"/api/patients/{who}/consents", text_sha256="0" * 64, signed_by="Cleo")
    assert (answer.code, answer.json["errors"][0]["field"]) == ("invalid_fields", "text_sha256")
    assert trainee.get(f"/api/patients/{who}/consents").json == []


def test_taking_back_wants_a_reason_and_the_pin_of_who_heard_it_and_happens_once(
    served: ConsoleBench, trainee: Browser
) -> None:
    who = patient(served)
    key = signed(trainee, who, "microneedling")["consent_id"]
    path = f"/api/consents/{key}/withdraw"
    assert trainee.post(path, reason=" ", pin=PIN).json["errors"][0]["field"] == "reason"
    assert trainee.post(path, reason="by phone", pin="9999").code == "wrong_pin"
    assert served.service.visiting.clinic.consents.get(key).stands
    done = trainee.post(path, reason="by <phone>", pin=PIN)
    assert (done.status, done.json["withdrawn_reason"]) == (200, "by <phone>")
    again = trainee.post(path, reason="again", pin=PIN)
    assert (again.code, again.json["detail"].count(".")) == ("refused", 2)
    assert trainee.post(f"/api/consents/{'0' * 32}/withdraw", reason="x", pin=PIN).code == "not_found"


def test_whoever_may_not_treat_takes_nothing_back(served: ConsoleBench, trainee: Browser) -> None:
    who = patient(served)
    key = signed(trainee, who, "photographs")["consent_id"]
    engineer = served.browser("Engineer")
    assert engineer.post(f"/api/consents/{key}/withdraw", reason="x", pin=PIN).code == "role_may_not"
    assert engineer.get(f"/api/patients/{who}/consents").code == "role_may_not"
    assert served.browser(None).get("/api/consent-texts").code == "sign_in_first"


def test_photographs_are_shown_to_nobody_until_the_patient_agrees_again(
    served: ConsoleBench, trainee: Browser
) -> None:
    who = patient(served)
    key = signed(trainee, who, "photographs")["consent_id"]
    photo = photographed(trainee, who)
    assert trainee.get(f"/api/photographs/{photo}").status == 200
    assert trainee.post(f"/api/consents/{key}/withdraw", reason="asked", pin=PIN).status == 200
    refused = trainee.get(f"/api/photographs/{photo}")
    assert refused.code == "forbidden_by_checks"
    assert "shown to nobody" in refused.json["detail"]
    assert len(trainee.get(f"/api/patients/{who}/photographs").json) == 1
    (why,) = trainee.get(f"/api/patients/{who}/photographs/not-shown").json
    assert (why["photo_id"], why["reason"]) == (photo, "no_consent")
    assert why["sentence"] in refused.json["detail"]
    signed(trainee, who, "photographs")
    assert trainee.get(f"/api/patients/{who}/photographs/not-shown").json == []
    assert trainee.get(f"/api/photographs/{photo}").status == 200


def test_withdrawing_before_the_pen_began_gives_the_visit_up(served: ConsoleBench, tab: Tab) -> None:
    to_cartridge(tab, patient=-1)
    view = tab._browser.get("/api/treatment").json
    who = view["patient"]["reference"]
    (known, *_) = tab._browser.get(f"/api/patients/{who}/consents").json
    path = f"/api/consents/{known['consent_id']}/withdraw"
    assert tab._browser.post(path, reason="thought again", pin=PIN).status == 200
    assert tab._browser.get("/api/treatment").json["step"] is None
    assert served.service.visiting.clinic.visits.get(view["visit_id"]).state == "abandoned"


def test_withdrawing_amid_strokes_stops_the_needle_and_gives_the_treatment_up(
    served: ConsoleBench, tab: Tab
) -> None:
    to_first_zone(tab)
    stroke(served, tab)
    who = tab.state["treatment"]["patient"]["reference"]
    browser = tab._browser
    (known, *_) = browser.get(f"/api/patients/{who}/consents").json
    assert (
        browser.post(f"/api/consents/{known['consent_id']}/withdraw", reason="no more", pin=PIN).status == 200
    )
    tab.until(lambda: tab.state["treatment"]["step"] == "close", "the run to end")
    served.hand("release_trigger", "lift")
    before = len(served.coil_rises())
    assert tab.post("/api/treatment/zone", zone="vertex", decision="arm").code == "wrong_step"
    assert len(served.coil_rises()) == before
    assert served.service.visiting.clinic.consents.standing(who) is None
    tab.must("/api/treatment/close", endpoint="none", aftercare_given=True, pin=PIN)


def test_a_visit_that_is_opened_amid_the_withdrawal_of_its_consent_is_given_up(
    served: ConsoleBench, tab: Tab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The open treatment was looked for, and the record does not have the withdrawal yet."""
    clinic, browser = served.service.visiting.clinic, tab._browser
    to_cartridge(tab, patient=-1)
    view = tab.must("/api/treatment/back", step="consent")
    (known, *_) = browser.get(f"/api/patients/{view['patient']['reference']}/consents").json
    text = browser.get("/api/treatment/consent-text").json["sha256"]
    whole, opened = clinic.consents.withdraw, []

    def late(*asked: Any) -> Any:
        agreed = {"text_sha256": text, "agreed": True, "off_label_said": True}
        opened.append(tab.must("/api/treatment/consent", **agreed)["visit_id"])
        return whole(*asked)

    monkeypatch.setattr(clinic.consents, "withdraw", late)
    path = f"/api/consents/{known['consent_id']}/withdraw"
    assert browser.post(path, reason="thought again", pin=PIN).status == 200
    assert browser.get("/api/treatment").json["step"] is None
    assert clinic.visits.get(opened[0]).state == "abandoned"
