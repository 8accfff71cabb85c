"""The steps of a treatment in their order, kept by the server; bad input named at its field; nothing half-done stored."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from pen_host.api.flow_models import STEPS, TreatmentStep
from tests.console.api.bench import (
    ConsoleBench,
    Tab,
    meant,
    to_cartridge,
    to_first_zone,
    treat_zone,
    wait_until,
)

pytestmark = pytest.mark.xdist_group("console-order")

CALLS: dict[str, dict[str, Any]] = {
    "patient": {"reference": "P-00000-00000"},
    "screening": {"answers": {}},
    "plan": {"preset": "demo_scalp"},
    "consent": {"text_sha256": "0" * 64, "agreed": True},
    "cartridge": {},
    "prepare": {"reference": "P-00000-00000", "plan_digest": "0"},
    "zone": {"decision": "arm", "zone": "frontal"},
    "close": {"endpoint": "none", "aftercare_given": True, "pin": "2580"},
}
CALL_OF = {TreatmentStep.PEN_READY: "prepare", TreatmentStep.TREAT: "zone"}


def call_of(step: TreatmentStep) -> str:
    return CALL_OF.get(step, str(step))


def refused_everywhere_but(tab: Tab, step: TreatmentStep | None) -> None:
    """Whatever is not next is refused, and where the treatment stands does not change."""
    before = tab._browser.get("/api/treatment").json
    for other in STEPS:
        if other is step or (step is None and other is TreatmentStep.PATIENT):
            continue
        answer = tab.post(f"/api/treatment/{call_of(other)}", **CALLS[call_of(other)])
        expected = {"wrong_step", "not_found"} if other is TreatmentStep.PATIENT else {"wrong_step"}
        assert answer.code in expected, (step, other, answer.text)
    assert tab._browser.get("/api/treatment").json == before


@pytest.mark.covers("REQ-1103")
def test_no_step_can_be_jumped_or_done_twice(bench: ConsoleBench) -> None:
    tab = bench.clinician()
    browser = tab._browser
    refused_everywhere_but(tab, None)
    patient = browser.get("/api/patients").json[0]["patient_id"]
    tab.must("/api/treatment/patient", reference=patient)
    assert tab.post("/api/treatment/patient", reference=patient).code == "wrong_step"
    refused_everywhere_but(tab, TreatmentStep.SCREENING)
    rules = [one["rule_id"] for one in browser.get("/api/treatment/questions").json]
    tab.must("/api/treatment/screening", answers=dict.fromkeys(rules, False))
    refused_everywhere_but(tab, TreatmentStep.PLAN)
    tab.must("/api/treatment/plan", preset="demo_scalp")
    refused_everywhere_but(tab, TreatmentStep.CONSENT)
    sha256 = browser.get("/api/treatment/consent-text").json["sha256"]
    tab.must("/api/treatment/consent", text_sha256=sha256, agreed=True, off_label_said=True)
    refused_everywhere_but(tab, TreatmentStep.CARTRIDGE)
    tab.must("/api/treatment/cartridge")
    refused_everywhere_but(tab, TreatmentStep.PEN_READY)
    assert not bench.coil_rises(), "nothing strokes before somebody arms"
    tab.must("/api/treatment/prepare", **meant(tab))
    tab.until(lambda: tab.run.get("waiting") == "zone", "the first zone")
    refused_everywhere_but(tab, TreatmentStep.TREAT)
    assert tab.post("/api/treatment/zone", zone="vertex", decision="arm").code == "not_waiting"
    tab.must("/api/treatment/zone", zone="frontal", decision="finish")
    tab.until(lambda: tab.state["treatment"]["step"] == "close", "the end")
    refused_everywhere_but(tab, TreatmentStep.CLOSE)
    assert tab.post("/api/treatment/close", **CALLS["close"] | {"pin": "9753"}).code == "wrong_pin"
    tab.must("/api/treatment/close", **CALLS["close"])
    assert browser.get("/api/treatment").json["step"] is None
    refused_everywhere_but(tab, None)


@pytest.mark.covers("REQ-1103")
def test_going_back_settles_everything_after_it_anew(bench: ConsoleBench) -> None:
    tab = bench.clinician()
    to_cartridge(tab)
    view = tab.must("/api/treatment/back", step="plan")
    assert view["step"] == "plan"
    assert view["plan"] is None
    assert view["consent"] is None
    assert not bench.service.visiting.clinic.visits.opened(), (
        "the visit that rested on the plan is ended, with a reason"
    )
    tab.must("/api/treatment/plan", preset="demo_scalp")
    assert tab.post("/api/treatment/back", step="cartridge").code == "wrong_step"


@pytest.mark.covers("REQ-0702", "REQ-1702")
def test_a_whole_treatment_ends_in_a_signed_record_and_the_next_patient_wants_a_cleaned_pen(
    bench: ConsoleBench,
) -> None:
    tab = bench.clinician()
    browser = tab._browser
    to_cartridge(tab)
    tab.must("/api/treatment/back", step="plan")
    tab.must("/api/treatment/plan", preset="demo_scalp")
    sha256 = browser.get("/api/treatment/consent-text").json["sha256"]
    tab.must("/api/treatment/consent", text_sha256=sha256, agreed=True, off_label_said=True)
    tab.must("/api/treatment/cartridge")
    tab.must("/api/treatment/prepare", **meant(tab))
    for index in range(3):
        tab.until(
            lambda index=index: tab.run.get("waiting") == "zone" and tab.run["active"] == index,
            f"zone {index}",
        )
        assert "with the grain of the hair" in tab.run["message"]
        if index == 1:
            tab.must("/api/treatment/zone", zone="midscalp", decision="skip")
            continue
        treat_zone(bench, tab)
    tab.until(lambda: tab.state["treatment"]["step"] == "close", "the end")
    run = tab.run
    assert run["ending"] == "ended_early"
    assert [zone["skipped"] for zone in run["zones"]] == [False, True, False]
    counted = [zone["strokes"] for zone in run["zones"]]
    assert sum(counted) == len(bench.coil_rises()), (counted, run, tab.state["notices"])
    assert tab.state["treatment"]["next_eligible"]
    patient = tab.state["treatment"]["patient"]["reference"]
    tab.must("/api/treatment/close", endpoint="mild_erythema", topical="saline", topical_minutes_after=0,
             aftercare_given=True, notes="<b>calm</b>", pin="2580")  # fmt: skip
    visit = bench.service.visiting.clinic.visits.of(patient)[0]
    assert visit.signature is not None
    assert visit.signature.signer.name == "Trainee"
    assert [one.session_id for one in visit.sessions] == [run["session_id"]]
    used = bench.service.visiting.clinic.cartridges.stock()
    assert [one.used_at is not None for one in used] == [True]
    facts = browser.get(f"/api/records/sessions/{run['session_id']}").json
    assert facts["strokes"] == len(bench.coil_rises())
    assert facts["samples"]["rows"]
    assert browser.get(f"/api/lots?lot={used[0].lot}").json[0]["patient_id"] == patient
    _next_patient_wants_a_cleaned_pen(bench, tab)
    assert bench.service.journal.verify().intact


def _next_patient_wants_a_cleaned_pen(bench: ConsoleBench, tab: Tab) -> None:
    strokes = len(bench.coil_rises())
    bench.hand("take_cartridge", "insert_new_cartridge")
    to_cartridge(tab, patient=1)
    tab.until(lambda: _cartridge_taken(tab), "the new cartridge")
    refused = tab.post("/api/treatment/prepare", **meant(tab))
    assert (refused.status, refused.code) == (409, "forbidden_by_checks")
    assert [one["field"] for one in refused.json["errors"]] == ["pen_not_cleaned"]
    assert tab._browser.get("/api/treatment").json["run"] is None, "nothing has begun"
    cleaning = {"method": "low_level_disinfection", "sheath_changed": True}
    tab.must("/api/treatment/cleaned", **cleaning)
    tab.must("/api/treatment/prepare", **meant(tab))
    tab.until(lambda: tab.run.get("waiting") == "zone", "the question about the first zone")
    assert len(bench.coil_rises()) == strokes


def _cartridge_taken(tab: Tab) -> bool:
    """A pen needs a moment to see what was put in."""
    return tab.post("/api/treatment/cartridge").status == 200


def test_a_name_never_reaches_the_chain(bench: ConsoleBench) -> None:
    tab = bench.clinician()
    to_first_zone(tab)
    label = tab.state["treatment"]["patient"]["label"]
    tab.must("/api/treatment/cancel", why="enough")
    tab.until(lambda: tab.state["treatment"]["step"] == "close", "the end")
    with bench.service.journal.reader() as reader:
        assert not any(label in row.payload_json for row in reader.rows())


def test_an_answer_that_blocks_keeps_everything_still_and_names_its_rule(bench: ConsoleBench) -> None:
    tab = bench.clinician()
    patient = tab._browser.get("/api/patients").json[0]["patient_id"]
    tab.must("/api/treatment/patient", reference=patient)
    questions = tab._browser.get("/api/treatment/questions").json
    rules = [one["rule_id"] for one in questions]
    blocking = next(one["rule_id"] for one in questions if one["level"] == "BLOCK" and not one["sites"])
    passing = next(one["rule_id"] for one in questions if one["level"] == "OVERRIDE" and not one["sites"])
    healthy = dict.fromkeys(rules, False)
    told = tab.post(
        "/api/treatment/screening", answers={**healthy, blocking: True}, reasons={blocking: "so what"}
    )
    assert (told.status, told.code) == (409, "forbidden_by_checks")
    assert [one["field"] for one in told.json["errors"]] == [blocking]
    told = tab.post("/api/treatment/screening", answers={**healthy, passing: True})
    assert [one["field"] for one in told.json["errors"]] == [f"reasons.{passing}"]
    told = tab.post("/api/treatment/screening", answers={rule: False for rule in rules if rule != blocking})
    assert [one["field"] for one in told.json["errors"]] == [blocking], "unknown is not no"
    view = tab.must(
        "/api/treatment/screening",
        answers={**healthy, passing: True},
        reasons={passing: "seen by her doctor"},
    )
    assert view["reasons"] == {passing: "seen by her doctor"}


@pytest.mark.parametrize(
    ("field", "value"),
    [("depth_um", 1_525), ("depth_um", 2_550), ("depth_um", 0), ("rate_mhz", 24_999), ("rate_mhz", 149_001),
     ("passes", 0), ("hold_s", 61), ("area_mm2", 0), ("target_low", 5_000), ("name", "Robert'); DROP TABLE")],
)  # fmt: skip
def test_a_number_beyond_its_cap_is_named_at_its_field(
    served: ConsoleBench, field: str, value: object
) -> None:
    tab = plan_step(served)
    zone = zone_of(tab)
    told = tab.post("/api/treatment/plan", preset="demo_scalp", zones=[{**zone, field: value}])
    assert (told.status, told.code) == (422, "invalid_fields"), told.text
    assert any(field in one["field"] for one in told.json["errors"])
    leave(tab)


def test_deeper_than_the_default_cap_needs_an_unlock_with_a_reason(served: ConsoleBench) -> None:
    tab = plan_step(served)
    zone = {**zone_of(tab), "depth_um": 1_800}
    told = tab.post("/api/treatment/plan", preset="demo_scalp", zones=[zone])
    assert told.code == "invalid_fields"
    assert "unlock" in told.json["detail"]
    unlock = {"reason": "thick_scar_tissue", "statement": "scar of 2 mm, measured"}
    reasons = {"interval_planned": "one session only"}
    view = tab.must("/api/treatment/plan", preset="demo_scalp", zones=[zone], unlock=unlock, reasons=reasons)
    assert view["plan"]["changed"]
    leave(tab)


def test_an_expired_or_used_cartridge_is_refused_with_the_reason(bench: ConsoleBench) -> None:
    tab = bench.clinician()
    to_cartridge(tab)
    bench.hand("take_cartridge")
    told = tab.post("/api/treatment/cartridge")
    assert told.status == 409
    assert "This cartridge is refused" in told.json["detail"]
    tab.until(lambda: not tab.state["pen"]["cartridge_latched"], "the open latch")
    bench.hand("insert_new_cartridge")
    tab.until(lambda: tab.state["pen"]["cartridge_latched"], "the latch")
    view = tab.must("/api/treatment/cartridge")
    assert view["step"] == "pen_ready"


def test_what_keeps_the_pen_from_being_ready_is_said_and_nothing_begins(bench: ConsoleBench) -> None:
    tab = bench.clinician()
    to_cartridge(tab)
    tab.must("/api/treatment/cartridge")
    bench.hand("connect_charger")
    tab.until(
        lambda: any(one["name"] == "CHARGER" for one in tab.state["pen"]["interlocks"]), "the interlock"
    )
    told = tab.post("/api/treatment/prepare", **meant(tab))
    assert told.status == 409
    assert "charger" in told.json["detail"].lower()
    bench.hand("disconnect_charger", "open_estop")
    tab.until(lambda: tab.state["pen"]["stopped"], "the stop")
    assert tab.post("/api/treatment/prepare", **meant(tab)).status == 409
    bench.hand("close_estop")
    wait_until(lambda: tab.post("/api/stop/clear", cause="ESTOP_OPEN").status == 200, "the way out")
    tab.must("/api/treatment/prepare", **meant(tab))
    tab.until(lambda: tab.run.get("waiting") == "zone", "the first zone")


def test_steps_are_numbered_in_their_order() -> None:
    assert [str(step) for step in STEPS] == [
        "patient", "screening", "plan", "consent", "cartridge", "pen_ready", "treat", "close",
    ]  # fmt: skip
    assert all(first is not second for first, second in pairwise(STEPS))


def plan_step(bench: ConsoleBench) -> Tab:
    tab = bench.browser().tab()
    if not tab.state["you_control"]:
        tab.must("/api/control/take", take_over=True)
    patient = tab._browser.get("/api/patients").json[0]["patient_id"]
    tab.must("/api/treatment/patient", reference=patient)
    rules = [one["rule_id"] for one in tab._browser.get("/api/treatment/questions").json]
    tab.must("/api/treatment/screening", answers=dict.fromkeys(rules, False))
    return tab


def zone_of(tab: Tab) -> dict[str, Any]:
    preset = next(one for one in tab._browser.get("/api/presets").json if one["name"] == "demo_scalp")
    keys = ("name", "area_mm2", "depth_um", "rate_mhz", "passes", "hold_s", "target_low", "target_high")
    return {key: preset["zones"][0][key] for key in keys}


def leave(tab: Tab) -> None:
    tab.must("/api/treatment/cancel", why="the test is over")
    tab.close()
