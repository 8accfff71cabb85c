"""Serves a console: announces itself, and runs until it is told to end."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import uvicorn

from . import runtime
from .app import Pages, build, guarded
from .door import Door
from .guard import Policy
from .guard.policy import LOOPBACK_NAMES
from .service import ConsoleService

WEBSOCKET_MAX = 256 * 1024
"""Longest websocket message: the pages' own events are far smaller. (J)"""
PING_S = 5.0
"""How often a silent websocket is asked whether it lives; the lease does not wait for it."""
GRACE_S = 2
"""How long open connections may take when the console ends."""


class ConsoleServer:
    """One served console.

    Args:
        console: What is served; started and closed with the server.
        door: Where.
        pages: The pages.
        place: Directory of the runtime file.
    """

    def __init__(
        self,
        console: ConsoleService,
        door: Door,
        pages: Pages | None = None,
        place: Path | None = None,
    ) -> None:
        self.console = console
        self.door = door
        self._place = place
        where, source = door.listening, console.dock.source
        names = (*LOOPBACK_NAMES, *([where.lan] if where.lan else []))
        self.policy = Policy(door.port, names, tls=where.tls is not None, lan=where.lan is not None)
        self.running = runtime.Running(
            door.port,
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
    def port(self) -> int:
        """Where it listens."""
        return self.door.port

    @property
    def address(self) -> str:
        """Where it is, without a secret."""
        return self.door.address

    def launch_url(self) -> str:
        """An address that lets one browser in, once."""
        return self.door.launch_url()

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until `end` or a signal.

        Args:
            ready: Called when the file is written: what connects from now on is answered.
        """
        runtime.announce(self.running, self._place)
        self.console.start()
        try:
            with _signals_end_it():
                ready()
                self._uvicorn.run(sockets=self.door.sockets)
        finally:
            self.console.close()
            runtime.withdraw(self.running, self._place)
            self.door.close()

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
