"""A clinic's own presets: files beside its record, of which every version is kept.

    presets/our_own.toml               the version in force
    presets/versions/our_own.1.toml    those before it, as they were

The first line of a file says which version it is, since when and by whom; one that somebody put there by hand is version 1 of
nobody. The old version is put aside before the new one takes its name, so a crash in between loses neither.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pen_host.errors import RefusedError
from pen_host.presets.loader import PresetError, own_presets, parse_preset, read_preset, shipped_presets
from pen_host.presets.models import Preset
from pen_host.whole_files import write_whole

VERSIONS = "versions"
HEAD = "# derma-pen preset "
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an own preset.

    Attributes:
        preset: It.
        number: From 1.
        digest: SHA-256 of its file.
        saved_at: Since when; None where nobody knows.
        saved_by: By whom; None where nobody knows.
    """

    preset: Preset
    number: int
    digest: str
    saved_at: datetime | None
    saved_by: str | None


class OwnPresets:
    """See the module.

    Args:
        folder: Where they lie; need not be there yet.
        now: The moment, UTC.
    """

    def __init__(self, folder: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._folder = folder
        self._now = now

    def all(self) -> tuple[Preset, ...]:
        """Those in force.

        Raises:
            PresetError: One of them cannot be used, or has the name of another.
        """
        return own_presets(self._folder)

    def newest(self, preset_id: str) -> Version | None:
        """The version in force; None where the clinic has no such preset of its own.

        Raises:
            PresetError: It cannot be used.
        """
        file = self._file(preset_id)
        return _version(file) if file.is_file() else None

    def versions(self, preset_id: str) -> tuple[Version, ...]:
        """Every version of a preset, newest first.

        Raises:
            PresetError: One of them cannot be used.
        """
        newest = self.newest(preset_id)
        if newest is None:
            return ()
        older = [_version(file) for file in self._aside(preset_id).parent.glob(f"{preset_id}.*.toml")]
        return newest, *sorted(
            (one for one in older if one.number != newest.number), key=lambda one: one.number, reverse=True
        )

    def at(self, preset_id: str, moment: datetime) -> Preset | None:
        """A preset as it was in force at a moment; the first version where it is younger; None where there is none.

        Raises:
            PresetError: A version cannot be used.
        """
        found = self.versions(preset_id)
        for one in found:
            if one.saved_at is None or one.saved_at <= moment:
                return one.preset
        return found[-1].preset if found else None

    def add(self, text: str, by: str) -> Version:
        """Takes a new preset in.

        Args:
            text: TOML, as a file has it.
            by: Who does it.

        Raises:
            PresetError: It cannot be used, its name or title is taken, or its ground is another preset's.
            UsageError: It cannot be written.
        """
        preset = parse_preset(_bare(text), "as it was typed")
        in_force = (*shipped_presets(), *self.all())
        if preset.preset_id in {one.preset_id for one in in_force}:
            why = f"{preset.preset_id} is taken by another preset"
            raise PresetError(preset.preset_id, [f"preset_id {why}"], {"preset_id": why})
        _its_own(preset, in_force)
        return self._write(preset, text, 1, by)

    def change(self, preset_id: str, text: str, replaces: str, by: str) -> Version:
        """Puts a new version of an own preset in force; the one before is kept.

        Args:
            preset_id: Which.
            text: TOML of the whole preset, under the same name.
            replaces: Digest of the version it was made from.
            by: Who does it.

        Raises:
            PresetError: It comes with the program, there is none, it cannot be used, says nothing new, its title is taken, or
                its ground was given for other numbers.
            RefusedError: Somebody saved another version meanwhile.
            UsageError: It cannot be written; the version before is in force.
        """
        if preset_id in {one.preset_id for one in shipped_presets()}:
            raise PresetError(
                preset_id, ["it comes with the program and is never changed; make an own one from it"]
            )
        before = self.newest(preset_id)
        if before is None:
            raise PresetError(preset_id, ["the clinic has no preset of its own by that name"])
        preset = parse_preset(_bare(text), preset_id)
        if preset.preset_id != preset_id:
            why = f"it is {preset_id} and stays so; visits name it by that"
            raise PresetError(preset_id, [f"preset_id: {why}"], {"preset_id": why})
        if before.digest != replaces:
            raise RefusedError(
                f"{before.saved_by or 'Somebody'} saved version {before.number} of {preset_id} meanwhile, so yours was not. "
                "Open the preset again and make your change to that version."
            )
        if preset == before.preset:
            raise PresetError(preset_id, ["nothing was changed, so there is no new version"])
        _its_own(preset, (*shipped_presets(), *self.all()))
        aside = self._aside(preset_id, before.number)
        if not aside.is_file():
            write_whole(aside, self._file(preset_id).read_bytes())
        return self._write(preset, text, before.number + 1, by)

    def _write(self, preset: Preset, text: str, number: int, by: str) -> Version:
        head = {"version": number, "saved_at": self._now().isoformat(), "by": by}
        content = f"{HEAD}{json.dumps(head)}\n{_bare(text).rstrip()}\n".encode()
        digest = write_whole(self._file(preset.preset_id), content)
        return Version(preset, number, digest, datetime.fromisoformat(str(head["saved_at"])), by)

    def _file(self, preset_id: str) -> Path:
        if not _NAME.fullmatch(preset_id):
            raise PresetError(preset_id[:40], ["a preset is named by small letters, digits and underscores"])
        return self._folder / f"{preset_id}.toml"

    def _aside(self, preset_id: str, number: int = 1) -> Path:
        return self._folder / VERSIONS / f"{preset_id}.{number}.toml"


def to_toml(content: Mapping[str, Any]) -> str:
    """A preset's plain values as TOML; what is None is left out.

    Raises:
        TypeError: A value is none that TOML has.
    """
    lines = [f"{name} = {_value(value)}" for name, value in content.items() if value is not None]
    return "\n".join(lines) + "\n"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        # TOML's basic strings are JSON's, but for DEL
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        inner = (f"{_value(str(name))} = {_value(one)}" for name, one in value.items() if one is not None)
        return f"{{ {', '.join(inner)} }}"
    raise TypeError(f"a preset has no place for {type(value).__name__}")


def _its_own(preset: Preset, in_force: Sequence[Preset]) -> None:
    """Refuse a title that another preset has, and a ground that was given for another interval or depth.

    Raises:
        PresetError: Names the fields.
    """
    wrong: dict[str, str] = {}
    titles = {_words(one.title) for one in in_force if one.preset_id != preset.preset_id}
    if _words(preset.title) in titles:
        wrong["title"] = "another preset has this title, and whoever plans could not tell them apart"
    grounds = [one for one in in_force if _words(one.short_interval) == _words(preset.short_interval)]
    if preset.short_interval and grounds and not any(_same_numbers(preset, one) for one in grounds):
        wrong["short_interval"] = (
            f"this ground was given by {grounds[0].title} for its own interval and depth, which this preset changes; say on "
            "whose protocol these rest"
        )
    if wrong:
        raise PresetError(preset.preset_id, [f"{field}: {why}" for field, why in wrong.items()], wrong)


def _same_numbers(preset: Preset, of: Preset) -> bool:
    """Whether a ground of one is one for the other: the same interval, and no zone at another depth."""
    depths = {zone.name: zone.depth_um for zone in of.zones}
    return preset.interval_days == of.interval_days and all(
        depths.get(zone.name) == zone.depth_um for zone in preset.zones
    )


def _words(text: str | None) -> str:
    return " ".join((text or "").casefold().split())


def _version(file: Path) -> Version:
    text = read_preset(file)
    preset = parse_preset(text, file.name)
    head = _head(text)
    saved_at = head.get("saved_at")
    return Version(
        preset,
        int(head.get("version", 1)),
        hashlib.sha256(file.read_bytes()).hexdigest(),
        datetime.fromisoformat(saved_at) if saved_at else None,
        head.get("by"),
    )


def _head(text: str) -> dict[str, Any]:
    """The first line, where it is ours; a line that was tampered with says nothing."""
    first = text.partition("\n")[0]
    if not first.startswith(HEAD):
        return {}
    try:
        found = json.loads(first.removeprefix(HEAD))
        datetime.fromisoformat(found["saved_at"])
        return {"version": int(found["version"]), "saved_at": found["saved_at"], "by": str(found["by"])}
    except (ValueError, KeyError, TypeError):
        return {}


def _bare(text: str) -> str:
    """Without such a line: it is the file's, not the preset's."""
    return text.partition("\n")[2] if text.startswith(HEAD) else text
