"""Presets as the console shows and keeps them: the shipped ones to be read, the clinic's own to be made and changed."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Any

from ..presets import Book, Preset, Version, shipped_presets, to_toml, version_names
from ..records.presets import Presets
from .models import Line, Model
from .people import Person, signer
from .problems import Code, ProblemError, wrong_field


class VersionView(Model):
    """Which version of an own preset, since when, by whom, at which station."""

    number: int
    name: str
    """Its number, and what else tells it from a version of another station with the same number."""
    version_id: str
    digest: str
    saved_at: datetime | None
    saved_by: str | None
    station_id: str
    problem: str | None
    """Why it cannot be used here; null where it can."""

    @classmethod
    def all_of(cls, found: tuple[Version, ...]) -> tuple[VersionView, ...]:
        """Every version of a preset, in their order."""
        names = version_names(found)
        return tuple(
            cls(
                number=one.number,
                name=names[one.version_id],
                version_id=one.version_id,
                digest=one.digest,
                saved_at=one.saved_at,
                saved_by=one.saved_by,
                station_id=one.station_id,
                problem=one.problem,
            )
            for one in found
        )


class PresetView(Model):
    """A preset, whole."""

    preset: Preset
    version: VersionView | None = None
    """Of the clinic's own; null for one that comes with the program, which is never changed."""
    versions: tuple[VersionView, ...] = ()
    """All of them, of every station, that in force first; filled in for one preset that is asked for."""


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
    """

    def __init__(self, presets: Presets) -> None:
        self._presets = presets

    def all(self) -> tuple[PresetView, ...]:
        """Every preset that can be used, shipped ones first."""
        book = self._presets.own.book()
        shipped = [PresetView(preset=one) for one in shipped_presets()]
        return (*shipped, *(_view(book, one) for one in book.presets()))

    def unusable(self) -> tuple[str, ...]:
        """Presets of the clinic's own that cannot be used here, a sentence each."""
        return self._presets.unusable()

    def one(self, preset_id: str) -> PresetView:
        """One, with its versions.

        Raises:
            ProblemError: There is none.
            PenError: It cannot be used.
        """
        shipped = next((one for one in shipped_presets() if one.preset_id == preset_id), None)
        if shipped is not None:
            return PresetView(preset=shipped)
        book = self._presets.own.book()
        preset = book.in_force(preset_id)
        if preset is None:
            raise _none(f"preset {preset_id[:40]}")
        return _view(book, preset, whole=True)

    def versions(self, preset_id: str) -> tuple[VersionView, ...]:
        """Every version of an own preset, those that cannot be used here among them; none where there is no such preset."""
        return VersionView.all_of(self._presets.own.book().versions(preset_id))

    def version(self, preset_id: str, which: str) -> PresetView:
        """An own preset as it was.

        Args:
            preset_id: Which preset.
            which: Number of the version, or its key where several stations wrote that number.

        Raises:
            ProblemError: There is no such version, or several.
            PenError: It cannot be used.
        """
        found = self._presets.own.book().versions(preset_id)
        wanted = [one for one in found if which in (one.version_id, str(one.number))]
        if not wanted:
            raise _none(f"version {which[:40]} of {preset_id[:40]}")
        if len(wanted) > 1:
            several = ", ".join(f"{one.version_id} of station {one.station_id}" for one in wanted)
            sentence = (
                f"Several stations wrote version {which} of {preset_id}. Name one by its key: {several}."
            )
            raise wrong_field("version", sentence)
        (one,) = [view for view in VersionView.all_of(found) if view.version_id == wanted[0].version_id]
        return PresetView(preset=wanted[0].preset, version=one)

    def add(self, content: dict[str, Any], by: Person) -> PresetView:
        """A new preset of the clinic's own.

        Raises:
            PenError: It cannot be used, or its name is taken; nothing was saved.
        """
        return self.one(self._presets.own.add(_text(content), signer(by)).preset_id)

    def change(self, preset_id: str, content: dict[str, Any], replaces: str, by: Person) -> PresetView:
        """A new version of one of the clinic's own.

        Raises:
            PenError: It comes with the program, cannot be used, or was changed meanwhile; nothing was saved.
        """
        return self.one(self._presets.own.change(preset_id, _text(content), replaces, signer(by)).preset_id)


def _view(book: Book, preset: Preset, *, whole: bool = False) -> PresetView:
    versions = VersionView.all_of(book.versions(preset.preset_id))
    return PresetView(preset=preset, version=versions[0], versions=versions if whole else ())


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
