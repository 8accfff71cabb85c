"""A simulated pen in real time: a TCP port like a serial line, a pty on POSIX, and a side channel for hands.

One thread owns the pen and every socket; other threads ask it through `call`. The serial line carries the bytes of the
protocol and nothing else. The side channel carries one JSON object a line, never a message of the protocol:

    {"do": "press_trigger"}            -> {"ok": true, "result": null}
    {"do": "inject", "name": "droop"}  -> {"ok": true, "result": null}
    {"do": "state"}                    -> {"ok": true, "result": {"time_ms": ..., "strokes": ..., ...}}
    {"do": "dance"}                    -> {"ok": false, "error": "no action is called 'dance': ..."}
"""

from __future__ import annotations

import contextlib
import os
import queue
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from pen_sim.rig import SimPen
from pen_sim.side_channel import answer_line

if sys.platform != "win32":
    import tty

Result = TypeVar("Result")

TURN_S = 0.001
"""How often simulated time follows the clock."""
BEHIND_MAX_S = 0.25
"""A machine that stalls longer than this does not make up for it: the pen has slept as well."""
LINE_MAX = 65_536
"""Longest line of the side channel."""
_READ = 4_096


@dataclass(frozen=True)
class Addresses:
    """Where the pen can be found."""

    host: str
    port: int
    """Serial line: `socket://host:port`."""
    bench_port: int
    """Side channel for hands and faults."""
    pty: str | None
    """Serial device, where the system has ptys."""

    @property
    def url(self) -> str:
        """What a host is told to open."""
        return f"socket://{self.host}:{self.port}"


class PenServer:
    """Runs a simulated pen with the wall clock until `stop`. Use as a context manager or `start` and `stop`."""

    def __init__(self, pen: SimPen, scale: float = 1.0) -> None:
        self.pen = pen
        self.scale = scale
        self.addresses: Addresses | None = None
        self._selector = selectors.DefaultSelector()
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="simulated-pen", daemon=True)
        self._stopping = threading.Event()
        self._listeners: list[socket.socket] = []
        self._line: socket.socket | None = None
        self._benches: dict[socket.socket, bytearray] = {}
        self._pty: tuple[int, int] | None = None
        self._resets = pen.resets + pen.power_losses
        self._failure: BaseException | None = None

    def start(
        self, host: str = "127.0.0.1", port: int = 0, bench_port: int = 0, pty: bool = False
    ) -> Addresses:
        """Open the ports (0 takes a free one) and begin; returns where.

        Raises:
            OSError: a port is taken or the system has no pty to give.
        """
        try:
            line = self._listen(host, port, self._accept_line)
            bench = self._listen(host, bench_port, self._accept_bench)
            name = self._open_pty() if pty and sys.platform != "win32" else None
        except OSError:
            self._close_all()
            raise
        self.addresses = Addresses(host, line, bench, name)
        self._thread.start()
        return self.addresses

    def stop(self) -> None:
        """End the thread and close every port; the pen stays as it is. Safe to call twice."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._close_all()

    def call(self, function: Callable[[SimPen], Result], timeout_s: float = 5.0) -> Result:
        """Run `function(pen)` on the thread that owns the pen and return what it returns.

        Raises:
            TimeoutError: the server is not running.
        """
        future: Future[Result] = Future()

        def job() -> None:
            try:
                future.set_result(function(self.pen))
            except Exception as error:  # noqa: BLE001 - handed to the caller's thread
                future.set_exception(error)

        self._jobs.put(job)
        return future.result(timeout_s)

    @property
    def failure(self) -> BaseException | None:
        """What ended the thread, None while all is well."""
        return self._failure

    def __enter__(self) -> PenServer:
        if self.addresses is None:
            self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    # --- the thread -------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        at_s = time.monotonic()
        try:
            while not self._stopping.is_set():
                for key, _ in self._selector.select(TURN_S):
                    key.data(key.fileobj)
                self._run_jobs()
                now_s = time.monotonic()
                self.pen.advance_us(round(min(now_s - at_s, BEHIND_MAX_S) * self.scale * 1e6))
                at_s = now_s
                self._deliver()
        except BaseException as error:
            self._failure = error
            raise
        finally:
            self._close_all()

    def _run_jobs(self) -> None:
        while True:
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return
            job()

    def _deliver(self) -> None:
        """Bytes of the pen to whoever listens; a reset or a pulled cable hangs up, as USB does."""
        resets = self.pen.resets + self.pen.power_losses
        if self._line is not None and (resets != self._resets or not self._plugged):
            self._hang_up()
        self._resets = resets
        data = self.pen.stream.read()
        if not data:
            return
        if self._line is not None:
            try:
                self._line.sendall(data)
            except OSError:
                self._hang_up()
        if self._pty is not None:
            with contextlib.suppress(BlockingIOError):
                os.write(self._pty[0], data)

    @property
    def _plugged(self) -> bool:
        return self.pen.stream.plugged and self.pen.powered

    # --- serial line ------------------------------------------------------------------------------------------------

    def _accept_line(self, listener: socket.socket) -> None:
        """One host at a time, as a serial port; a second one, or one without a cable, is turned away."""
        connection, _ = listener.accept()
        if self._line is not None or not self._plugged:
            connection.close()
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(1.0)
        self._line = connection
        self.pen.stream.read()
        self._selector.register(connection, selectors.EVENT_READ, self._read_line)

    def _read_line(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(_READ)
        except OSError:
            data = b""
        if data:
            self.pen.stream.write(data)
        else:
            self._hang_up()

    def _hang_up(self) -> None:
        if self._line is not None:
            self._selector.unregister(self._line)
            self._line.close()
            self._line = None

    def _open_pty(self) -> str:
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        self._pty = (master, slave)
        self._selector.register(master, selectors.EVENT_READ, self._read_pty)
        return os.ttyname(slave)

    def _read_pty(self, master: int) -> None:
        with contextlib.suppress(OSError):
            self.pen.stream.write(os.read(master, _READ))

    # --- side channel -----------------------------------------------------------------------------------------------

    def _accept_bench(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.settimeout(1.0)
        self._benches[connection] = bytearray()
        self._selector.register(connection, selectors.EVENT_READ, self._read_bench)

    def _read_bench(self, connection: socket.socket) -> None:
        received = self._benches[connection]
        try:
            data = connection.recv(_READ)
            received += data
            while b"\n" in received:
                line, _, rest = received.partition(b"\n")
                received[:] = rest
                connection.sendall(answer_line(self.pen, bytes(line)))
        except OSError:
            data = b""
        if not data or len(received) > LINE_MAX:
            self._selector.unregister(connection)
            connection.close()
            del self._benches[connection]

    # --- ports ------------------------------------------------------------------------------------------------------

    def _listen(self, host: str, port: int, accept: Callable[[socket.socket], None]) -> int:
        listener = socket.create_server((host, port))
        self._listeners.append(listener)
        self._selector.register(listener, selectors.EVENT_READ, accept)
        bound: Any = listener.getsockname()[1]
        return int(bound)

    def _close_all(self) -> None:
        self._hang_up()
        for connection in [*self._listeners, *self._benches]:
            connection.close()
        self._listeners.clear()
        self._benches.clear()
        if self._pty is not None:
            for descriptor in self._pty:
                os.close(descriptor)
            self._pty = None
        self._selector.close()


def serve(
    pen: SimPen, host: str = "127.0.0.1", port: int = 0, bench_port: int = 0, pty: bool = False
) -> PenServer:
    """A started server for `pen`; its `addresses` say where, its `stop` ends it."""
    server = PenServer(pen)
    server.start(host, port, bench_port, pty)
    return server
