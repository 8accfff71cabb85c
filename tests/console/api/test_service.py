"""What engineers are told, and what they may do to the pen."""

from __future__ import annotations

from typing import Any

import pytest

from pen_host.history import session_lines
from tests.console.api.bench import ConsoleBench, wait_until

pytestmark = pytest.mark.xdist_group("console-service")


def engineer_sessions(bench: ConsoleBench) -> list[dict[str, Any]]:
    with bench.service.journal.reader() as reader:
        return session_lines(reader)


def test_the_self_test_is_run_by_an_engineer_and_stands_in_the_log(served: ConsoleBench) -> None:
    engineer = served.browser("Engineer")
    # the console may be up before its pen is
    wait_until(lambda: engineer.get("/api/state").json["pen"]["link"] == "connected", "the pen")
    told = engineer.post("/api/service/self-test").json
    assert told.get("passed"), told
    assert served.coil_rises() == []
    wait_until(lambda: engineer.get("/api/service/log").json[0]["says"].startswith("self-test"), "the note")
    found = engineer.get("/api/service/log").json
    assert found[0]["actor"] == "Engineer"
    (session,) = engineer_sessions(served)
    assert (session["plan"], session["state"], session["strokes"]) == ("Self-test", "closed", 0)
    assert found == sorted(found, key=lambda one: -one["seq"])


def test_a_stopped_pen_is_not_tested_and_the_engineer_is_told_why(bench: ConsoleBench) -> None:
    engineer = bench.browser("Engineer")
    bench.inject("gate_stuck")
    wait_until(lambda: engineer.get("/api/state").json["pen"]["stopped"], "the stop")
    refused = engineer.post("/api/service/self-test")
    assert (refused.status, refused.code) == (409, "refused")
    assert "GATE_STUCK" in refused.json["detail"]
    assert engineer_sessions(bench) == [], "nothing was begun"


def test_no_patient_is_in_the_log(bench: ConsoleBench) -> None:
    tab = bench.clinician()
    added = tab._browser.post("/api/patients", full_name="Berta Muster", birth_date="1980-05-05").json
    tab.must("/api/treatment/patient", reference=added["patient_id"])
    engineer = bench.browser("Engineer")
    refused = engineer.post("/api/service/self-test")
    assert (refused.status, refused.code) == (409, "refused"), "a treatment is open"
    # notes are written by a thread of their own
    wait_until(lambda: "signed in" in engineer.get("/api/service/log").text, "the notes")
    text = engineer.get("/api/service/log").text
    assert added["patient_id"] not in text
    assert "Muster" not in text


@pytest.mark.parametrize("name", ["Trainee", "Admin"])
def test_the_pens_inside_is_for_engineers(served: ConsoleBench, name: str) -> None:
    browser = served.browser(name)
    for path in ("pen", "frames", "log"):
        assert browser.get(f"/api/service/{path}").code == "role_may_not"
    for path in ("self-test", "dump"):
        assert browser.post(f"/api/service/{path}").code == "role_may_not"
