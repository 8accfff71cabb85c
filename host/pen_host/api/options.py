"""What a console is opened with, checked before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..errors import UsageError


@dataclass(frozen=True, slots=True)
class Options:
    """What a console is opened with.

    Attributes:
        sim: A simulated pen, with a record and accounts of its own.
        url: The pen's port or URL.
        serial: The pen's serial number, or its beginning.
        journal: The record.
        data: Directory for accounts.
        runtime: Directory of the file by which programs find it.

    Raises:
        UsageError: Two pens were asked for.
    """

    sim: bool = False
    url: str | None = None
    serial: str | None = None
    journal: Path | None = None
    data: Path | None = None
    runtime: Path | None = None

    def __post_init__(self) -> None:
        if self.sim and self.url is not None and not self.url.startswith("sim:"):
            raise UsageError(
                f"--sim brings its own pen and {self.url} is another one, so nothing was opened. Leave one of them out."
            )
