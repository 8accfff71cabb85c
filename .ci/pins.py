"""Writes the pins: requirements.txt (versions and hashes) and the constraints in pyproject.toml (versions).

    python3 .ci/pins.py              after a change of dependencies: keeps every pin that still fits
    python3 .ci/pins.py --upgrade    the newest version of everything

`uv run` resolves within the constraints, so it installs the pinned versions; .ci/run requires the hashes of
requirements.txt as well. Neither file holds an address: where packages come from is a matter of the machine.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = ROOT / "pyproject.toml"
REQUIREMENTS = ROOT / "requirements.txt"
BEGIN = "# pins: begin (written by .ci/pins.py)\n"
END = "# pins: end\n"
HEADER = (
    "# Written by .ci/pins.py from pyproject.toml: every version and its hashes, all extras and groups.\n"
)
# what an isolated build of our own wheel installs
BUILD = ("hatchling", "packaging", "pathspec", "pluggy", "trove-classifiers")
PIN = re.compile(
    r"^(?P<name>[a-z0-9.-]+)==(?P<version>[^ ;\\]+)(?: ; (?P<marker>[^\\]+?))?(?: \\)?$", re.MULTILINE
)


def pins(requirements: str) -> list[str]:
    """The pins of a requirements text as constraints, `name==version ; marker`."""
    return [
        f"{m['name']}=={m['version']}" + (f" ; {m['marker']}" if m["marker"] else "")
        for m in PIN.finditer(requirements)
    ]


def table(constraints: list[str]) -> str:
    """The [tool.uv] table with these constraints, between its two marks."""
    build = [c for c in constraints if c.split("==")[0] in BUILD]

    def rows(items: list[str]) -> str:
        return "".join(
            f'  "{item}",\n'.replace('"', "'") if '"' in item else f'  "{item}",\n' for item in items
        )

    return (
        f"{BEGIN}[tool.uv]\n# one version of each package on every Python and system\n"
        f'fork-strategy = "fewest"\n'
        f"constraint-dependencies = [\n{rows(constraints)}]\n"
        f"build-constraint-dependencies = [\n{rows(build)}]\n{END}"
    )


def with_table(pyproject: str, constraints: list[str]) -> str:
    """The text of pyproject.toml with its pins replaced."""
    head, sep, rest = pyproject.partition(BEGIN)
    tail = rest.partition(END)[2] if sep else ""
    return head.rstrip("\n") + "\n\n" + table(constraints) + tail


def uv(*arguments: str) -> str:
    """Runs uv in the repository and gives what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "uv", *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def main() -> None:
    """Resolves, exports, writes both files."""
    if "--upgrade" in sys.argv[1:]:
        PYPROJECT.write_text(with_table(PYPROJECT.read_text(), []))
        (ROOT / "uv.lock").unlink(missing_ok=True)
    uv("lock")
    exported = uv(
        "export",
        "--frozen",
        "--all-extras",
        "--all-groups",
        "--no-emit-project",
        "--no-header",
        "--no-annotate",
    )
    if "://" in exported:
        sys.exit("the export holds an address; nothing was written")
    REQUIREMENTS.write_text(HEADER + exported)
    PYPROJECT.write_text(with_table(PYPROJECT.read_text(), pins(exported)))
    uv("lock")  # the constraints must resolve to themselves
    print(f"{len(pins(exported))} pins")


if __name__ == "__main__":
    main()
