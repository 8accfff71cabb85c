"""What a preset says: a published protocol in the project's own units, with where each number comes from."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from pen_host.intervals import least_interval_days
from pen_host.models import (
    AREA_MAX_MM2,
    AREA_MIN_MM2,
    INTERVAL_MAX_DAYS,
    NEEDLES_MAX,
    PASSES_MAX,
    ZONES_MAX,
    Band,
    Endpoint,
    Id,
    LongText,
    Model,
    Source,
    Text,
)
from pen_host.screening import Site
from pen_protocol import limits

Depth = Annotated[
    int, Field(ge=limits.DEPTH_STEP_UM, le=limits.DEPTH_CAP_UM, multiple_of=limits.DEPTH_STEP_UM)
]
"""No preset goes beyond the cap: what needs an unlock is a clinician's own plan."""
Rate = Annotated[int, Field(ge=limits.RATE_MIN_MHZ, le=limits.RATE_MAX_MHZ)]
Passes = Annotated[int, Field(ge=1, le=PASSES_MAX)]


class DepthRange(Model):
    """Needle protrusion settings of a zone.

    Attributes:
        low: Shallowest.
        usual: What is proposed.
        high: Deepest that the preset allows.
    """

    low: Depth
    usual: Depth
    high: Depth

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _must_be_ordered(self)
        return self


class RateRange(Model):
    """Stroke rates of a zone in mHz; attributes as in `DepthRange`."""

    low: Rate
    usual: Rate
    high: Rate

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _must_be_ordered(self)
        return self


class PassRange(Model):
    """Passes over a zone; attributes as in `DepthRange`."""

    low: Passes
    usual: Passes
    high: Passes

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        _must_be_ordered(self)
        return self


class PresetZone(Model):
    """An area as the protocol treats it; its size is measured on the patient.

    Attributes:
        name: Unique in its preset.
        label: For people.
        depth_um: Settings.
        rate_mhz: Rates.
        passes: Passes.
        target: Estimated maximum punctures per cm2 aimed at.
    """

    name: Id
    label: Text
    depth_um: DepthRange
    rate_mhz: RateRange
    passes: PassRange
    target: Band


class Course(Model):
    """How long it goes on.

    Attributes:
        sessions: How many; None where the source gives no number.
        weeks: How long; None where the source does not say.
    """

    sessions: Annotated[int, Field(ge=1, le=60)] | None = None
    weeks: Annotated[int, Field(ge=1, le=104)] | None = None


class Evidence(Model):
    """What was found, and how much that is worth.

    Attributes:
        design: How it was studied.
        participants: How many people; None where what was read does not say.
        result: As published, with its units.
        limits: What it does not show, and which numbers of this preset are not the source's.
        other: What other trials of the same protocol found.
    """

    design: Text
    participants: Annotated[int, Field(ge=1)] | None = None
    result: LongText
    limits: LongText
    other: LongText | None = None


class Preset(Model):
    """A treatment protocol.

    Attributes:
        preset_id: Its name.
        title: For the screen.
        indication: What it is for.
        site: Where; decides which extra questions are asked.
        off_label: True where no authority has cleared the use on any pen.
        sources: Primary sources, the one its numbers come from first; without one a preset is refused.
        evidence: What it found.
        misquoted: Where popular articles say something else than the source, and what the source says.
        operator: Role that may carry it out.
        interval_days: Days between sessions.
        short_interval: Why the interval is shorter than the depth asks for; needed where it is.
        course: How long it goes on.
        endpoint: What the operator looks for.
        after_care: What the patient is told afterwards.
        recorded: Adjuncts that the trial used, to be recorded if used; nobody is asked to apply one.
        needles: Needles of the cartridge it is proposed for.
        zones: Areas.
        ask: Extra screening questions beyond those of the site.
    """

    preset_id: Id
    title: Text
    indication: Text
    site: Site
    off_label: bool
    sources: Annotated[tuple[Source, ...], Field(min_length=1, max_length=10)]
    evidence: Evidence
    misquoted: tuple[LongText, ...] = ()
    operator: Id
    interval_days: Annotated[int, Field(ge=1, le=INTERVAL_MAX_DAYS)]
    short_interval: LongText | None = None
    course: Course
    endpoint: Endpoint
    after_care: Annotated[tuple[Text, ...], Field(min_length=1, max_length=20)]
    recorded: tuple[Id, ...] = ()
    needles: Annotated[int, Field(ge=1, le=NEEDLES_MAX)]
    zones: Annotated[tuple[PresetZone, ...], Field(min_length=1, max_length=ZONES_MAX)]
    ask: tuple[Id, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [zone.name for zone in self.zones]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"zones are named twice: {', '.join(twice)}")
        if self.site is Site.SCALP and not self.off_label:
            raise ValueError(
                "off_label is false, but no authority has cleared needling of the scalp for hair"
            )
        least = max(least_interval_days(zone.depth_um.usual) for zone in self.zones)
        if self.interval_days < least and not self.short_interval:
            raise ValueError(
                f"interval_days {self.interval_days} is shorter than the {least} days its depth asks for; "
                "short_interval must say on whose protocol"
            )
        return self

    @property
    def label(self) -> str:
        """The title with its mark."""
        return f"{self.title} (off-label)" if self.off_label else self.title


class ZoneChoice(Model):
    """One zone of a preset as it will be treated.

    Attributes:
        name: Zone of the preset.
        area_mm2: As measured on the patient.
        depth_um: Within the preset's range; its usual one when not given.
        rate_mhz: The same.
        passes: The same.
    """

    name: Id
    area_mm2: Annotated[int, Field(ge=AREA_MIN_MM2, le=AREA_MAX_MM2)]
    depth_um: Depth | None = None
    rate_mhz: Rate | None = None
    passes: Passes | None = None


def _must_be_ordered(given: DepthRange | RateRange | PassRange) -> None:
    if not given.low <= given.usual <= given.high:
        raise ValueError(f"the range {given.low}, {given.usual}, {given.high} is not in order")
