"""Reads preset files. A file that is not whole, or names no source, is refused with every problem it has."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pen_host.clauses import clause
from pen_host.errors import UsageError
from pen_host.presets.models import Preset
from pen_host.screening import shipped_rules

SHIPPED = Path(__file__).parent / "data"
SIZE_MAX = 64 * 1024
"""Largest preset file in bytes; the shipped ones have a tenth of it. (J)"""


class PresetError(UsageError):
    """A preset cannot be used.

    Args:
        name: The preset.
        problems: What is wrong with it, clauses without a full stop.
        fields: The same by field, where it is known.

    Attributes:
        problems: As given.
        fields: As given.
    """

    def __init__(self, name: str, problems: Sequence[str], fields: Mapping[str, str] | None = None) -> None:
        self.problems = tuple(problems)
        self.fields = dict(fields or {})
        super().__init__(
            f"The preset {name} cannot be used: {'; '.join(self.problems)}. No plan was made from it and nothing was sent "
            "to a pen. Correct it, or choose another preset."
        )


@cache
def shipped_presets() -> tuple[Preset, ...]:
    """The presets that come with the program."""
    return tuple(load_preset(file) for file in sorted(SHIPPED.glob("*.toml")))


def load_preset(path: Path) -> Preset:
    """Reads a preset file.

    Raises:
        PresetError: It cannot be read or used.
    """
    return parse_preset(read_preset(path), path.name)


def read_preset(path: Path) -> str:
    """The text of a preset file.

    Raises:
        PresetError: It cannot be read, is too large or is no text.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PresetError(path.name, [f"it cannot be read ({error.strerror or error})"]) from error
    if len(content) > SIZE_MAX:
        raise PresetError(path.name, [f"the file is larger than {SIZE_MAX // 1024} KiB, so it is no preset"])
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise PresetError(path.name, ["it is not UTF-8 text"]) from error


def parse_preset(text: str, name: str = "preset") -> Preset:
    """Makes a preset from TOML text.

    Raises:
        PresetError: It cannot be used.
    """
    try:
        preset = Preset.model_validate_json(json.dumps(tomllib.loads(text)))
    except tomllib.TOMLDecodeError as error:
        raise PresetError(name, [f"it is not valid TOML: {error}"]) from error
    except ValidationError as error:
        found = [(item["loc"], clause(item)) for item in error.errors() if not _echoed(item, error)]
        fields = {_field(*one): _clause(*one).removeprefix(f"{_field(*one)}: ") for one in found}
        raise PresetError(name, [_clause(*one) for one in found], fields) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise PresetError(name, [f"it holds a value that no preset has a place for: {error}"]) from error
    unknown = sorted(set(preset.ask) - shipped_rules().by_id.keys())
    if unknown:
        raise PresetError(name, [f"it asks {', '.join(unknown)}, which no screening rule explains"])
    return preset


def _echoed(item: ErrorDetails, error: ValidationError) -> bool:
    """Whether something is said of a list only because what is in it was refused."""
    place = item["loc"]
    return any(one["loc"][: len(place)] == place != one["loc"] for one in error.errors())


def _field(place: tuple[int | str, ...], message: str) -> str:
    """Which field; a rule about several begins with the one to look at."""
    return ".".join(map(str, place)) or message.partition(" ")[0]


def _clause(place: tuple[int | str, ...], message: str) -> str:
    if place == ("sources",):
        return "sources: it names no primary source, so nobody could check its numbers"
    where = ".".join(str(part) for part in place)
    return f"{where}: {message}" if where else message
