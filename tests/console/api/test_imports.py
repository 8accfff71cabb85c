"""Our own bundles come back through the console: seen before they are taken in, whole or not at all, and never twice."""

from __future__ import annotations

import http.client
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pen_host.api import importing
from pen_host.api.importing import FOLDER
from pen_host.api.problems import ProblemError
from pen_host.exports.export import Form, export
from pen_host.records import Clinic
from pen_host.records.errors import ConflictError
from tests.console.api import bench as bench_module
from tests.console.api.bench import Answer, Browser, ConsoleBench, ask, console_bench, wait_until
from tests.host.told_clinic import HOSTILE, ToldClinic

pytestmark = pytest.mark.xdist_group("console-imports")
PATIENCE_S = 120.0


@dataclass
class Brought:
    """A console without the patient, and an export of another record that has her."""

    bench: ConsoleBench
    browser: Browser
    folder: Path
    patient_id: str

    @property
    def bundle(self) -> bytes:
        return (self.folder / f"{self.patient_id}.r4b.json").read_bytes()

    def packed(self, **changes: bytes | None) -> bytes:
        """The export as one file; a file of it changed, or left out."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
            for file in sorted(self.folder.iterdir()):
                content = changes.get(file.name.rpartition(".")[0].replace(".", "_"), file.read_bytes())
                if content is not None:
                    made.writestr(file.name, content)
        return out.getvalue()

    def known(self) -> int:
        return len(self.browser.get("/api/patients").json)


@pytest.fixture(scope="module")
def brought(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brought]:
    place = tmp_path_factory.mktemp("brought")
    told = ToldClinic(place / "elsewhere")
    told.close()
    with Clinic.read(place / "elsewhere") as clinic:
        export(clinic, Form.FHIR, place / "export")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(bench_module, "PATIENCE_S", PATIENCE_S)
        left = place / "data" / FOLDER / "of-a-console-that-was-killed"
        left.mkdir(parents=True)
        (left / "file").write_bytes(b"patients")
        with console_bench(place) as bench:
            assert not left.exists()
            yield Brought(bench, bench.browser(), place / "export", told.patient_id)


def send(browser: Browser, raw: bytes, media: str = "application/zip") -> Answer:
    headers = {"Cookie": browser.cookie, "Origin": browser.origin, "Content-Type": media}
    return ask(browser.port, "POST", "/api/imports/file", raw, headers)


def seen(brought: Brought, raw: bytes, media: str = "application/zip") -> Any:
    answer = send(brought.browser, raw, media)
    assert answer.status == 200, answer.text
    return settled(brought)


def settled(brought: Brought) -> Any:
    still = ("receiving", "looking", "taking")
    return wait_until(
        lambda: (view := brought.browser.get("/api/imports").json)["state"] not in still and view, "it"
    )


def left_over(brought: Brought) -> list[Path]:
    return [one for one in (brought.bench.service.office.record.parent / FOLDER).rglob("*") if one.is_file()]


def test_what_is_no_whole_export_of_ours_is_one_sentence_and_nothing_is_kept(brought: Brought) -> None:
    before, name = brought.known(), f"{brought.patient_id}_r5"
    other = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": []}).encode()
    for raw, why in (
        (brought.packed()[:-40], "cut short or damaged"),
        (brought.packed()[:2000], "cut short or damaged"),
        (brought.packed(**{name: other}), "is not what its manifest says"),
        (brought.packed(**{name: None}), "is missing"),
        (brought.packed(manifest=None), "no manifest of ours"),
        (brought.packed(manifest=b'{"files": {}, "form": "csv", "deidentified": false}'), "is a csv export"),
        (brought.packed(manifest=b"[1"), "no manifest of ours"),
    ):
        view = seen(brought, raw)
        failed = view["state"] == "failed"
        told = view["sentence"] if failed else view["items"][0]["why"]
        assert why in told, view
        assert failed or (view["new"], view["refused"]) == (0, 1)
        assert "nothing was" in told.lower()
        assert not failed or left_over(brought) == []
    assert brought.known() == before


def test_a_look_that_ends_while_it_is_told_is_told_whole_from_before(
    brought: Brought, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, marked = brought.bench.service.office.imports, importing._marked

    told, begin = threading.Event(), desk._workshop.begin

    def late(folder: Path) -> tuple[int, int]:
        told.set()
        wait_until(lambda: "looking" not in desk.stage, "the end of the look")
        return marked(folder)

    def ends_amid_the_telling(*work: Any) -> Future[Any]:
        seen: Future[Any] = Future()

        def look() -> None:
            found = begin(*work).result(PATIENCE_S)
            told.wait(PATIENCE_S)
            seen.set_result(found)

        threading.Thread(target=look, daemon=True).start()
        return seen

    with monkeypatch.context() as patched:
        patched.setattr(importing, "_marked", late)
        patched.setattr(desk._workshop, "begin", ends_amid_the_telling)
        view = send(brought.browser, b"x").json
    assert (view["state"], view["items"], view["key"]) == ("looking", [], None)
    after = desk.view()
    assert (after.state, len(after.items)) == ("looked", after.new + after.here + after.refused)


def test_a_file_that_was_thrown_away_while_it_came_ends_nobody_elses(brought: Brought) -> None:
    """One drops it, another sends; the first one's stream breaks off, or ends, only then."""
    desk = brought.bench.service.office.imports
    by = brought.bench.service.people.get("Trainee")
    assert by is not None
    for end in (desk.broke_off, desk.arrived):
        first = desk.begin(by)
        desk.drop()
        second = desk.begin(by)
        with suppress(ProblemError):
            end(first)
        assert desk.view().state == "receiving"
        desk.broke_off(second)
        assert desk.view().state == "failed"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda raw: b'{"resourceType": "Patient"}', "it is no FHIR bundle"),
        (lambda raw: raw[: len(raw) // 2], "it is no JSON"),
        (lambda raw: raw.replace(b"hair_count", b"hair_c0unt"), "hash says|changed after|no valid FHIR"),
        (lambda raw: b"", "it is no JSON"),
    ],
)
def test_a_bundle_from_elsewhere_or_a_changed_one_is_refused_with_the_reason(
    brought: Brought, change: Any, why: str
) -> None:
    view = seen(brought, change(brought.bundle), "application/fhir+json")
    (item,) = view["items"]
    assert (view["state"], item["state"]) == ("looked", "refused")
    assert any(one in item["why"] for one in why.split("|")), item
    refused = brought.browser.post("/api/imports/take-in", key=view["key"])
    assert (refused.code, "Nothing in this file is new" in refused.json["detail"]) == ("refused", True)


def test_who_may_not_treat_brings_nothing_and_a_page_is_no_bundle(brought: Brought) -> None:
    engineer = brought.bench.browser("Engineer")
    assert send(engineer, b"x").code == "role_may_not"
    assert engineer.get("/api/imports").code == "role_may_not"
    assert send(brought.browser, b"x", "text/html").code == "not_a_bundle"
    raw = {"Cookie": brought.browser.cookie, "Content-Type": "application/zip"}
    assert ask(brought.bench.port, "POST", "/api/imports/file", b"x", raw).code == "origin_not_allowed"
    raw |= {"Origin": brought.browser.origin, "Content-Length": str(10**10)}
    assert ask(brought.bench.port, "POST", "/api/imports/file", b"x", raw).code == "body_too_large"


def test_a_file_whose_connection_breaks_is_not_kept_and_the_next_one_comes_in(brought: Brought) -> None:
    line = http.client.HTTPConnection("127.0.0.1", brought.bench.port)
    line.putrequest("POST", "/api/imports/file")
    for name, value in (("Cookie", brought.browser.cookie), ("Origin", brought.browser.origin)):
        line.putheader(name, value)
    line.putheader("Content-Type", "application/zip")
    line.putheader("Content-Length", "5000000")
    line.endheaders(b"PK" * 1000)
    wait_until(
        lambda: brought.browser.get("/api/imports").json["state"] == "receiving", "the file's beginning"
    )
    assert send(brought.browser, b"x").code == "refused"
    line.close()
    view = settled(brought)
    assert (view["state"], "did not arrive whole" in view["sentence"]) == ("failed", True)
    assert left_over(brought) == []


def test_an_error_of_the_program_amid_an_import_is_said_and_holds_up_no_other(
    brought: Brought, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda one: told.append(str(one.exc_value)))
    view = seen(brought, brought.packed())
    with monkeypatch.context() as patched:
        patched.setattr("pen_host.exports.intake.keep", lambda *_: 1 // 0)
        assert brought.browser.post("/api/imports/take-in", key=view["key"]).status == 200
        failed = settled(brought)
    assert (failed["state"], left_over(brought)) == ("failed", [])
    assert "in a way that it does not understand" in failed["sentence"]
    wait_until(lambda: told, "the end of the thread")
    assert "zero" in told[0]
    assert brought.browser.post("/api/imports/drop").json["state"] == "none", "it is under way no more"


def test_new_patients_come_in_whole_after_a_person_has_seen_them_and_never_twice(
    brought: Brought, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = brought.known()
    view = seen(brought, brought.packed())
    (item,) = view["items"]
    assert (view["new"], view["here"], item["patient_id"]) == (1, 0, brought.patient_id)
    assert item["rows"] > 10
    assert item["photographs"] > 0
    assert brought.known() == before
    assert brought.browser.post("/api/imports/take-in", key="another").code == "not_waiting"
    desk = brought.bench.service.office.imports
    with monkeypatch.context() as patched:
        patched.setattr(desk, "_busy", lambda: True)
        busy = brought.browser.post("/api/imports/take-in", key=view["key"])
        assert "A treatment is under way" in busy.json["detail"]

    def full(*_: object) -> None:
        raise ConflictError("The disk is full, so nothing was taken in. Make room.")

    with monkeypatch.context() as patched:
        patched.setattr("pen_host.exports.intake.keep", full)
        assert brought.browser.post("/api/imports/take-in", key=view["key"]).status == 200
        failed = settled(brought)
    assert failed["state"] == "failed"
    assert failed["sentence"].startswith(
        "0 of 1 patients were taken in, each whole; the others not. The disk is full"
    )
    assert (brought.known(), left_over(brought)) == (before, [])
    view = seen(brought, brought.bundle, "application/fhir+json")
    assert brought.browser.post("/api/imports/take-in", key=view["key"]).status == 200
    done = settled(brought)
    assert (done["state"], done["done"], done["total"]) == ("done", 1, 1)
    patients = {one["patient_id"]: one for one in brought.browser.get("/api/patients").json}
    assert patients[brought.patient_id]["demographics"]["full_name"] == HOSTILE
    assert left_over(brought) == []
    again = seen(brought, brought.packed())
    assert (again["new"], again["here"], "already" in again["items"][0]["why"]) == (0, 1, True)
    assert brought.browser.post("/api/imports/drop").json["state"] == "none"
    assert left_over(brought) == []
