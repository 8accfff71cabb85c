"""A patient's file at the console: corrected, notes, tools used at home, and erased for good."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from pen_host.presets import ZoneChoice
from pen_host.records.models import Demographics, Person
from pen_host.records.patient_keys import GONE, PatientKeys
from tests.console.api.bench import Browser, ConsoleBench

ANNA = Person(name="Trainee", role="clinician")
PIN = "2580"
pytestmark = pytest.mark.xdist_group("console-keeping")


@pytest.fixture(scope="module")
def trainee(served: ConsoleBench) -> Browser:
    return served.browser()


@pytest.fixture(scope="module")
def admin(served: ConsoleBench) -> Browser:
    return served.browser("Admin")


@pytest.fixture
def path(served: ConsoleBench) -> str:
    who = Demographics(full_name="Cleo Muster", birth_date=date(1980, 5, 5))
    return f"/api/patients/{served.service.visiting.clinic.patients.add(who, ANNA).patient_id}"


def test_who_a_patient_is_can_be_corrected_and_every_version_is_kept(trainee: Browser, path: str) -> None:
    given = {"full_name": "Cleo <b>Meier</b>", "birth_date": "1981-05-05", "sex": "female", "phone": None}
    done = trainee.post(path, **given)
    assert (done.status, done.json["version"]) == (200, 2)
    known = trainee.get(path).json["demographics"]
    assert (known["full_name"], known["sex"]) == ("Cleo <b>Meier</b>", "female")
    wrong = trainee.post(path, **{**given, "birth_date": "2981-05-05"})
    assert [one["field"] for one in wrong.json["errors"]] == ["birth_date"]
    assert trainee.get(path).json["version"] == 2


def test_a_note_is_replaced_and_never_changed(trainee: Browser, path: str) -> None:
    first = trainee.post(f"{path}/notes", text="Alergic to nikel").json
    second = trainee.post(f"{path}/notes", text="Allergic to nickel", amends=first["note_id"])
    assert second.status == 200
    assert [one["text"] for one in trainee.get(f"{path}/notes").json] == ["Allergic to nickel"]
    assert trainee.post(f"{path}/notes", text="x", amends=first["note_id"]).status >= 400
    assert trainee.post(f"{path}/notes", text="").json["errors"][0]["field"] == "text"


def test_what_is_used_at_home_counts_in_the_intervals(
    served: ConsoleBench, trainee: Browser, path: str
) -> None:
    tool: dict[str, Any] = {"tool": "roller", "needle_um": 1_000, "times_a_week": 2}
    (kept,) = trainee.post(f"{path}/home-tools", **tool).json
    assert (kept["needle_um"], kept["last_used"]) == (1_000, None)
    for wrong in (
        {**tool, "needle_um": 9_000},
        {**tool, "times_a_week": 0},
        {**tool, "last_used": "2999-01-01"},
    ):
        assert 400 <= trainee.post(f"{path}/home-tools", **wrong).status < 500
    assert len(trainee.get(f"{path}/home-tools").json) == 1
    clinic = served.service.visiting.clinic
    plan = clinic.presets.to_plan(
        "hair_fortnightly_faghihi_2021", [ZoneChoice(name="vertex", area_mm2=5_000)]
    )
    found = clinic.visits.check(path.rpartition("/")[2], plan)
    assert any("was needled 0 days ago" in one.sentence for one in found), [one.sentence for one in found]


def test_only_an_admin_erases_with_a_reason_and_a_pin_and_once(
    served: ConsoleBench, trainee: Browser, admin: Browser, path: str
) -> None:
    key = path.rpartition("/")[2]
    journal = served.service.journal
    PatientKeys(journal.path, journal.vault).ensure([key])
    assert trainee.post(f"{path}/erase", reason="asked", pin=PIN).code == "role_may_not"
    assert admin.post(f"{path}/erase", reason="asked", pin="9999").code == "wrong_pin"
    assert admin.post(f"{path}/erase", reason=" ", pin=PIN).json["errors"][0]["field"] == "reason"
    assert admin.get(path).json["demographics"] is not None
    assert admin.post(f"{path}/erase", reason="asked", pin=PIN).status == 200
    assert admin.get(path).json["demographics"] is None
    assert PatientKeys(journal.path, journal.vault).all()[key] == GONE
    assert admin.post(f"{path}/erase", reason="asked", pin=PIN).status == 409
