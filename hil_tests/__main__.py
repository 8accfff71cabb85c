"""The suite as a program: `python -m hil_tests run …` and `python -m hil_tests doctor …`; `pen hil` calls it."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from pen_host.cli.telling import tell
from pen_host.errors import ExitCode

RUN = "hil_tests.runner"
DOCTOR = "hil_tests.doctor"
COMMANDS = {"run": RUN, "doctor": DOCTOR}
USE = "Use `run --pen sim --out DIR`, `run --help` or `doctor --help`."


def main(arguments: Sequence[str]) -> int:
    """Run one of the commands and return its exit code."""
    name, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if name not in COMMANDS:
        said = f"The suite has no command {name!r}" if name else "The suite was given no command"
        tell(f"{said}, so nothing was run. {USE}", ExitCode.USAGE, as_json="--json" in arguments)
        return ExitCode.USAGE
    try:
        module = importlib.import_module(COMMANDS[name])
    except ModuleNotFoundError as missing:
        tell(
            f"The suite lacks {missing.name}, so nothing was run. In a clone, `uv run pen hil {name}` installs what it needs.",
            ExitCode.USAGE,
            as_json="--json" in arguments,
        )
        return ExitCode.USAGE
    return int(module.main(rest))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
