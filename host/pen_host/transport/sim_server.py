"""A simulated pen for other programs: served over TCP and, where there are any, on a pty; its faults by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pen_sim.faults import FAULTS
from pen_sim.rig import SimPen
from pen_sim.serve import PenServer

from ..errors import BusyPortError, PenError


@dataclass(frozen=True, slots=True)
class Served:
    """Where a simulated pen can be found.

    Attributes:
        url: What a host opens.
        bench: Host and port of the hands' side channel.
        pty: Serial device, None where there is none.
    """

    url: str
    bench: str
    pty: str | None
    _server: PenServer

    def failed(self) -> BaseException | None:
        """What ended the simulated pen, None while it runs."""
        return self._server.failure


@dataclass(frozen=True, slots=True)
class FaultLine:
    """One fault that can be injected: its name, what it does, the condition it should raise."""

    name: str
    does: str
    provokes: str


@contextmanager
def serve(seed: int, port: int, bench_port: int, scale: float, pty: bool) -> Iterator[Served]:
    """A simulated pen in real time, until the block is left.

    Args:
        seed: Of everything random in it.
        port: TCP port of the serial line, 0 for a free one.
        bench_port: TCP port of the hands' side channel, 0 for a free one.
        scale: Simulated seconds per second.
        pty: Offer a serial device as well.

    Raises:
        BusyPortError: A port is taken.
    """
    # as on the chip, an exception of the firmware resets the pen; it does not end the server
    server = PenServer(SimPen(seed=seed, strict=False), scale)
    try:
        where = server.start(port=port, bench_port=bench_port, pty=pty)
    except OSError as error:
        raise BusyPortError(f"{port or bench_port} of this computer ({error.strerror or error})") from error
    try:
        yield Served(where.url, f"{where.host}:{where.bench_port}", where.pty, server)
    finally:
        server.stop()


def faults() -> list[FaultLine]:
    """Every fault by name."""
    return [FaultLine(name, fault.summary, fault.provokes) for name, fault in sorted(FAULTS.items())]


class SimulatedPenError(PenError):
    """The simulated pen itself failed."""
