"""STOP to every pen at once, whoever else is at work: no session, no record, no lock, no greeting."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .errors import ExitCode, NoPenError, PenError
from .pen import stop_at


@dataclass(frozen=True, slots=True)
class Stopped:
    """What became of the STOP to one pen.

    Attributes:
        url: The pen's port.
        confirmed: The pen said it is stopped.
        after_ms: From asking to its confirmation, None without one.
        sentence: For a person.
        exit_code: For a shell.
    """

    url: str
    confirmed: bool
    after_ms: int | None
    sentence: str
    exit_code: ExitCode = ExitCode.OK


Holder = Callable[[float], Sequence[Stopped]]
"""A program that holds ports, for example a running console: given the seconds it has, it stops its pens and says what became
of each. A port that it reports on is its business: that this program could not open it is no failure then."""


def ports_of(serial: str | None) -> list[str]:
    """Ports that STOP goes to.

    Args:
        serial: Serial number of one pen, or its beginning; None for every port that looks like a pen's.

    Raises:
        PenError: No pen, or several, have this number.
    """
    from .discovery import candidates, find_url  # late: STOP at a named port does not wait for it

    if serial is None:
        return candidates()
    named = candidates(serial)
    if named:
        return named
    try:
        return [find_url(serial)]
    except NoPenError as error:
        raise NoPenError(
            f"{error.sentence} STOP went nowhere: `pen stop` without --serial stops every pen. "
            "If a needle is moving now: release the trigger and press the pen's button."
        ) from error


def stop_every(urls: Sequence[str], timeout_s: float, holders: Sequence[Holder] = ()) -> list[Stopped]:
    """STOP the pens at `urls` and those of `holders`, all at the same time, so that a dead port delays no other.

    Args:
        urls: Ports or URLs.
        timeout_s: How long STOP is repeated to each before giving up.
        holders: Programs that hold ports.

    Returns:
        A report for each port; of two reports on one port the one that is confirmed.
    """
    asks: list[Callable[[], Sequence[Stopped]]] = [
        *(lambda holder=holder: holder(timeout_s) for holder in holders),
        *(lambda url=url: [_stop_one(url, timeout_s)] for url in urls),
    ]
    answers: list[Sequence[Stopped]] = [()] * len(asks)

    def ask(index: int) -> None:
        answers[index] = asks[index]()

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(asks))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found: dict[str, Stopped] = {}
    for report in (one for answer in answers for one in answer):
        if report.url not in found or report.confirmed:
            found[report.url] = report
    return list(found.values())


def _stop_one(url: str, timeout_s: float) -> Stopped:
    try:
        report = stop_at(url, timeout_s)
    except PenError as error:
        return Stopped(url, False, None, error.sentence, error.exit_code)
    if report.confirmed:
        return Stopped(url, True, report.after_ms, report.sentence)
    return Stopped(url, False, None, report.sentence, ExitCode.UNKNOWN)
