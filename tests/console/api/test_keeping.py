"""What the record keeps when something was wrong or is changed: corrections, own presets, bundles, encryption."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from pen_host.journal import Draft
from pen_host.presets import Version, digest_of
from pen_host.records.models import Demographics, Person
from pen_host.records.own_presets import put
from pen_host.records.store import Writing
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


# --- own presets ----------------------------------------------------------------------------------------------------------


SHIPPED = 10


def ours(browser: Browser, **changes: object) -> dict[str, object]:
    (base,) = [
        one["preset"]
        for one in browser.get("/api/protocols").json
        if one["preset"]["preset_id"] == "hair_maintenance"
    ]
    return {**base, "preset_id": "our_own", **changes}


def test_presets_are_read_by_who_may_see_records_and_changed_by_who_treats(
    served: ConsoleBench, trainee: Browser
) -> None:
    engineer = served.browser("Engineer")
    assert engineer.get("/api/protocols").code == "role_may_not"
    assert engineer.post("/api/protocols", preset=ours(trainee)).code == "role_may_not"
    found = trainee.get("/api/protocols").json
    assert len([one for one in found if one["version"] is None]) == SHIPPED
    shipped = ours(trainee, preset_id="hair_maintenance", title="Mine")
    refused = trainee.post("/api/protocols/hair_maintenance", preset=shipped, replaces="x")
    assert (refused.status, "never changed" in refused.json["detail"]) == (422, True)


def test_a_preset_that_is_changed_amid_a_look_is_shown_with_the_digest_of_what_is_shown(
    served: ConsoleBench, trainee: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a change made from the older content would replace the newer one, and nobody would be told."""
    mine = {"preset_id": "our_other", "title": "Before"}
    first = trainee.post("/api/protocols", preset=ours(trainee, **mine)).json
    changed = ours(trainee, **mine | {"title": "After"})
    desk, later = served.service.office.protocols, list[int]()
    whole, replaces = desk._presets.own.book, first["version"]["digest"]

    def book() -> object:
        found = whole()
        if not later:
            later.append(1)
            later[0] = trainee.post("/api/protocols/our_other", preset=changed, replaces=replaces).status
        return found

    monkeypatch.setattr(desk._presets.own, "book", book)
    (shown,) = [one for one in desk.all() if one.preset.preset_id == "our_other"]
    assert later == [200]
    assert shown.version is not None
    assert (shown.preset.title, shown.version.number, shown.version.digest) == ("Before", 1, replaces)
    late = trainee.post("/api/protocols/our_other", preset=changed, replaces=shown.version.digest)
    assert (late.code, "meanwhile" in late.json["detail"]) == ("refused", True)


def test_an_own_preset_is_judged_saved_in_versions_and_offered_to_the_next_treatment(
    served: ConsoleBench, trainee: Browser
) -> None:
    bad = trainee.post("/api/protocols", preset=ours(trainee, sources=[], title="<b>Ours</b>"))
    assert (bad.status, [one["field"] for one in bad.json["errors"]]) == (422, ["sources"])
    assert "names no primary source" in bad.json["detail"]
    deep = trainee.post("/api/protocols", preset=ours(trainee, surprise={"a": [1.5]}))
    assert deep.code == "invalid_fields"
    assert "our_own" not in {one["preset"]["preset_id"] for one in trainee.get("/api/protocols").json}
    first = trainee.post("/api/protocols", preset=ours(trainee, title="<b>Ours</b>")).json
    assert (first["version"]["number"], first["version"]["saved_by"]) == (1, "Trainee")
    replaces = first["version"]["digest"]
    path = "/api/protocols/our_own"
    second = trainee.post(path, preset=ours(trainee, title="Ours", interval_days=35), replaces=replaces).json
    assert [one["number"] for one in second["versions"]] == [2, 1]
    late = trainee.post(path, preset=ours(trainee, title="Late"), replaces=replaces)
    assert (late.code, "meanwhile" in late.json["detail"]) == ("refused", True)
    assert trainee.get(f"{path}/versions/1").json["preset"]["title"] == "<b>Ours</b>"
    assert trainee.get(f"{path}/versions/3").code == "not_found"
    assert trainee.get("/api/protocols/nothing").code == "not_found"
    offered = {one["name"]: one for one in trainee.get("/api/presets").json}
    assert (offered["our_own"]["title"], offered["our_own"]["interval_days"]) == ("Ours", 35)
    told_by = [(one["name"], one["saved_by"], one["problem"]) for one in trainee.get(f"{path}/versions").json]
    assert told_by == [("version 2", "Trainee", None), ("version 1", "Trainee", None)]


def test_a_version_of_another_station_is_told_apart_and_one_that_cannot_be_used_stops_no_other(
    served: ConsoleBench, trainee: Browser
) -> None:
    clinic = served.service.visiting.clinic
    made = trainee.post("/api/protocols", preset=ours(trainee, preset_id="of_two", title="Of two")).json
    mine = clinic.presets.own.book().versions("of_two")[0]
    torn = "no [preset"

    def elsewhere(writing: Writing) -> list[Draft]:
        saved_at = writing.at + timedelta(hours=1)
        put(writing, replace(mine, version_id="e" * 32, saved_at=saved_at, saved_by="eve"))
        put(
            writing,
            Version("f" * 32, "torn", 1, torn, digest_of(torn), writing.at, "eve", writing.station_id),
        )
        return []

    clinic.store.write(elsewhere, ANNA)
    path = "/api/protocols/of_two"
    whole = trainee.get(path).json
    assert whole["version"]["saved_by"] == "eve", "the later one is in force"
    names = {one["version_id"]: one["name"] for one in whole["versions"]}
    assert len(set(names.values())) == 2
    both = trainee.get(f"{path}/versions/1")
    assert (both.status, mine.version_id in both.json["detail"]) == (422, True)
    found = trainee.get(f"{path}/versions/{mine.version_id}").json
    assert (found["version"]["saved_by"], found["preset"]) == ("Trainee", made["preset"])
    assert "torn" not in {one["preset"]["preset_id"] for one in trainee.get("/api/protocols").json}
    (told,) = trainee.get("/api/protocols/not-usable").json
    assert "torn, version 1" in told
    assert trainee.get("/api/protocols/torn").status == 422
    assert [bool(one["problem"]) for one in trainee.get("/api/protocols/torn/versions").json] == [True]
    assert served.browser("Engineer").get("/api/protocols/not-usable").code == "role_may_not"
