"""Which pens are connected. A USB id nominates a port; only a greeting that is answered names a pen."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass

from .errors import BusyPortError, ManyPensError, NoPenError, PenError, SchemaMismatchError
from .transport import open_transport
from .worker import PenWorker

USB_IDS = frozenset({(0x2E8A, 0x0005)})
"""MicroPython on any RP2040 board: as good as every hobby board has it."""


@dataclass(frozen=True, slots=True)
class Found:
    """A port that may have a pen, and what it answered."""

    url: str
    serial: str | None
    """Serial number when a pen answered."""
    firmware: str | None
    complaint: PenError | None
    """Why it is not a pen, or cannot be asked."""


def candidates(serial: str | None = None) -> list[str]:
    """Ports whose USB id could be a pen's, in a steady order.

    Args:
        serial: Only those whose USB descriptor has this serial number, or begins with it. A pen's chip gives its unique id
            there, which is the pen's serial number; a board that gives none is left out.
    """
    from serial.tools import list_ports  # late: it loads more than everything else here

    ports = [port for port in list_ports.comports() if (port.vid, port.pid) in USB_IDS]
    if serial is not None:
        ports = [port for port in ports if (port.serial_number or "").lower().startswith(serial.lower())]
    return sorted(port.device for port in ports)


def probe(url: str) -> Found:
    """Greet whoever is at `url`; nothing else is sent."""
    try:
        with PenWorker(open_transport(url), time.monotonic) as worker:
            identity = worker.connect()
            return Found(url, identity.serial, identity.firmware_text, None)
    except PenError as error:
        return Found(url, None, None, error)


def scan(urls: Iterable[str] | None = None) -> list[Found]:
    """Greet every candidate, or the given ports."""
    return [probe(url) for url in (candidates() if urls is None else urls)]


def choose(found: Iterable[Found], serial: str | None = None) -> str:
    """The one port that is meant.

    Args:
        found: What a scan found.
        serial: Serial number of the wanted pen, or the beginning of it.

    Raises:
        ManyPensError: Several pens, none chosen.
        BusyPortError: A candidate is held by another program, and no other is the wanted pen.
        SchemaMismatchError: A pen of another release is connected, and no other is the wanted pen.
        NoPenError: No pen.
    """
    everything = list(found)
    pens = [(pen.url, pen.serial) for pen in everything if pen.serial is not None]
    wanted = [(url, name) for url, name in pens if serial is None or name.startswith(serial.lower())]
    if len(wanted) == 1:
        return wanted[0][0]
    if len(wanted) > 1:
        raise ManyPensError([name for _, name in wanted])
    for other in everything:
        if isinstance(other.complaint, BusyPortError | SchemaMismatchError):
            raise other.complaint
    raise _nobody(everything, [name for _, name in pens], serial)


def find_url(serial: str | None = None) -> str:
    """The port of the one connected pen, or of the one with this serial number.

    Raises:
        PenError: See `choose`.
    """
    return choose(scan(), serial)


def _nobody(everything: list[Found], others: list[str], serial: str | None) -> NoPenError:
    if others:
        return NoPenError(
            f"No connected pen has the serial number {serial}; connected: {', '.join(others)}. Nothing was sent to them. "
            "Connect the wanted pen or correct the number."
        )
    if not everything:
        return NoPenError(
            "No pen is connected: no USB port looks like one, so nothing can be commanded or stopped from here. "
            "Plug the pen in, with a cable that carries data, or name its port with --port."
        )
    reasons = " ".join(f"{other.url}: {other.complaint}" for other in everything)
    return NoPenError(f"No pen answered. {reasons}")
