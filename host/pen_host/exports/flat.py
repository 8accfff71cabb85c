"""The record as flat tables, row by row, as in the record or de-identified."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date
from typing import Any

from sqlalchemy import select

from pen_host.errors import UsageError
from pen_host.exports.columns import ANSWERS, OUTCOMES, PATIENTS, REACTIONS, VISITS, ZONES, Flat
from pen_host.exports.identity import Identity
from pen_host.records import Clinic
from pen_host.records.measures import value
from pen_host.records.models import HairCount, Norwood, Outcome, Patient, Rating, Visit
from pen_host.records.tables import patients

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one flat table.

    Attributes:
        flat: Its columns.
        rows: Its rows, each with its day, which says in which month's file it belongs; None for patients.
    """

    flat: Flat
    rows: list[tuple[date | None, Row]] = field(default_factory=list)


def tables(clinic: Clinic, identity: Identity) -> tuple[Table, ...]:
    """Every flat table of the record.

    Raises:
        JournalError: The record cannot be read.
    """
    found = {flat.name: Table(flat) for flat in (PATIENTS, VISITS, ZONES, OUTCOMES, REACTIONS, ANSWERS)}
    with clinic.chain() as reader:
        known = {one.session_id for one in reader.sessions()}
    keys = [
        row["id"] for row in clinic.store.rows(select(patients.c.id).order_by(patients.c.at, patients.c.id))
    ]
    version = clinic.presets.versions_of_visits()
    for patient_id in keys:
        patient = clinic.patients.get(patient_id)
        for name, day, row in _patient(clinic, patient, identity, known, version):
            found[name].rows.append((day, row))
    return tuple(found.values())


def _patient(
    clinic: Clinic, patient: Patient, identity: Identity, known: set[str], version: Callable[[Visit], str]
) -> Iterator[tuple[str, date | None, Row]]:
    pid = patient.patient_id
    name = identity.patient(pid)
    who = patient.demographics
    yield (
        PATIENTS.name,
        None,
        {
            "patient_id": name,
            "added": identity.day(pid, patient.added_at.astimezone(UTC).date()),
            "full_name": identity.text(who.full_name) if who else None,
            "born": identity.birth(who.birth_date) if who else None,
            "sex": str(who.sex) if who and who.sex else None,
            "erased": patient.erased_at is not None,
        },
    )
    for visit in reversed(clinic.visits.of(pid)):
        day = identity.day(pid, visit.day)
        yield VISITS.name, day, _visit(clinic, visit, identity) | {"preset_version": version(visit) or None}
        if {one.session_id for one in visit.sessions} <= known:
            for row in _zones(clinic, visit, identity):
                yield ZONES.name, day, row
    for outcome in clinic.outcomes.of(pid):
        yield OUTCOMES.name, identity.day(pid, outcome.day), _outcome(outcome, identity)
    for seen in clinic.reactions.of(pid):
        yield (
            REACTIONS.name,
            identity.day(pid, seen.onset),
            {
                "reaction_id": identity.key(seen.reaction_id),
                "patient_id": name,
                "visit_id": identity.key(seen.visit_id),
                "kind": str(seen.kind),
                "severity": str(seen.severity),
                "onset": identity.day(pid, seen.onset),
                "gone": identity.day(pid, seen.resolved),
                "expected_days": seen.expected_days,
                "escalated": seen.escalated is not None,
                "lots": " ".join(seen.lots),
            },
        )
    for screened in clinic.screening.of(pid):
        levels = {one.rule_id: one.level.name for one in screened.findings}
        past = {one.rule_id for one in screened.overrides}
        day = identity.day(pid, screened.day)
        for rule_id, answer in sorted(screened.answers.items()):
            yield (
                ANSWERS.name,
                day,
                {
                    "screening_id": identity.key(screened.screening_id),
                    "patient_id": name,
                    "day": day,
                    "rule_id": rule_id,
                    "reply": str(answer.reply),
                    "level": levels.get(rule_id),
                    "gone_past": rule_id in past,
                },
            )


def _visit(clinic: Clinic, visit: Visit, identity: Identity) -> dict[str, Any]:
    pid = visit.patient_id
    lots = dict.fromkeys(one.lot for one in clinic.cartridges.of_visit(visit.visit_id))
    return {
        "visit_id": identity.key(visit.visit_id),
        "patient_id": identity.patient(pid),
        "day": identity.day(pid, visit.day),
        "state": str(visit.state),
        "preset_id": visit.preset_id,
        "preset_sha256": visit.preset_digest,
        "off_label": visit.plan.off_label,
        "deepest_um": visit.plan.depth_cap_um,
        "interval_days": visit.plan.interval_days,
        "needles": visit.plan.needles,
        "endpoint": str(visit.endpoint) if visit.endpoint else None,
        "next_day": identity.day(pid, visit.next.day) if visit.next else None,
        "next_rule": visit.next.rule_id if visit.next else None,
        "operator": identity.person(visit.opened_by.name),
        "pen_serials": " ".join(dict.fromkeys(one.pen_serial for one in visit.sessions)),
        "lots": " ".join(lots),
        "overrides": len(visit.overrides) + len(clinic.screening.get(visit.screening_id).overrides),
    }


def _zones(clinic: Clinic, visit: Visit, identity: Identity) -> Iterator[Row]:
    planned = {zone.name: zone for zone in visit.plan.zones}
    for dose in clinic.doses(visit.visit_id):
        zone = planned.get(dose.zone or "")
        yield {
            "visit_id": identity.key(visit.visit_id),
            "patient_id": identity.patient(visit.patient_id),
            "day": identity.day(visit.patient_id, visit.day),
            "zone": dose.zone,
            "area_mm2": dose.area_mm2,
            "depth_um": zone.depth_um if zone else None,
            "rate_mhz": zone.rate_mhz if zone else None,
            "holds": len(dose.per_pass),
            "strokes": dose.strokes,
            "contact_strokes": dose.contact_strokes,
            "needles": dose.needles,
            "punctures_per_cm2": None if dose.total is None else float(dose.total),
            "target_low_per_cm2": dose.target.low if dose.target else None,
            "target_high_per_cm2": dose.target.high if dose.target else None,
        }


def _outcome(outcome: Outcome, identity: Identity) -> Row:
    measured = outcome.measured
    told = value(measured)
    count = measured if isinstance(measured, HairCount) else None
    rated = measured if isinstance(measured, Rating) else None
    return {
        "outcome_id": identity.key(outcome.outcome_id),
        "patient_id": identity.patient(outcome.patient_id),
        "visit_id": identity.key(outcome.visit_id),
        "day": identity.day(outcome.patient_id, outcome.day),
        "kind": measured.kind,
        "site": getattr(measured, "site", None),
        "value": told.number,
        "unit": told.unit,
        "category": str(measured.type) if isinstance(measured, Norwood) else None,
        "count": count.count if count else None,
        "area_thousandths": count.area_thousandths if count else None,
        "area_unit": str(count.area_unit) if count else None,
        "baseline": outcome.baseline,
        "rater": identity.person(rated.rater) if rated else None,
        "blinded": rated.blinded if rated else None,
    }


def missing_extra(what: str) -> UsageError:
    """Something that is not installed."""
    return UsageError(
        f"{what} needs the extra 'record', which is not installed here, so nothing was exported. Install it with "
        "pip install 'derma-pen[record]'."
    )
