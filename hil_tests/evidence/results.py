"""`results.json`: a run's results, for programs. The page (`page`) is drawn from it and from nothing else.

Schema 1, all keys always there:

    schema            1
    verdict           "passed", "failed" or "incomplete"
    sentence          the verdict in words
    ending            "complete", "broken off", "failed itself", "killed"
    began, ended      UTC, ISO 8601; ended is null when the run was killed
    collected         tests that were to run; null when that was never known
    run               {title: {name: text}}: what was asked for, firmware of this clone, source, machine, packages
    benches, pens     [{name: text}]: every bench and pen that tests met, each once
    worst             [measurement]: of each name, unit and limit the one nearest to or farthest beyond its limit, with
                      "count" (how many there were) and "test"
    tests             [test], in the order they finished

    test              id, title, outcome ("passed", "failed", "skipped"), sentence (why failed or skipped), trace,
                      output, duration_s, covers (ids of firmware/SAFETY.md), measurements, notes, waveforms,
                      bench, pen (index in benches and pens, or null)
    measurement       name, value, unit, limit {kind, low, high}, hazard, passed, used (share of the limit, or null)
    note              name, text
    waveform          title, png, vcd (paths relative to this file)
"""

from __future__ import annotations

import enum
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from hil_tests.evidence.log import Ending, Event, of_kind, read_log
from hil_tests.evidence.measure import Facts, Kind, Measurement, Note, Picture, Record, from_properties

RESULTS = "results.json"
SCHEMA = 1
Kept = TypeVar("Kept", Measurement, Note, Picture, Facts)


class Outcome(enum.StrEnum):
    """What became of a test."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


class Verdict(enum.StrEnum):
    """What a run came to."""

    PASSED = "passed"
    FAILED = "failed"
    INCOMPLETE = "incomplete"
    """Nothing failed, but not everything ran, or nothing did."""


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test, as the log keeps it."""

    __test__ = False

    id: str
    outcome: Outcome
    sentence: str = ""
    trace: str = ""
    output: str = ""
    duration_s: float = 0.0
    covers: tuple[str, ...] = ()
    records: tuple[tuple[str, str], ...] = ()
    """User properties, see `measure`."""

    @property
    def title(self) -> str:
        """What the test says, as words: the name of a test is a sentence."""
        name, bracket, chosen = self.id.rpartition("::")[2].partition("[")
        words = name.removeprefix("test_").replace("_", " ")
        return f"{words} ({chosen.rstrip(']')})" if bracket else words


@dataclass(frozen=True, slots=True)
class Run:
    """A whole run, as its log tells it.

    Attributes:
        facts: What was asked for, firmware, source, machine, packages.
        tests: In the order they finished.
        ending: How it ended.
        began: UTC, ISO 8601.
        ended: The same, None when it was killed.
        collected: Tests that were to run, None when that was never known.
    """

    facts: Mapping[str, Mapping[str, str]]
    tests: tuple[TestResult, ...]
    ending: Ending
    began: str
    ended: str | None
    collected: int | None

    def count(self, outcome: Outcome) -> int:
        """Tests with this outcome."""
        return sum(test.outcome is outcome for test in self.tests)

    @property
    def missing(self) -> int:
        """Tests that were to run and did not have their turn."""
        return max((self.collected or 0) - len(self.tests), 0)

    @property
    def verdict(self) -> Verdict:
        """What it came to. One failure is a failure, however the run ended."""
        if self.count(Outcome.FAILED):
            return Verdict.FAILED
        if self.ending is not Ending.COMPLETE or self.missing or not self.count(Outcome.PASSED):
            return Verdict.INCOMPLETE
        return Verdict.PASSED

    @property
    def sentence(self) -> str:
        """The verdict in words."""
        words = self._counted
        if self.ending is not Ending.COMPLETE:
            left = "how many more were to come is not known"
            if self.collected is not None:
                left = f"{self.missing} never had their turn"
            return f"{words} The run did not end by itself ({self.ending}): {left}."
        return f"{words} {self.missing} never had their turn." if self.missing else words

    @property
    def _counted(self) -> str:
        passed, failed, skipped = (self.count(outcome) for outcome in Outcome)
        ran = _count(passed + failed, "test")
        if not passed and not failed:
            words = "No test ran, so nothing is shown"
            return f"{words}: {skipped} did not apply or could not run." if skipped else f"{words}."
        words = f"{failed} of {ran} FAILED" if failed else f"{passed} of {ran} passed"
        return f"{words}, {skipped} more did not apply or could not run." if skipped else f"{words}."


@dataclass(frozen=True, slots=True)
class Worst:
    """Of all measurements with one name, unit and limit the one nearest to its limit, or farthest beyond it."""

    measurement: Measurement
    count: int
    test: str


def read_run(folder: Path) -> Run:
    """A run from its log.

    Raises:
        ValueError: There is no log, or it is damaged.
    """
    lines, _ = read_log(folder)
    began = of_kind(lines, Event.BEGAN)
    if not began:
        raise ValueError(f"{folder} holds no run: its log does not begin")
    collected = of_kind(lines, Event.COLLECTED)
    ended = of_kind(lines, Event.ENDED)
    return Run(
        began[0]["run"],
        tuple(result_of(line["test"]) for line in of_kind(lines, Event.FINISHED)),
        Ending(ended[-1]["how"]) if ended else Ending.KILLED,
        began[0]["at"],
        ended[-1]["at"] if ended else None,
        collected[-1]["tests"] if collected else None,
    )


def result_of(content: Mapping[str, Any]) -> TestResult:
    """A test from its line in the log."""
    return TestResult(
        **{
            **content,
            "outcome": Outcome(content["outcome"]),
            "covers": tuple(content["covers"]),
            "records": tuple((name, text) for name, text in content["records"]),
        }
    )


def worst_cases(tests: Iterable[TestResult]) -> list[Worst]:
    """The worst of each judged measurement, in the order their names first came up."""
    found: dict[tuple[str, str, object], Worst] = {}
    for test in tests:
        for one in of_type(from_properties(test.records), Measurement):
            if one.limit.kind is Kind.FIGURE:
                continue
            key = (one.name, one.unit, one.limit)
            before = found.get(key)
            if before is None:
                found[key] = Worst(one, 1, test.id)
            else:
                worse = _badness(one) > _badness(before.measurement)
                found[key] = Worst(
                    one if worse else before.measurement, before.count + 1, test.id if worse else before.test
                )
    return list(found.values())


def tightness(worst: Worst) -> tuple[bool, float]:
    """What to sort by, most telling last: those beyond a limit, then how much of it is used."""
    return not worst.measurement.passed, worst.measurement.used or 0.0


def of_type(records: Sequence[Record], kind: type[Kept]) -> list[Kept]:
    """The records of one type."""
    return [record for record in records if isinstance(record, kind)]


def as_json(run: Run) -> dict[str, Any]:
    """The content of `results.json`."""
    benches: list[Mapping[str, str]] = []
    pens: list[Mapping[str, str]] = []
    tests = [_test_json(test, benches, pens) for test in run.tests]
    return {
        "schema": SCHEMA,
        "verdict": run.verdict,
        "sentence": run.sentence,
        "ending": run.ending,
        "began": run.began,
        "ended": run.ended,
        "collected": run.collected,
        "run": run.facts,
        "benches": benches,
        "pens": pens,
        "worst": [
            _measurement_json(worst.measurement) | {"count": worst.count, "test": worst.test}
            for worst in worst_cases(run.tests)
        ],
        "tests": tests,
    }


def write_results(run: Run, folder: Path) -> Path:
    """Write `results.json`, whole or not at all."""
    path = folder / RESULTS
    text = json.dumps(as_json(run), ensure_ascii=False, allow_nan=False, indent=1)
    partial = path.with_suffix(f".{os.getpid()}")
    partial.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
    partial.replace(path)
    return path


def _test_json(
    test: TestResult, benches: list[Mapping[str, str]], pens: list[Mapping[str, str]]
) -> dict[str, Any]:
    records = from_properties(test.records)
    return {
        "id": test.id,
        "title": test.title,
        "outcome": test.outcome,
        "sentence": test.sentence,
        "trace": test.trace,
        "output": test.output,
        "duration_s": test.duration_s,
        "covers": list(test.covers),
        "measurements": [_measurement_json(one) for one in of_type(records, Measurement)],
        "notes": [asdict(one) for one in of_type(records, Note)],
        "waveforms": [asdict(one) for one in of_type(records, Picture)],
        "bench": _index(benches, records, "bench"),
        "pen": _index(pens, records, "pen"),
    }


def _index(known: list[Mapping[str, str]], records: Sequence[Record], about: str) -> int | None:
    """Where the facts of a test are among those known; they join them when new."""
    facts = next((one.facts for one in of_type(records, Facts) if one.about == about), None)
    if facts is None:
        return None
    if facts not in known:
        known.append(facts)
    return known.index(facts)


def _measurement_json(one: Measurement) -> dict[str, Any]:
    used = one.used if one.used is None or math.isfinite(one.used) else None
    return asdict(one) | {"passed": one.passed, "used": used}


def _badness(one: Measurement) -> float:
    """How near a value is to its limit, or how far beyond."""
    if one.used is not None:
        return one.used
    return 0.0 if one.passed else math.inf


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
