"""Evidence of real pytest runs: in one process, in workers, in forked copies; and of runs that go wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hil_tests.evidence.measure import Measurement, from_properties
from tests.evidence.fakes import PROCESS_S, ROOT, environment, suite

TESTS = """
from hil_tests.benches import Signal
from hil_tests.evidence.waveform import Delay, Mark

@pytest.mark.covers("REQ-0301", "HAZ-03")
def test_passes(bench, evidence):
    evidence.waveform(bench, "two strokes", [Signal.COIL], 0, 20_000,
                      [Mark(2_000, "stop")], [Delay(Signal.COIL, 2_000, 3_000, 10_000, "coil off")])
    evidence.at_most("coil off", 1, 10, "us")
    evidence.figure("pass", 900, "us")
    evidence.note("emulator", "no erase time")

@pytest.mark.parametrize("number", range(3))
def test_fails_at_the_second_value_forked(bench, evidence, number):
    print("printed", number)
    evidence.at_most("coil off", number, 1, "us")
    evidence.equal("strokes", 3, 3, "")

def test_raises(bench):
    raise ValueError("first line\\nsecond line")

def test_skips():
    pytest.skip("the bench lacks a rig")

@pytest.mark.xfail(reason="known and open")
def test_known():
    assert False

@pytest.fixture
def broken(evidence):
    evidence.figure("before", 1, "")
    yield
    raise RuntimeError("teardown broke")

def test_with_a_broken_end(broken, evidence):
    evidence.figure("during", 2, "")

@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_dies_forked(evidence):
    evidence.figure("lost", 1, "")
    os._exit(3)
"""


def pytest_run(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    """Pytest on a folder, its evidence in out."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        str(folder),
        "--rootdir",
        str(ROOT),
        "-c",
        str(ROOT / "pyproject.toml"),
    ]
    command += ["-p", "no:cacheprovider", "--evidence", str(folder / "out"), *map(str, words)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=PROCESS_S, check=False, env=environment(), cwd=ROOT
    )


def results(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module", params=["0", "2"], ids=["one process", "two workers"])
def out(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = suite(tmp_path_factory.mktemp("suite"), TESTS)
    done = pytest_run(folder, "-n", request.param)
    assert (folder / "out" / "results.json").is_file(), done.stdout + done.stderr
    return folder / "out"


pytestmark = pytest.mark.xdist_group("evidence of pytest")


def test_every_test_has_its_outcome_and_its_reason(out: Path) -> None:
    found = {test["title"]: (test["outcome"], test["sentence"]) for test in results(out)["tests"]}
    assert found == {
        "passes": ("passed", ""),
        "fails at the second value forked (0)": ("passed", ""),
        "fails at the second value forked (1)": ("passed", ""),
        "fails at the second value forked (2)": ("failed", "coil off: 2 us, but must be at most 1 us"),
        "raises": ("failed", "ValueError: first line"),
        "skips": ("skipped", "the bench lacks a rig"),
        "known": ("skipped", "known to fail: known and open"),
        "with a broken end": ("failed", "after the test: RuntimeError: teardown broke"),
        "dies forked": (
            "failed",
            "the copy of the process that ran this test, or the one that led the pen to it, ended and told nothing",
        ),
    }


def test_values_recorded_before_a_failure_are_there(out: Path) -> None:
    tests = {test["title"]: test for test in results(out)["tests"]}
    names = {title: [one["name"] for one in test["measurements"]] for title, test in tests.items()}
    assert names["passes"] == ["coil off", "pass"]
    assert names["fails at the second value forked (1)"] == ["coil off", "strokes"]
    assert names["fails at the second value forked (2)"] == ["coil off"]
    assert names["with a broken end"] == ["before", "during"]
    failed = tests["fails at the second value forked (2)"]["measurements"][0]
    assert (failed["value"], failed["limit"]["high"], failed["passed"]) == (2, 1, False)


def test_the_run_is_summed_up(out: Path) -> None:
    content = results(out)
    assert (content["verdict"], content["ending"], content["collected"]) == ("failed", "complete", 9)
    assert content["sentence"] == "4 of 7 tests FAILED, 2 more did not apply or could not run."
    worst = {(one["name"], one["limit"]["high"]): (one["value"], one["count"]) for one in content["worst"]}
    assert worst == {("coil off", 10): (1, 1), ("coil off", 1): (2, 3), ("strokes", 3): (3, 2)}


def test_who_was_tested_is_told_once(out: Path) -> None:
    content = results(out)
    assert content["benches"] == [{"address": "paper", "bench": "paper & ink", "image SHA-256": "00ff"}]
    assert {test["bench"] for test in content["tests"] if "value" in test["title"]} == {0}
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()
    assert content["run"]["source"]["commit"] == commit
    assert len(content["run"]["firmware of this clone"]["manifest SHA-256"]) == 64
    assert content["run"]["packages"]["pytest"] == pytest.__version__
    assert content["run"]["hazards"]["HAZ-03"] == "Starts, or runs on, without intent"


def test_what_a_test_shows_and_printed_and_drew_is_there(out: Path) -> None:
    tests = {test["title"]: test for test in results(out)["tests"]}
    assert tests["passes"]["covers"] == ["HAZ-03", "REQ-0301"]
    assert tests["passes"]["notes"] == [{"name": "emulator", "text": "no erase time"}]
    (picture,) = tests["passes"]["waveforms"]
    assert (out / picture["png"]).read_bytes().startswith(b"\x89PNG")
    assert "$enddefinitions" in (out / picture["vcd"]).read_text()
    failed = tests["fails at the second value forked (2)"]
    assert "printed 2" in failed["output"]
    assert "evidence.at_most" in failed["trace"]
    assert tests["passes"]["output"] == ""


def test_junit_carries_the_same_records(out: Path) -> None:
    root = ET.parse(out / "junit.xml").getroot()
    cases = {case.attrib["name"]: case for case in root.iter("testcase")}
    properties = [
        (one.attrib["name"], one.attrib["value"])
        for one in cases["test_fails_at_the_second_value_forked[2]"].iter("property")
    ]
    measured = [one for one in from_properties(properties) if isinstance(one, Measurement)]
    assert [(one.name, one.value, one.passed) for one in measured] == [("coil off", 2, False)]
    assert cases["test_fails_at_the_second_value_forked[2]"].find("failure") is not None


def test_the_page_is_there(out: Path) -> None:
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "4 of 7 tests FAILED" in page
    assert "paper &amp; ink" in page
    assert "data:image/png;base64," in page


# --- runs that go wrong -----------------------------------------------------------------------------------------------------


def test_a_test_that_kills_every_worker_is_one_failure_and_the_run_comes_to_an_end(tmp_path: Path) -> None:
    folder = suite(tmp_path, "def test_dies():\n    os._exit(1)\n")
    pytest_run(folder, "-n1", "--max-worker-restart=1")
    content = results(folder / "out")
    (test,) = content["tests"]
    assert (test["outcome"], content["verdict"]) == ("failed", "failed")
    assert "crashed while running" in test["sentence"]


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_file_that_cannot_be_read_is_a_failure(tmp_path: Path, workers: str) -> None:
    folder = suite(tmp_path, "import no_such_module\n")
    pytest_run(folder, "-n", workers)
    content = results(folder / "out")
    (test,) = content["tests"]
    assert (test["outcome"], content["verdict"]) == ("failed", "failed")
    assert "no_such_module" in test["sentence"] + test["trace"]


def test_a_folder_that_holds_anything_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    folder = suite(tmp_path, "def test_a():\n    pass\n")
    held = folder / "out" / "results.json"
    held.parent.mkdir()
    held.write_text("an earlier run")
    done = pytest_run(folder, "-n0")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "already holds results.json" in done.stderr
    assert [entry.name for entry in held.parent.iterdir()] == ["results.json"]
    assert held.read_text() == "an earlier run"


def test_a_run_whose_parent_is_gone_ends_with_what_it_has(tmp_path: Path) -> None:
    folder = suite(tmp_path, "def test_a():\n    pass\ndef test_b():\n    pass\n")
    pytest_run(folder, "-n0", "--evidence-parent", os.getpid() + 1)
    content = results(folder / "out")
    assert (content["tests"], content["ending"], content["verdict"]) == ([], "broken off", "incomplete")


def test_without_a_folder_tests_judge_and_keep_nothing(tmp_path: Path) -> None:
    folder = suite(tmp_path, TESTS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        str(folder),
        "--rootdir",
        str(ROOT),
        "-c",
        str(ROOT / "pyproject.toml"),
    ]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", "-n0", "-k", "passes or forked"],
        capture_output=True,
        text=True,
        timeout=PROCESS_S,
        check=False,
        env=environment(),
        cwd=tmp_path,
    )
    assert "3 passed" in done.stdout
    assert "coil off: 2 us, but must be at most 1 us" in done.stdout
    assert sorted(entry.name for entry in folder.iterdir() if entry.name != "__pycache__") == [
        "conftest.py",
        "test_small.py",
    ]
