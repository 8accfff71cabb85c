"""What the record keeps when something was wrong or is changed: corrections, own presets, bundles, encryption."""

from __future__ import annotations

from datetime import date

import pytest

from pen_host.records.models import Demographics, Person
from tests.console.api.bench import Browser, ConsoleBench

ANNA = Person(name="Trainee", role="clinician")
pytestmark = pytest.mark.xdist_group("console-keeping")


@pytest.fixture(scope="module")
def trainee(served: ConsoleBench) -> Browser:
    return served.browser()


def patient(bench: ConsoleBench) -> str:
    who = Demographics(full_name="Cleo <b>Muster</b>", birth_date=date(1980, 5, 5))
    return bench.service.visiting.clinic.patients.add(who, ANNA).patient_id


# --- measures -------------------------------------------------------------------------------------------------------------


def rated(score: int) -> dict[str, object]:
    return {"kind": "seven_point", "score": score, "rater": "Bob", "blinded": True}


def test_a_measure_is_corrected_and_its_old_value_stays(served: ConsoleBench, trainee: Browser) -> None:
    who = patient(served)
    wrong = trainee.post(f"/api/patients/{who}/outcomes", measured=rated(3), day="2026-01-05").json
    path = f"/api/outcomes/{wrong['outcome_id']}/amend"
    for asked, field in (
        ({"measured": rated(2), "reason": " "}, "reason"),
        ({"measured": rated(9), "reason": "x"}, "score"),
        ({"measured": rated(2), "reason": "x", "day": "2999-01-01"}, "day"),
        ({"measured": {"kind": "pain_vas", "pain_mm": 5}, "reason": "x"}, "amends"),
    ):
        refused = trainee.post(path, **asked)
        assert (refused.status, refused.json["errors"][0]["field"]) == (422, field)
    right = trainee.post(path, measured=rated(2), reason="<i>wrong</i> patient's sheet").json
    assert (right["amends"], right["by"]["name"]) == (wrong["outcome_id"], "Trainee")
    assert trainee.get(f"/api/patients/{who}/outcomes").json == [right]
    assert trainee.get(f"/api/patients/{who}/outcomes/history").json == [wrong, right]
    assert served.browser("Admin").post(path, measured=rated(1), reason="x").status == 422
    assert served.browser("Engineer").post(path, measured=rated(1), reason="x").code == "role_may_not"
