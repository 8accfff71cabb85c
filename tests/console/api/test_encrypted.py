"""A console over a record that is encrypted at rest: every paper and export as over any other, and the file is left alone."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pen_host.api.papers import Paper
from pen_host.journal import JournalLockedError, record_keys
from pen_host.records import at_rest
from pen_host.vault import this_vault
from tests.console.api import bench as bench_module
from tests.console.api.bench import Answer, Browser, ConsoleBench, console_bench, wait_until
from tests.console.api.test_record import notes
from tests.host.told_clinic import ANNA, LOT, ToldClinic

pytestmark = pytest.mark.xdist_group("console-encrypted")
PATIENCE_S = 120.0


@dataclass
class Sealed:
    """A console over an encrypted record in which something stands."""

    bench: ConsoleBench
    browser: Browser
    record: Path
    patient_id: str
    visit_id: str
    photo_id: str

    def paper(self, name: Paper) -> Answer:
        about = {
            Paper.COURSE: f"course/{self.patient_id}",
            Paper.LOT: f"lot?lot={LOT}",
            Paper.DATA_SHEET: "spec",
        }
        answer = self.browser.get(f"/api/reports/{about.get(name, f'{name}/{self.visit_id}')}")
        assert answer.content.startswith(b"%PDF"), answer.text
        return answer


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sealed]:
    place = tmp_path_factory.mktemp("sealed")
    record = place / "clinic" / "record.sqlite3"
    told = ToldClinic(place / "clinic")
    (photo, *_) = told.clinic.photos.of(told.patient_id)
    told.close()
    at_rest.encrypt(record, this_vault(), ANNA)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(bench_module, "PATIENCE_S", PATIENCE_S)
        with console_bench(place, record=record) as bench:
            browser = bench.browser("Admin")
            wait_until(lambda: "signed in" in notes(bench), "the last entry of the record for now")
            yield Sealed(bench, browser, record, told.patient_id, told.visit_id, photo.photo_id)


@pytest.mark.parametrize("name", list(Paper))
def test_every_report_is_fetched_and_has_the_same_bytes_when_it_is_fetched_again(
    sealed: Sealed, name: Paper
) -> None:
    first = sealed.paper(name)
    assert first.headers["cache-control"] == "no-store"
    again = sealed.paper(name)
    assert hashlib.sha256(again.content).digest() == hashlib.sha256(first.content).digest()


def test_an_export_is_made_and_fetched_and_a_photograph_is_shown(sealed: Sealed) -> None:
    assert sealed.browser.get(f"/api/photographs/{sealed.photo_id}").content.startswith(b"\xff\xd8")
    assert sealed.browser.post("/api/exports", form="csv").status == 200
    made = wait_until(lambda: (v := sealed.browser.get("/api/exports").json)["state"] != "making" and v, "it")
    assert made["state"] == "ready", made
    raw = sealed.browser.get("/api/exports/file").content
    assert hashlib.sha256(raw).hexdigest() == made["sha256"]
    with zipfile.ZipFile(io.BytesIO(raw)) as packed:
        assert sealed.patient_id.encode() in packed.read("patients.csv")


def test_the_state_is_told_without_a_key_and_a_change_is_refused_with_the_command(sealed: Sealed) -> None:
    view = sealed.browser.get("/api/record/at-rest").json
    assert (view["encrypted"], view["possible"], view["exposed"]) == (True, True, [])
    code = at_rest.recovery_code(sealed.record, this_vault())
    assert code not in str(view)
    assert set(view["commands"]) == {"rekey", "recovery-code"}
    refused = sealed.browser.post("/api/record/at-rest", change="rekey")
    assert refused.code == "refused"
    assert refused.json["detail"].endswith(view["commands"]["rekey"])
    assert str(sealed.record) in view["commands"]["rekey"]
    for name in ("Trainee", "Engineer"):
        assert sealed.bench.browser(name).get("/api/record/at-rest").code == "role_may_not"


def test_the_command_under_a_running_console_is_refused_and_loses_nothing(sealed: Sealed) -> None:
    key = record_keys.salt_of(sealed.record)
    with pytest.raises(JournalLockedError):
        at_rest.rekey(sealed.record, this_vault(), ANNA)
    assert record_keys.salt_of(sealed.record) == key
    added = sealed.browser.post("/api/patients", full_name="After It", birth_date="1980-05-01")
    assert added.status == 200, added.text
    assert sealed.bench.service.visiting.clinic.patients.find("After")
