"""What is applied to open skin: on record with its time, warned about within the clinic's window, never asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pen_host.api.house import WINDOW_MIN_HOURS, House, HouseRules
from pen_host.api.skin import SkinDesk
from pen_host.errors import AuthError
from pen_host.records import Clinic, InputError
from pen_host.records.models import Substance, TopicalUse
from tests.console.api.bench import (
    ConsoleBench,
    Tab,
    meant,
    to_cartridge,
    treat_zone,
    wait_until,
)
from tests.console.api.test_record import ANNA, treat

pytestmark = pytest.mark.xdist_group("console-record")
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Desk:
    """Open skin, with the clock in the test's hand."""

    def __init__(self, folder: Path) -> None:
        self.at = NOON
        self.clinic = Clinic.open(folder, now=self.now, today=lambda: self.at.date())
        for name in ("microneedling", "photographs"):
            self.clinic.consents.publish(name, "en", name, name, ANNA)
        self.house = House(folder / "clinic.json")
        self.desk = SkinDesk(self.clinic, self.house, lambda: self.at)

    def now(self) -> datetime:
        self.at += timedelta(milliseconds=1)
        return self.at

    def use(self, after: timedelta, substance: Substance = Substance.MINOXIDIL) -> TopicalUse:
        return TopicalUse(substance=substance, detail="5 %", used_at=NOON + after)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.clinic.close()


@pytest.mark.covers("REQ-1501")
def test_what_is_applied_within_the_window_is_on_record_and_warned_about_and_later_it_is_not(
    desk: Desk,
) -> None:
    patient, visit = treat(desk.clinic)
    opened = desk.desk.open(patient)
    assert opened is not None
    assert (opened.visit_id, opened.window_hours) == (visit, 48)
    desk.at = NOON + timedelta(days=4)
    for after, warned in (
        (timedelta(hours=-1), False),
        (timedelta(hours=47), True),
        (timedelta(hours=50), False),
    ):
        found = desk.desk.record(patient, desk.use(after), ANNA)
        assert [one.rule_id for one in found] == (["topical_window"] if warned else []), after
        assert all(one.level.name == "INFORM" and one.source for one in found), "nothing is forbidden"
    assert len(desk.clinic.patients.topicals(patient)) == 3
    assert desk.desk.record(patient, desk.use(timedelta(hours=2), Substance.ORAL_DRUG), ANNA) == ()
    vitamin = desk.desk.record(patient, desk.use(timedelta(hours=2), Substance.VITAMIN_C), ANNA)
    assert "granuloma" in vitamin[0].source
    assert desk.desk.open(patient) is None


@pytest.mark.covers("REQ-1501")
def test_the_window_is_the_clinics_and_cannot_be_switched_off(desk: Desk, tmp_path: Path) -> None:
    patient, _ = treat(desk.clinic)
    use = desk.use(timedelta(hours=60))
    desk.at = NOON + timedelta(days=3)
    assert desk.desk.warnings(patient, [use]) == ()
    desk.house.decide({"topical_window_hours": 72})
    assert "within the 72 h" in desk.desk.warnings(patient, [use])[0].sentence
    assert House(tmp_path / "clinic.json").rules.topical_window_hours == 72, "kept"
    for wrong in (0, WINDOW_MIN_HOURS - 1, 10_000):
        with pytest.raises(ValueError, match="topical_window_hours"):
            HouseRules(topical_window_hours=wrong)


@pytest.mark.parametrize(
    "content", ["", "{", '{"topical_window_hours": 0}', '{"topical_window_hours": "48"}', "[]"]
)
def test_rules_that_cannot_be_read_are_not_guessed(tmp_path: Path, content: str) -> None:
    (tmp_path / "clinic.json").write_text(content)
    with pytest.raises(AuthError, match="cannot be read"):
        House(tmp_path / "clinic.json")


def test_what_is_still_to_come_is_not_recorded(desk: Desk) -> None:
    patient, _ = treat(desk.clinic)
    with pytest.raises(InputError, match="future"):
        desk.desk.record(patient, desk.use(timedelta(days=900)), ANNA)
    assert desk.clinic.patients.topicals(patient) == ()


@dataclass
class Through:
    """A whole treatment up to its close, and what was refused on the way."""

    bench: ConsoleBench
    tab: Tab
    refused: dict[str, list[str]]
    early_strokes: int


@pytest.fixture(scope="module")
def through(served: ConsoleBench) -> Through:
    tab = served.clinician()
    to_cartridge(tab, area_mm2=1_000)
    tab.must("/api/treatment/cartridge")
    shown = meant(tab)
    refused = {}
    for name, wrong in (("reference", "P-00000-00000"), ("plan_digest", "0" * 64)):
        answer = tab.post("/api/treatment/prepare", **{**shown, name: wrong})
        refused[name] = [one["field"] for one in answer.json["errors"]]
    early = len(served.coil_rises())
    tab.must("/api/treatment/prepare", **shown)
    tab.until(lambda: tab.run.get("waiting") == "zone", "the zone")
    refused["zone"] = [tab.post("/api/treatment/zone", zone="vertex", decision="arm").code]
    treat_zone(served, tab)
    tab.until(
        lambda: tab.state["treatment"]["step"] == "close", "the end: the dose is reached, nobody ends it"
    )
    return Through(served, tab, refused, early)


@pytest.mark.covers("REQ-1104")
def test_a_screen_that_shows_another_patient_or_plan_prepares_nothing(through: Through) -> None:
    """Patient and plan are confirmed as shown, the zone by its name, and the pen is armed with that plan's hash."""
    assert through.refused == {
        "reference": ["reference"],
        "plan_digest": ["plan_digest"],
        "zone": ["not_waiting"],
    }
    assert through.early_strokes == 0
    service = through.bench.service
    with service.journal.reader() as reader:
        intents = [one.payload for one in reader.rows() if one.kind == "intent"]
    plan = service.visiting.clinic.visits.get(service.treatment.view().visit_id or "").plan
    sent = {one["plan_hash"] for one in intents if one["request"] == "ARM"}
    assert sent == {plan.plan_hash}, "the pen is armed with the plan that was confirmed"


@pytest.mark.covers("REQ-1005")
def test_contact_strokes_end_a_zone_at_its_dose(through: Through) -> None:
    zone = through.tab.run["zones"][0]
    assert zone["contact_strokes"] == len(through.bench.coil_rises())
    assert zone["dose_per_cm2"] >= zone["target_low"]
    assert zone["dose_per_cm2"] < zone["target_low"] * 1.5, "it was ended, not run on"


@pytest.mark.covers("REQ-1501")
def test_the_close_warns_before_the_signature_and_signs_all_the_same(through: Through) -> None:
    bench, tab = through.bench, through.tab
    asked = {"topical": "<i>minoxidil</i> 5 %", "topical_substance": "minoxidil", "topical_minutes_after": 0}
    (warned,) = tab.must("/api/treatment/applied", **asked)
    assert warned["rule_id"] == "topical_window"
    assert "watch the patient" in warned["sentence"]
    assert tab.must("/api/treatment/applied") == []
    half = tab.post("/api/treatment/applied", topical="saline")
    assert [one["field"] for one in half.json["errors"]] == ["topical_minutes_after"]
    patient, visit = tab.state["treatment"]["patient"]["reference"], tab.state["treatment"]["visit_id"]
    closing = {"endpoint": "none", "aftercare_given": True, **asked}
    assert tab.post("/api/treatment/close", pin="9753", **closing).code == "wrong_pin"
    wait_until(lambda: "A PIN was refused (wrong_pin)." in _notes(bench), "the refused PIN in the record")
    tab.must("/api/treatment/close", pin="2580", **closing)
    clinic = bench.service.visiting.clinic
    assert [one.detail for one in clinic.patients.topicals(patient)] == [asked["topical"]]
    assert clinic.visits.get(visit).signature is not None
    browser = tab._browser
    assert browser.get(f"/api/patients/{patient}/open-skin").json["visit_id"] == visit
    later = {"substance": "other", "detail": "cream", "used_at": datetime.now(UTC).isoformat()}
    told = browser.post(f"/api/patients/{patient}/topicals", **later)
    assert [one["rule_id"] for one in told.json["warnings"]] == ["topical_window"]
    nowhere = {**later, "used_at": "2026-01-05T12:00:00"}
    assert browser.post(f"/api/patients/{patient}/topicals", **nowhere).code == "invalid_fields"


def _notes(bench: ConsoleBench) -> str:
    with bench.service.journal.reader() as reader:
        return "\n".join(row.payload_json for row in reader.rows() if row.kind == "note")
