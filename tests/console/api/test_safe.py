"""Keeping the record at the console: verified beside it, saved elsewhere and proved, and never while somebody is treated."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pen_host.api import papers
from pen_host.api.keeping import REMIND_DAYS
from pen_host.backups import verify_backup
from pen_host.journal import Kind
from tests.console.api.bench import Browser, ConsoleBench, console_bench, stroke, to_first_zone

PIN = "2580"
PATIENCE_S = 60.0
pytestmark = pytest.mark.xdist_group("console-safe")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleBench]:
    """One of its own: a treatment is under way in one of the tests."""
    with console_bench(tmp_path_factory.mktemp("safe")) as found:
        yield found


@pytest.fixture(scope="module")
def admin(served: ConsoleBench) -> Browser:
    return served.browser("Admin")


def until(browser: Browser, done: Callable[[Any], bool]) -> Any:
    """Another process works: its end can only be looked for."""
    end_s = time.monotonic() + PATIENCE_S
    while not done(view := browser.get("/api/safe").json):
        assert time.monotonic() < end_s, view
        time.sleep(0.05)
    return view


def until_written(bench: ConsoleBench, text: str) -> list[str]:
    """Notes are written by a thread of their own."""
    end_s = time.monotonic() + PATIENCE_S
    while True:
        with bench.service.journal.reader() as reader:
            texts = [str(row.payload.get("text")) for row in reader.rows() if row.kind == Kind.NOTE]
        if text in texts:
            return texts
        assert time.monotonic() < end_s, texts
        time.sleep(0.01)


def test_the_whole_record_is_verified_beside_the_console(served: ConsoleBench, admin: Browser) -> None:
    trainee = served.browser()
    assert trainee.post("/api/safe/verify").status == 200
    view = until(admin, lambda told: told["verified"]["state"] == "done")["verified"]
    assert (view["intact"], view["by"]) == (True, "Trainee")
    assert view["sentence"].startswith("The record is intact: ")
    assert view["damages"] == []


@pytest.mark.covers("REQ-1411")
def test_a_backup_is_made_read_back_listed_and_told_by_the_record(
    served: ConsoleBench, admin: Browser, tmp_path: Path
) -> None:
    before = admin.get("/api/safe").json
    assert (before["last_saved_at"], before["overdue"], before["kept"]) == (None, False, [])
    in_a_week = datetime.now(UTC) + timedelta(days=REMIND_DAYS + 1, hours=1)
    assert served.service.office.safe.is_overdue(in_a_week)
    assert admin.post("/api/safe/save", folder=str(tmp_path)).status == 200
    view = until(admin, lambda told: told["saved"]["state"] != "working")
    assert view["saved"]["state"] == "done", view["saved"]
    assert (view["overdue"], view["folder"]) == (False, str(tmp_path))
    assert not served.service.office.safe.is_overdue(datetime.now(UTC) + timedelta(days=REMIND_DAYS))
    (kept,) = view["kept"]
    journal = served.service.journal
    proved = verify_backup(tmp_path / kept["name"], journal.path, journal.vault)
    assert proved.head.seq == kept["entries"]
    assert served.service.office.house.rules.backup_folder == str(tmp_path), "the next time it is offered"


def test_a_backup_that_an_error_of_the_program_ended_is_said_to_be_none(
    admin: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("pen_host.api.keeping.back_up", lambda *_: 1 // 0)
        assert admin.post("/api/safe/save", folder=str(tmp_path)).status == 200
        view = until(admin, lambda view: view["saved"]["state"] != "working")
    assert view["saved"]["state"] == "failed"
    assert "in a way that the program does not understand" in view["saved"]["sentence"]


@pytest.mark.covers("REQ-1411")
@pytest.mark.parametrize("name", ["not-plugged-in", "."])
def test_a_folder_that_is_not_there_is_no_place_for_a_backup(
    admin: Browser, tmp_path: Path, name: str
) -> None:
    told = str(tmp_path / name) if name != "." else name
    refused = admin.post("/api/safe/save", folder=told)
    assert (refused.status, "There is no folder" in refused.json["detail"]) == (422, True)
    assert not (tmp_path / "not-plugged-in").exists()


def test_a_synchronised_folder_is_refused_by_a_sentence(admin: Browser, tmp_path: Path) -> None:
    place = tmp_path / "Dropbox"
    place.mkdir()
    (place / ".dropbox").touch()
    assert admin.post("/api/safe/save", folder=str(place)).status == 200
    saved = until(admin, lambda told: told["saved"]["state"] != "working")["saved"]
    assert saved["state"] == "failed"
    assert "synchronises it" in saved["sentence"]
    assert [path.name for path in place.iterdir()] == [".dropbox"]


@pytest.mark.covers("REQ-1411")
def test_nobody_saves_while_somebody_is_treated(served: ConsoleBench, admin: Browser, tmp_path: Path) -> None:
    tab = served.clinician()
    to_first_zone(tab)
    stroke(served, tab)
    refused = admin.post("/api/safe/save", folder=str(tmp_path))
    assert (refused.code, "treatment is under way" in refused.json["detail"]) == ("wrong_step", True)
    assert list(tmp_path.iterdir()) == []
    served.hand("release_trigger", "lift")
    tab.must("/api/treatment/cancel", why="the test is over")
    tab.until(lambda: tab.state["treatment"]["step"] == "close", "the end")
    tab.must("/api/treatment/close", endpoint="none", aftercare_given=True, pin=PIN)


def test_the_recovery_code_is_for_admins_with_their_pin_and_that_it_was_shown_is_on_record(
    served: ConsoleBench, admin: Browser
) -> None:
    assert served.browser().post("/api/safe/code", pin=PIN).code == "role_may_not"
    assert admin.post("/api/safe/code", pin="9999").code == "wrong_pin"
    shown = admin.post("/api/safe/code", pin=PIN).json["recovery_code"]
    assert shown == served.service.office.safe.code()
    texts = until_written(served, "the recovery code of the backups was shown")
    assert shown not in "".join(texts)


def test_what_sets_papers_is_loaded_once_before_somebody_asks_and_not_while_the_pen_works(
    served: ConsoleBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, begun = served.service.office, []
    monkeypatch.setattr(office, "_warm", False)
    monkeypatch.setattr(office.workshop, "begin", lambda work: begun.append(work))
    monkeypatch.setattr(office, "_busy", lambda: True)
    office.expect_papers()
    assert begun == []
    monkeypatch.setattr(office, "_busy", lambda: False)
    office.expect_papers()
    office.expect_papers()
    assert begun == [papers.warm]
