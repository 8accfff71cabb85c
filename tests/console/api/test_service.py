"""What engineers are told, and what they may do to the pen."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from pen_host.api import docking
from pen_host.history import session_lines
from pen_host.session import Recovered
from tests.console.api.bench import PATIENCE_S, ConsoleBench, meant, to_cartridge, wait_until

HELD_UP_S = 0.5
"""For this long a treatment is let run that has to wait."""
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

    def noted() -> list[dict[str, Any]]:
        lines: list[dict[str, Any]] = engineer.get("/api/service/log").json
        return lines if lines[0]["says"].startswith("self-test") else []

    found = wait_until(noted, "the note")
    assert found[0]["actor"] == "Engineer"
    session = engineer_sessions(served)[-1]
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


@pytest.mark.covers("REQ-1308")
def test_nothing_begins_before_what_was_open_on_the_pen_is_settled(
    bench: ConsoleBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settling closes every session it finds open: one that began meanwhile would be taken for a crash's."""
    whole, may_settle = docking.recover, threading.Event()

    def late(*asked: Any) -> list[Recovered]:
        assert may_settle.wait(PATIENCE_S)
        return whole(*asked)

    engineer, line = bench.browser("Engineer"), bench._line()
    monkeypatch.setattr(docking, "recover", late)
    bench.hand("unplug_usb")
    wait_until(lambda: bench.service.dock.docked is None, "the pen being let go of")
    with line.hands() as hands:
        hands.plug_usb()
    try:
        wait_until(lambda: engineer.get("/api/state").json["pen"]["link"] == "settling", "the greeting")
        assert engineer.get("/api/state").json["pen"]["state"] == "IDLE", "it is shown"
        assert bench.service.docked().turn.locked()
        refused = engineer.post("/api/service/self-test")
        assert (refused.status, refused.code) == (503, "no_pen")
        assert engineer_sessions(bench) == [], "nothing was begun"
    finally:
        may_settle.set()
    wait_until(lambda: engineer.get("/api/state").json["pen"]["link"] == "connected", "the settling")
    assert engineer.post("/api/service/self-test").json["passed"]


def test_a_pen_at_work_is_not_tested(served: ConsoleBench) -> None:
    engineer, before = served.browser("Engineer"), engineer_sessions(served)
    with served.service.ready().turn:
        refused = engineer.post("/api/service/self-test")
    assert (refused.status, refused.code) == (409, "refused")
    assert "at work for somebody else" in refused.json["detail"]
    assert engineer_sessions(served) == before, "nothing was begun"
    assert engineer.post("/api/service/self-test").json["passed"], "later it is"


@pytest.mark.covers("REQ-1308")
def test_a_treatment_waits_until_the_test_of_the_pen_has_ended(bench: ConsoleBench) -> None:
    tab = bench.clinician()
    to_cartridge(tab)
    tab.must("/api/treatment/cartridge")
    with bench.service.ready().turn:
        tab.must("/api/treatment/prepare", **meant(tab))
        run = bench.service.treatment.run
        assert run is not None
        run.join(HELD_UP_S)
        assert engineer_sessions(bench) == [], "nothing was begun"
    tab.until(lambda: tab.run.get("waiting") == "zone", "the question about the first zone")


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
