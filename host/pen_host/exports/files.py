"""A folder of exported files: written whole or not at all, with a manifest of their hashes that can be checked later."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pen_host.errors import UsageError, VerificationError

MANIFEST = "manifest.json"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Written:
    """An export.

    Attributes:
        folder: Where.
        files: SHA-256 by file, relative to the folder.
        bytes: All of them together.
        about: What it is, as the manifest says.
    """

    folder: Path
    files: dict[str, str]
    bytes: int
    about: dict[str, Any] = field(default_factory=dict)


class Export:
    """A folder under construction; use it in a `with`. It appears under its name when everything is written, or not at all.

    Args:
        folder: Where it will be; must not be there, or be empty.
        about: What it is, for the manifest.

    Attributes:
        about: The same; what is added before the end is in the manifest.

    Raises:
        UsageError: Something is there already, or nothing can be written there.
    """

    def __init__(self, folder: Path, about: Mapping[str, Any]) -> None:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(
                f"{folder} is there already and is not empty, so nothing was exported. Name a new folder with --out."
            )
        self._folder = folder
        self.about = dict(about)
        self.place = folder.with_name(f".{folder.name}.part")
        self.written: Written | None = None

    def __enter__(self) -> Self:
        try:
            shutil.rmtree(self.place, ignore_errors=True)
            self.place.mkdir(parents=True)
        except OSError as error:
            raise _unwritable(self._folder, error) from error
        return self

    def put(self, name: str, content: bytes) -> None:
        """Writes one file.

        Raises:
            UsageError: It cannot be written.
        """
        target = self.place / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        except OSError as error:
            raise _unwritable(self._folder, error) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            shutil.rmtree(self.place, ignore_errors=True)
            return
        try:
            files = _hashes(self.place)
            size = sum((self.place / name).stat().st_size for name in files)
            manifest = {**self.about, "files": files}
            (self.place / MANIFEST).write_text(
                json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", "utf-8"
            )
            if self._folder.exists():
                self._folder.rmdir()
            self.place.replace(self._folder)
        except OSError as failure:
            shutil.rmtree(self.place, ignore_errors=True)
            raise _unwritable(self._folder, failure) from failure
        self.written = Written(self._folder, files, size, self.about)

    @property
    def result(self) -> Written:
        """What was written, once the `with` has ended."""
        assert self.written is not None, "asked for before the end"
        return self.written


def verify(folder: Path) -> Written:
    """Reads an export again and compares every file with its manifest.

    Raises:
        VerificationError: A file is missing, strange or changed, or there is no manifest.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        known: dict[str, str] = manifest.pop("files")
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise VerificationError(
            f"{folder} has no manifest that can be read, so nobody can say whether it is whole. Export it again."
        ) from error
    found = _hashes(folder)
    wrong = sorted(name for name in {*known, *found} if known.get(name) != found.get(name))
    if wrong:
        raise VerificationError(
            f"{len(wrong)} files of {folder} are not what the manifest says ({', '.join(wrong[:5])}): missing, strange or "
            "changed. Export it again."
        )
    return Written(folder, found, sum((folder / name).stat().st_size for name in found), manifest)


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file != folder / MANIFEST)
    return {file.relative_to(folder).as_posix(): _sha256(file) for file in files}


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _unwritable(place: Path, error: OSError) -> UsageError:
    return UsageError(
        f"Nothing could be written to {place} ({error.strerror or error}), so nothing was exported. Name another with --out."
    )
