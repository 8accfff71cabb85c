"""The command's way in and its only way out: one sentence and a fixed exit code for everything that goes wrong."""

import json
import sys
from typing import NoReturn

import typer
from typer.exceptions import TyperException

from ..errors import ExitCode, PenError
from . import demo, device, firmware, log, session, sim, spec

app = typer.Typer(
    name="pen",
    help="Controls a motorised microneedling pen: treat, record, test, flash. STOP: `pen stop`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
demo.register(app)
device.register(app)
session.register(app)
sim.register(app)
log.register(app)
firmware.register(app)
spec.register(app)


def main() -> NoReturn:
    """Run the command and leave with its exit code."""
    try:
        app(standalone_mode=False)
    except PenError as error:
        _tell(error.sentence, error.exit_code)
        sys.exit(error.exit_code)
    except typer.Exit as leaving:
        sys.exit(leaving.exit_code)
    except typer.Abort:
        _tell(
            "Broken off by the operator. Nothing more was sent; check the pen before going on.",
            ExitCode.REFUSED,
        )
        sys.exit(ExitCode.REFUSED)
    except TyperException as error:
        _tell(_complaint(error), ExitCode.USAGE)
        sys.exit(ExitCode.USAGE)
    sys.exit(ExitCode.OK)


def _complaint(error: TyperException) -> str:
    """Typer's own words on wrong arguments."""
    words = getattr(error, "format_message", None)
    return f"{words() if words else error} Nothing was sent to a pen. Add --help to the command to see how it is used."


def _tell(sentence: str, code: ExitCode) -> None:
    if "--json" in sys.argv:
        print(json.dumps({"error": {"code": code.name, "exit": int(code), "sentence": sentence}}))
    else:
        print(f"pen: {sentence}", file=sys.stderr)
