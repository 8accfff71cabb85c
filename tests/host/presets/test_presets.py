"""Presets: every number has its primary source, hair is off-label, and no plan from one goes beyond a cap."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_host.checks import check_plan, questions
from pen_host.errors import ExitCode
from pen_host.findings import Level
from pen_host.intervals import least_interval_days
from pen_host.models import HOLD_MAX_S, NEEDLES_MAX, Plan
from pen_host.presets import (
    Preset,
    PresetError,
    ZoneChoice,
    asked,
    load_preset,
    parse_preset,
    shipped_presets,
    to_plan,
)
from pen_host.presets.loader import SHIPPED
from pen_host.screening import Site, shipped_rules
from pen_protocol import limits

PRESETS = shipped_presets()
BY_ID = {preset.preset_id: preset for preset in PRESETS}
DHURAT = BY_ID["hair_weekly_dhurat_2013"]
TEXT = (SHIPPED / "hair_weekly_dhurat_2013.toml").read_text(encoding="utf-8")


def choices(preset: Preset, area_mm2: int = 3_000) -> list[ZoneChoice]:
    return [ZoneChoice(name=zone.name, area_mm2=area_mm2) for zone in preset.zones]


def test_the_protocols_that_were_asked_for_are_there() -> None:
    days = {preset.preset_id: preset.interval_days for preset in PRESETS}
    assert days == {
        "hair_weekly_dhurat_2013": 7,
        "hair_fortnightly_faghihi_2021": 14,
        "hair_monthly_adistri_2024": 28,
        "hair_resistant_dhurat_2015": 14,
        "hair_female_liang_2022": 14,
        "hair_maintenance": 28,
        "alopecia_areata_arora_2022": 21,
        "face_acne_scars": 30,
        "face_wrinkles": 30,
        "neck_wrinkles": 30,
    }


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.preset_id)
class TestEveryShippedPreset:
    def test_names_a_primary_source_and_its_weakness(self, preset: Preset) -> None:
        assert all(source.url.startswith("http") and source.citation for source in preset.sources)
        assert preset.evidence.limits
        assert not any("reddit" in source.url or "redlib" in source.url for source in preset.sources)

    def test_is_off_label_on_the_scalp_and_says_so(self, preset: Preset) -> None:
        assert preset.off_label is (preset.site is Site.SCALP)
        assert ("off-label" in preset.label) is preset.off_label

    def test_stays_within_the_evaluated_range(self, preset: Preset) -> None:
        assert all(zone.depth_um.high <= limits.DEPTH_CAP_UM for zone in preset.zones)

    def test_says_why_where_its_interval_is_shorter_than_its_depth_asks_for(self, preset: Preset) -> None:
        deepest = max(zone.depth_um.usual for zone in preset.zones)
        assert bool(preset.short_interval) is (preset.interval_days < least_interval_days(deepest))

    def test_never_asks_for_a_drug(self, preset: Preset) -> None:
        told = " ".join([*preset.after_care, preset.title]).casefold()
        assert not any(drug in told for drug in ("minoxidil", "triamcinolone", "finasteride"))
        assert "apply the" not in told

    def test_makes_a_plan_that_a_pen_accepts(self, preset: Preset) -> None:
        plan = to_plan(preset, choices(preset))
        assert Plan.model_validate_json(plan.model_dump_json()) == plan
        found = check_plan(plan, depth_cap_um=limits.DEPTH_CAP_UM, rate_max_mhz=limits.RATE_MAX_MHZ)
        assert [one.rule_id for one in found if one.level is Level.BLOCK] == []
        assert {one.rule_id for one in found} >= ({"off_label"} if preset.off_label else set())
        assert "target_out_of_reach" not in {one.rule_id for one in found}

    def test_asks_what_its_site_asks(self, preset: Preset) -> None:
        wanted = {rule.rule_id for rule in shipped_rules().at(preset.site)}
        plan = to_plan(preset, choices(preset))
        assert wanted <= {rule.rule_id for rule in questions(plan.screening.ask)}
        assert set(asked(preset)) <= shipped_rules().by_id.keys()

    def test_its_file_has_its_name(self, preset: Preset) -> None:
        assert load_preset(SHIPPED / f"{preset.preset_id}.toml") == preset


def test_the_numbers_are_the_papers() -> None:
    found = DHURAT.evidence
    assert "+91.4 against +22.2" in found.result
    assert "82% against 4.5%" in found.result
    assert "40 patients against 0" in found.result
    assert found.other is not None
    assert "+12.52 against +1.89 hairs per square inch" in found.other
    assert "+1.94 against +0.29 per cm2" in found.other
    assert [DHURAT.course.sessions, DHURAT.course.weeks] == [12, 12]
    assert BY_ID["alopecia_areata_arora_2022"].course.sessions == 3
    assert "66.36% against 69.75%" in BY_ID["alopecia_areata_arora_2022"].evidence.result


def test_what_popular_articles_misquote_is_said_beside_what_the_paper_says() -> None:
    told = " ".join(DHURAT.misquoted)
    assert "no shares of patients" in told
    assert "by 17 without" in told
    faghihi = " ".join(BY_ID["hair_fortnightly_faghihi_2021"].misquoted)
    assert "0.6 mm tended to do better" in faghihi
    areata = " ".join(BY_ID["alopecia_areata_arora_2022"].misquoted)
    assert "two patients" in areata


# ---- plans ---------------------------------------------------------------------------------------------------------


@given(st.data())
def test_no_choice_within_a_preset_leads_beyond_a_cap(data: st.DataObject) -> None:
    preset = data.draw(st.sampled_from(PRESETS))
    zones = data.draw(st.lists(st.sampled_from(preset.zones), min_size=1, unique_by=lambda zone: zone.name))
    needles = data.draw(st.integers(1, NEEDLES_MAX))
    picked = [
        ZoneChoice(
            name=zone.name,
            area_mm2=data.draw(st.integers(25, 70_000)),
            depth_um=data.draw(
                st.none()
                | st.integers(zone.depth_um.low // 50, zone.depth_um.high // 50).map(lambda n: n * 50)
            ),
            rate_mhz=data.draw(st.none() | st.integers(zone.rate_mhz.low, zone.rate_mhz.high)),
            passes=data.draw(st.none() | st.integers(zone.passes.low, zone.passes.high)),
        )
        for zone in zones
    ]
    plan = to_plan(preset, picked, needles=needles)
    assert plan.unlock is None
    assert plan.depth_cap_um <= limits.DEPTH_CAP_UM
    assert all(1 <= zone.hold_s <= HOLD_MAX_S for zone in plan.zones)
    assert [zone.name for zone in plan.zones] == [choice.name for choice in picked]
    assert plan.needles == needles
    assert plan.off_label is preset.off_label


@pytest.mark.parametrize(
    ("picked", "why"),
    [
        ([], "no zone was chosen"),
        ([ZoneChoice(name="knee", area_mm2=500)], "no zone knee"),
        ([ZoneChoice(name="vertex", area_mm2=500)] * 2, "vertex was chosen twice"),
        (
            [ZoneChoice(name="vertex", area_mm2=500, depth_um=450)],
            "depth_um 450 is outside the preset's 500-1500",
        ),
        ([ZoneChoice(name="vertex", area_mm2=500, rate_mhz=60_000)], "rate_mhz 60000 is outside"),
        ([ZoneChoice(name="vertex", area_mm2=500, passes=9)], "passes 9 is outside"),
    ],
)
def test_a_choice_outside_the_preset_is_refused(picked: list[ZoneChoice], why: str) -> None:
    with pytest.raises(PresetError, match=why) as caught:
        to_plan(DHURAT, picked)
    assert caught.value.exit_code is ExitCode.USAGE
    assert "nothing was sent to a pen" in caught.value.sentence


def test_an_interval_shorter_than_the_depth_asks_for_needs_a_clinicians_reason() -> None:
    plan = to_plan(DHURAT, choices(DHURAT))
    found = check_plan(plan, depth_cap_um=limits.DEPTH_CAP_UM, rate_max_mhz=limits.RATE_MAX_MHZ)
    assert {one.rule_id: one.level for one in found}["interval_planned"] is Level.OVERRIDE


# ---- files ---------------------------------------------------------------------------------------------------------


def without_sources() -> str:
    start, end = TEXT.index("[[sources]]"), TEXT.index("[[zones]]")
    return TEXT[:start] + TEXT[end:]


def test_a_preset_without_a_source_is_refused() -> None:
    for text in (without_sources(), "sources = []\n" + without_sources()):
        with pytest.raises(PresetError, match="sources"):
            parse_preset(text)
    with pytest.raises(PresetError, match="names no primary source"):
        parse_preset("sources = []\n" + without_sources())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("off_label = true", "off_label = false"), "no authority has cleared"),
        (("high = 1500", "high = 1550"), "more than 1.5 mm"),
        (("low = 500, usual = 1500", "low = 1500, usual = 500"), "not in order"),
        (("usual = 1500, high = 1500", "usual = 1475, high = 1500"), "in steps of 0.05 mm"),
        (("short_interval", "other_interval"), "no such field"),
        (("interval_days = 7", "interval_days = 0"), "less than 1 day"),
        (('url = "https', 'url = "ftp'), "url"),
        (("[course]", "[course"), "not valid TOML"),
        (("needles = 12", "needles = 12.5"), "needles"),
        (("needles = 12", "needles = 1979-05-27"), "no preset has a place for"),
        (("needles = 12", 'needles = 12\nask = ["horoscope"]'), "no screening rule explains"),
        (('name = "midscalp"', 'name = "vertex"'), "named twice: vertex"),
    ],
)
def test_a_file_that_is_not_whole_is_refused_with_what_is_wrong(change: tuple[str, str], why: str) -> None:
    text = TEXT.replace(*change)
    assert text != TEXT
    with pytest.raises(PresetError, match=why):
        parse_preset(text, "mine.toml")


def test_a_short_interval_without_a_word_is_refused() -> None:
    lines = [line for line in TEXT.splitlines() if not line.startswith("short_interval")]
    with pytest.raises(PresetError, match="shorter than the 28 days its depth asks for"):
        parse_preset("\n".join(lines))


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PresetError, match="cannot be read"):
        load_preset(tmp_path / "none.toml")
    (tmp_path / "odd.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(PresetError, match="not UTF-8"):
        load_preset(tmp_path / "odd.toml")
    (tmp_path / "large.toml").write_bytes(b"#" * 70_000)
    with pytest.raises(PresetError, match="larger than"):
        load_preset(tmp_path / "large.toml")
