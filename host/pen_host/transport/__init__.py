"""The way to a pen, chosen by URL.

A device path or COM name is a serial port, `socket://host:port` a pen behind TCP, `sim:` a simulated pen in this process.
Only the kind that is asked for is imported.
"""

from __future__ import annotations

from .base import Transport, WriteBlockedError

__all__ = ["Transport", "WriteBlockedError", "open_transport"]


def open_transport(url: str) -> Transport:
    """Open the way to a pen.

    Args:
        url: `/dev/ttyACM0`, `COM3`, `socket://127.0.0.1:7000`, or `sim:` with options as in `sim:?seed=3&scale=1`.

    Raises:
        BusyPortError: Another program holds the port.
        NoPenError: There is no such port, or nobody listens there.
        UsageError: The URL makes no sense.
    """
    if url.startswith("sim:"):
        from .sim import open_sim

        return open_sim(url)
    if url.startswith("socket://"):
        from .socket_port import SocketTransport

        return SocketTransport(url)
    from .serial_port import SerialTransport

    return SerialTransport(url)
