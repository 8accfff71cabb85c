"""Screening rules as data: the file's models, and how it is read. A rule without a source is refused."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, StringConstraints, ValidationError, model_validator

from pen_host.errors import UsageError
from pen_host.findings import Level
from pen_host.models import Id, Model, Text

FILE = Path(__file__).parent / "rules.toml"
WINDOW_MONTHS_MAX = 60
WINDOW_DAYS_MAX = 366


class RulesError(UsageError):
    """A rule file cannot be used.

    Args:
        name: The file.
        problems: What is wrong with it, clauses without a full stop.
    """

    def __init__(self, name: str, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            f"The screening rules {name} cannot be used: {'; '.join(problems)}. Nobody can be screened by them, so no "
            "treatment may begin. Correct the file, or use the rules that come with the program."
        )


class Site(StrEnum):
    """Where a treatment takes place, as far as rules and presets differ by it."""

    SCALP = "scalp"
    FACE = "face"
    NECK = "neck"


class Kind(StrEnum):
    """How an answer becomes a yes or a no on a day."""

    STATE = "state"
    SINCE = "since"
    AROUND = "around"
    AGE = "age"


class Strength(StrEnum):
    """A level by its name."""

    INFORM = "inform"
    OVERRIDE = "override"
    BLOCK = "block"

    @property
    def level(self) -> Level:
        """The level."""
        return Level[self.name]


class RuleSource(Model):
    """Something that rules are taken from.

    Attributes:
        citation: What it is.
        url: Where it can be read; none for this project's own judgement.
    """

    citation: Text
    url: Annotated[str, StringConstraints(pattern=r"^https?://\S{4,300}$")] | None = None


class Cited(Model):
    """What one source says about one rule.

    Attributes:
        source: Which, a key of the file's sources.
        level: How strongly.
        says: In words.
    """

    source: Id
    level: Strength
    says: Text


class Rule(Model):
    """One question, and what speaks against a treatment.

    Attributes:
        rule_id: What plans and answers call it.
        question: A yes speaks against the treatment.
        kind: How an answer is read.
        sites: Where it is asked; empty means everywhere.
        after_months: Calendar months after the event in which it speaks against it.
        after_days: Days after the event.
        before_days: Days before a planned event.
        age_years: Below this age it speaks against it.
        cited: Sources, each with its level.
    """

    rule_id: Id
    question: Text
    kind: Kind = Kind.STATE
    sites: tuple[Site, ...] = ()
    after_months: Annotated[int, Field(ge=1, le=WINDOW_MONTHS_MAX)] | None = None
    after_days: Annotated[int, Field(ge=1, le=WINDOW_DAYS_MAX)] | None = None
    before_days: Annotated[int, Field(ge=1, le=WINDOW_DAYS_MAX)] | None = None
    age_years: Annotated[int, Field(ge=1, le=120)] | None = None
    cited: Annotated[tuple[Cited, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        after = [window for window in (self.after_months, self.after_days) if window is not None]
        wanted = {
            Kind.STATE: (0, False, False),
            Kind.SINCE: (1, False, False),
            Kind.AROUND: (1, True, False),
            Kind.AGE: (0, False, True),
        }[self.kind]
        if (len(after), self.before_days is not None, self.age_years is not None) != wanted:
            raise ValueError(
                f"a rule of kind {self.kind} has not the windows it needs: since wants one after_..., around wants that "
                "and before_days, age wants age_years, state wants none"
            )
        names = [cited.source for cited in self.cited]
        if len(set(names)) < len(names):
            raise ValueError("a source is cited twice")
        return self

    @property
    def always(self) -> bool:
        """Whether every plan asks it."""
        return not self.sites

    @property
    def disagreed(self) -> bool:
        """Whether its sources give different levels."""
        return len({cited.level for cited in self.cited}) > 1

    def level(self, manual: str | None = None) -> Level:
        """How strongly it speaks: as the strictest source says, or as the one a plan follows.

        Args:
            manual: Key of the source that is followed instead.

        Raises:
            ValueError: That source says nothing about this rule.
        """
        if manual is None:
            return max(cited.level.level for cited in self.cited)
        for cited in self.cited:
            if cited.source == manual:
                return cited.level.level
        known = ", ".join(cited.source for cited in self.cited)
        raise ValueError(f"rule {self.rule_id} is not in {manual}; its sources are {known}")


class RuleSet(Model):
    """All rules of a file.

    Attributes:
        sources: Sources by key.
        rules: In the order in which they are asked.
    """

    sources: dict[Id, RuleSource]
    rules: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=200)]

    @model_validator(mode="after")
    def _sourced(self) -> Self:
        names = [rule.rule_id for rule in self.rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"rules are there twice: {', '.join(twice)}")
        for rule in self.rules:
            strange = sorted({cited.source for cited in rule.cited} - self.sources.keys())
            if strange:
                raise ValueError(
                    f"rule {rule.rule_id} cites {', '.join(strange)}, which is no source of this file"
                )
        return self

    @property
    def by_id(self) -> Mapping[str, Rule]:
        """The rules by id."""
        return {rule.rule_id: rule for rule in self.rules}

    def at(self, site: Site | str | None) -> tuple[Rule, ...]:
        """Rules that are asked at a site; None asks only those of everywhere."""
        return tuple(rule for rule in self.rules if rule.always or (site is not None and site in rule.sites))

    def source_text(self, rule: Rule, manual: str | None = None) -> str:
        """Every source of a rule with what it says; where they disagree, which one counts."""
        told = "; ".join(f"{self.sources[cited.source].citation}: {cited.says}" for cited in rule.cited)
        if not rule.disagreed:
            return told
        which = f"this plan follows {manual}" if manual else "the stricter counts"
        return f"{told} (they disagree; {which})"


@cache
def shipped_rules() -> RuleSet:
    """The rules that come with the program."""
    return load_rules(FILE)


def load_rules(path: Path) -> RuleSet:
    """Reads a rule file.

    Raises:
        RulesError: It cannot be read, is no TOML, or a rule in it is not whole.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RulesError(str(path), [f"it cannot be read ({error})"]) from error
    return parse_rules(text, str(path))


def parse_rules(text: str, name: str = "rules") -> RuleSet:
    """Makes rules from TOML text.

    Raises:
        RulesError: It is no TOML, or a rule in it is not whole.
    """
    try:
        table = tomllib.loads(text)
        return RuleSet.model_validate_json(json.dumps(table))
    except tomllib.TOMLDecodeError as error:
        raise RulesError(name, [f"it is not valid TOML: {error}"]) from error
    except ValidationError as error:
        raise RulesError(
            name,
            [
                f"{'.'.join(str(part) for part in item['loc'])}: {item['msg'].removeprefix('Value error, ')}"
                for item in error.errors(include_url=False)
            ],
        ) from error
    except (TypeError, ValueError) as error:
        raise RulesError(name, [f"it holds a value that no rule has a place for: {error}"]) from error
