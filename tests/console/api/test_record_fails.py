"""A record that takes no more entries: the needle stops, it is told, and when the cause is gone nothing is missing."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from pen_host.errors import JournalError
from pen_host.journal import Kind, Row
from pen_protocol import limits
from tests.console.api.bench import ConsoleBench, Tab, last_stroke_us, stroke, to_first_zone, to_strokes

pytestmark = [pytest.mark.xdist_group("console-order"), pytest.mark.covers("REQ-1414")]
PATH = "/api/record/recover"


def fill_disk(bench: ConsoleBench) -> None:
    """The file grows no further, as on a full disk, and some entry has found that out."""
    journal = bench.service.journal
    pages = journal._raw.execute("PRAGMA page_count").fetchone()[0]
    journal._raw.execute(f"PRAGMA max_page_count = {pages}")
    with suppress(JournalError):
        while True:  # in small pieces: nothing shorter finds room either
            journal.append(Kind.NOTE, {"text": ""})


def free_disk(bench: ConsoleBench) -> None:
    bench.service.journal._raw.execute("PRAGMA max_page_count = 1000000")


def entries(bench: ConsoleBench, kind: Kind) -> list[Row]:
    with bench.service.journal.reader() as reader:
        return [row for row in reader.rows() if row.kind == kind]


def ended(tab: Tab) -> dict[str, Any]:
    tab.until(lambda: tab.state["treatment"]["step"] == "close", "the end of the run")
    return tab.run


def test_a_disk_that_is_full_amid_strokes_stops_the_needle_and_costs_no_stroke_of_the_record(
    bench: ConsoleBench,
) -> None:
    tab = bench.clinician()
    to_strokes(bench, tab)
    fill_disk(bench)
    full_us = bench.now_us()
    assert last_stroke_us(bench) - full_us < limits.BUDGET_HOST_SILENT_MS * 1_000
    bench.hand("release_trigger", "lift")
    run = ended(tab)
    assert run["ending"] == "broken_off"
    tab.until(lambda: "is full" in (tab.state["record_failure"] or ""), "the reason on every page")
    assert any("is full" in one["text"] and one["level"] == "danger" for one in tab.state["notices"])
    bench.service.stop("the test, while nothing can be written")
    bench.service._scribe.note("no record takes this", what=object())  # and it holds up none behind it
    bench.service._scribe.note("noted behind it")

    refused = tab.post(PATH)
    assert (refused.status, refused.code) == (503, "record")
    assert "is full" in refused.json["detail"], "it still is"
    assert entries(bench, Kind.JOURNAL_RECOVERED) == []

    free_disk(bench)
    tab.must(PATH)
    tab.until(lambda: tab.state["record_failure"] is None, "the record")
    tab.until(lambda: any("was interrupted" in one["text"] for one in tab.state["notices"]), "the settlement")
    (recovered,) = entries(bench, Kind.JOURNAL_RECOVERED)
    assert (recovered.actor, recovered.role) == ("Trainee", "clinician")
    facts = tab._browser.get(f"/api/records/sessions/{run['session_id']}").json
    assert facts["strokes"] == len(bench.coil_rises())
    assert facts["sure"]

    def late() -> list[object]:
        return [row.payload["text"] for row in entries(bench, Kind.NOTE) if "left_at" in row.payload]

    tab.until(lambda: "noted behind it" in late(), "what was noted meanwhile")
    assert "STOP" in late()
    tab.must("/api/treatment/close", endpoint="none", aftercare_given=True, pin="2580")
    assert bench.service.journal.verify().intact


def test_a_treatment_that_waits_for_its_next_zone_goes_on_when_the_record_does_and_not_under_a_needle_that_may_run(
    bench: ConsoleBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = bench.clinician()
    to_first_zone(tab)
    fill_disk(bench)
    tab.until(lambda: tab.state["record_failure"], "the reason")
    free_disk(bench)
    with monkeypatch.context() as patched:
        patched.setattr(bench.service.record, "_needle_may_run", lambda: True)
        refused = tab.post(PATH)
    assert (refused.status, refused.code) == (409, "refused")
    assert "Press STOP" in refused.json["detail"]
    assert not bench.service.journal.healthy
    assert tab.must(PATH)["record_failure"] is None
    stroke(bench, tab)
    bench.hand("release_trigger", "lift")
    assert tab.run["ending"] is None


def test_who_is_not_signed_in_recovers_no_record_and_a_sound_one_stays_as_it_is(bench: ConsoleBench) -> None:
    assert bench.browser(None).post(PATH).status == 401
    before = bench.service.journal.head.seq
    assert bench.browser("Engineer").post(PATH).json["record_failure"] is None
    assert entries(bench, Kind.JOURNAL_RECOVERED) == []
    assert bench.service.journal.head.seq - before <= 4, "signing in is noted, and nothing else"
