"""The `pen` command, run in this process or as a process of its own, and pens for it to talk to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pen_host.cli import main
from pen_host.worker import PenWorker
from pen_sim.rig import SimPen
from pen_sim.serve import PenServer

# a suite started in the background ignores SIGINT, one under nohup SIGHUP, and so would every command it starts: those that are
# sent one must not
COMMAND = [
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "hasattr(signal, 'SIGHUP') and signal.signal(signal.SIGHUP, signal.SIG_DFL); "
    "from pen_host.cli import main; main()",
]
PROCESS_S = 120


@dataclass(frozen=True)
class Ran:
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on standard output."""
        (line,) = self.out.strip().splitlines()
        content: dict[str, Any] = json.loads(line)
        return content

    @property
    def sentence(self) -> str:
        """The one line on standard error, without the command's name."""
        (line,) = self.err.strip().splitlines()
        assert line.startswith("pen: ")
        return line.removeprefix("pen: ")


class Command:
    """Runs `pen`."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Ran:
        """In this process."""
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        told = self._capsys.readouterr()
        return Ran(int(left.value.code or 0), told.out, told.err)

    def process(self, *arguments: object, **options: Any) -> Ran:
        """As a process of its own."""
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=PROCESS_S,
            check=False,
            **options,
        )
        return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def pen(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command, with a record and places of its own."""
    monkeypatch.setenv("PEN_JOURNAL", str(tmp_path / "record.sqlite"))
    for name in ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    monkeypatch.delenv("PEN_OPERATOR", raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    # a machine that does other things as well may hold a pen's answer up for longer than a person waits
    monkeypatch.setattr(PenWorker.connect, "__defaults__", (PROCESS_S,))
    return Command(capsys)


@pytest.fixture
def server() -> Iterator[PenServer]:
    """A simulated pen in real time, on TCP and, where there are any, on a pty."""
    made = PenServer(SimPen(seed=7, strict=False))
    made.start(pty=os.name == "posix")
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def url(server: PenServer) -> str:
    """Where it is."""
    assert server.addresses is not None
    return server.addresses.url
