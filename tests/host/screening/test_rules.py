"""The rule file: whole, sourced, and refused where it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from pen_host.errors import ExitCode
from pen_host.findings import Level
from pen_host.screening import RulesError, Site, load_rules, parse_rules, shipped_rules
from pen_host.screening.rules import FILE, Kind

RULE = """
[sources.maker]
citation = "Instructions for use"

[[rules]]
rule_id = "one"
question = "One?"
cited = [{ source = "maker", level = "block", says = "contraindication" }]
"""


def test_the_shipped_rules_hold_what_the_sources_ask_for() -> None:
    by_id = shipped_rules().by_id
    windows = {
        rule.rule_id: (rule.before_days, rule.after_days, rule.after_months, rule.age_years)
        for rule in by_id.values()
        if rule.kind is not Kind.STATE
    }
    assert windows == {
        "chemo_radio_steroid": (28, 28, None, None),
        "isotretinoin": (None, None, 6, None),
        "scar_under_6_months": (None, None, 6, None),
        "scar_under_12_months": (None, None, 12, None),
        "surgery_under_12_months": (None, None, 12, None),
        "filler_under_6_months": (None, None, 6, None),
        "hair_transplant": (None, None, 6, None),
        "under_22": (None, None, None, 22),
    }
    asked = {
        *(
            "bleeding_disorder",
            "anticoagulants",
            "uncontrolled_diabetes",
            "eczema_psoriasis",
            "eczema_active",
        ),
        *("immune_deficiency", "pregnancy", "steel_allergy", "anaesthetic_allergy", "sun", "keloid"),
        *("local_infection", "open_wound", "scalp_flare", "scarring_alopecia", "scalp_implant"),
    }
    assert asked <= by_id.keys()


def test_every_shipped_rule_cites_something_that_can_be_read_or_says_that_it_is_our_judgement() -> None:
    rules = shipped_rules()
    for rule in rules.rules:
        assert rule.question.endswith("?")
        assert all(rules.sources[cited.source].url or cited.source == "judgement" for cited in rule.cited)
        assert rules.source_text(rule)


@pytest.mark.parametrize("rule_id", ["anticoagulants", "keloid", "eczema_active"])
def test_the_rules_on_which_manuals_disagree_block_by_default(rule_id: str) -> None:
    rule = shipped_rules().by_id[rule_id]
    assert rule.disagreed
    assert rule.level() is Level.BLOCK
    assert rule.level("skinpen") is Level.OVERRIDE
    with pytest.raises(ValueError, match="is not in fda"):
        rule.level("fda")


def test_questions_of_one_site_are_asked_there_only() -> None:
    everywhere = {rule.rule_id for rule in shipped_rules().at(None)}
    scalp = {rule.rule_id for rule in shipped_rules().at(Site.SCALP)}
    assert scalp - everywhere == {"scalp_flare", "scarring_alopecia", "hair_transplant", "scalp_implant"}
    assert {rule.rule_id for rule in shipped_rules().at(Site.FACE)} - everywhere == {"eyelid_mucosa"}


def test_a_small_file_is_read() -> None:
    (rule,) = parse_rules(RULE).rules
    assert (rule.rule_id, rule.level(), rule.always) == ("one", Level.BLOCK, True)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (("cited = [", "cited = [] #"), "at least 1 item"),
        (('source = "maker"', 'source = "nobody"'), "cites nobody"),
        (('level = "block"', 'level = "maybe"'), "level"),
        (('question = "One?"', 'question = "One?"\nkind = "since"'), "has not the windows"),
        (('question = "One?"', 'question = "One?"\nafter_months = 6'), "has not the windows"),
        (
            ('question = "One?"', 'question = "One?"\nkind = "since"\nafter_months = 0'),
            "greater than or equal",
        ),
        (('question = "One?"', 'question = "One?"\nanswer = 42'), "Extra inputs"),
        (("[[rules]]", "[[rules]"), "not valid TOML"),
        (('rule_id = "one"', "rule_id = 1979-05-27"), "no rule has a place for"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(change: tuple[str, str], why: str) -> None:
    with pytest.raises(RulesError, match=why) as caught:
        parse_rules(RULE.replace(*change), "mine.toml")
    assert caught.value.exit_code is ExitCode.USAGE
    assert "no treatment may begin" in caught.value.sentence


def test_a_rule_twice_is_refused() -> None:
    again = RULE[RULE.index("[[rules]]") :]
    with pytest.raises(RulesError, match="twice: one"):
        parse_rules(RULE + again)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="cannot be read"):
        load_rules(tmp_path / "none.toml")
    (tmp_path / "odd.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(RulesError, match="cannot be read"):
        load_rules(tmp_path / "odd.toml")


def test_the_shipped_file_is_the_one_that_is_used() -> None:
    assert load_rules(FILE) == shipped_rules()
