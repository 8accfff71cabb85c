"""The console's door: its sockets and the way in. Light, so that it is open before the rest of the program is loaded.

A browser that knocks meanwhile waits in the socket's own queue: it starts while the console does, not after it.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

from ..errors import BusyPortError
from .sessions import Sessions
from .tls import Tls

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a console listens.

    Attributes:
        port: 0 takes a free one.
        lan: Address of this computer on the LAN, None for loopback only.
        tls: Needed for the LAN.
    """

    port: int = 0
    lan: str | None = None
    tls: Tls | None = None


class Door:
    """Bound sockets, and browser sessions to come.

    Args:
        listening: Where.
        clock: Seconds that never go back.

    Raises:
        BusyPortError: The port is taken.
    """

    def __init__(
        self, listening: Listening | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.listening = listening or Listening()
        self.sockets = _bind(self.listening)
        self.port: int = self.sockets[0].getsockname()[1]
        self.sessions = Sessions(clock)

    @property
    def address(self) -> str:
        """Where it is, without a secret."""
        return f"{'https' if self.listening.tls else 'http'}://{LOOPBACK}:{self.port}"

    def launch_url(self) -> str:
        """An address that lets one browser in, once."""
        return f"{self.address}/launch?token={self.sessions.issue_token()}"

    def close(self) -> None:
        """Let go of the port; harmless when repeated."""
        for bound in self.sockets:
            bound.close()

    def __enter__(self) -> Door:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _bind(where: Listening) -> list[socket.socket]:
    """Loopback on both families; the LAN only when it was asked for, and then with TLS."""
    assert where.lan is None or where.tls is not None, "the LAN is served with TLS only"
    first = _listen(LOOPBACK, where.port)
    bound = [first]
    port = first.getsockname()[1]
    with suppress(OSError):  # a computer without IPv6, or the port taken there: loopback's IPv4 is enough
        bound.append(socket.create_server(("::1", port), family=socket.AF_INET6))
    if where.lan is not None:
        try:
            bound.append(_listen(where.lan, port))
        except BusyPortError:
            for one in bound:
                one.close()
            raise
    return bound


def _listen(address: str, port: int) -> socket.socket:
    try:
        return socket.create_server((address, port))
    except OSError as error:
        raise BusyPortError(f"{address}:{port} ({error.strerror or error})") from error
