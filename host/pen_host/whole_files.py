"""Files that are written whole or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from pen_host.errors import UsageError


def write_whole(path: Path, content: bytes) -> str:
    """Writes one file under its name only when all of it is on the disk, and returns its SHA-256.

    Raises:
        UsageError: It cannot be written; what was there before is still there.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # or the name could come to lie over nothing when the power goes
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise UsageError(
            f"{path} could not be written ({error.strerror or error}), so there is no new file. Name another place with --out."
        ) from error
    return hashlib.sha256(content).hexdigest()
