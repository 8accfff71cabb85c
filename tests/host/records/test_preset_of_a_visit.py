"""A visit keeps the preset it was planned by: its papers stay what they were when the preset is changed."""

from __future__ import annotations

import pytest

from pen_host.presets import PresetError, to_toml
from pen_host.reports.after_care import after_care_sheet
from tests.host.records.conftest import FORTNIGHTLY, Bench


def test_the_papers_of_a_visit_go_by_the_version_of_its_day(bench: Bench) -> None:
    presets = bench.clinic.presets
    base = {**presets.get(FORTNIGHTLY).model_dump(mode="json"), "preset_id": "our_own", "title": "Ours"}
    first = presets.own.add(to_toml({**base, "after_care": ["As it was."]}), "anna")
    visit = bench.treated(bench.patient(), preset="our_own")
    before = after_care_sheet(bench.clinic, visit.visit_id)
    changed = {**base, "after_care": ["As it is now."], "interval_days": 21}
    presets.own.change("our_own", to_toml(changed), first.digest, "bob")
    assert presets.get("our_own").after_care == ("As it is now.",)
    assert presets.at("our_own", visit.opened_at).after_care == ("As it was.",)
    assert after_care_sheet(bench.clinic, visit.visit_id) == before
    assert bench.clinic.visits.get(visit.visit_id).plan.interval_days == visit.plan.interval_days
    with pytest.raises(PresetError, match="no such preset"):
        presets.at("never_there", visit.opened_at)
