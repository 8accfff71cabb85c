"""An emulated chip behind TCP, so that what opens ports opens it by a URL. One client at a time, as on a serial port."""

from __future__ import annotations

import socket
import threading

from hil_tests.chip import ChipPen

_POLL_S = 0.02
_ENDS_S = 10.0


class ChipBridge:
    """Serves a started `ChipPen` at `url` until closed."""

    def __init__(self, chip: ChipPen) -> None:
        self._chip = chip
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(_POLL_S)
        self.url = f"socket://127.0.0.1:{self._server.getsockname()[1]}"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="chip bridge", daemon=True)
        self._thread.start()

    def __enter__(self) -> ChipBridge:
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join(_ENDS_S)
        self._server.close()

    def _serve(self) -> None:
        while not self._over.is_set():
            try:
                client, _address = self._server.accept()
            except TimeoutError:
                self._chip.read()  # nobody listens: what the chip says is lost, as on a closed port
                continue
            with client:
                client.settimeout(_POLL_S)
                self._carry(client)

    def _carry(self, client: socket.socket) -> None:
        while not self._over.is_set():
            try:
                data = client.recv(4096)
            except TimeoutError:
                data = None
            except OSError:
                return
            if data == b"":
                return
            if data:
                self._chip.write(data)
            said = self._chip.read(_POLL_S)
            if said:
                try:
                    client.sendall(said)
                except OSError:
                    return
