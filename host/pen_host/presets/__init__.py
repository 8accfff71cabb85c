"""Treatment presets as data files with their sources, and the plans made from them."""

from pen_host.presets.loader import (
    PresetError,
    load_preset,
    own_presets,
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
from pen_host.presets.own import OwnPresets, Version, to_toml
from pen_host.presets.planning import asked, evidence_text, to_plan

__all__ = [
    "Course",
    "DepthRange",
    "Evidence",
    "OwnPresets",
    "PassRange",
    "Preset",
    "PresetError",
    "PresetZone",
    "RateRange",
    "Version",
    "ZoneChoice",
    "asked",
    "evidence_text",
    "load_preset",
    "own_presets",
    "parse_preset",
    "read_preset",
    "shipped_presets",
    "to_plan",
    "to_toml",
]
