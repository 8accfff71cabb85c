"""The `pen` command: parse, call, print. Nothing here decides anything.

Imports are late on purpose: `pen stop` must not wait for a parser, a database or a plot library it does not use.
"""

import sys
from collections.abc import Sequence
from typing import NoReturn

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command and leave with its exit code.

    Args:
        arguments: Those of the command line, without the program's name; the real ones when not given.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["stop"]:
        from .stop import main as stop

        sys.exit(stop(given[1:]))
    from .main import main as run

    sys.exit(run(given))
