"""Who shows what: reads firmware/SAFETY.md and the `covers` marks of all tests, without running anything.

python -m tests.safety.trace        prints the matrix
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pen_protocol import limits
from pen_protocol.faults import FAULT_NAMES
from pen_protocol.states import CONDITION_NAMES

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "firmware" / "SAFETY.md"
TEST_FOLDERS = ("tests", "hil_tests")

HAZARDS = tuple(f"HAZ-{number:02}" for number in range(1, 19))
CODES = frozenset(name for name in (*CONDITION_NAMES, *FAULT_NAMES.values()) if name not in ("", "NONE"))

HEAD = re.compile(r"^## (HAZ-\d\d) ", re.MULTILINE)
ROW = re.compile(r"^\| (REQ-\d{4}) \| (.+?) \|(?: (.+?) \|)?$", re.MULTILINE)
CODE_ROW = re.compile(r"^\| `([A-Z_]+)` \| (HAZ-[-HAZ0-9, ]+) \|$", re.MULTILINE)
LIMIT = re.compile(r"`([A-Z][A-Z_]+)` = (-?\d+)")
PATH = re.compile(r"`([a-z_]+(?:/[A-Za-z0-9_.-]+)+)`")


@dataclass
class SafetyFile:
    """What the file says."""

    hazards: list[str] = field(default_factory=list)
    requirements: dict[str, list[str]] = field(default_factory=dict)
    """Id -> files its control stands in."""
    open: list[str] = field(default_factory=list)
    codes: dict[str, list[str]] = field(default_factory=dict)
    limits: list[tuple[str, int]] = field(default_factory=list)
    paths: set[str] = field(default_factory=set)
    twice: list[str] = field(default_factory=list)


def read(text: str) -> SafetyFile:
    """Takes the file apart."""
    told = SafetyFile(hazards=HEAD.findall(text))
    for requirement, _, where in ROW.findall(text):
        if requirement in told.requirements or requirement in told.open:
            told.twice.append(requirement)
        elif where:
            told.requirements[requirement] = PATH.findall(where)
        else:
            told.open.append(requirement)
    told.codes = {code: hazards.split(", ") for code, hazards in CODE_ROW.findall(text)}
    told.limits = [(name, int(value)) for name, value in LIMIT.findall(text)]
    told.paths = set(PATH.findall(text))
    return told


def marks(text: str) -> Iterator[tuple[str, str]]:
    """(test, id) for every `covers(...)` in a test file: on a function, a class, a parameter or the whole module."""
    tree = ast.parse(text)
    owners: dict[ast.AST, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            for below in ast.walk(node):
                owners[below] = (
                    node.name if isinstance(node, ast.FunctionDef) else owners.get(below, node.name)
                )
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) == "covers":
            for argument in node.args:
                value = argument.value if isinstance(argument, ast.Constant) else ast.unparse(argument)
                yield owners.get(node, "whole file"), str(value)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def covered(root: Path = ROOT) -> dict[str, list[str]]:
    """Id -> the tests that show it."""
    found = defaultdict(list)
    for folder in TEST_FOLDERS:
        for file in sorted((root / folder).rglob("test_*.py")):
            for test, covered_id in marks(file.read_text(encoding="utf-8")):
                found[covered_id].append(f"{file.relative_to(root).as_posix()}::{test}")
    return dict(found)


def complaints(text: str, shown: dict[str, list[str]], root: Path = ROOT) -> list[str]:
    """What is missing or wrong, one sentence each."""
    told = read(text)
    found = [f"{requirement} stands twice" for requirement in told.twice]
    found += [f"{hazard} has no chapter" for hazard in HAZARDS if told.hazards.count(hazard) != 1]
    found += _unshown(told, shown)
    found += [f"{code} has no row in the table of codes" for code in sorted(CODES - told.codes.keys())]
    found += [f"{code} is no condition and no fault" for code in sorted(told.codes.keys() - CODES)]
    found += [f"{path} does not exist" for path in sorted(told.paths) if not (root / path).exists()]
    found += [f"{requirement} names no file" for requirement, where in told.requirements.items() if not where]
    for name, value in told.limits:
        if getattr(limits, name, None) != value:
            found.append(
                f"{name} = {value} is not the limit in force, {getattr(limits, name, 'there is none')}"
            )
    for code, hazards in told.codes.items():
        found += [
            f"{code} names {hazard}, which has no chapter" for hazard in hazards if hazard not in told.hazards
        ]
    return found


def _unshown(told: SafetyFile, shown: dict[str, list[str]]) -> list[str]:
    """Ids without a test, tests with an unknown id, and claims on what is not built."""
    requirements = told.requirements.keys()
    found = [f"{wanted} is shown by no test" for wanted in sorted({*requirements, *CODES} - shown.keys())]
    known = {*HAZARDS, *requirements, *told.open, *CODES}
    found += [f"{name} is unknown and named by {shown[name][0]}" for name in sorted(shown.keys() - known)]
    for hazard in HAZARDS:
        own = [requirement for requirement in requirements if requirement[4:6] == hazard[4:]]
        if not own:
            found.append(f"{hazard} has no requirement")
    found += [
        f"{requirement} is listed as not built, yet {shown[requirement][0]} claims to show it"
        for requirement in told.open
        if requirement in shown
    ]
    return found


def matrix() -> str:
    """The whole as text."""
    told = read(FILE.read_text(encoding="utf-8"))
    shown = covered()
    lines = []
    for name in (*told.requirements, *sorted(CODES)):
        lines.append(name)
        lines += [f"    {test}" for test in shown.get(name, ["no test"])]
    lines += [f"{name}\n    not built yet" for name in told.open]
    return "\n".join(lines)


if __name__ == "__main__":
    print(matrix())
