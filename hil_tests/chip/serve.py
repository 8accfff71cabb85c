"""An emulated pen behind a TCP port, so that whatever opens ports opens it by a URL: `socket://127.0.0.1:PORT`.

    python -m hil_tests.chip.serve IMAGE.uf2 [PORT]

Runs until interrupted. The trigger is held while a file named in PEN_CHIP_TRIGGER exists.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import threading
from pathlib import Path

from hil_tests.chip import image as chip_image
from hil_tests.chip.emulator import Chip, ChipPen
from pen_sim.eeprom import Cartridge

READ_SIZE = 4096
SLICE_MS = 1.0
"""How far the chip lives between two looks at the port."""
ENDS_WALL_S = 10.0
TRIGGER_VARIABLE = "PEN_CHIP_TRIGGER"


class ChipPort:
    """Lets a started pen live in a thread of its own and serves one client at a time, as a serial port does."""

    def __init__(self, chip: Chip, port: int = 0) -> None:
        self._chip = chip
        self._listener = socket.create_server(("127.0.0.1", port))
        self._listener.setblocking(False)
        self.url = f"socket://127.0.0.1:{self._listener.getsockname()[1]}"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="chip port", daemon=True)

    def __enter__(self) -> ChipPort:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join(ENDS_WALL_S)
        self._listener.close()

    def _serve(self) -> None:
        client: socket.socket | None = None
        while not self._over.is_set():
            self._chip.run_ms(SLICE_MS)
            if client is None:
                client = self._accept()
            elif not self._carry(client):
                client.close()
                client = None
                self._chip.set_host_open(False)
            if client is None:
                self._chip.read()  # nobody listens: what the chip says is lost, as on a closed port
        if client is not None:
            client.close()

    def _accept(self) -> socket.socket | None:
        try:
            client, _address = self._listener.accept()
        except BlockingIOError:
            return None
        client.setblocking(False)
        self._chip.set_host_open(True)
        return client

    def _carry(self, client: socket.socket) -> bool:
        """Bytes both ways; False when the client has hung up."""
        try:
            data = client.recv(READ_SIZE)
            if not data:
                return False
            self._chip.write(data)
        except BlockingIOError:
            pass
        except OSError:
            return False
        try:
            client.sendall(self._chip.read())
        except OSError:
            return False
        return True


def main(arguments: list[str]) -> int:
    """Boot a pen on an image and serve it."""
    if not arguments:
        print("usage: python -m hil_tests.chip.serve IMAGE.uf2 [PORT]", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        files = chip_image.device_tree(Path(folder))
        with (
            ChipPen(Path(arguments[0]), files, Cartridge()) as pen,
            ChipPort(pen, int(arguments[1]) if len(arguments) > 1 else 0) as port,
        ):
            print(f"pen on the emulated chip: {port.url}", flush=True)
            _follow_trigger(pen)
    return 0


def _follow_trigger(pen: ChipPen) -> None:
    """The hand on the trigger is a file."""
    trigger = os.environ.get(TRIGGER_VARIABLE, "")
    ended = threading.Event()
    try:
        while not ended.wait(0.05):
            held = bool(trigger) and Path(trigger).exists()
            if held != pen.wiring.trigger:
                pen.set(trigger=held)
    except KeyboardInterrupt:
        ended.set()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
