"""A clinic's own presets in a backup from before they were rows of the record: texts in its manifest, under its signature.

They are put back as the files they were, and the record takes them in when it is brought up to date.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pen_host.backups.errors import BackupError
from pen_host.presets.folder import FOLDER
from pen_host.whole_files import write_whole

_NAME = re.compile(r"(versions/)?[a-z][a-z0-9_]{0,39}(\.[0-9]{1,6})?\.toml")


def put_back(folder: Path, texts: Mapping[str, object], record: Path) -> None:
    """Writes the presets of a backup beside a record that is restored; what lies there already stays as it is.

    Args:
        folder: The backup, for its complaints.
        texts: What its manifest says.
        record: Where the record is restored.

    Raises:
        BackupError: A name is none that a backup gives.
        UsageError: One cannot be written.
    """
    for name, text in texts.items():
        if not _NAME.fullmatch(name) or not isinstance(text, str):
            raise BackupError(folder, f"it names {name!r} as a preset, which no backup does")
    for name, text in texts.items():
        path = record.parent / FOLDER / name
        if not path.exists():
            write_whole(path, str(text).encode())
