"""Puts this release's rig firmware onto a board that has MicroPython: what differs is written and verified, main.py last.

    python -m hil_tests.rig.install --port /dev/ttyACM1

A cut at any moment leaves a rig that drives nothing: without main.py it waits at its prompt. Install again.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from hil_tests.rig.client import Rig
from hil_tests.rig.image import device_tree
from hil_tests.rig.link import RigError, RigLostError
from pen_host.discovery import probe
from pen_host.engineering import prompt
from pen_host.engineering.handover import PATIENCE_S
from pen_host.errors import PenError, VerificationError
from pen_host.transport import open_transport

MAIN = "main.py"
ROOTS = ("boot.py", MAIN, "hil_tests", "pen_protocol")
LEAVE_S = 1.0
FAILED = 1


def install(
    url: str, files: Mapping[str, bytes], tell: Callable[[str], None], patience_s: float = PATIENCE_S
) -> int:
    """Bring the board on a port to these files and reset it; how many were written.

    Raises:
        PenError: The port cannot be opened, no prompt answers, a pen is on it, or a file arrived damaged.
        RigError: A rig that has driven lines since its last reset does not give its prompt back.
    """
    prompt.load()
    left = _make_way(url)
    with prompt.Prompt(url, left, patience_s) as board:
        held = {path: digest for path, size, digest in board.survey(ROOTS) if size >= 0}
        folders = {path for path, size, _digest in board.survey(ROOTS) if size < 0}
        stale = [path for path, content in files.items() if held.get(path) != _digest(content)]
        if not stale:
            return 0
        if MAIN in held:
            board.remove(MAIN)
        for folder in _folders(files):
            if folder not in folders:
                board.make_folder(folder)
        for path in [*sorted(set(stale) - {MAIN}), MAIN]:
            tell(path)
            board.write(path, files[path], lambda _count: None)
            if board.digest(path) != _digest(files[path]):
                raise VerificationError(
                    f"{path} arrived on the rig damaged. It has no main.py now and drives nothing. Use another cable or "
                    "port and install again."
                )
    return len(stale)


def _make_way(url: str) -> bool:
    """A running rig gives its prompt back; True when one did. A pen on this port is left alone."""
    transport = open_transport(url)
    try:
        rig = Rig(transport, time.monotonic)
        try:
            rig.connect(LEAVE_S)
        except RigLostError:
            raise
        except RigError:
            return False  # none, or one of another release: its prompt is knocked at
        rig.request("LEAVE")
        return True
    finally:
        transport.close()


def _folders(files: Mapping[str, bytes]) -> list[str]:
    """Folders the files lie in, outer ones first."""
    found = {str(parent) for path in files for parent in PurePosixPath(path).parents if str(parent) != "."}
    return sorted(found)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main(arguments: Sequence[str]) -> int:
    """Install and say so."""
    parser = argparse.ArgumentParser(prog="python -m hil_tests.rig.install", description=__doc__)
    parser.add_argument("--port", required=True, help="serial port of the rig's board")
    options = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as cache:
            files = device_tree(Path(cache))
        _refuse_pen(options.port)
        written = install(options.port, files, lambda path: print(f"writing {path}", flush=True))
    except (PenError, RigError) as error:
        print(error, file=sys.stderr)
        return FAILED
    print(
        f"The rig on {options.port} has this release's firmware: {written} files written, verified, board reset."
    )
    return 0


def _refuse_pen(url: str) -> None:
    """A pen must not become a rig.

    Raises:
        RigError: A pen answers on this port.
    """
    if probe(url).serial is not None:
        raise RigError(
            f"A pen answers on {url}: nothing was written to it. Name the port of the rig's board."
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
