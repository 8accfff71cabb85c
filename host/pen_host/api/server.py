"""Serves a console: binds, announces itself, and runs until it is told to end."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn

from ..errors import BusyPortError
from . import runtime
from .app import Pages, build, guarded
from .guard import Policy
from .guard.policy import LOOPBACK_NAMES
from .service import ConsoleService
from .tls import Tls

WEBSOCKET_MAX = 256 * 1024
"""Longest websocket message: the pages' own events are far smaller. (J)"""
PING_S = 5.0
"""How often a silent websocket is asked whether it lives; the lease does not wait for it."""
GRACE_S = 2
"""How long open connections may take when the console ends."""


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


class ConsoleServer:
    """One served console.

    Args:
        console: What is served; started and closed with the server.
        pages: The pages.
        listening: Where.
        place: Directory of the runtime file.
    """

    def __init__(
        self,
        console: ConsoleService,
        pages: Pages | None = None,
        listening: Listening | None = None,
        place: Path | None = None,
    ) -> None:
        where = listening or Listening()
        self.console = console
        self._place = place
        self._sockets = _bind(where)
        self.port: int = self._sockets[0].getsockname()[1]
        self._tls = where.tls
        names = (*LOOPBACK_NAMES, *([where.lan] if where.lan else []))
        self.policy = Policy(self.port, names, tls=where.tls is not None, lan=where.lan is not None)
        source = console.dock.source
        self.running = runtime.Running(
            self.port,
            runtime.new_key(),
            os.getpid(),
            source.url,
            source.simulated,
            str(where.tls.certificate) if where.tls else None,
        )
        app = guarded(build(console, pages), lambda: self.policy, self.running.key)
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                server_header=False,
                date_header=False,
                ws="websockets-sansio",
                ws_max_size=WEBSOCKET_MAX,
                ws_ping_interval=PING_S,
                ws_ping_timeout=PING_S,
                timeout_graceful_shutdown=GRACE_S,
                ssl_certfile=where.tls.certificate if where.tls else None,
                ssl_keyfile=where.tls.key if where.tls else None,
            )
        )

    @property
    def address(self) -> str:
        """Where it is, without a secret."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def launch_url(self) -> str:
        """An address that lets one browser in, once."""
        return f"{self.address}/launch?token={self.console.sessions.issue_token()}"

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until `end` or a signal.

        Args:
            ready: Called when the sockets listen and the file is written: what connects from now on is answered.
        """
        runtime.announce(self.running, self._place)
        self.console.start()
        try:
            with _signals_end_it():
                ready()
                self._uvicorn.run(sockets=self._sockets)
        finally:
            self.console.close()
            runtime.withdraw(self.running, self._place)
            for bound in self._sockets:
                bound.close()

    def end(self) -> None:
        """Have `run` return; from any thread."""
        self._uvicorn.should_exit = True

    def start_in_thread(self) -> threading.Thread:
        """Serve in a thread of its own, for tests and benchmarks."""
        thread = threading.Thread(target=self.run, name="console-server", daemon=True)
        thread.start()
        return thread


@contextmanager
def _signals_end_it() -> Iterator[None]:
    """Ctrl-C and a plain kill end the console the ordinary way: uvicorn raises them anew once it has stopped serving."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.signal(one, _served_out) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _served_out(_number: int, _frame: FrameType | None) -> None:
    """Serving has ended already; what is open is closed next."""


def _bind(where: Listening) -> list[socket.socket]:
    """Loopback on both families; the LAN only when it was asked for, and then with TLS.

    Raises:
        BusyPortError: The port is taken.
    """
    assert where.lan is None or where.tls is not None, "the LAN is served with TLS only"
    try:
        first = socket.create_server(("127.0.0.1", where.port))
    except OSError as error:
        raise BusyPortError(f"{where.port} of this computer ({error.strerror or error})") from error
    port = first.getsockname()[1]
    bound = [first]
    with suppress(OSError):  # a computer without IPv6, or the port taken there: loopback's IPv4 is enough
        bound.append(socket.create_server(("::1", port), family=socket.AF_INET6))
    if where.lan is not None:
        try:
            bound.append(socket.create_server((where.lan, port)))
        except OSError as error:
            for one in bound:
                one.close()
            raise BusyPortError(f"{where.lan}:{port} ({error.strerror or error})") from error
    return bound
