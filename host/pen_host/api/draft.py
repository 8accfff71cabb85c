"""An open treatment: what has been settled so far, and which step is next. Steps go forward one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus

from ..findings import Finding
from ..models import CartridgeSeen
from ..records.models import Consent, Patient, Screened, Visit
from ..screening import Answer, Reply
from .catalogue import plan_view
from .flow_models import (
    STEPS,
    CartridgeView,
    ConsentView,
    FindingView,
    PatientView,
    RunView,
    StepState,
    TreatmentStep,
    TreatmentView,
)
from .problems import Code, ProblemError
from .visiting import Built


@dataclass(slots=True)
class Draft:
    """See the module; `step` is what is to be done next."""

    operator: str
    patient: Patient
    last_treated: str | None
    step: TreatmentStep = TreatmentStep.SCREENING
    answers: Mapping[str, Answer] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    findings: Mapping[TreatmentStep, tuple[Finding, ...]] = field(default_factory=dict)
    built: Built | None = None
    preset: str = ""
    screened: Screened | None = None
    consent: Consent | None = None
    consent_title: str = ""
    consent_sha256: str = ""
    off_label_said: bool = False
    visit: Visit | None = None
    cartridge: CartridgeSeen | None = None
    session_id: str | None = None
    ended_at: datetime | None = None
    next_eligible: str | None = None
    next_why: str | None = None

    def must_be_at(self, step: TreatmentStep) -> None:
        """Refuse what is not next.

        Raises:
            ProblemError: Another step is.
        """
        if self.step is not step:
            raise wrong_step(step, self.step)

    def found(self, step: TreatmentStep, findings: Sequence[Finding]) -> None:
        """What a step found; replaced whole, for screens are drawn from it meanwhile."""
        self.findings = {**self.findings, step: tuple(findings)}

    def back_to(self, step: TreatmentStep) -> None:
        """Go back to an earlier step; what was settled from there on is settled anew.

        Raises:
            ProblemError: It is not an earlier step of the preparation, or a pen session belongs to it by now.
        """
        early = STEPS[: STEPS.index(TreatmentStep.PEN_READY) + 1]
        earlier = STEPS[1 : STEPS.index(self.step)]
        if step not in earlier or self.step not in early or self.session_id is not None:
            raise wrong_step(step, self.step)
        self.step = step
        gone = STEPS[STEPS.index(step) :]
        self.findings = {at: found for at, found in self.findings.items() if at not in gone}
        if TreatmentStep.SCREENING in gone:
            self.answers, self.reasons = {}, {}
        if TreatmentStep.PLAN in gone:
            self.built, self.preset, self.screened = None, "", None
        if TreatmentStep.CONSENT in gone:
            self.consent = None
        self.cartridge = None

    @property
    def patient_view(self) -> PatientView:
        """Who is treated, for the screen."""
        who = self.patient.demographics
        return PatientView(
            reference=self.patient.patient_id,
            label=self.patient.label,
            birth_date=who.birth_date.isoformat() if who else None,
            last_treated=self.last_treated,
        )

    def view(self, run: RunView | None) -> TreatmentView:
        """For the screen."""
        at = STEPS.index(self.step)
        built = self.built
        return TreatmentView(
            step=self.step,
            steps=tuple(
                StepState(step=step, done=index < at, current=index == at) for index, step in enumerate(STEPS)
            ),
            operator=self.operator,
            patient=self.patient_view,
            answers={rule: answer.reply is Reply.YES for rule, answer in self.answers.items()},
            reasons=dict(self.reasons),
            findings=tuple(finding_view(one) for found in self.findings.values() for one in found),
            plan=plan_view(self.preset, built.plan, changed=built.changed) if built else None,
            consent=self._consent_view(),
            cartridge=cartridge_view(self.cartridge) if self.cartridge else None,
            run=run,
            visit_id=self.visit.visit_id if self.visit else None,
            next_eligible=self.next_eligible,
            next_why=self.next_why,
        )

    def _consent_view(self) -> ConsentView | None:
        if self.consent is None:
            return None
        return ConsentView(
            title=self.consent_title,
            text_sha256=self.consent_sha256,
            signed_by=self.consent.signed_by,
            witnessed_by=self.consent.witnessed_by.name,
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
