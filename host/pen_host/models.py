"""What the host knows in words of its own: pen events, plans, zones, screening, cartridges, summaries.

Every model is strict (no silent conversion), frozen, and refuses keys it does not know. Units are in the names and
all of them are integers: depth in um, rate in mHz, area in mm2, so that equal plans have equal digests.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from pen_host.canonical import digest
from pen_protocol import limits, states

HOLD_MAX_S = limits.STROKING_MAX_MS // 1000
"""Longest hold of the trigger a plan may ask for. (limits.STROKING_MAX_MS)"""
AREA_MIN_MM2 = 25
"""Smallest zone: a quarter of a square centimetre, about one placement of the tip. (J)"""
AREA_MAX_MM2 = 70_000
"""Largest zone: 700 cm2, about a whole scalp. (J)"""
PASSES_MAX = 20
"""Most passes described for pens (Setterfield, APA 2021: 10-20 in the deep school). (S)"""
NEEDLES_MAX = 42
"""Most needles of a cartridge on the market (Dr. Pen A6S). (S)"""
TARGET_MAX_PER_CM2 = 2_000
"""Highest dose a plan may aim at; published targets are 250-300 per cm2 (PRIME, Oct 2015). (J)"""
INTERVAL_MAX_DAYS = 365
"""Longest interval a plan may name: beyond a year it is another treatment. (J)"""
ZONES_MAX = 24

Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
# No control characters: these texts are shown in terminals.
Text = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=400, strip_whitespace=True, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$"
    ),
]
LongText = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=4_000, strip_whitespace=True, pattern=r"^[^\x00-\x09\x0b-\x1f\x7f-\x9f]*$"
    ),
]
Word30 = Annotated[int, Field(ge=0, le=limits.WORD_MAX)]


class Model(BaseModel):
    """Base of all models here. Each is built when it is first used: most programs use few of them."""

    model_config = ConfigDict(
        strict=True, frozen=True, extra="forbid", ser_json_inf_nan="strings", defer_build=True
    )


class PenEvent(Model):
    """One numbered event of a pen, as EVENTS carries it.

    Attributes:
        event_id: Number that the pen gives once, across all its boots.
        time_ms: The pen's uptime.
        code: What happened, see `pen_protocol.faults.Event`.
        arg: As the code says.
        value: As the code says.
        strokes_total: Actuations of the pen's whole life.
        contact_total: How many of them with the tip on skin.
    """

    event_id: Word30
    time_ms: Word30
    code: Annotated[int, Field(ge=0, le=255)]
    arg: Annotated[int, Field(ge=0, le=255)]
    value: Annotated[int, Field(ge=-limits.WORD_MAX, le=limits.WORD_MAX)]
    strokes_total: Word30
    contact_total: Word30


class Endpoint(StrEnum):
    """What the operator looks for on the skin; recorded, never a rule (sources disagree on it)."""

    NONE = "none"
    MILD_ERYTHEMA = "mild_erythema"
    UNIFORM_ERYTHEMA = "uniform_erythema"
    PINPOINT_BLEEDING = "pinpoint_bleeding"


class UnlockReason(StrEnum):
    """Why a plan may exceed the default cap of needle protrusion; numbers as in `pen_protocol.states`."""

    PHYSICIAN_SUPERVISED = "physician_supervised"
    THICK_SCAR_TISSUE = "thick_scar_tissue"
    BENCH_TEST = "bench_test"

    @property
    def number(self) -> int:
        """The reason as OPEN_SESSION carries it."""
        return int(getattr(states.UnlockReason, self.name))


class Unlock(Model):
    """Leave to go beyond the default cap.

    Attributes:
        reason: One of the reasons the pen knows.
        statement: The same in the operator's words.
    """

    reason: UnlockReason
    statement: Text


class Source(Model):
    """Where a plan comes from.

    Attributes:
        citation: The primary source; reviews and web pages have been found to invert it.
        url: Where it can be read.
    """

    citation: Text
    url: Annotated[str, StringConstraints(pattern=r"^https?://\S{4,300}$")]


class Band(Model):
    """Estimated maximum punctures per cm2 that a plan aims at, from low to high, both included."""

    low: Annotated[int, Field(ge=1, le=TARGET_MAX_PER_CM2)]
    high: Annotated[int, Field(ge=1, le=TARGET_MAX_PER_CM2)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.low > self.high:
            raise ValueError(
                f"target_per_cm2 goes down from {self.low} to {self.high}; give the lower number first"
            )
        return self


class Zone(Model):
    """One area treated with one setting.

    Attributes:
        name: Unique in its plan.
        area_mm2: Measured area.
        depth_um: Needle protrusion setting, which is not the depth in tissue.
        rate_mhz: Strokes per 1000 seconds.
        passes: How often the zone is gone over.
        hold_s: Longest single hold of the trigger.
        target: Estimated maximum punctures per cm2 aimed at.
    """

    name: Id
    area_mm2: Annotated[int, Field(ge=AREA_MIN_MM2, le=AREA_MAX_MM2)]
    depth_um: Annotated[
        int, Field(ge=limits.DEPTH_STEP_UM, le=limits.DEPTH_STOP_UM, multiple_of=limits.DEPTH_STEP_UM)
    ]
    rate_mhz: Annotated[int, Field(ge=limits.RATE_MIN_MHZ, le=limits.RATE_MAX_MHZ)]
    passes: Annotated[int, Field(ge=1, le=PASSES_MAX)]
    hold_s: Annotated[int, Field(ge=1, le=HOLD_MAX_S)]
    target: Band


class Screening(Model):
    """What the patient is asked before treatment, and, once they were, what they answered.

    Attributes:
        ask: Rule ids, see `pen_host.screening`.
        answers: True for yes. A question without an answer counts as not asked, and blocks.
        manuals: Where the sources of a rule disagree: the one this plan follows instead of the strictest, by rule.
    """

    ask: Annotated[tuple[Id, ...], Field(max_length=60)]
    answers: dict[Id, bool] = Field(default_factory=dict)
    manuals: dict[Id, Id] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _asked(self) -> Self:
        twice = sorted({rule for rule in self.ask if self.ask.count(rule) > 1})
        if twice:
            raise ValueError(f"screening asks {', '.join(twice)} twice")
        return self


class Plan(Model):
    """A treatment as planned.

    Attributes:
        title: For the screen.
        off_label: True where no authority has cleared the use. Hair always is.
        source: The primary source of its numbers.
        evidence: What the source found and where it is weak; no promise.
        operator: Role that may carry it out.
        interval_days: Least days to the next session; days, because "biweekly" is ambiguous in the sources.
        endpoint: What the operator looks for.
        needles: Needles of the cartridge it is calculated for.
        zones: In order of treatment.
        screening: Questions and answers.
        unlock: Leave to exceed the default cap.
    """

    title: Text
    off_label: bool
    source: Source
    evidence: LongText
    operator: Id
    interval_days: Annotated[int, Field(ge=1, le=INTERVAL_MAX_DAYS)]
    endpoint: Endpoint
    needles: Annotated[int, Field(ge=1, le=NEEDLES_MAX)]
    zones: Annotated[tuple[Zone, ...], Field(min_length=1, max_length=ZONES_MAX)]
    screening: Screening
    unlock: Unlock | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [zone.name for zone in self.zones]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"zones are named twice: {', '.join(twice)}; a stroke must count for one zone")
        deep = [
            f"{zone.name} ({zone.depth_um} um)" for zone in self.zones if zone.depth_um > limits.DEPTH_CAP_UM
        ]
        if deep and not self.unlock:
            raise ValueError(
                f"depth of {', '.join(deep)} is above the limit of {limits.DEPTH_CAP_UM} um ({LIMIT_SOURCES['cap']}); "
                "set it shallower, or add [unlock] with reason and statement"
            )
        return self

    @property
    def depth_cap_um(self) -> int:
        """The deepest setting of the plan: the cap its session needs, no more."""
        return max(zone.depth_um for zone in self.zones)

    @cached_property
    def plan_digest(self) -> str:
        """SHA-256 of what would be done to a patient; answers to the screening are not part of it."""
        content = self.model_dump(mode="json", exclude={"screening": {"answers"}})
        if not self.screening.manuals:
            # plans that follow no manual of their own keep the digest they had before there were any
            del content["screening"]["manuals"]
        return digest(content)

    @property
    def plan_hash(self) -> int:
        """The digest in the 30 bits that ARM carries; never 0, which means no plan."""
        return int(self.plan_digest[:16], 16) % limits.WORD_MAX + 1


class CartridgeSeen(Model):
    """What the pen read from a cartridge.

    Attributes:
        serial: Its own number, hexadecimal.
        lot: Lot number.
        expiry: Last day of use.
        needles: How many it has.
        used: True when its used mark is set; None when that could not be read.
    """

    serial: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{16}$")]
    lot: Annotated[str, StringConstraints(max_length=12)]
    expiry: date
    needles: Annotated[int, Field(ge=0, le=255)]
    used: bool | None


class ZoneSummary(Model):
    """What one zone received.

    Attributes:
        zone: Its name; None for strokes outside any zone.
        strokes: Actuations.
        contact_strokes: How many of them on skin.
        punctures_per_cm2: Estimated maximum, rounded up; None where the area is not known.
        target: What was planned.
    """

    zone: Id | None
    strokes: Annotated[int, Field(ge=0)]
    contact_strokes: Annotated[int, Field(ge=0)]
    punctures_per_cm2: Annotated[int, Field(ge=0)] | None
    target: Band | None


class TreatmentSummary(Model):
    """A session in short, as shown and exported.

    Attributes:
        session_id: The session.
        plan_digest: The plan it followed.
        off_label: As the plan says.
        pen_serial: The pen.
        cartridge_serial: The cartridge, None where none was used.
        operator: Who.
        zones: What each zone received.
        sure: False where strokes may be missing from the counts.
        endpoint: What was seen.
    """

    session_id: str
    plan_digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    off_label: bool
    pen_serial: str
    cartridge_serial: str | None
    operator: str
    zones: tuple[ZoneSummary, ...]
    sure: bool
    endpoint: Endpoint | None


LIMIT_SOURCES = {
    "cap": "evaluated range of the reference pen, FDA DEN160029 precaution above 1.5 mm, pen_protocol.limits",
    "depth_um": "mechanical stop and step, DEN160029: 0-2.5 mm, pen_protocol.limits",
    "rate_mhz": "a slower needle drags in moving skin, a faster one the pen cannot make, pen_protocol.limits",
    "hold_s": "longest stroking without releasing the trigger, project judgement, pen_protocol.limits",
    "area_mm2": "from one placement of the tip to a whole scalp, project judgement",
    "passes": "most passes described for pens, Setterfield, APA 2021",
    "needles": "largest cartridge on the market, Dr. Pen A6S",
    "target": "published targets are 250-300 per cm2, PRIME Oct 2015, the bound is project judgement",
    "interval_days": "project judgement",
}
"""Where the limit of a field comes from, in words for a person."""
