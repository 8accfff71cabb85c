"""A pen behind TCP: a simulator, an emulated chip, or a rig."""

from __future__ import annotations

import select
import socket
import time
from urllib.parse import urlsplit

from ..errors import NoPenError, TransportLostError, UsageError
from .base import WRITE_TIMEOUT_S, WriteBlockedError

_CONNECT_S = 3.0
_READ_SIZE = 65_536


class SocketTransport:
    """A pen at `socket://host:port`.

    Raises:
        NoPenError: Nobody listens there.
        UsageError: The URL names no host and port.
    """

    def __init__(self, url: str) -> None:
        self._name = url
        host, port = _address(url)
        try:
            self._socket = socket.create_connection((host, port), _CONNECT_S)
        except OSError as error:
            raise NoPenError(
                f"Nobody answers at {url} ({error.strerror or error}), so no pen was reached. "
                "Start the simulator or rig behind it, or correct the address."
            ) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._woken, self._waker = socket.socketpair()
        self._woken.setblocking(False)
        self._waker.setblocking(False)
        self._closed = False

    @property
    def name(self) -> str:
        """The URL."""
        return self._name

    def read(self, timeout_s: float) -> bytes:
        """Bytes that arrived. See `Transport.read`."""
        try:
            ready, _, _ = select.select([self._socket, self._woken], [], [], max(0.0, timeout_s))
            if self._woken in ready:
                self._woken.recv(_READ_SIZE)
            if self._socket not in ready:
                return b""
            data = self._socket.recv(_READ_SIZE)
        except BlockingIOError:
            return b""
        except (OSError, ValueError) as error:
            raise TransportLostError(self._name, str(error)) from error
        if not data:
            raise TransportLostError(self._name, "the other side closed the connection")
        return data

    def write(self, data: bytes) -> None:
        """Send all of `data`. See `Transport.write`."""
        rest = memoryview(data)
        end_s = time.monotonic() + WRITE_TIMEOUT_S
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                self._await_room(end_s)
            except OSError as error:
                raise TransportLostError(self._name, str(error)) from error

    def wake(self) -> None:
        """End a waiting `read`."""
        try:
            self._waker.send(b"w")
        except OSError:
            return  # closed, or so many wakes wait that one more changes nothing

    def close(self) -> None:
        """Close the connection."""
        if self._closed:
            return
        self._closed = True
        for end in (self._socket, self._woken, self._waker):
            end.close()

    def _await_room(self, end_s: float) -> None:
        _, ready, _ = select.select([], [self._socket], [], max(0.0, end_s - time.monotonic()))
        if not ready:
            raise WriteBlockedError(f"{self._name} takes no bytes")


def _address(url: str) -> tuple[str, int]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(
            f"{url} names no host and port ({error}). Write it as socket://127.0.0.1:7000."
        ) from error
    if not host or port is None:
        raise UsageError(f"{url} names no host and port. Write it as socket://127.0.0.1:7000.")
    return host, port
