"""An emulated pen behind a TCP port, so that the real host program can talk to it: `socket://127.0.0.1:PORT`.

    python -m hil_tests.chip_serve IMAGE.uf2 [PORT]

Runs until interrupted. The trigger is held while a file named in PEN_CHIP_TRIGGER exists.
"""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from hil_tests import chip_image
from hil_tests.chip import ChipPen
from pen_sim.eeprom import Cartridge

READ_SIZE = 256
POLL_WALL_S = 0.05
TRIGGER_VARIABLE = "PEN_CHIP_TRIGGER"


def serve(pen: ChipPen, port: int = 0) -> tuple[int, Callable[[], None]]:
    """Offer a running pen on a loopback port, one host at a time; returns the port and what ends it."""
    listener = socket.create_server(("127.0.0.1", port))
    listener.settimeout(POLL_WALL_S)
    ended = threading.Event()

    def accept() -> None:
        with listener:
            while not ended.is_set():
                try:
                    host, _address = listener.accept()
                except TimeoutError:
                    continue
                with host:
                    _talk(pen, host, ended)

    thread = threading.Thread(target=accept, name="chip-port", daemon=True)
    thread.start()

    def end() -> None:
        ended.set()
        thread.join(10 * POLL_WALL_S)

    return int(listener.getsockname()[1]), end


def _talk(pen: ChipPen, host: socket.socket, ended: threading.Event) -> None:
    """Carry bytes both ways until the host hangs up."""
    pen.set_host_open(True)
    host.settimeout(POLL_WALL_S / 10)
    try:
        while not ended.is_set():
            try:
                data = host.recv(READ_SIZE)
            except TimeoutError:
                data = None
            if data == b"":
                return
            if data:
                pen.write(data)
            answer = pen.read()
            if answer:
                host.sendall(answer)
    except OSError:
        return
    finally:
        pen.set_host_open(False)


def main(arguments: list[str]) -> int:
    """Boot a pen on an image and serve it."""
    if not arguments:
        print("usage: python -m hil_tests.chip_serve IMAGE.uf2 [PORT]", file=sys.stderr)
        return 2
    port = int(arguments[1]) if len(arguments) > 1 else 0
    with tempfile.TemporaryDirectory() as folder:
        files = chip_image.device_tree(Path(folder))
        with ChipPen(Path(arguments[0]), files, Cartridge()) as pen:
            port, end = serve(pen, port)
            print(f"pen on the emulated chip: socket://127.0.0.1:{port}", flush=True)
            try:
                _follow_trigger(pen)
            except KeyboardInterrupt:
                end()
    return 0


def _follow_trigger(pen: ChipPen) -> None:
    """The hand on the trigger is a file."""
    trigger = os.environ.get(TRIGGER_VARIABLE, "")
    while True:
        pen.run_ms(5)
        held = bool(trigger) and Path(trigger).exists()
        if held != pen.wiring.trigger:
            pen.set(trigger=held)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
