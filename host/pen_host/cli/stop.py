"""`pen stop`. It must be quick, so it reads its few options itself and imports nothing that it does not use.

The other commands' parser alone costs more than the whole of this.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, NoReturn

from ..errors import ExitCode, NoPenError, PenError, UsageError
from .telling import print_json, tell

if TYPE_CHECKING:
    from ..stopping import Holder, Stopped

STOP_S = 0.6
"""How long a pen's confirmation is waited for before it is said that there is none."""
HELP = "STOP every pen that can be found. Needs no session, no record and no answer to a question."
BY_HAND = "If a needle is moving now: release the trigger and press the pen's button."
OPTIONS = {
    "--port": "Serial port of the pen.",
    "--url": "Port, or socket://HOST:PORT.",
    "--serial": "Only the pen with this serial number, or the beginning of one.",
    "--json": "Print one JSON object instead of text.",
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(
            f"{message[:1].upper()}{message[1:]}, so STOP was not sent: `pen stop` alone stops every pen. {BY_HAND}"
        )


def parser() -> argparse.ArgumentParser:
    """The options of `pen stop`."""
    made = _Parser(prog="pen stop", description=HELP, allow_abbrev=False)
    for name, text in OPTIONS.items():
        if name == "--json":
            made.add_argument(name, action="store_true", help=text)
        else:
            made.add_argument(name, help=text)
    return made


def main(arguments: Sequence[str]) -> int:
    """Run `pen stop` and return its exit code."""
    as_json = "--json" in arguments
    try:
        given = parser().parse_args(arguments)
        return stop(
            given.port or given.url, given.serial, as_json=as_json, holders=consoles(given.port or given.url)
        )
    except PenError as error:
        tell(error.sentence, error.exit_code, as_json=as_json)
        return error.exit_code
    except KeyboardInterrupt:
        tell(f"STOP was broken off before a pen confirmed it. {BY_HAND}", ExitCode.UNKNOWN, as_json=as_json)
        return ExitCode.UNKNOWN


def stop(url: str | None, serial: str | None, *, as_json: bool, holders: "Sequence[Holder]" = ()) -> int:
    """STOP, print what became of it, return the exit code.

    Args:
        url: The port, None for every pen that can be found.
        serial: Only this pen.
        as_json: For programs.
        holders: Programs that hold ports and are asked first, such as a running console.

    Raises:
        NoPenError: There was nobody to stop.
    """
    from ..stopping import ports_of, stop_every  # late: the other commands' help does not wait for it

    try:
        urls = [url] if url else ports_of(serial)
    except PenError:
        if not holders:
            raise
        urls = []  # the port of the wanted pen is held by a console, which is asked
    reports = stop_every(urls, STOP_S, holders)
    if not reports:
        raise NoPenError(f"No pen was found, so STOP went nowhere. {BY_HAND}")
    if as_json:
        print_json({"stops": [asdict(report) for report in reports]})
    else:
        for report in reports:
            print(f"{report.url}: {report.sentence}")
    return _exit_code(reports)


def consoles(url: str | None) -> "list[Holder]":
    """Running consoles: each holds a port, stops its own pen and says what became of it.

    Args:
        url: Only those that may hold the pen at this port.
    """
    from ..api.runtime import find_all

    found = [one for one in find_all() if url is None or one.pen in (None, url)]
    if not found:
        return []
    from ..api.client import stopping

    return [stopping(one) for one in found]


def _exit_code(reports: "Sequence[Stopped]") -> ExitCode:
    """That of the worst: a pen that was reached and did not confirm comes before one that was not reached."""
    failed = [report.exit_code for report in reports if not report.confirmed]
    return ExitCode.UNKNOWN if ExitCode.UNKNOWN in failed else failed[0] if failed else ExitCode.OK
