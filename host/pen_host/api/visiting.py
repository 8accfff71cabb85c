"""The clinic's record as the steps of a treatment use it: patient, screening, plan, consent, cartridge, visit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from ..checks import check_plan
from ..findings import Finding
from ..intervals import check_day
from ..models import Band, CartridgeSeen, Plan, Screening, Unlock, Zone
from ..presets import Preset, PresetError, ZoneChoice, to_plan
from ..records import Clinic
from ..records.errors import ConflictError
from ..records.models import (
    Closing,
    Consent,
    ConsentText,
    Override,
    Patient,
    Person,
    Screened,
    TopicalUse,
    Visit,
)
from ..screening import NO, YES, Answer, Context, check_answers, evaluate
from .flow_models import Applied, ChoosePlan, CloseTreatment, GiveConsent, Screen
from .problems import invalid, wrong_field

CONSENT_NAME = "microneedling"
LANGUAGE = "en"
FIRST_AREA_MM2 = 1_000
"""Stands for an area that was not measured yet, where a preset's plan is only looked at."""
NO_RUN = "The treatment ended before its pen session was opened."


@dataclass(frozen=True, slots=True)
class Built:
    """A plan that was asked for.

    Attributes:
        plan: It.
        preset_id: Of the clinic's presets; None for a plan that comes with the program.
        changed: Numbers lie outside the preset.
        preset_digest: Of the preset's version, where it is the clinic's own.
    """

    plan: Plan
    preset_id: str | None
    changed: bool
    preset_digest: str | None = None


def answers_of(asked: Screen) -> dict[str, Answer]:
    """The answers with their days."""
    return {
        rule_id: answer if isinstance(answer, Answer) else (YES if answer else NO)
        for rule_id, answer in asked.answers.items()
    }


class Visiting:
    """See the module.

    Args:
        clinic: The clinic's record.
        own: Plans that come with the program, by name, offered beside the presets.
        today: The clinic's calendar day.
    """

    def __init__(
        self, clinic: Clinic, own: Mapping[str, Plan], today: Callable[[], date] = date.today
    ) -> None:
        self.clinic = clinic
        self.own = dict(own)
        self.today = today

    # --- screening ------------------------------------------------------------------------------------------------------

    def judge(
        self, patient: Patient, answers: Mapping[str, Answer], *, everywhere: bool
    ) -> tuple[Finding, ...]:
        """What answers mean today.

        Args:
            patient: Whose they are; the date of birth settles the rule of age.
            answers: By rule.
            everywhere: Only rules that every plan asks; the others are judged with the plan.

        Raises:
            ProblemError: An answer cannot be.
        """
        rules = self.clinic.screening.rules
        today = self.today()
        who = patient.demographics
        context = Context(today, today, who.birth_date if who else None, {})
        wrong = check_answers(rules, answers, context)
        if wrong:
            raise wrong_field(f"answers.{wrong[0].rule_id}", f"{wrong[0].why[:1].upper()}{wrong[0].why[1:]}.")
        ask = [rule for rule in rules.rules if rule.always or not everywhere]
        return evaluate(rules, ask, answers, context).findings

    def screened(
        self, patient: str, plan: Plan, answers: Mapping[str, Answer], reasons: Mapping[str, str], by: Person
    ) -> Screened:
        """Put the screening for this plan on record.

        Raises:
            PenError: An answer cannot be, or nobody may go past what was found.
        """
        found = self.clinic.screening.evaluate(patient, plan, answers)
        return self.clinic.screening.record(
            patient, plan, answers, _overrides(found.findings, reasons, by), by
        )

    # --- plan -----------------------------------------------------------------------------------------------------------

    def preset(self, name: str) -> tuple[Preset, str | None] | Plan:
        """What a plan may begin from: a preset with the digest of its version where it is the clinic's own, or a plan.

        Raises:
            ProblemError: There is no such thing, or it cannot be used.
        """
        try:
            return self.clinic.presets.chosen(name)
        except PresetError as error:
            if name in self.own:
                return self.own[name]
            raise wrong_field("preset", error.sentence) from error

    def build(self, asked: ChoosePlan) -> Built:
        """The plan that is asked for.

        Raises:
            ProblemError: It does not hold together; the fields are named.
        """
        found = self.preset(asked.preset)
        if isinstance(found, Plan):
            plan = _edited(found, asked)
            return Built(plan, None, plan.plan_digest != found.plan_digest)
        base, version = found
        if asked.zones is None:
            raise wrong_field("zones", "The zones must be measured on the patient: give their areas.")
        try:
            first = to_plan(base, usual(base), needles=asked.needles)
            plan = _edited(first, asked)
        except PresetError as error:
            raise wrong_field("zones", error.sentence) from error
        return Built(plan, base.preset_id, _outside(base, plan), version)

    def plan_findings(
        self, patient: Patient, plan: Plan, depth_cap_um: int, rate_max_mhz: int
    ) -> list[Finding]:
        """What speaks against a plan today: the caps, and everything that opened this patient's skin before."""
        return [
            *check_plan(plan, depth_cap_um=depth_cap_um, rate_max_mhz=rate_max_mhz),
            *check_day(self.clinic.visits.needlings(patient.patient_id), self.today()),
        ]

    # --- consent and visit ----------------------------------------------------------------------------------------------

    def consent_text(self) -> ConsentText:
        """The newest text that patients sign.

        Raises:
            ConflictError: The clinic has published none.
        """
        texts = [text for text in self.clinic.consents.texts() if text.name == CONSENT_NAME]
        for text in sorted(texts, key=lambda one: one.language != LANGUAGE):
            return text
        raise ConflictError(
            f"The clinic has published no consent text called {CONSENT_NAME}, so nobody can agree to a treatment. "
            "Publish one first."
        )

    def consent(self, patient: Patient, asked: GiveConsent, by: Person) -> Consent:
        """The consent that stands, or the one given now.

        Raises:
            PenError: It cannot be recorded.
        """
        standing = self.clinic.consents.standing(patient.patient_id)
        if standing is not None and asked.signed_by in (None, standing.signed_by):
            return standing
        return self.clinic.consents.sign(
            patient.patient_id,
            self.consent_text().text_id,
            asked.signed_by or patient.label,
            by,
            relation=asked.relation,
            signed_on=asked.signed_on,
        )

    def open(
        self, built: Built, screened: Screened, consent: Consent, reasons: Mapping[str, str], by: Person
    ) -> Visit:
        """Open the visit.

        Raises:
            PenError: Something forbids it.
        """
        patient = screened.patient_id
        findings = self.clinic.visits.check(patient, built.plan, screened.screening_id)
        own = {finding.rule_id for finding in screened.findings}
        overrides = [one for one in _overrides(findings, reasons, by) if one.rule_id not in own]
        return self.clinic.visits.open(
            patient,
            built.plan,
            screened.screening_id,
            consent.consent_id,
            by,
            preset_id=built.preset_id,
            preset_digest=built.preset_digest,
            overrides=overrides,
        )

    def rebuilt(self, visit: Visit) -> Built:
        """The plan of a visit on record."""
        preset = None
        with suppress(PresetError):  # a plan stands without it
            preset = self.clinic.presets.of_visit(visit) if visit.preset_id else None
        changed = preset is not None and _outside(preset, visit.plan)
        return Built(visit.plan, visit.preset_id, changed, visit.preset_digest)

    # --- cartridge ------------------------------------------------------------------------------------------------------

    def take(self, seen: CartridgeSeen, scanned: str | None, visit: Visit, by: Person) -> str:
        """Bind the cartridge in the pen to the visit; returns its key.

        A scanned label must be the one of the cartridge in the pen. Without a scan the chip identifies it.

        Raises:
            PenError: It is used, bound, expired, recalled, discarded, another than was scanned, or cannot be traced.
        """
        stock = self.clinic.cartridges
        if scanned is not None:
            known = stock.look_up(scanned) or stock.register(scanned, by, needles=seen.needles)
        else:
            known = stock.by_chip(seen.serial) or stock.register_seen(seen, by)
        differs = stock.check_seen(known.cartridge_id, seen)
        if differs:
            raise ConflictError(" ".join(one.sentence for one in differs))
        if known.visit_id == visit.visit_id and known.used_at is None:
            return known.cartridge_id  # bound to this very visit before; the step was only done again
        return stock.bind(known.cartridge_id, visit.visit_id, by).cartridge_id

    def burned(self, visit: Visit, seen: Iterable[CartridgeSeen], session_id: str, by: Person) -> None:
        """Record every cartridge that a session burned, those that were put in amid it too.

        Raises:
            PenError: It cannot be recorded.
        """
        stock = self.clinic.cartridges
        for one in seen:
            known = stock.by_chip(one.serial) or stock.register_seen(
                one.model_copy(update={"used": False}), by
            )
            if known.visit_id is None:
                known = stock.bind(known.cartridge_id, visit.visit_id, by)
            if known.used_at is None:
                stock.used(known.cartridge_id, session_id, by, seen=one)

    # --- the end --------------------------------------------------------------------------------------------------------

    def close(self, visit: Visit, asked: CloseTreatment, ended_at: datetime, by: Person) -> Visit:
        """Close and sign.

        Raises:
            PenError: Something cannot be, or the visit is not open any more.
        """
        now = datetime.now(UTC)
        topicals = topicals_of(asked, ended_at)
        closing = Closing(
            endpoint=asked.endpoint,
            topicals=topicals,
            after_care_at=now if asked.aftercare_given else None,
            next_day=asked.next_day,
            earlier_reason=asked.earlier_reason,
            note=asked.notes,
        )
        return self.clinic.visits.close(visit.visit_id, closing, by)


def topicals_of(asked: Applied, ended_at: datetime) -> tuple[TopicalUse, ...]:
    """What was applied, with its time; nothing when nothing was.

    Raises:
        ProblemError: Half of it was said, or it is still to come.
    """
    if (asked.topical is None) != (asked.topical_minutes_after is None):
        raise wrong_field("topical_minutes_after", "Say what was applied and how long after, or neither.")
    if asked.topical is None:
        return ()
    used_at = ended_at + timedelta(minutes=asked.topical_minutes_after or 0)
    if used_at > datetime.now(UTC):
        raise wrong_field("topical_minutes_after", "That is still to come, so it was not applied yet.")
    return (TopicalUse(substance=asked.topical_substance, detail=asked.topical, used_at=used_at),)


def usual(preset: Preset) -> list[ZoneChoice]:
    """Every zone of a preset with its usual numbers."""
    return [ZoneChoice(name=zone.name, area_mm2=FIRST_AREA_MM2) for zone in preset.zones]


def _edited(base: Plan, asked: ChoosePlan) -> Plan:
    """A plan with the clinician's numbers, judged anew as a whole."""
    changes: dict[str, Any] = {
        # what a patient answers is given to the session, not taken from a file
        "screening": Screening(ask=base.screening.ask, manuals=base.screening.manuals),
        "zones": base.zones,
        "needles": asked.needles or base.needles,
        "interval_days": asked.interval_days or base.interval_days,
        "unlock": base.unlock,
    }
    try:
        if asked.unlock is not None:
            changes["unlock"] = Unlock(reason=asked.unlock.reason, statement=asked.unlock.statement)
        if asked.zones is not None:
            changes["zones"] = tuple(
                Zone(
                    **edit.model_dump(exclude={"target_low", "target_high"}),
                    target=Band(low=edit.target_low, high=edit.target_high),
                )
                for edit in asked.zones
            )
        fields = {name: getattr(base, name) for name in Plan.model_fields}
        return Plan.model_validate({**fields, **changes})
    except ValidationError as error:
        raise invalid("plan", error) from error


def _outside(preset: Preset, plan: Plan) -> bool:
    """Whether a number of the plan lies outside the preset."""
    zones = {zone.name: zone for zone in preset.zones}
    if plan.interval_days != preset.interval_days:
        return True
    for zone in plan.zones:
        known = zones.get(zone.name)
        if known is None or zone.target != known.target:
            return True
        for value, allowed in (
            (zone.depth_um, known.depth_um),
            (zone.rate_mhz, known.rate_mhz),
            (zone.passes, known.passes),
        ):
            if not allowed.low <= value <= allowed.high:
                return True
    return False


def _overrides(findings: Iterable[Finding], reasons: Mapping[str, str], by: Person) -> list[Override]:
    """Reasons for what was found, signed; a reason for nothing is left out."""
    found = {finding.rule_id for finding in findings}
    return [
        Override(rule_id=rule_id, reason=reason, by=by)
        for rule_id, reason in reasons.items()
        if rule_id in found
    ]
