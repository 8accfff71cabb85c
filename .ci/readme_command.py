"""Prints a command of README.md as a newcomer would copy it: `demo` or `test`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
BLOCK = re.compile(r"<!-- commands -->\n+```sh\n(?P<demo>[^\n]+)\n(?P<test>[^\n]+)\n```")


def command(name: str) -> str:
    """The command of that name, without the comment behind it."""
    found = BLOCK.search(README.read_text(encoding="utf-8"))
    if found is None:
        raise ValueError("README.md has lost its block of two commands")
    return re.sub(r"\s+#\s.*", "", found[name])


if __name__ == "__main__":
    print(command(sys.argv[1]))
