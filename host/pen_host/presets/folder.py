"""The folder in which own presets lay before they were rows of the record, and in which older backups bring them.

    presets/our_own.toml               the version in force
    presets/versions/our_own.1.toml    those before it, as they were

The first line of a file says which version it is, since when and by whom; one that somebody put there by hand is version 1 of
nobody.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pen_host.presets.loader import PresetError, parse_preset, read_preset

FOLDER = "presets"
"""Its name, beside the record."""
HEAD = "# derma-pen preset "
"""How the first line of a file begins."""
_NUMBER_MAX = 999_999
_NAME_MAX = 120
_FILE = re.compile(r"(?P<preset_id>[a-z][a-z0-9_]{0,39})(\.(?P<number>[1-9][0-9]{0,5}))?\.toml")


@dataclass(frozen=True, slots=True)
class Filed:
    """A file of the folder.

    Attributes:
        name: Below the folder.
        sha256: Of the file; empty where it cannot be read.
        preset_id: What its text says, or its name where that says nothing; empty where neither does.
        text: As `bare` has it; empty where it is no text.
        number: Of the version.
        saved_at: Since when; None where nobody knows.
        saved_by: By whom; None where nobody knows.
        problem: Why it cannot be kept, a clause; empty where it can.
    """

    name: str
    sha256: str
    preset_id: str = ""
    text: str = ""
    number: int = 1
    saved_at: datetime | None = None
    saved_by: str | None = None
    problem: str = ""


def filed(folder: Path) -> Iterator[Filed]:
    """Every file of the folder, whatever it holds; nothing where there is no folder."""
    for path in sorted(folder.rglob("*.toml")):
        if path.is_file():
            yield _filed(path, path.relative_to(folder).as_posix())


def bare(text: str) -> str:
    """A text as it is kept: without that first line, which is the file's, and with one line feed at its end."""
    content = text.partition("\n")[2] if text.startswith(HEAD) else text
    return f"{content.rstrip()}\n"


def _filed(path: Path, name: str) -> Filed:
    try:
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return Filed(name, "", problem=f"it cannot be read ({error.strerror or error})")
    try:
        whole = read_preset(path)
    except PresetError as error:
        return Filed(name, sha256, problem="; ".join(error.problems))
    if "\0" in whole:
        return Filed(name, sha256, problem="it is no text")
    text, by_name = bare(whole), _FILE.fullmatch(path.name)
    preset_id = _says(text, path.name) or (by_name["preset_id"] if by_name else "")
    if not preset_id:
        return Filed(name, sha256, problem="neither its text nor its name says which preset it is")
    number = int(by_name["number"] or 1) if by_name else 1
    return Filed(name, sha256, preset_id, text, **({"number": number} | _head(whole)))


def _says(text: str, name: str) -> str:
    """Which preset a text says it is; nothing where it cannot be used."""
    try:
        return parse_preset(text, name).preset_id
    except PresetError:
        return ""


def _head(text: str) -> dict[str, Any]:
    """The first line, where it is ours; a line that was tampered with says nothing."""
    first = text.partition("\n")[0]
    if not first.startswith(HEAD):
        return {}
    try:
        found = json.loads(first.removeprefix(HEAD))
        number, saved_at, by = (
            int(found["version"]),
            datetime.fromisoformat(found["saved_at"]),
            str(found["by"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    if (
        saved_at.tzinfo is None
        or not 1 <= number <= _NUMBER_MAX
        or not by.isprintable()
        or len(by) > _NAME_MAX
    ):
        return {}
    return {"number": number, "saved_at": saved_at, "saved_by": by}
