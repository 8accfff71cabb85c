"""What a log comes to: the verdict, the worst values, the exact content of results.json, whatever end the run had."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil_tests.evidence.log import LOG, Ending, Event, RunLog, read_log
from hil_tests.evidence.measure import Facts, Kind, Limit, Measurement, Note, Picture, Record, to_properties
from hil_tests.evidence.page import write_all
from hil_tests.evidence.results import (
    RESULTS,
    Outcome,
    Run,
    TestResult,
    Verdict,
    as_json,
    read_run,
    worst_cases,
    write_results,
)

FACTS = {"asked for": {"pen": "sim"}}
BEGAN, ENDED = "2026-01-02T03:04:05.000+00:00", "2026-01-02T03:06:07.000+00:00"


def result(name: str, outcome: Outcome = Outcome.PASSED, *records: Record, sentence: str = "") -> TestResult:
    return TestResult(f"a.py::{name}", outcome, sentence, records=tuple(to_properties(records)))


def run_of(*tests: TestResult, ending: Ending = Ending.COMPLETE, collected: int | None = -1) -> Run:
    return Run(FACTS, tests, ending, BEGAN, ENDED, len(tests) if collected == -1 else collected)


PASSED, FAILED = result("test_p"), result("test_f", Outcome.FAILED)
SKIPPED = result("test_s", Outcome.SKIPPED, sentence="no rig")


@pytest.mark.parametrize(
    ("run", "verdict", "sentence"),
    [
        (run_of(PASSED), Verdict.PASSED, "1 of 1 test passed."),
        (
            run_of(PASSED, PASSED, SKIPPED),
            Verdict.PASSED,
            "2 of 2 tests passed, 1 more did not apply or could not run.",
        ),
        (run_of(PASSED, FAILED), Verdict.FAILED, "1 of 2 tests FAILED."),
        (run_of(), Verdict.INCOMPLETE, "No test ran, so nothing is shown."),
        (
            run_of(SKIPPED),
            Verdict.INCOMPLETE,
            "No test ran, so nothing is shown: 1 did not apply or could not run.",
        ),
        (run_of(PASSED, collected=3), Verdict.INCOMPLETE, "1 of 1 test passed. 2 never had their turn."),
        (
            run_of(PASSED, ending=Ending.BROKEN_OFF, collected=3),
            Verdict.INCOMPLETE,
            "1 of 1 test passed. The run did not end by itself (broken off): 2 never had their turn.",
        ),
        (
            run_of(FAILED, ending=Ending.KILLED, collected=None),
            Verdict.FAILED,
            "1 of 1 test FAILED. The run did not end by itself (killed): how many more were to come is not known.",
        ),
        (
            run_of(PASSED, ending=Ending.FAILED_ITSELF),
            Verdict.INCOMPLETE,
            "1 of 1 test passed. The run did not end by itself (failed itself): 0 never had their turn.",
        ),
    ],
)
def test_the_verdict_is_passed_only_when_all_had_their_turn_and_none_failed(
    run: Run, verdict: Verdict, sentence: str
) -> None:
    assert (run.verdict, run.sentence) == (verdict, sentence)


@given(
    st.lists(st.sampled_from([PASSED, FAILED, SKIPPED]), max_size=5),
    st.sampled_from(Ending),
    st.none() | st.integers(0, 8),
)
def test_a_run_passes_exactly_when_it_is_whole_and_clean(
    tests: list[TestResult], ending: Ending, collected: int | None
) -> None:
    run = run_of(*tests, ending=ending, collected=collected)
    whole = ending is Ending.COMPLETE and (collected or 0) <= len(tests)
    assert (run.verdict is Verdict.PASSED) == (whole and PASSED in tests and FAILED not in tests)
    assert (run.verdict is Verdict.FAILED) == (FAILED in tests)


def off(value: float, limit: float = 10) -> Measurement:
    return Measurement("coil off", value, "us", Limit(Kind.AT_MOST, high=limit), "HAZ-03")


def test_the_worst_of_each_limit_is_found_with_its_test_and_count() -> None:
    equal = [Measurement("strokes", value, "", Limit(Kind.EQUAL, 5, 5)) for value in (5, 4, 5)]
    figure = Measurement("pass", 9, "us", Limit(Kind.FIGURE))
    tests = [
        result("test_a", Outcome.PASSED, off(3), equal[0], figure),
        result("test_b", Outcome.FAILED, off(12), equal[1]),
        result("test_c", Outcome.PASSED, off(9), off(9, limit=20), equal[2]),
    ]
    found = [
        (one.measurement.value, one.measurement.limit.high, one.count, one.test) for one in worst_cases(tests)
    ]
    assert found == [(12, 10, 3, "a.py::test_b"), (4, 5, 3, "a.py::test_b"), (9, 20, 1, "a.py::test_c")]


def test_titles_are_the_names_as_sentences() -> None:
    assert (
        TestResult("a/b.py::test_coil_off_at_once[chip-1.28]", Outcome.PASSED).title
        == "coil off at once (chip-1.28)"
    )
    assert TestResult("a/b.py::TestX::test_y", Outcome.PASSED).title == "y"
    assert TestResult("a/b.py", Outcome.FAILED).title == "a/b.py"


def test_results_json_is_this() -> None:
    bench, pen = Facts("bench", {"address": "sim"}), Facts("pen", {"serial": "e6"})
    records = (off(5), Note("emulator", "no erase time"), Picture("stop", "w/a.png", "w/a.vcd"), bench, pen)
    one = TestResult(
        "a.py::test_a",
        Outcome.FAILED,
        "why",
        "trace",
        "printed",
        1.5,
        ("HAZ-03",),
        tuple(to_properties(records)),
    )
    other = result("test_b", Outcome.SKIPPED, bench, sentence="no rig")
    measured = {
        "name": "coil off",
        "value": 5,
        "unit": "us",
        "limit": {"kind": "at most", "low": None, "high": 10},
        "hazard": "HAZ-03",
        "passed": True,
        "used": 0.5,
    }
    assert json.loads(json.dumps(as_json(run_of(one, other)))) == {
        "schema": 1,
        "verdict": "failed",
        "sentence": "1 of 1 test FAILED, 1 more did not apply or could not run.",
        "ending": "complete",
        "began": BEGAN,
        "ended": ENDED,
        "collected": 2,
        "run": FACTS,
        "benches": [{"address": "sim"}],
        "pens": [{"serial": "e6"}],
        "worst": [measured | {"count": 1, "test": "a.py::test_a"}],
        "tests": [
            {
                "id": "a.py::test_a",
                "title": "a",
                "outcome": "failed",
                "sentence": "why",
                "trace": "trace",
                "output": "printed",
                "duration_s": 1.5,
                "covers": ["HAZ-03"],
                "measurements": [measured],
                "notes": [{"name": "emulator", "text": "no erase time"}],
                "waveforms": [{"title": "stop", "png": "w/a.png", "vcd": "w/a.vcd"}],
                "bench": 0,
                "pen": 0,
            },
            {
                "id": "a.py::test_b",
                "title": "b",
                "outcome": "skipped",
                "sentence": "no rig",
                "trace": "",
                "output": "",
                "duration_s": 0.0,
                "covers": [],
                "measurements": [],
                "notes": [],
                "waveforms": [],
                "bench": 0,
                "pen": None,
            },
        ],
    }


# --- the log ----------------------------------------------------------------------------------------------------------------


def logged(folder: Path, *tests: TestResult, end: bool = True) -> Path:
    log = RunLog(folder)
    log.append(Event.BEGAN, run=FACTS)
    log.append(Event.COLLECTED, tests=3)
    for test in tests:
        log.append(Event.STARTED, test=test.id)
        log.append(Event.FINISHED, test=asdict(test))
    if end:
        log.append(Event.ENDED, how=Ending.COMPLETE)
    return folder


def test_a_log_read_again_is_the_run(tmp_path: Path) -> None:
    hostile = TestResult(
        "a.py::test_\n\u2028\x00é", Outcome.FAILED, "why\r\n", "t", "o", 0.1, ("A",), (("note", "\n"),)
    )
    run = read_run(logged(tmp_path, PASSED, hostile, SKIPPED))
    assert run.tests == (PASSED, hostile, SKIPPED)
    assert (run.ending, run.collected, run.facts) == (Ending.COMPLETE, 3, FACTS)


def test_a_log_cut_anywhere_by_a_death_is_a_killed_run_of_what_is_whole(tmp_path: Path) -> None:
    whole = (logged(tmp_path, PASSED, FAILED, SKIPPED) / LOG).read_bytes()
    first = whole.index(b"\n") + 1
    for cut in range(first, len(whole)):
        (tmp_path / LOG).write_bytes(whole[:cut])
        run = read_run(tmp_path)
        assert run.ending is Ending.KILLED
        assert run.ended is None
        assert (
            run.tests == (PASSED, FAILED, SKIPPED)[: whole[:cut].count(b'"finished"') - _partial(whole[:cut])]
        )
        assert run.verdict is not Verdict.PASSED


def _partial(text: bytes) -> int:
    """Whether the cut line is that of a finished test."""
    return text[text.rfind(b"\n") + 1 :].count(b'"finished"')


def test_a_killed_run_has_its_results_and_page_made_from_its_log(tmp_path: Path) -> None:
    run = write_all(logged(tmp_path, PASSED, end=False))
    assert run.verdict is Verdict.INCOMPLETE
    content = json.loads((tmp_path / RESULTS).read_text())
    assert (content["ending"], content["ended"], content["verdict"]) == ("killed", None, "incomplete")
    assert "INCOMPLETE" in (tmp_path / "index.html").read_text()


def test_a_folder_without_a_run_is_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no run"):
        read_run(tmp_path)


def test_the_log_can_be_followed(tmp_path: Path) -> None:
    lines, offset = read_log(logged(tmp_path, PASSED, end=False))
    assert len(lines) == 4
    RunLog(tmp_path).append(Event.ENDED, how=Ending.COMPLETE)
    (line,), offset = read_log(tmp_path, offset)
    assert line["event"] == Event.ENDED
    assert read_log(tmp_path, offset) == ([], offset)


def test_results_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / RESULTS).write_text("before")
    broken = TestResult("a.py::test_x", Outcome.PASSED, duration_s=float("nan"))
    with pytest.raises(ValueError, match="JSON"):
        write_results(run_of(broken), tmp_path)
    assert (tmp_path / RESULTS).read_text() == "before"
