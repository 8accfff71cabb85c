"""STOP: from anybody, twice, with a busy server, without a pen; and the pen stops whatever the server does."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pen_host.link.readings import Identity
from pen_host.worker import PenWorker, StopTicket
from pen_protocol import limits
from tests.console.api.bench import (
    AT_ONCE_US,
    PATIENCE_S,
    ConsoleBench,
    ask,
    last_stroke_us,
    to_first_zone,
    to_strokes,
    wait_until,
)

JSON = {"Content-Type": "application/json"}
BUDGET_US = (limits.CONSOLE_LEASE_MS + limits.BUDGET_HOST_SILENT_MS) * 1_000
pytestmark = pytest.mark.xdist_group("console-stop")


def press(bench: ConsoleBench) -> dict[str, object]:
    answer = ask(bench.port, "POST", "/api/stop", "{}", {**JSON, "Origin": bench.server.address})
    assert answer.status == 200
    found: dict[str, object] = answer.json
    return found


@pytest.mark.covers("REQ-0316")
def test_stop_over_http_and_over_the_websocket_at_once_is_one_stop(bench: ConsoleBench) -> None:
    tab = bench.clinician()
    to_strokes(bench, tab)
    pressed_us = bench.now_us()
    tab.say(type="stop")
    wait_until(lambda: press(bench)["confirmed"], "the confirmation")
    wait_until(lambda: press(bench)["confirmed"], "the same again: giving it twice changes nothing")
    assert last_stroke_us(bench) - pressed_us < AT_ONCE_US
    tab.until(lambda: tab.state["stop"]["phase"] == "confirmed", "the confirmation on the screen")
    assert "STOP CONFIRMED" in tab.state["stop"]["sentence"]
    # on a busy machine the lease may have ended just before: then that is the first cause, and is kept
    assert tab.state["pen"]["cause"] in ("STOP_COMMAND", "HOST_LEASE")


def test_stop_before_hello_on_the_websocket(bench: ConsoleBench) -> None:
    from tests.console.api.test_guard import raw

    tab = bench.clinician()
    to_strokes(bench, tab)
    with raw(bench.browser(None)) as line:
        pressed_us = bench.now_us()
        line.send('{"type":"stop"}')
        assert last_stroke_us(bench) - pressed_us < AT_ONCE_US


@pytest.mark.covers("REQ-0316")
def test_stop_needs_no_free_thread_of_the_server(
    bench: ConsoleBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every thread that serves requests waits for something slow, more than there are."""
    tab = bench.clinician()
    to_strokes(bench, tab)
    slow = threading.Event()
    waiting = threading.Semaphore(0)

    def presets() -> tuple[object, ...]:
        waiting.release()
        slow.wait(2 * PATIENCE_S)
        return ()

    monkeypatch.setattr(bench.service.treatment, "presets", presets)
    browser = tab._browser
    with ThreadPoolExecutor(60) as pool:
        asked = [pool.submit(browser.get, "/api/presets") for _ in range(60)]
        try:
            for _ in range(40):
                assert waiting.acquire(timeout=PATIENCE_S)
            pressed_us = bench.now_us()
            wait_until(lambda: press(bench)["confirmed"], "the confirmation")
            assert last_stroke_us(bench) - pressed_us < AT_ONCE_US
        finally:
            slow.set()
        assert all(one.result().status == 200 for one in asked)


def test_a_server_that_is_stuck_stops_the_needle_although_the_page_looks_on(
    bench: ConsoleBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event loop itself hangs: no frame goes out, so nothing is acknowledged, so the heartbeat ends."""
    tab = bench.clinician()
    to_strokes(bench, tab)
    stuck = threading.Event()
    free = threading.Event()
    whole = bench.service.state

    def hang(caller: object) -> object:
        stuck.set()
        free.wait(5)
        return whole(caller)  # type: ignore[arg-type]

    monkeypatch.setattr(bench.service, "state", hang)
    bench.service._change()
    assert stuck.wait(PATIENCE_S)
    stuck_us = bench.now_us()
    try:
        assert last_stroke_us(bench) - stuck_us < BUDGET_US
    finally:
        free.set()


@pytest.mark.covers("REQ-0316")
def test_without_a_pen_the_sentence_stays_until_there_is_one_and_the_stop_reaches_it(
    bench: ConsoleBench,
) -> None:
    tab = bench.browser().tab()
    line = bench._line()
    bench.hand("unplug_usb")
    tab.until(lambda: tab.state["pen"]["link"] != "connected", "the loss")
    wait_until(lambda: bench.service.dock.docked is None, "the pen being let go of")
    told = press(bench)
    assert not told["confirmed"]
    assert "release the trigger and press the pen's button" in str(told["sentence"])
    tab.until(lambda: tab.state["stop"]["phase"] == "not_confirmed", "the sentence")
    with line.hands() as hands:
        hands.plug_usb()
    tab.until(lambda: tab.state["pen"]["stopped"], "the stop at the pen that came back")
    assert tab.state["pen"]["cause"] == "STOP_COMMAND"


@pytest.mark.covers("REQ-0316")
def test_a_stop_given_to_a_pen_that_is_lost_and_not_let_go_of_yet_is_shown_as_not_confirmed(
    bench: ConsoleBench,
) -> None:
    """Its treatment waits for an answer and holds it meanwhile; the same is so for the moment in which nobody has looked."""
    tab = bench.clinician()
    to_first_zone(tab)
    bench.hand("unplug_usb")
    tab.until(lambda: tab.state["pen"]["link"] == "lost", "the loss")
    assert bench.service.dock.docked is not None
    assert not press(bench)["confirmed"]
    stop = bench.browser().get("/api/state").json["stop"]
    assert stop["phase"] == "not_confirmed"
    assert "release the trigger and press the pen's button" in stop["sentence"]


@pytest.mark.covers("REQ-0316")
def test_a_stop_given_while_a_pen_is_being_greeted_reaches_it(
    bench: ConsoleBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The greeting is over and the console has not taken the pen in yet: whoever presses now means this pen."""
    whole, given = PenWorker.connect, list[StopTicket | None]()

    def connect(worker: PenWorker, timeout_s: float = PATIENCE_S) -> Identity:
        identity = whole(worker, timeout_s)
        given.append(bench.service.stop("amid the greeting") if not given else None)
        return identity

    tab, line = bench.browser().tab(), bench._line()
    monkeypatch.setattr(PenWorker, "connect", connect)
    bench.hand("unplug_usb")
    wait_until(lambda: bench.service.dock.docked is None, "the pen being let go of")
    with line.hands() as hands:
        hands.plug_usb()
    tab.until(lambda: tab.state["pen"]["stopped"], "the stop at the pen that was greeted")
    assert tab.state["pen"]["cause"] == "STOP_COMMAND"
    assert given[0] is not None
    assert given[0].wait_confirmed(PATIENCE_S).confirmed


def test_a_pulled_cable_amid_strokes_is_shown_and_the_treatment_is_closed_with_equal_counts(
    bench: ConsoleBench,
) -> None:
    tab = bench.clinician()
    to_strokes(bench, tab)
    line = bench._line()
    pulled_us = bench.hand("unplug_usb")
    tab.until(lambda: tab.state["pen"]["link"] == "lost", "the loss on the screen")
    tab.until(lambda: tab.state["treatment"]["step"] == "close", "the end of the run")
    assert tab.run["ending"] == "broken_off"
    draft = bench.service.treatment._draft
    assert draft is not None
    ended_at = draft.ended_at
    with line.hands() as hands:
        hands.release_trigger()
        hands.plug_usb()
    wait_until(lambda: bench.service.dock.ready, "the pen again")
    tab.until(lambda: any("was interrupted" in one["text"] for one in tab.state["notices"]), "the settlement")
    assert last_stroke_us(bench) - pulled_us < limits.BUDGET_HOST_SILENT_MS * 1_000
    assert draft.ended_at == ended_at, "what was applied since is counted from the end, not from the cable"
    session_id = tab.run["session_id"]
    facts = tab._browser.get(f"/api/records/sessions/{session_id}").json
    assert facts["strokes"] == len(bench.coil_rises())
    assert facts["sure"]
    tab.must("/api/treatment/close", endpoint="none", aftercare_given=True, pin="2580")
