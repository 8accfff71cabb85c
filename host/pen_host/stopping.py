"""STOP to every pen at once, whoever else is at work: no session, no record, no lock, no greeting."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from .errors import PenError
from .pen import stop_at


@dataclass(frozen=True, slots=True)
class Stopped:
    """What became of the STOP to one pen.

    Attributes:
        url: The pen's port.
        confirmed: The pen said it is stopped.
        after_ms: From asking to its confirmation, None without one.
        sentence: For a person.
    """

    url: str
    confirmed: bool
    after_ms: int | None
    sentence: str


def stop_every(urls: Sequence[str], timeout_s: float) -> list[Stopped]:
    """STOP the pens at `urls`, all at the same time, so that a dead port delays no other.

    Args:
        urls: Ports or URLs.
        timeout_s: How long STOP is repeated to each before giving up.
    """
    found: dict[str, Stopped] = {}
    threads = [
        threading.Thread(target=lambda url=url: found.update({url: _stop_one(url, timeout_s)}))
        for url in urls
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[url] for url in urls]


def _stop_one(url: str, timeout_s: float) -> Stopped:
    try:
        report = stop_at(url, timeout_s)
    except PenError as error:
        return Stopped(url, False, None, error.sentence)
    return Stopped(url, report.confirmed, report.after_ms if report.confirmed else None, report.sentence)
