"""The flat tables of an export: which columns, of what type, in which unit, and what they mean. One place for CSV and Parquet."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Type(StrEnum):
    """What is in a column."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "true or false"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class Field:
    """A column.

    Attributes:
        name: With its unit.
        type: Of its values.
        unit: UCUM code; empty for none.
        meaning: For the data dictionary.
    """

    name: str
    type: Type
    unit: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Flat:
    """A table.

    Attributes:
        name: Its name, and its file's.
        meaning: What one row is.
        fields: Its columns.
    """

    name: str
    meaning: str
    fields: tuple[Field, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its columns."""
        return tuple(one.name for one in self.fields)


def _field(name: str, type_: Type, meaning: str, unit: str = "") -> Field:
    return Field(name, type_, unit, meaning)


_T, _I, _N, _F, _D = Type.TEXT, Type.INTEGER, Type.NUMBER, Type.FLAG, Type.DAY
_PATIENT = _field("patient_id", _T, "pseudonym of the patient")
_VISIT = _field("visit_id", _T, "key of the visit")
_DAY = _field("day", _D, "calendar day of the clinic")

PATIENTS = Flat(
    "patients",
    "one patient",
    (
        _PATIENT,
        _field("added", _D, "day on which they were taken in"),
        _field("full_name", _T, "name; empty when de-identified or erased"),
        _field("born", _T, "date of birth; the decade when de-identified"),
        _field("sex", _T, "as they say"),
        _field("erased", _F, "who they are was erased"),
    ),
)
VISITS = Flat(
    "visits",
    "one visit",
    (
        _VISIT,
        _PATIENT,
        _DAY,
        _field("state", _T, "open, closed (signed) or abandoned"),
        _field("preset_id", _T, "protocol; empty for an own plan"),
        _field(
            "preset_version",
            _T,
            "version of a protocol of the clinic's own; empty for one that comes with the program",
        ),
        _field("preset_sha256", _T, "of its text, where the visit names it"),
        _field("off_label", _F, "no authority has cleared the use"),
        _field("deepest_um", _I, "deepest needle protrusion setting, not depth in tissue", "um"),
        _field("interval_days", _I, "least days to the next session by the plan", "d"),
        _field("needles", _I, "needles of the cartridge planned for"),
        _field("endpoint", _T, "what was seen on the skin"),
        _field("next_day", _D, "not again before"),
        _field("next_rule", _T, "rule that gave that day"),
        _field("operator", _T, "who treated"),
        _field("pen_serials", _T, "pens, separated by blanks"),
        _field("lots", _T, "lots of the cartridges opened, separated by blanks"),
        _field("overrides", _I, "findings that were gone past"),
    ),
)
ZONES = Flat(
    "zones",
    "what one zone received in one visit",
    (
        _VISIT,
        _PATIENT,
        _DAY,
        _field("zone", _T, "zone; empty for strokes outside any"),
        _field("area_mm2", _I, "area as measured", "mm2"),
        _field("depth_um", _I, "needle protrusion setting", "um"),
        _field("rate_mhz", _I, "stroke rate as set", "mHz"),
        _field("holds", _I, "holds of the trigger"),
        _field("strokes", _I, "strokes by the pen's own counter"),
        _field("contact_strokes", _I, "strokes with the tip on skin"),
        _field("needles", _I, "needles of the cartridge"),
        _field("punctures_per_cm2", _N, "estimated maximum, an upper bound", "/cm2"),
        _field("target_low_per_cm2", _I, "what was aimed at", "/cm2"),
        _field("target_high_per_cm2", _I, "what was aimed at", "/cm2"),
    ),
)
OUTCOMES = Flat(
    "outcomes",
    "one measure as it stands",
    (
        _field("outcome_id", _T, "key of the measure"),
        _PATIENT,
        _VISIT,
        _DAY,
        _field("kind", _T, "which measure"),
        _field("site", _T, "where"),
        _field("value", _N, "its value in the unit beside it; empty for a type that is no number"),
        _field(
            "unit",
            _T,
            "unit of the value, area unit included; values of two units are never one column's mean",
        ),
        _field("category", _T, "the value, where it is a type"),
        _field("count", _I, "hairs counted"),
        _field("area_thousandths", _I, "size of the target area in thousandths of its unit"),
        _field("area_unit", _T, "cm2 or inch2"),
        _field("baseline", _F, "later ones are compared with it"),
        _field("rater", _T, "who rated; empty for the patient"),
        _field("blinded", _F, "the rater did not know treatment or time"),
    ),
)
REACTIONS = Flat(
    "reactions",
    "one reaction",
    (
        _field("reaction_id", _T, "key of the reaction"),
        _PATIENT,
        _VISIT,
        _field("kind", _T, "what was seen or felt"),
        _field("severity", _T, "the strongest so far"),
        _field("onset", _D, "first day"),
        _field("gone", _D, "day it was gone; empty while it is there"),
        _field("expected_days", _I, "how long this kind is expected to last", "d"),
        _field("escalated", _F, "somebody must look at it"),
        _field("lots", _T, "lots of that visit's cartridges, separated by blanks"),
    ),
)
ANSWERS = Flat(
    "answers",
    "one answer of one screening",
    (
        _field("screening_id", _T, "key of the screening"),
        _PATIENT,
        _DAY,
        _field("rule_id", _T, "rule that was asked"),
        _field("reply", _T, "yes, no or unknown"),
        _field("level", _T, "what it meant: BLOCK, OVERRIDE, INFORM; empty for nothing"),
        _field("gone_past", _F, "somebody signed for going past it"),
    ),
)
FLATS = (PATIENTS, VISITS, ZONES, OUTCOMES, REACTIONS, ANSWERS)

TELEMETRY = Flat(
    "telemetry",
    "one moment of one pen session",
    (
        _field("session_id", _T, "pen session"),
        _field("t_ms", _I, "time since the treatment began", "ms"),
        _field("zone", _I, "index of the zone in the plan, -1 between zones"),
        _field("state", _T, "state of the pen"),
        _field("depth_requested_um", _I, "needle protrusion asked for", "um"),
        _field(
            "depth_measured_um", _I, "needle protrusion measured; empty while the axis is not homed", "um"
        ),
        _field("rate_requested_mhz", _I, "stroke rate asked for", "mHz"),
        _field("rate_measured_mhz", _I, "stroke rate measured", "mHz"),
        _field("strokes", _I, "strokes since the session was opened"),
        _field("contact_strokes", _I, "of these with the tip on skin"),
        _field("coil_cc", _I, "coil temperature in hundredths of a degree Celsius", "cCel"),
        _field("lease_left_ms", _I, "time the pen would go on without a heartbeat", "ms"),
    ),
)
