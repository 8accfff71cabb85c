"""Where running consoles are found: a small file each that only the same user of this computer can read."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

MODE = 0o600
PREFIX, SUFFIX = "console-", ".json"


@dataclass(frozen=True, slots=True)
class Running:
    """A console that runs.

    Attributes:
        port: Where it listens on loopback.
        key: What a program shows to be let in; never part of an address.
        pid: Its process.
        pen: Port or URL of its pen; None when it looks for one on USB.
        simulated: Its pen lives in its own process.
        certificate: Of a console that speaks TLS.
    """

    port: int
    key: str
    pid: int
    pen: str | None = None
    simulated: bool = False
    certificate: str | None = None


def default_place() -> Path:
    """The directory of the files: this user's own; gone after a restart of the computer where the system has such a one."""
    named = os.environ.get("PEN_RUNTIME_DIR")
    if named:
        return Path(named)
    # no library for this: STOP comes by here, and the usual one warns where a system has no such directory
    given = os.environ.get("XDG_RUNTIME_DIR")
    return Path(given) / "derma-pen" if given else Path.home() / ".derma-pen" / "run"


def new_key() -> str:
    """A key that nobody can guess."""
    return secrets.token_urlsafe(32)


def announce(running: Running, place: Path | None = None) -> Path:
    """Write the file, readable by this user only from its first byte on.

    Raises:
        OSError: It cannot be written.
    """
    path = _path(running, place)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(running), file)
    os.replace(temporary, path)
    return path


def find_all(place: Path | None = None) -> list[Running]:
    """Consoles whose files are there; whether one still answers is found out by asking it."""
    found = [_read(path) for path in sorted((place or default_place()).glob(f"{PREFIX}*{SUFFIX}"))]
    return [one for one in found if one is not None]


def withdraw(running: Running, place: Path | None = None) -> None:
    """Remove its file."""
    with contextlib.suppress(OSError):
        _path(running, place).unlink()


def _path(running: Running, place: Path | None) -> Path:
    return (place or default_place()) / f"{PREFIX}{running.pid}-{running.port}{SUFFIX}"


def _read(path: Path) -> Running | None:
    try:
        if os.name == "posix" and (path.stat().st_uid != os.getuid() or path.stat().st_mode & 0o077):
            return None  # somebody else's, or readable by others: not a file that a console wrote
        running = Running(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    if os.name == "posix" and not _lives(running.pid):
        with contextlib.suppress(OSError):
            path.unlink()  # killed before it could do so itself
        return None
    return running


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
