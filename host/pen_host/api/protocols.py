"""Presets as the console shows and keeps them: the shipped ones to be read, the clinic's own to be made and changed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

from ..presets import Preset, Version, shipped_presets, to_toml
from ..records.clinic import Presets
from .models import Line, Model
from .people import Person
from .problems import Code, ProblemError, wrong_field


class VersionView(Model):
    """Which version of an own preset, since when, by whom."""

    number: int
    digest: str
    saved_at: datetime | None
    saved_by: str | None

    @classmethod
    def of(cls, found: Version) -> VersionView:
        """From the file's own."""
        return cls(number=found.number, digest=found.digest, saved_at=found.saved_at, saved_by=found.saved_by)


class PresetView(Model):
    """A preset, whole."""

    preset: Preset
    version: VersionView | None = None
    """Of the clinic's own; null for one that comes with the program, which is never changed."""
    versions: tuple[VersionView, ...] = ()
    """All of them, newest first; filled in for one preset that is asked for."""


class NewPreset(Model):
    """A preset of the clinic's own."""

    preset: dict[str, Any]
    """All of it, as a file would say it."""


class ChangePreset(NewPreset):
    """Another version of one."""

    replaces: Line
    """Digest of the version it was made from."""


class ProtocolDesk:
    """See the module. Waits for the disk.

    Args:
        presets: The clinic's.
        note: Writes into the record, in somebody's name; returns at once.
    """

    def __init__(self, presets: Presets, note: Callable[[str, Person, str], None]) -> None:
        self._presets = presets
        self._note = note
        self._saving = threading.Lock()

    def all(self) -> tuple[PresetView, ...]:
        """Every preset, shipped ones first.

        Raises:
            PenError: One of the clinic's own cannot be used.
        """
        return tuple(self._view(preset) for preset in self._presets.all())

    def one(self, preset_id: str) -> PresetView:
        """One, with its versions.

        Raises:
            ProblemError: There is none.
            PenError: It cannot be used.
        """
        found = next((one for one in self.all() if one.preset.preset_id == preset_id), None)
        if found is None:
            raise _none(f"preset {preset_id[:40]}")
        versions = self._presets.own.versions(preset_id) if found.version else ()
        return found.model_copy(update={"versions": tuple(map(VersionView.of, versions))})

    def version(self, preset_id: str, number: int) -> PresetView:
        """An own preset as it was.

        Raises:
            ProblemError: There is no such version.
            PenError: It cannot be used.
        """
        for found in self._presets.own.versions(preset_id):
            if found.number == number:
                return PresetView(preset=found.preset, version=VersionView.of(found))
        raise _none(f"version {number} of {preset_id[:40]}")

    def add(self, content: dict[str, Any], by: Person) -> PresetView:
        """A new preset of the clinic's own.

        Raises:
            PenError: It cannot be used, or its name is taken; nothing was saved.
        """
        with self._saving:
            made = self._presets.own.add(_text(content), by.name)
        return self._saved(made, by)

    def change(self, preset_id: str, content: dict[str, Any], replaces: str, by: Person) -> PresetView:
        """A new version of one of the clinic's own.

        Raises:
            PenError: It comes with the program, cannot be used, or was changed meanwhile; nothing was saved.
        """
        with self._saving:
            made = self._presets.own.change(preset_id, _text(content), replaces, by.name)
        return self._saved(made, by)

    def _saved(self, made: Version, by: Person) -> PresetView:
        preset_id = made.preset.preset_id
        self._note("own preset saved", by, f"{preset_id} version {made.number}, sha256 {made.digest}")
        return self.one(preset_id)

    def _view(self, preset: Preset) -> PresetView:
        if preset in shipped_presets():
            return PresetView(preset=preset)
        newest = self._presets.own.newest(preset.preset_id)
        if newest is None:
            return PresetView(preset=preset)
        # content and digest of one version: a change that rests on the one must not replace another
        return PresetView(preset=newest.preset, version=VersionView.of(newest))


def _text(content: dict[str, Any]) -> str:
    try:
        return to_toml(content)
    except (TypeError, RecursionError) as error:
        raise wrong_field("preset", f"It holds a value that no preset has a place for ({error}).") from error


def _none(what: str) -> ProblemError:
    return ProblemError(
        Code.NOT_FOUND,
        HTTPStatus.NOT_FOUND,
        f"There is no {what}, so nothing was done. Choose one of the list.",
    )
