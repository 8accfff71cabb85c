"""Compares a bundle with what a pen holds and orders the steps between the two, so that a cut at any point is safe.

Every new file is first written whole into a staging folder, beside a firmware that stays complete. Then main.py is put
aside: from here to the last step a pen that restarts runs boot.py, which drives the outputs low, and waits at its prompt.
It never runs a mixture of two firmwares. What is staged is moved into place by renaming, and main.py is moved back last.
A run after a cut finds what is staged already and goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from .bundle import BOOT, MAIN, PACKAGES, Bundle

STAGING = "update"
"""Folder of the pen's file system where new files wait."""
ROOTS = (BOOT, MAIN, *PACKAGES, STAGING)
"""All that flashing looks at; settings and records lie beside it and stay."""
FOLDER = ""
"""Stands for the SHA-256 of a folder in what a pen holds."""


class Change(StrEnum):
    """What happens to one file."""

    ADDED = "added"
    CHANGED = "changed"
    SAME = "same"
    REMOVED = "removed"


@dataclass(frozen=True)
class FileChange:
    """One file and what happens to it; `size` in bytes, as it is afterwards (0 when removed)."""

    path: str
    change: Change
    size: int


class Act(StrEnum):
    """What one step does on the pen."""

    FOLDER = "make folder"
    WRITE = "write"
    MOVE = "move"
    REMOVE = "remove"
    REMOVE_FOLDER = "remove folder"
    CHECK = "check"
    """All of the bundle is in place but main.py, which is staged: verify before the pen may run it."""


@dataclass(frozen=True)
class Step:
    """One step. WRITE puts the bundle's `source` at `path`; MOVE brings `source` to `path`, replacing what is there."""

    act: Act
    path: str
    source: str = ""


@dataclass(frozen=True)
class Plan:
    """What differs, and the steps that end it. No steps: the pen holds the bundle already."""

    changes: tuple[FileChange, ...]
    steps: tuple[Step, ...]

    def paths(self, change: Change) -> tuple[str, ...]:
        """Paths with this change."""
        return tuple(entry.path for entry in self.changes if entry.change is change)


def staged(path: str) -> str:
    """Where a file waits until it is moved into place."""
    return f"{STAGING}/{path.replace('/', '~')}"


def plan(bundle: Bundle, held: Mapping[str, str]) -> Plan:
    """Changes and steps that bring a pen to a bundle.

    Args:
        bundle: What the pen shall hold.
        held: SHA-256 by path of every file below `ROOTS` that it holds now, `FOLDER` for folders.
    """
    changes = compare(bundle, held)
    return Plan(changes, tuple(_steps(bundle, held, changes)))


def compare(bundle: Bundle, held: Mapping[str, str]) -> tuple[FileChange, ...]:
    """Every file of the bundle, and every file of the pen's packages that is in none."""
    wanted = bundle.digests
    sizes = {file.path: file.size for file in bundle.manifest.files}
    found = []
    for path in sorted(wanted):
        before = held.get(path)
        change = Change.ADDED if before is None else Change.SAME if before == wanted[path] else Change.CHANGED
        found.append(FileChange(path, change, sizes[path]))
    stale = [
        path
        for path, sha256 in held.items()
        if sha256 != FOLDER and _of_firmware(path) and path not in wanted
    ]
    return (*found, *(FileChange(path, Change.REMOVED, 0) for path in sorted(stale)))


def bytes_needed(changes: Iterable[FileChange], block: int) -> int:
    """Room that writing takes while old and new lie side by side, in whole blocks, the folders' own included."""
    written = [entry.size for entry in changes if entry.change in (Change.ADDED, Change.CHANGED)]
    folders = 2 * (len(PACKAGES) + 1) * block
    return sum(-(-size // block) * block for size in written) + folders if written else 0


def _steps(bundle: Bundle, held: Mapping[str, str], changes: tuple[FileChange, ...]) -> Iterable[Step]:
    wanted = bundle.digests
    new = [entry.path for entry in changes if entry.change in (Change.ADDED, Change.CHANGED)]
    stale = [entry.path for entry in changes if entry.change is Change.REMOVED]
    waiting = {staged(path) for path in new if held.get(staged(path)) == wanted[path]}
    litter = _litter(held, waiting)
    empty = [path for path in _empty_folders(bundle, held) if _of_firmware(path)]
    if not (new or stale or empty):
        yield from _clear(litter, held)
        return
    yield from _remove(litter, held)
    if held.get(STAGING) != FOLDER:
        yield Step(Act.FOLDER, STAGING)
    for path in new:
        if staged(path) not in waiting:
            yield Step(Act.WRITE, staged(path), path)
    if BOOT in new:
        yield Step(Act.MOVE, BOOT, staged(BOOT))
    if MAIN not in new:
        yield Step(Act.MOVE, staged(MAIN), MAIN)
    elif MAIN in held:
        yield Step(Act.REMOVE, MAIN)
    yield from (Step(Act.REMOVE, path) for path in stale)
    yield from (Step(Act.REMOVE_FOLDER, path) for path in empty)
    yield from (Step(Act.FOLDER, path) for path in _folders(wanted) if held.get(path) != FOLDER)
    yield from (Step(Act.MOVE, path, staged(path)) for path in new if path not in (BOOT, MAIN))
    yield Step(Act.CHECK, staged(MAIN))
    yield Step(Act.MOVE, MAIN, staged(MAIN))
    yield Step(Act.REMOVE_FOLDER, STAGING)


def _clear(litter: list[str], held: Mapping[str, str]) -> Iterable[Step]:
    """End an earlier run that was cut after its last file."""
    yield from _remove(litter, held)
    if held.get(STAGING) == FOLDER:
        yield Step(Act.REMOVE_FOLDER, STAGING)


def _remove(paths: list[str], held: Mapping[str, str]) -> Iterable[Step]:
    """Files and folders, inner ones first."""
    for path in sorted(paths, reverse=True):
        yield Step(Act.REMOVE_FOLDER if held[path] == FOLDER else Act.REMOVE, path)


def _folders(paths: Iterable[str]) -> list[str]:
    """Folders the paths need, outer ones first."""
    found = {path[:index] for path in paths for index, letter in enumerate(path) if letter == "/"}
    return sorted(found)


def _empty_folders(bundle: Bundle, held: Mapping[str, str]) -> list[str]:
    """Folders of the pen that hold nothing of the bundle, inner ones first: such a folder would hide a module's file."""
    needed = set(_folders(bundle.digests))
    return sorted(
        (path for path, sha256 in held.items() if sha256 == FOLDER and path not in needed), reverse=True
    )


def _litter(held: Mapping[str, str], waiting: set[str]) -> list[str]:
    """What lies in the staging folder, or in its place, and is of no use."""
    below = [path for path in held if path.startswith(f"{STAGING}/") and path not in waiting]
    return below if held.get(STAGING, FOLDER) == FOLDER else [*below, STAGING]


def _of_firmware(path: str) -> bool:
    """Whether a path is in a package, or a file where a package's folder should be."""
    return path.partition("/")[0] in PACKAGES
