"""The command's way in and its only way out: one sentence and a fixed exit code for everything that goes wrong."""

import os
import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from ..errors import ExitCode, PenError
from . import (
    backup,
    cartridge,
    console,
    demo,
    device,
    export,
    firmware,
    hil,
    log,
    outcome,
    patient,
    plan,
    report,
    screen,
    session,
    sim,
    spec,
    station,
)
from .telling import tell

app = typer.Typer(
    name="pen",
    help="Controls a motorised microneedling pen: treat, record, test, flash. In trouble: `pen stop`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # plain help: it reads as well, and it is there in half the time
    rich_markup_mode=None,
)
demo.register(app)
device.register(app)
session.register(app)
patient.register(app)
screen.register(app)
cartridge.register(app)
outcome.register(app)
plan.register(app)
report.register(app)
export.register(app)
console.register(app)
sim.register(app)
log.register(app)
station.register(app)
backup.register(app)
firmware.register(app)
hil.register(app)
spec.register(app)

BROKEN_OFF = (
    "Broken off by the operator. A treatment that was running has been stopped and is in the record; check the pen before "
    "going on."
)


SIGINT_EXIT = 130
"""What Typer makes of Ctrl-C."""


def main(arguments: Sequence[str]) -> int:
    """Run a command and return its exit code."""
    as_json = "--json" in arguments
    try:
        left = app(args=list(arguments), prog_name="pen", standalone_mode=False)
    except PenError as error:
        return _fail(error.sentence, error.exit_code, as_json)
    except (typer.Abort, KeyboardInterrupt):
        return _fail(BROKEN_OFF, ExitCode.REFUSED, as_json)
    except TyperException as error:
        said = _words(error)
        if said.startswith("Usage: "):
            print(said)  # a command without its words shows how it is used
            return ExitCode.USAGE
        return _fail(
            f"{said}. Nothing was sent to a pen and nothing was recorded. Add --help to the command to see how it is used.",
            ExitCode.USAGE,
            as_json,
        )
    except BrokenPipeError:
        # whoever read our output has left, as `head` does; nothing more can be said, not even by Python at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    if left == SIGINT_EXIT:
        return _fail(BROKEN_OFF, ExitCode.REFUSED, as_json)
    # the code of a command that raised Exit; one that ended well returns nothing
    return left if isinstance(left, int) else ExitCode.OK


def _words(error: TyperException) -> str:
    """Typer's own words on wrong arguments."""
    words = getattr(error, "format_message", None)
    return str(words() if words else error).strip().rstrip(".")


def _fail(sentence: str, code: ExitCode, as_json: bool) -> int:
    tell(sentence, code, as_json=as_json)
    return code
