"""Treatment presets as data files with their sources, and the plans made from them."""

from pen_host.presets.loader import (
    PresetError,
    load_preset,
    parse_preset,
    read_preset,
    shipped_presets,
)
from pen_host.presets.models import (
    Course,
    DepthRange,
    Evidence,
    PassRange,
    Preset,
    PresetZone,
    RateRange,
    ZoneChoice,
)
from pen_host.presets.own import Book, Planned, Version, digest_of, must_be_its_own, to_toml, version_names
from pen_host.presets.planning import asked, evidence_text, to_plan

__all__ = [
    "Book",
    "Course",
    "DepthRange",
    "Evidence",
    "PassRange",
    "Planned",
    "Preset",
    "PresetError",
    "PresetZone",
    "RateRange",
    "Version",
    "ZoneChoice",
    "asked",
    "digest_of",
    "evidence_text",
    "load_preset",
    "must_be_its_own",
    "parse_preset",
    "read_preset",
    "shipped_presets",
    "to_plan",
    "to_toml",
    "version_names",
]
