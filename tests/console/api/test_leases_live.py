"""Who looks away stops the needle: measured on the pen's own coil, never in a page."""

from __future__ import annotations

import pytest

from pen_host.worker import StopTicket
from pen_protocol import limits
from tests.console.api.bench import (
    AT_ONCE_US,
    ConsoleBench,
    Tab,
    last_stroke_us,
    stroke,
    to_strokes,
    wait_until,
)

BUDGET_US = (limits.CONSOLE_LEASE_MS + limits.BUDGET_HOST_SILENT_MS) * 1_000

pytestmark = pytest.mark.xdist_group("console-leases_live")


@pytest.mark.covers("REQ-0315")
def test_a_page_that_stops_acknowledging_stops_the_needle_and_the_console_says_why(
    bench: ConsoleBench,
) -> None:
    tab = bench.clinician()
    to_strokes(bench, tab)
    tab.acknowledges = False
    frozen_us = bench.now_us()
    assert last_stroke_us(bench) - frozen_us < BUDGET_US
    tab.until(lambda: "has not shown anything new for 400 ms" in tab.state["control"]["lost"], "the reason")
    tab.until(lambda: tab.state["pen"]["stopped"], "the stop on the screen")
    tab.until(lambda: any("The needle was stopped" in text for text in told(tab)), "the sentence")


@pytest.mark.covers("REQ-0315")
def test_a_closed_tab_stops_the_needle(bench: ConsoleBench) -> None:
    tab = bench.clinician()
    to_strokes(bench, tab)
    closed_us = bench.now_us()
    tab.close()
    assert last_stroke_us(bench) - closed_us < BUDGET_US


@pytest.mark.covers("REQ-0315")
def test_a_hidden_page_stops_the_needle_at_once(bench: ConsoleBench) -> None:
    tab = bench.clinician()
    to_strokes(bench, tab)
    hidden_us = bench.now_us()
    tab.say(type="visible", visible=False)
    assert last_stroke_us(bench) - hidden_us < BUDGET_US
    tab.until(lambda: "hidden" in tab.state["control"]["lost"], "the reason")


@pytest.mark.covers("REQ-0315")
def test_the_gate_alone_ends_the_strokes_when_nobody_sends_a_stop(
    bench: ConsoleBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dead-man's way: no STOP, only a heartbeat that is no longer sent."""
    tab = bench.clinician()
    to_strokes(bench, tab)
    monkeypatch.setattr(bench.service, "_needle_may_run", lambda: False)
    frozen_us = bench.now_us()
    tab.acknowledges = False
    assert last_stroke_us(bench) - frozen_us < BUDGET_US
    tab.until(lambda: tab.state["pen"]["cause"] == "HOST_LEASE", "the pen's own reason")


def test_a_feed_that_is_stuck_ends_the_strokes(bench: ConsoleBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """No frames, no acknowledgements: the worker's gate sees it without the feed's help."""
    tab = bench.clinician()
    to_strokes(bench, tab)
    monkeypatch.setattr(bench.service._broadcast._feed, "_turn", lambda _seq: None)
    stuck_us = bench.now_us()
    assert last_stroke_us(bench) - stuck_us < BUDGET_US


def test_acknowledging_old_frames_renews_nothing(bench: ConsoleBench) -> None:
    """A screen that lags shows old values, however diligently it acknowledges them."""
    tab = bench.clinician()
    to_strokes(bench, tab)
    tab.acknowledges = False
    old = tab.live["seq"]
    frozen_us = bench.now_us()

    def keep_at_it() -> bool:
        tab.say(type="ack", seq=old)
        return bool(tab.state["pen"]["stopped"])

    wait_until(keep_at_it, "the stop")
    assert last_stroke_us(bench) - frozen_us < BUDGET_US


def test_a_second_console_watches_and_its_acknowledgements_renew_nothing(bench: ConsoleBench) -> None:
    first = bench.clinician()
    to_strokes(bench, first)
    second = bench.browser().tab()
    assert not second.state["you_control"]
    assert second.state["control"]["controller"] == "console 1"
    assert second.post("/api/treatment/cancel", why="no").code == "not_in_control"
    first.acknowledges = False
    frozen_us = bench.now_us()
    assert last_stroke_us(bench) - frozen_us < BUDGET_US


@pytest.mark.covers("REQ-0315")
def test_taking_over_is_asked_for_on_purpose_stops_the_needle_and_stands_in_the_record(
    bench: ConsoleBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = bench.clinician()
    to_strokes(bench, first)
    whole, asked = bench.service.stop, list[str]()

    def stop(by: str) -> StopTicket | None:
        asked.append(by)
        return whole(by)

    monkeypatch.setattr(bench.service, "stop", stop)
    second = bench.browser("Admin").tab()
    refused = second.post("/api/control/take")
    assert (refused.status, refused.code) == (409, "not_in_control")
    # a machine too busy to keep the leases may stop it; nobody did for what was refused
    assert not any("takes over" in by for by in asked), "the needle ran on"
    second.must("/api/control/take", take_over=True)
    taken_us = bench.now_us()
    assert last_stroke_us(bench) - taken_us < AT_ONCE_US
    second.until(lambda: second.state["you_control"], "control")
    first.until(lambda: not first.state["you_control"], "the loss of control")
    assert first.post("/api/treatment/cancel", why="no").code == "not_in_control"
    rows = wait_until(
        lambda: [row for row in notes(bench) if row["text"] == "control taken over"],
        "the entry of the record",
    )
    assert rows[0]["taken_from"] == "Trainee"


@pytest.mark.covers("REQ-0318")
def test_a_stop_is_cleared_by_name_and_the_zone_is_armed_anew(bench: ConsoleBench) -> None:
    tab = bench.clinician()
    to_strokes(bench, tab)
    anybody = bench.browser(None)
    wait_until(lambda: anybody.post("/api/stop").json["confirmed"], "STOP, which needs nobody signed in")
    bench.hand("release_trigger", "lift")
    tab.until(lambda: tab.run["waiting"] == "clear", "the question about the stop")
    assert tab.post("/api/stop/clear", cause="ESTOP_OPEN").status >= 400, "another cause clears nothing"
    tab.must("/api/stop/clear", cause=tab.run["cause"])
    tab.until(lambda: tab.run["waiting"] == "zone", "the zone being asked about again")
    before = len(bench.coil_rises())
    bench.hand("touch_skin", "press_trigger")
    bench.hand("release_trigger")
    assert len(bench.coil_rises()) == before, "nothing strokes before it is armed again"
    stroke(bench, tab)


def test_the_same_tab_has_control_again_after_a_reload(bench: ConsoleBench) -> None:
    browser = bench.browser()
    tab = browser.tab()
    tab.until(lambda: tab.state["you_control"], "control")
    tab.close()
    again = browser.tab(tab.console_id)
    assert again.console_id == tab.console_id
    again.until(lambda: again.state["you_control"], "control")


def test_a_duplicated_tab_takes_the_place_of_the_first(bench: ConsoleBench) -> None:
    browser = bench.browser()
    first = browser.tab()
    browser.tab(first.console_id)
    first.until(lambda: first.closed, "the first one being let go")
    assert "another tab" in first.closed


@pytest.mark.covers("REQ-0317")
def test_locking_or_signing_out_amid_a_hold_stops_the_needle_first(bench: ConsoleBench) -> None:
    tab = bench.clinician()
    to_strokes(bench, tab)
    assert tab._browser.post("/api/session/lock").json["locked"]
    locked_us = bench.now_us()
    assert last_stroke_us(bench) - locked_us < AT_ONCE_US
    assert tab.post("/api/stop/clear", cause="STOP_COMMAND").code == "locked"
    assert tab._browser.post("/api/stop").status == 200, "a locked console stops"


def told(tab: Tab) -> list[str]:
    return [str(one["text"]) for one in tab.state["notices"]]


def notes(bench: ConsoleBench) -> list[dict[str, object]]:
    with bench.service.journal.reader() as reader:
        return [dict(row.payload) for row in reader.rows() if row.kind == "note"]
