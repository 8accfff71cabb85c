"""Outcome measures as observations, reactions as adverse events."""

from __future__ import annotations

from pen_host.exports.fhir.common import Bundle, Dialect, Json, code, quantity
from pen_host.records.cohort import per_unit
from pen_host.records.models import (
    AreaUnit,
    GoodmanBaron,
    HairCount,
    HairDensity,
    HairDiameter,
    Measured,
    Norwood,
    Outcome,
    PainScale,
    PatientRating,
    Rating,
    Reaction,
    Salt,
    SevenPoint,
    Shedding,
    Sinclair,
    WrinkleGrade,
)

_AREA = {AreaUnit.CM2: ("cm2", "cm2"), AreaUnit.INCH2: ("square inch", "[sin_i]")}


def add_outcome(bundle: Bundle, outcome: Outcome) -> None:
    """A measure, with its unit, method, rater and whether they knew the treatment."""
    measured = outcome.measured
    content: Json = {
        "status": "final",
        "code": code("outcome", measured.kind),
        "subject": bundle.patient,
        "effectiveDateTime": bundle.day(outcome.day),
        "issued": bundle.at(outcome.at),
        "performer": [_rater(bundle, measured)],
        "component": _components(measured),
        "partOf": [bundle.to("Procedure", outcome.visit_id)] if outcome.visit_id else [],
        "note": [{"text": bundle.identity.text(outcome.note)}] if outcome.note else [],
        **_value(measured),
    }
    if outcome.baseline:
        content["interpretation"] = [code("interpretation", "baseline")]
    site = getattr(measured, "site", None)
    if site:
        content["bodySite"] = code("site", site)
    if bundle.identity.deidentified:
        content["note"] = []
    bundle.add("Observation", outcome.outcome_id, content)


def add_reaction(bundle: Bundle, reaction: Reaction) -> None:
    """A reaction, with the devices of its treatment as suspects."""
    onset = bundle.day(reaction.onset)
    content: Json = {
        "identifier": bundle.identifier("reaction", bundle.identity.key(reaction.reaction_id)),
        "actuality": "actual",
        "subject": bundle.patient,
        "recordedDate": bundle.at(reaction.at),
    }
    # where the visit has no linked device nobody is named: an unknown suspect is not an innocent one
    suspects = [bundle.to("Procedure", reaction.visit_id)]
    told = code("reaction", reaction.kind)
    if bundle.dialect is Dialect.R4B:
        content["identifier"] = next(iter(content["identifier"]))
        content |= {
            "event": told,
            "date": onset,
            "severity": {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/adverse-event-severity",
                        "code": str(reaction.severity),
                    }
                ]
            },
            "outcome": _outcome(reaction),
            "suspectEntity": [{"instance": one} for one in suspects],
        }
    else:
        content |= {
            "status": "completed",
            "code": told,
            "occurrenceDateTime": onset,
            "outcome": [_outcome(reaction)],
            "suspectEntity": [{"instanceReference": one} for one in suspects],
        }
    bundle.add("AdverseEvent", reaction.reaction_id, content)


def _outcome(reaction: Reaction) -> Json:
    return code("reaction-outcome", "resolved" if reaction.resolved else "ongoing")


def _rater(bundle: Bundle, measured: Measured) -> Json:
    if not isinstance(measured, Rating):
        return bundle.patient
    return {"display": bundle.identity.person(measured.rater)}


def _components(measured: Measured) -> list[Json]:
    parts: list[Json] = []
    if isinstance(measured, Rating):
        parts.append({"code": code("outcome-part", "blinded"), "valueBoolean": measured.blinded})
    for name in ("method", "hairs", "landmark"):
        value = getattr(measured, name, None)
        if value is not None:
            parts.append({"code": code("outcome-part", name), "valueCodeableConcept": code(name, str(value))})
    if isinstance(measured, HairCount):
        unit, ucum = _AREA[measured.area_unit]
        parts.append(
            {"code": code("outcome-part", "count"), "valueQuantity": quantity(measured.count, "hairs", "1")}
        )
        area = quantity(measured.area_thousandths / 1000, unit, ucum)
        parts.append({"code": code("outcome-part", "area"), "valueQuantity": area})
    if isinstance(measured, HairDiameter):
        counted = quantity(measured.hairs_measured, "hairs", "1")
        parts.append({"code": code("outcome-part", "hairs_measured"), "valueQuantity": counted})
    return parts


def _value(measured: Measured) -> Json:
    match measured:
        case HairCount() | HairDensity():
            unit, ucum = _AREA[measured.area_unit]
            return {"valueQuantity": quantity(per_unit(measured), f"hairs per {unit}", f"/{ucum}")}
        case HairDiameter():
            return {"valueQuantity": quantity(measured.diameter_nm / 1000, "um", "um")}
        case SevenPoint() | Shedding():
            return {"valueInteger": measured.score}
        case Sinclair() | GoodmanBaron() | WrinkleGrade():
            return {"valueInteger": measured.grade}
        case PatientRating():
            return {"valueQuantity": quantity(measured.improvement_percent, "%", "%")}
        case PainScale():
            return {"valueQuantity": quantity(measured.pain_mm, "mm", "mm")}
        case Salt():
            return {"valueQuantity": quantity(measured.salt_tenths / 10, "%", "%")}
        case Norwood():
            return {"valueCodeableConcept": code("norwood", str(measured.type))}
