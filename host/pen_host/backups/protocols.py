"""A clinic's own presets in a backup, every version: a treatment's papers go by the version of its day.

They are texts of some kilobytes without anything of a patient, so they stand in the manifest itself, under its signature.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pen_host.backups.errors import BackupError
from pen_host.errors import UsageError
from pen_host.records.clinic import OWN_PRESETS
from pen_host.whole_files import write_whole

_NAME = re.compile(r"(versions/)?[a-z][a-z0-9_]{0,39}(\.[0-9]{1,6})?\.toml")


def own_texts(record: Path) -> dict[str, str]:
    """Text of every file of the presets beside a record, by its name below their folder; hand-made names stay out.

    Raises:
        OSError: One cannot be read.
        UsageError: One is no text.
    """
    folder = record.parent / OWN_PRESETS
    files = [path for path in folder.rglob("*.toml") if path.is_file()]
    named = {path.relative_to(folder).as_posix(): path for path in files}
    return {name: _text(path) for name, path in sorted(named.items()) if _NAME.fullmatch(name)}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"The preset {path} is damaged: it is no text, so nothing was saved. Put it back from an older backup or take it out "
            "of its folder, then save again."
        ) from error


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
        path = record.parent / OWN_PRESETS / name
        if not path.exists():
            write_whole(path, str(text).encode())
