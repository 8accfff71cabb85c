"""`pen hil`: one suite of tests for a simulated, an emulated and a real pen.

The suite is part of a clone and not of the installed program; it runs as a program of its own, which knows its options.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import typer

from ..errors import UsageError

SUITE = "hil_tests"
CLONE = Path(__file__).resolve().parents[3]
"""Where this program lies when it runs from a clone."""
_PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}

group = typer.Typer(help="The hardware-in-the-loop suite, and its evidence.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="hil")


@group.command(context_settings=_PASSED_ON)
def run(context: typer.Context) -> None:
    """Test a pen: --pen sim, chip or serial:PORT, --out DIR for measured values, waveforms and a page to read."""
    become("run", context.args)


@group.command(context_settings=_PASSED_ON)
def doctor(context: typer.Context) -> None:
    """Check the wiring between a pen and its rig line by line, before any test."""
    become("doctor", context.args)


def become(command: str, arguments: Sequence[str]) -> NoReturn:
    """Hand this process over to the suite, which then has the terminal, its Ctrl-C and the exit code to itself.

    Raises:
        UsageError: This is no clone.
    """
    if not (CLONE / SUITE / "__main__.py").is_file():
        raise UsageError(
            "This installation has no test suite, so nothing was tested: it comes with the source of derma-pen. Clone that "
            f"and run there: uv run pen hil {command}"
        )
    words = [sys.executable, "-m", SUITE, command, *arguments]
    environment = {**os.environ, "PYTHONPATH": _first_on_path(str(CLONE))}
    if os.name == "posix":
        sys.stdout.flush()
        os.execve(sys.executable, words, environment)  # noqa: S606 - this interpreter and this clone
    raise typer.Exit(subprocess.run(words, env=environment, check=False).returncode)  # noqa: S603 - likewise


def _first_on_path(folder: str) -> str:
    return os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH"))))
