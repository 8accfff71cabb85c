"""A pen that a running console holds, asked through the console; else the pen itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..api.client import Held, held, read_status

if TYPE_CHECKING:
    from ..discovery import Found
    from ..pen import Identity, Pen, Settings, Status


@dataclass(frozen=True)
class View:
    """What the view of a pen asks for at one moment."""

    status: "Status | None"
    lost: str | None = None


class RemotePen:
    """Questions to a pen through the console that holds it.

    Args:
        found: The console and its pen.
    """

    def __init__(self, found: Held) -> None:
        self._client = found.client

    def identity(self) -> "Identity":
        """Who the pen is."""
        from ..pen import Identity

        told = self._client.get("/api/pen")["identity"]
        return Identity(**{**told, "firmware": tuple(told["firmware"])})

    def settings_read(self) -> "Settings":
        """Calibration and limits it keeps."""
        from ..pen import Settings

        return Settings(**self._client.get("/api/pen")["settings"])

    def status(self) -> "Status":
        """What it says now."""
        from ..pen import Status

        return Status(**read_status(self._client.get("/api/pen/status")))

    def snapshot(self) -> View:
        """What is known now."""
        return View(self.status())


def held_by_consoles() -> "list[Found]":
    """Pens that running consoles hold; their ports cannot be asked directly."""
    from ..discovery import Found

    found = held(None, None)
    if found is None or found.url is None:
        return []
    firmware = found.client.get("/api/state")["pen"]["firmware"]
    return [Found(found.url, found.serial, firmware, None)]


@contextmanager
def opened(url: str | None, serial: str | None) -> "Iterator[Pen | RemotePen]":
    """The wanted pen, to be asked.

    Raises:
        PenError: No pen, several, a busy port, another release.
    """
    found = held(url, serial)
    if found is not None:
        yield RemotePen(found)
        return
    from ..pen import Pen

    with Pen.open(url, serial, keep_dumps=False) as pen:
        yield pen
