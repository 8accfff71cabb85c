"""Every hazard, requirement, condition and fault has a test that names it; and the check itself can fail."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pen_protocol import limits
from tests.safety import trace

TEXT = trace.FILE.read_text(encoding="utf-8")


def test_everything_in_the_safety_file_is_shown_exists_and_agrees() -> None:
    found = trace.complaints(TEXT, trace.covered())
    if found:
        pytest.fail("\n".join(found), pytrace=False)


def test_every_hazard_is_reached_by_a_test_through_its_requirements() -> None:
    shown = trace.covered()
    for hazard in trace.HAZARDS:
        reached = [name for name in shown if name.startswith(f"REQ-{hazard[4:]}") or name == hazard]
        assert reached, hazard


UNQUOTED = {"TELEMETRY_MAX_HZ", "STATUS_PERIOD_MS", "WORD_MAX"}
"""Limits of the wire that serve no hazard by themselves."""


def test_every_limit_serves_a_requirement() -> None:
    quoted = {name for name, _ in trace.read(TEXT).limits}
    assert {name for name in vars(limits) if name.isupper()} - quoted == UNQUOTED


def test_the_reader_misses_no_row() -> None:
    rows = set(re.findall(r"^\| (REQ-\d+)", TEXT, re.MULTILINE))
    told = trace.read(TEXT)
    assert rows == {*told.requirements, *told.open}
    assert len(told.requirements) > 40


def test_marks_are_found_wherever_they_stand() -> None:
    text = (
        "import pytest\n"
        "pytestmark = pytest.mark.covers('REQ-0001')\n"
        "@pytest.mark.covers('REQ-0002', 'FLUID')\n"
        "def test_a(): pass\n"
        "@pytest.mark.covers('REQ-0003')\n"
        "class TestB:\n"
        "    @pytest.mark.parametrize('x', [pytest.param(1, marks=pytest.mark.covers('REQ-0004'))])\n"
        "    def test_c(self, x): pass\n"
    )
    assert sorted(trace.marks(text), key=lambda mark: mark[1]) == [
        ("test_a", "FLUID"),
        ("whole file", "REQ-0001"),
        ("test_a", "REQ-0002"),
        ("TestB", "REQ-0003"),
        ("test_c", "REQ-0004"),
    ]


SHOWN = {name: ["tests/test_x.py::test"] for name in (*trace.read(TEXT).requirements, *trace.CODES)}


def test_a_file_and_tests_that_fit_are_not_complained_about() -> None:
    assert trace.complaints(TEXT, SHOWN) == []


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            "`DEPTH_CAP_UM` = 1500",
            "`DEPTH_CAP_UM` = 1600",
            "DEPTH_CAP_UM = 1600 is not the limit in force, 1500",
        ),
        ("`DEPTH_CAP_UM` = 1500", "`DEPTH_CUP_UM` = 1500", "there is none"),
        ("`firmware/pen_firmware/session.py`", "`firmware/pen_firmware/gone.py`", "gone.py does not exist"),
        ("## HAZ-07 Fluid", "## Fluid", "HAZ-07 has no chapter"),
        ("| REQ-0102 |", "| REQ-0101 |", "REQ-0101 stands twice"),
        ("| `FLUID` | HAZ-07 |\n", "", "FLUID has no row"),
        ("| `FLUID` | HAZ-07 |", "| `FLUID` | HAZ-99 |", "FLUID names HAZ-99"),
        ("| `FLUID` |", "| `FLUIDS` |", "FLUIDS is no condition"),
        ("| REQ-0801 |", "| REQ-0601 |", "HAZ-08 has no requirement"),
        ("| REQ-0102 |", "| REQ-0199 |", "REQ-0199 is shown by no test"),
        ("| REQ-1501 |", "| REQ-1681 |", "HAZ-15 has no requirement"),
    ],
)
def test_a_fault_in_the_file_is_found(old: str, new: str, complaint: str) -> None:
    assert old in TEXT
    assert any(complaint in found for found in trace.complaints(TEXT.replace(old, new), SHOWN))


@pytest.mark.parametrize("name", ["REQ-0307", "ESTOP_OPEN", "HOMING_FAILED"])
def test_what_no_test_names_is_found(name: str) -> None:
    shown = {known: tests for known, tests in SHOWN.items() if known != name}
    assert trace.complaints(TEXT, shown) == [f"{name} is shown by no test"]


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("REQ-9999", "is unknown"),
        ("ESTOP_OPENED", "is unknown"),
        ("REQ-1881", "is listed as not built"),
    ],
)
def test_a_claim_that_cannot_be_true_is_found(name: str, complaint: str) -> None:
    found = trace.complaints(TEXT, {**SHOWN, name: ["tests/test_x.py::test"]})
    assert any(name in sentence and complaint in sentence for sentence in found)


def test_marks_are_read_from_a_tree_of_tests(tmp_path: Path) -> None:
    (tmp_path / "tests" / "deep").mkdir(parents=True)
    (tmp_path / "tests" / "deep" / "test_one.py").write_text("@covers('REQ-0101')\ndef test_it(): pass\n")
    (tmp_path / "tests" / "helper.py").write_text("covers('REQ-0102')\n")
    assert trace.covered(tmp_path) == {"REQ-0101": ["tests/deep/test_one.py::test_it"]}
