"""Plan files: what can be used becomes a model; everything else one PlanError that says what, where and why."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pen_host.checks import SCREENING_RULES
from pen_host.errors import ExitCode
from pen_host.models import Endpoint, Plan, UnlockReason
from pen_host.plans import PlanError, load_plan, parse_plan, shipped_plans
from pen_host.plans.loader import SHIPPED, SIZE_MAX
from pen_protocol import limits

GOOD = """
title = "Test"
off_label = true
operator = "physician"
interval_days = 14
endpoint = "mild_erythema"
needles = 12
evidence = "none"
[source]
citation = "A paper"
url = "https://example.org/paper"
[[zones]]
name = "vertex"
area_cm2 = 50
depth = "0.6 mm"
rate_hz = 100
passes = 2
hold_s = 15
target_per_cm2 = [250, 300]
[screening]
ask = []
"""


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def problems(text: str) -> str:
    with pytest.raises(PlanError) as caught:
        parse_plan(text, "test.toml")
    assert caught.value.exit_code == ExitCode.USAGE
    assert caught.value.sentence.startswith("The plan test.toml cannot be used: ")
    assert "Nothing was sent to a pen." in caught.value.sentence
    return "; ".join(caught.value.problems)


def test_the_shipped_plan_says_what_its_source_says() -> None:
    assert "scalp_three_zones" in shipped_plans()
    plan = load_plan("scalp_three_zones")
    assert [zone.depth_um for zone in plan.zones] == [600, 600, 600]
    assert [zone.name for zone in plan.zones] == ["frontal", "midscalp", "vertex"]
    assert plan.off_label
    assert plan.interval_days == 14
    assert plan.unlock is None
    assert "Faghihi" in plan.source.citation
    assert plan.source.url.endswith("32897622/")
    for number in ("60 patients", "18-45", "12 weeks", "1.2 mm", "0.6 mm", "P = .017", "P = .007", "P = .04"):
        assert number in plan.evidence
    assert "no result is promised" in plan.evidence
    assert set(plan.screening.ask) <= {rule.rule_id for rule in SCREENING_RULES}


@pytest.mark.parametrize("name", shipped_plans())
def test_shipped_plans_are_off_label_ask_for_no_drug_and_promise_nothing(name: str) -> None:
    plan = load_plan(name)
    text = (SHIPPED / f"{name}.toml").read_text(encoding="utf-8").lower()
    assert plan.off_label
    for word in ("apply", "regrow", "effective", "proven", "recommend", "best", "guarantee"):
        assert word not in text
    # Once, in words of the study, where it limits what follows.
    assert text.count("minoxidil") == 1
    assert plan.depth_cap_um <= limits.DEPTH_CAP_UM


@pytest.mark.parametrize(
    ("old", "new", "field", "value"),
    [
        ('depth = "0.6 mm"', "depth_um = 600", "depth_um", 600),
        ('depth = "0.6 mm"', "depth_mm = 0.6", "depth_um", 600),
        ('depth = "0.6 mm"', 'depth = "600 um"', "depth_um", 600),
        ('depth = "0.6 mm"', 'depth = "600 \u00b5m"', "depth_um", 600),
        ('depth = "0.6 mm"', 'depth = "0.60mm"', "depth_um", 600),
        ("rate_hz = 100", "rate_hz = 99.999", "rate_mhz", 99_999),
        ("rate_hz = 100", 'rate = "100 Hz"', "rate_mhz", 100_000),
        ("rate_hz = 100", "rate_rpm = 6000", "rate_mhz", 100_000),
        ("area_cm2 = 50", "area_cm2 = 12.34", "area_mm2", 1_234),
        ("area_cm2 = 50", 'area = "50 cm\u00b2"', "area_mm2", 5_000),
        ("area_cm2 = 50", "area_mm2 = 5000", "area_mm2", 5_000),
    ],
)
def test_units_are_understood_exactly(old: str, new: str, field: str, value: int) -> None:
    assert getattr(parse_plan(changed(old, new)).zones[0], field) == value


@pytest.mark.parametrize(
    ("old", "new", "clause"),
    [
        (
            'depth = "0.6 mm"',
            'depth = "0.6 cm"',
            "zone 1 (vertex): depth has the unknown unit 'cm'; known units are um",
        ),
        ('depth = "0.6 mm"', 'depth = "0.6 MM"', "unknown unit 'MM'"),
        ('depth = "0.6 mm"', 'depth = "0,6 mm"', "no number with a unit"),
        ('depth = "0.6 mm"', 'depth = "-0.6 mm"', "no number with a unit"),
        ('depth = "0.6 mm"', 'depth = "\u0660.6 mm"', "no number with a unit"),
        ('depth = "0.6 mm"', "depth = 0.6", "has no unit"),
        ('depth = "0.6 mm"', "depth = true", "has no unit"),
        ('depth = "0.6 mm"', "depth_um = true", "is no number"),
        (
            'depth = "0.6 mm"',
            "depth_um = 600\ndepth_mm = 0.6",
            "is given 2 times (depth_um, depth_mm); keep one",
        ),
        ('depth = "0.6 mm"', 'depth = "0.60005 mm"', "depth of 0.60005 mm is finer than 1 um"),
        ('depth = "0.6 mm"', "depth_um = 1e999999999", "far beyond any limit"),
        ('depth = "0.6 mm"', "depth_um = inf", "is no number"),
        ('depth = "0.6 mm"', "depth_um = nan", "is no number"),
        ('depth = "0.6 mm"', "depth_um = 99999999999999999999999", "far beyond any limit"),
        (
            'depth = "0.6 mm"',
            "depth_um = 2550",
            "depth_um = 2550 um is above the limit of 2500 um (mechanical stop",
        ),
        ('depth = "0.6 mm"', "depth_um = 0", "depth_um = 0 um is below the limit of 50 um"),
        ('depth = "0.6 mm"', "depth_um = 620", "depth_um = 620 um is no multiple of 50 um"),
        (
            'depth = "0.6 mm"',
            "depth_um = 1800",
            "vertex (1800 um) is above the limit of 1500 um (evaluated range",
        ),
        ("rate_hz = 100", "rate_hz = 150", "rate_mhz = 150000 mHz is above the limit of 149000 mHz"),
        ("rate_hz = 100", "rate_hz = 10", "rate_mhz = 10000 mHz is below the limit of 25000 mHz"),
        ("hold_s = 15", "hold_s = 61", "hold_s = 61 s is above the limit of 60 s (longest stroking"),
        ("hold_s = 15", "hold_s = 1.5", "hold_s = 1.5 cannot be: input should be a valid integer"),
        ("passes = 2", "passes = 0", "passes = 0 is below the limit of 1"),
        ("passes = 2\n", "", "zone 1 (vertex): passes is missing"),
        ("passes = 2", "passes = 2\npases = 3", "pases is not known here (did you mean passes?)"),
        (
            "[250, 300]",
            "[300, 250]",
            "zone 1 (vertex): target_per_cm2: target_per_cm2 goes down from 300 to 250",
        ),
        ("[250, 300]", "250", "target_per_cm2"),
        (
            "[250, 300]",
            "[250, 3000]",
            "target_per_cm2.high = 3000 is above the limit of 2000 (published targets",
        ),
        ('name = "vertex"', 'name = "Vertex!"', "cannot be: string should match pattern"),
        ("needles = 12", "needles = 43", "needles = 43 is above the limit of 42 (largest cartridge"),
        ("needles = 12", 'needles = "12"', "needles = '12' cannot be"),
        ("needles = 12", "needles = 12.0", "needles = 12.0 cannot be"),
        ("needles = 12", "needles = true", "needles = True cannot be"),
        ("interval_days = 14", "interval_days = 0", "interval_days = 0 days is below the limit of 1 days"),
        ('endpoint = "mild_erythema"', 'endpoint = "blood"', "endpoint = 'blood' cannot be"),
        ("off_label = true", "off_label = 1", "off_label = 1 cannot be: input should be a valid boolean"),
        ("off_label = true", "", "off_label is missing"),
        ('citation = "A paper"', 'citation = " "', "source.citation"),
        ('citation = "A paper"', "", "source.citation is missing"),
        ('"https://example.org/paper"', '"see above"', "source.url"),
        ("ask = []", 'ask = ["horoscope"]', "screening asks 'horoscope', which no rule explains"),
        ("ask = []", 'ask = ["scalp_flare", "scalp_flare"]', "asks scalp_flare twice"),
        ("ask = []", "ask = []\nanswers = { scalp_flare = false }", "answers scalp_flare without asking"),
        (
            "ask = []",
            'ask = ["pregnancy"]\nanswers = { pregnancy = "no" }',
            "answers.pregnancy = 'no' cannot be",
        ),
        ('title = "Test"', "title = 2020-01-01", "title is a date or time"),
        ('title = "Test"', 'title = "\\u001b[2J"', "title"),
        ('title = "Test"', 'title = "Test"\ncolour = 3', "colour is not known here (remove it)"),
        ('title = "Test"', "title = ", "it is not valid TOML: Invalid value (at line 2, column 9)"),
        ('title = "Test"', f"title = {'9' * 5000}", "cannot be read"),
        ('title = "Test"', f"title = {'[' * 5000}{']' * 5000}", "nested too deeply"),
        ('title = "Test"', f"title = {'[' * 20}{']' * 20}", "nested too deeply"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name_value_limit_and_source(
    old: str, new: str, clause: str
) -> None:
    assert clause in problems(changed(old, new))


def test_every_problem_is_named_at_once() -> None:
    text = (
        changed("hold_s = 15", "hold_s = 99")
        .replace("needles = 12", "needles = 0")
        .replace("0.6 mm", "6 feet")
    )
    with pytest.raises(PlanError) as caught:
        parse_plan(text)
    assert [problem.split(" (")[0] for problem in caught.value.problems] == [
        "zone 1",
        "needles = 0 is below the limit of 1",
        "zone 1",
    ]
    assert "unknown unit 'feet'" in caught.value.problems[0]
    assert "hold_s = 99 s" in caught.value.problems[2]


def test_two_zones_of_one_name_are_refused() -> None:
    zone = GOOD[GOOD.index("[[zones]]") : GOOD.index("[screening]")]
    assert "zones are named twice: vertex" in problems(changed("[screening]", zone + "[screening]"))


def test_a_plan_without_zones_is_refused() -> None:
    start, end = GOOD.index("[[zones]]"), GOOD.index("[screening]")
    assert "zones is missing" in problems(GOOD[:start] + GOOD[end:])
    assert "zones" in problems("zones = []\n" + GOOD[:start] + GOOD[end:])
    assert "zone 1 = 1 cannot be" in problems("zones = [1, 2]\n" + GOOD[:start] + GOOD[end:])


def test_deeper_than_the_cap_needs_an_unlock_with_a_reason() -> None:
    deep = changed('depth = "0.6 mm"', "depth_um = 1800")
    unlock = '[unlock]\nreason = "physician_supervised"\nstatement = "scar of 3 mm"\n'
    plan = parse_plan(deep + unlock)
    assert plan.unlock is not None
    assert plan.unlock.reason is UnlockReason.PHYSICIAN_SUPERVISED
    assert plan.unlock.reason.number == 1
    assert plan.depth_cap_um == 1_800
    assert "unlock.statement is missing" in problems(deep + '[unlock]\nreason = "bench_test"\n')
    assert "unlock.reason" in problems(deep + '[unlock]\nreason = "because"\nstatement = "x"\n')


def test_a_broken_file_names_its_line(tmp_path: Path) -> None:
    file = tmp_path / "plan.toml"
    file.write_bytes(b"title = 'x'\n\xff")
    with pytest.raises(PlanError, match="line 2 is not UTF-8"):
        load_plan(file)
    file.write_bytes(b"#" * (SIZE_MAX + 1))
    with pytest.raises(PlanError, match="larger than"):
        load_plan(file)
    with pytest.raises(PlanError, match="scalp_three_zones"):
        load_plan(tmp_path / "absent.toml")
    with pytest.raises(PlanError, match="cannot be read"):
        load_plan(tmp_path)
    with pytest.raises(PlanError, match="cannot be read"):
        load_plan("a\0b")


def test_a_file_cannot_command_the_terminal() -> None:
    assert "\x1b" not in problems(changed('title = "Test"', '"\\u001b[2J" = 3\ntitle = "Test"'))


# ---- the hash that ARM carries -------------------------------------------------------------------------------------


def test_the_hash_fits_the_wire_and_means_the_content() -> None:
    plan = parse_plan(GOOD)
    assert 0 < plan.plan_hash <= limits.WORD_MAX
    assert (
        parse_plan("# comment\n" + changed('depth = "0.6 mm"', "depth_um = 600")).plan_hash == plan.plan_hash
    )
    assert parse_plan(changed('depth = "0.6 mm"', "depth_um = 650")).plan_hash != plan.plan_hash
    assert plan.plan_digest == "3763dcfdb593e67b1d4c2a7541e3cff77de9138e1ffc845a6b2afdbd106f2a2d"


def test_answers_do_not_change_what_is_done_to_the_patient() -> None:
    asked = GOOD
    answered = asked + "answers = { pregnancy = false }\n"
    assert parse_plan(asked).plan_hash == parse_plan(answered).plan_hash
    assert parse_plan(answered).screening.answers == {"pregnancy": False}


def test_plans_cannot_be_changed() -> None:
    plan = parse_plan(GOOD)
    with pytest.raises(ValueError, match="frozen"):
        plan.needles = 3  # type: ignore[misc]
    with pytest.raises(ValueError, match="frozen"):
        plan.zones[0].depth_um = 2_500  # type: ignore[misc]


# ---- anything ------------------------------------------------------------------------------------------------------

KEY = st.sampled_from(
    sorted({*Plan.model_fields, "depth", "area_cm2", "rate", "name", "low", "x", "ask", "answers"})
)
SCALAR = (
    st.integers()
    | st.floats()
    | st.booleans()
    | st.text(max_size=8)
    | st.sampled_from(["0.6 mm", "100 Hz", "vertex", "mild_erythema", "https://a.example/b"])
    | st.dates()
)
TREE = st.recursive(
    SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEY, inner, max_size=4)
)


def toml(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(c):08x}" for c in value if not 0xD800 <= ord(c) < 0xE000) + '"'
    return str(value).lower().replace("e+", "e")


@given(st.text() | st.text(alphabet="[]{}=\"'#\n.,0123456789-:TZ abdeilnoptuz_x"))
def test_no_text_makes_anything_but_a_plan_or_a_plan_error(text: str) -> None:
    with pytest.raises(PlanError):
        parse_plan(text)


@given(st.dictionaries(KEY, TREE, max_size=8))
def test_no_tree_of_values_makes_anything_but_a_plan_or_a_plan_error(tree: dict[str, Any]) -> None:
    with pytest.raises(PlanError):
        parse_plan("\n".join(f"{key} = {toml(value)}" for key, value in tree.items()))


@given(st.data())
def test_a_good_plan_with_any_one_value_exchanged_is_good_or_refused(data: st.DataObject) -> None:
    lines = GOOD.strip().splitlines()
    index = data.draw(st.sampled_from([i for i, line in enumerate(lines) if " = " in line]))
    key = lines[index].split(" = ")[0]
    lines[index] = f"{key} = {toml(data.draw(TREE))}"
    text = "\n".join(lines)
    tomllib.loads(text)
    try:
        plan = parse_plan(text)
    except PlanError:
        return
    assert isinstance(plan.endpoint, Endpoint)
    assert plan.depth_cap_um <= limits.DEPTH_STOP_UM
