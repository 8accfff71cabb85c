"""A clinic's own presets in versions: which is in force, what it says, which one a treatment was planned by. Pure.

A version is never changed. Each has a key of its own, so two stations that wrote version 2 at the same time wrote two versions,
and both stay; the later one is in force, everywhere the same. A text that cannot be used here (damaged, or of a newer program)
is kept and told, and none before it is taken in its place: what it changed may be what makes a treatment safe.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from pen_host.presets.loader import SIZE_MAX, PresetError, parse_preset, shipped_presets
from pen_host.presets.models import Preset

_NOBODY_KNOWS = datetime(1970, 1, 1, tzinfo=UTC)
"""Before everything that has a moment."""
_READ_MOST = 512
"""Texts whose reading is remembered. (J)"""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an own preset.

    Attributes:
        version_id: Its key.
        preset_id: Of which preset.
        number: From 1; several stations may have written the same one.
        text: TOML, as it was saved.
        digest: SHA-256 of that, by which a visit names the version it was planned by.
        saved_at: Since when; None where nobody knows.
        saved_by: By whom; None where nobody knows.
        station_id: At which station.
    """

    version_id: str
    preset_id: str
    number: int
    text: str
    digest: str
    saved_at: datetime | None
    saved_by: str | None
    station_id: str

    @property
    def preset(self) -> Preset:
        """What it says.

        Raises:
            PresetError: It cannot be used here.
        """
        found = _read(self.preset_id, self.text, self.digest)
        if isinstance(found, Preset):
            return found
        raise PresetError(f"{self.preset_id}, version {self.number} of station {self.station_id},", found)

    @property
    def problem(self) -> str | None:
        """Why it cannot be used here, a sentence; None where it can."""
        try:
            _ = self.preset
        except PresetError as error:
            return error.sentence
        return None


@dataclass(frozen=True, slots=True)
class Planned:
    """What a visit says of the preset its plan came from.

    Attributes:
        preset_id: Its name.
        digest: Of the version; None for one that comes with the program, and for visits from before versions were named.
        at: When the visit was opened.
        station_id: Where.
    """

    preset_id: str
    digest: str | None
    at: datetime
    station_id: str


class Book:
    """Every version of every own preset of a clinic.

    Args:
        versions: In any order.
    """

    def __init__(self, versions: Iterable[Version] = ()) -> None:
        self._of: dict[str, list[Version]] = {}
        for one in sorted(versions, key=_age, reverse=True):
            self._of.setdefault(one.preset_id, []).append(one)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the presets."""
        return tuple(sorted(self._of))

    def versions(self, preset_id: str) -> tuple[Version, ...]:
        """Every version of a preset, that in force first."""
        return tuple(self._of.get(preset_id, ()))

    def newest(self, preset_id: str) -> Version | None:
        """The version in force; None where the clinic has no such preset of its own."""
        return next(iter(self.versions(preset_id)), None)

    def presets(self) -> tuple[Preset, ...]:
        """What is in force and can be used."""
        return tuple(one.preset for one in self._in_force() if _in_the_way(one) is None)

    def unusable(self) -> tuple[str, ...]:
        """Presets that cannot be used here, a sentence each."""
        return tuple(why for why in map(_in_the_way, self._in_force()) if why is not None)

    def in_force(self, preset_id: str) -> Preset | None:
        """An own preset as it is in force; None where there is none.

        Raises:
            PresetError: It cannot be used here.
        """
        found = self.newest(preset_id)
        return None if found is None else found.preset

    def planned_by(self, planned: Planned) -> Version | None:
        """The version that a visit was planned by; None where it is none of these.

        A visit that does not name one was opened before presets went to other stations: it rests on what its own station had
        at that moment, the first version where all are younger.
        """
        known = self.versions(planned.preset_id)
        if planned.digest is not None:
            return next((one for one in reversed(known) if one.digest == planned.digest), None)
        here = [one for one in known if one.station_id == planned.station_id] or known
        then = (one for one in here if one.saved_at is None or one.saved_at <= planned.at)
        return next(then, here[-1] if here else None)

    def told(self, planned: Planned) -> str:
        """What to call the version that a visit was planned by; versions of the same words are one."""
        version = self.planned_by(planned)
        if version is None:
            return f"a version that is not in this record (sha256 {(planned.digest or 'not known')[:12]})"
        known = self.versions(planned.preset_id)
        names = version_names(known)
        same = [names[one.version_id] for one in reversed(known) if one.digest == version.digest]
        return same[0] if len(same) == 1 else f"{' and '.join(same)}, of the same words"

    def _in_force(self) -> list[Version]:
        return [self._of[name][0] for name in self.names]


def version_names(versions: Sequence[Version]) -> dict[str, str]:
    """What to call versions of one preset, by their keys: the number, and what else tells them apart where that does not."""
    found: dict[str, str] = {}
    for one in versions:
        same = [other for other in versions if other.number == one.number]
        name = f"version {one.number}"
        if len(same) > 1:
            name += f" of station {one.station_id}"
        if sum(other.station_id == one.station_id for other in same) > 1:
            name += f" ({one.version_id[:8]})"
        found[one.version_id] = name
    return found


def digest_of(text: str) -> str:
    """By which a version is named."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def must_be_its_own(preset: Preset, in_force: Sequence[Preset]) -> None:
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


def _age(one: Version) -> tuple[int, datetime, str]:
    """Orders versions, the same at every station."""
    return one.number, one.saved_at or _NOBODY_KNOWS, one.version_id


def _in_the_way(one: Version) -> str | None:
    """Why a version that is in force cannot be used."""
    if one.preset_id in {shipped.preset_id for shipped in shipped_presets()}:
        why = "a preset that comes with the program has its name by now; save it under another one"
        return PresetError(one.preset_id, [why]).sentence
    return one.problem


@lru_cache(_READ_MOST)
def _read(preset_id: str, text: str, digest: str) -> Preset | tuple[str, ...]:
    """What a text says, or what is wrong with it."""
    if digest_of(text) != digest:
        return ("its text is not the one that was saved: somebody changed it, or the record is damaged",)
    if len(text.encode(errors="surrogatepass")) > SIZE_MAX:
        return (f"its text is larger than {SIZE_MAX // 1024} KiB",)
    try:
        preset = parse_preset(text, preset_id)
    except PresetError as error:
        return (*error.problems, "if a newer program made it, bring this one up to date")
    return preset if preset.preset_id == preset_id else (f"its text is that of {preset.preset_id}",)


def _same_numbers(preset: Preset, of: Preset) -> bool:
    """Whether a ground of one is one for the other: the same interval, and no zone at another depth."""
    depths = {zone.name: zone.depth_um for zone in of.zones}
    return preset.interval_days == of.interval_days and all(
        depths.get(zone.name) == zone.depth_um for zone in preset.zones
    )


def _words(text: str | None) -> str:
    return " ".join((text or "").casefold().split())
