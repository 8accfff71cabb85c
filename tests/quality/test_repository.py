"""What the repository promises about itself: pins, the README's two commands, what must not be in it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(
    r"^(?P<pin>[a-z0-9.-]+==[^\n\\]+?) ?\\?\n(?P<hashes>(?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)*)", re.M
)


@pytest.fixture(scope="module")
def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def pinned() -> dict[str, Requirement]:
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    found = [Requirement(match["pin"]) for match in PIN.finditer(text)]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


def declared(pyproject: dict) -> list[Requirement]:
    project = pyproject["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    lists += pyproject["dependency-groups"].values()
    lists += [pyproject["build-system"]["requires"]]
    return [Requirement(text) for some in lists for text in some]


def test_every_pin_has_a_hash() -> None:
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    assert all(match["hashes"] for match in PIN.finditer(text))
    rest = PIN.sub("", text).splitlines()
    assert all(line.startswith("#") for line in rest), rest


def test_uv_is_held_to_the_same_pins(pyproject: dict, pinned: dict[str, Requirement]) -> None:
    """`uv run` reads the constraints, .ci/run the hashes; `python3 .ci/pins.py` writes both."""
    constraints = {Requirement(text) for text in pyproject["tool"]["uv"]["constraint-dependencies"]}
    assert constraints == set(pinned.values())
    assert {
        Requirement(text) for text in pyproject["tool"]["uv"]["build-constraint-dependencies"]
    } <= constraints


def test_every_declared_dependency_is_pinned_within_its_range(
    pyproject: dict, pinned: dict[str, Requirement]
) -> None:
    for wanted in declared(pyproject):
        name = canonicalize_name(wanted.name)
        if name == "derma-pen":
            continue
        assert name in pinned, f"{name} has no pin: run python3 .ci/pins.py"
        (exact,) = pinned[name].specifier
        assert wanted.specifier.contains(exact.version, prereleases=True), (
            f"{wanted} is pinned to {exact.version}"
        )


def test_every_dependency_has_its_reason() -> None:
    """A comment stands in the line above each."""
    lines = (
        (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[project.scripts]")[0].splitlines()
    )
    lines += (
        ((ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("[dependency-groups]")[2])
        .partition("\n[")[0]
        .splitlines()
    )
    bare = [
        line
        for above, line in pairwise(lines)
        if re.match(r'  "[a-z0-9_.\[\]-]+[><=~]', line) and not above.startswith("  # ")
    ]
    assert not bare


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_nothing_tracked_names_an_index_or_this_machine() -> None:
    """Where packages come from, and where a clone lies, is a matter of the machine."""
    address = re.compile(
        r"index-url|find-links|\"resolved\" *:|source = \{ registry|files\.py[a-z]+\.org|file:/{2}"
        r"|/root/|/home/[a-z]"
    )
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for file in tracked()
        if file != Path(__file__).resolve() and b"\0" not in file.read_bytes()
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if address.search(line)
    ]
    assert not found, "\n".join(found)


def test_no_lock_file_and_no_image_is_tracked() -> None:
    unwanted = [file.name for file in tracked() if file.name.endswith((".lock", ".uf2", "package-lock.json"))]
    assert not unwanted


def test_links_in_the_documents_lead_somewhere() -> None:
    link = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
    broken = [
        f"{file.relative_to(ROOT)}: {target}"
        for file in tracked()
        if file.suffix == ".md"
        for target in link.findall(file.read_text(encoding="utf-8"))
        if not (file.parent / target).exists()
    ]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("name", ["demo", "test"])
def test_the_readme_has_its_command(name: str) -> None:
    """.ci/run runs what this prints, so the newcomer's command and CI's are the same one."""
    done = subprocess.run(
        [sys.executable, ".ci/readme_command.py", name], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("pip install uv && uv run p")


def test_ci_runs_the_readmes_test_command() -> None:
    text = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert "set -euo pipefail" in text
    assert "$(python3 .ci/readme_command.py test)" in text
    assert "||" not in text.replace("|| missing+=", ""), "a failure must not be swallowed"
