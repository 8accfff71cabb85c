"""An open treatment: what has been settled so far, and which step is next. Steps go forward one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from ..checks import Finding
from ..models import CartridgeSeen, Plan
from .clinic import ConsentText
from .flow_models import (
    STEPS,
    CartridgeView,
    ConsentView,
    FindingView,
    PatientView,
    PlanView,
    RunView,
    StepState,
    TreatmentStep,
    TreatmentView,
    ZoneView,
)
from .problems import Code, ProblemError


@dataclass(slots=True)
class Draft:
    """See the module; `step` is what is to be done next."""

    operator: str
    patient: PatientView
    step: TreatmentStep = TreatmentStep.SCREENING
    answers: Mapping[str, bool] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    findings: dict[TreatmentStep, tuple[Finding, ...]] = field(default_factory=dict)
    preset: str = ""
    plan: Plan | None = None
    changed: bool = False
    consent: ConsentText | None = None
    witness: str = ""
    off_label_said: bool = False
    cartridge: CartridgeSeen | None = None

    def must_be_at(self, step: TreatmentStep) -> None:
        """Refuse what is not next.

        Raises:
            ProblemError: Another step is.
        """
        if self.step is not step:
            raise wrong_step(step, self.step)

    def back_to(self, step: TreatmentStep) -> None:
        """Go back to an earlier step; what was settled from there on is settled anew.

        Raises:
            ProblemError: It is not an earlier step of the preparation.
        """
        earlier = STEPS[1 : STEPS.index(self.step)]
        if step not in earlier or self.step not in STEPS[: STEPS.index(TreatmentStep.PEN_READY) + 1]:
            raise wrong_step(step, self.step)
        self.step = step
        gone = STEPS[STEPS.index(step) :]
        self.findings = {at: found for at, found in self.findings.items() if at not in gone}
        if TreatmentStep.SCREENING in gone:
            self.answers, self.reasons = {}, {}
        if TreatmentStep.PLAN in gone:
            self.plan, self.preset = None, ""
        if TreatmentStep.CONSENT in gone:
            self.consent = None
        self.cartridge = None

    def view(self, run: RunView | None) -> TreatmentView:
        """For the screen."""
        at = STEPS.index(self.step)
        return TreatmentView(
            step=self.step,
            steps=tuple(
                StepState(step=step, done=index < at, current=index == at) for index, step in enumerate(STEPS)
            ),
            operator=self.operator,
            patient=self.patient,
            answers=dict(self.answers),
            reasons=dict(self.reasons),
            findings=tuple(finding_view(one) for found in self.findings.values() for one in found),
            plan=plan_view(self.preset, self.plan, changed=self.changed) if self.plan else None,
            consent=self._consent_view(),
            cartridge=cartridge_view(self.cartridge) if self.cartridge else None,
            run=run,
        )

    def _consent_view(self) -> ConsentView | None:
        if self.consent is None:
            return None
        return ConsentView(
            title=self.consent.title,
            text_sha256=self.consent.sha256,
            witnessed_by=self.witness,
            off_label_said=self.off_label_said,
        )


def wrong_step(asked: TreatmentStep, now: TreatmentStep | None) -> ProblemError:
    """A step that is not next."""
    there = f"the treatment is at {now}" if now else "no treatment is open"
    return ProblemError(
        Code.WRONG_STEP,
        HTTPStatus.CONFLICT,
        f"The step {asked} cannot be done now: {there}. Steps are done in order; nothing was changed.",
    )


def finding_view(finding: Finding) -> FindingView:
    """A finding for the screen."""
    return FindingView(
        level=finding.level.name, rule_id=finding.rule_id, sentence=finding.sentence, source=finding.source
    )


def cartridge_view(seen: CartridgeSeen) -> CartridgeView:
    """A cartridge for the screen."""
    return CartridgeView(
        serial=seen.serial, lot=seen.lot, expiry=seen.expiry.isoformat(), needles=seen.needles, used=seen.used
    )


def plan_view(name: str, plan: Plan, *, changed: bool = False) -> PlanView:
    """A plan for the screen."""
    return PlanView(
        name=name,
        title=plan.title,
        off_label=plan.off_label,
        citation=plan.source.citation,
        url=plan.source.url,
        evidence=plan.evidence,
        needles=plan.needles,
        interval_days=plan.interval_days,
        endpoint=plan.endpoint,
        zones=tuple(
            ZoneView(
                name=zone.name,
                area_mm2=zone.area_mm2,
                depth_um=zone.depth_um,
                rate_mhz=zone.rate_mhz,
                passes=zone.passes,
                hold_s=zone.hold_s,
                target_low=zone.target.low,
                target_high=zone.target.high,
            )
            for zone in plan.zones
        ),
        digest=plan.plan_digest,
        changed=changed,
    )
