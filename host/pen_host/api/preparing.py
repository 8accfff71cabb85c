"""Steps 1 to 5 of a treatment: patient, screening, plan, consent, cartridge. Each settles one thing in the draft, or refuses.

Beside them what must be so before step 6. Nothing here touches the pen but to read its cartridge; who may ask, and in which
order, is the desk's affair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from pen_protocol import limits
from pen_protocol.states import BLOCKS_ARM

from ..advice import for_cause
from ..checks import check_cartridge
from ..errors import RefusedError
from ..findings import Finding, Level
from ..journal import Journal
from ..names import Condition
from ..pen import Pen
from ..records.models import Person, Visit
from ..session import tried_before
from ..session.events import seen
from .docking import Docked
from .draft import Draft
from .flow_models import (
    CheckCartridge,
    ChoosePatient,
    ChoosePlan,
    GiveConsent,
    Prepare,
    Screen,
    TreatmentStep,
)
from .problems import must_pass, wrong_field
from .views import CURED_BY_STEPS
from .visiting import Visiting, answers_of


class Preparation:
    """See the module. Waits for pen and record.

    Args:
        journal: The record.
        visiting: The clinic's record, as the steps use it.
        docked: The pen now, None without one.
    """

    def __init__(self, journal: Journal, visiting: Visiting, docked: Callable[[], Docked | None]) -> None:
        self._journal = journal
        self._visiting = visiting
        self._clinic = visiting.clinic
        self._docked = docked

    def begin(self, operator: str, asked: ChoosePatient) -> Draft:
        """Step 1: a treatment of this patient."""
        patient = self._clinic.patients.get(asked.reference)
        needlings = [one.day for one in self._clinic.visits.needlings(patient.patient_id)]
        return Draft(operator, patient, max(needlings).isoformat() if needlings else None)

    def screen(self, draft: Draft, asked: Screen) -> None:
        """Step 2: every question answered, nothing that every plan forbids."""
        answers = answers_of(asked)
        findings = self._visiting.judge(draft.patient, answers, everywhere=True)
        must_pass(findings, asked.reasons)
        draft.answers = answers
        draft.reasons |= _used(findings, asked.reasons)
        draft.found(TreatmentStep.SCREENING, findings)
        draft.step = TreatmentStep.PLAN

    def plan(self, draft: Draft, by: Person, asked: ChoosePlan, caps: tuple[int, int]) -> None:
        """Step 3: within every cap; the screening is judged for it and put on record.

        Args:
            draft: The treatment.
            by: Who plans.
            asked: A preset, or its numbers changed.
            caps: Deepest setting in um and highest rate in mHz.
        """
        built = self._visiting.build(asked)
        judged = self._clinic.screening.evaluate(draft.patient.patient_id, built.plan, draft.answers)
        findings = [*judged.findings, *self._visiting.plan_findings(draft.patient, built.plan, *caps)]
        reasons = {**draft.reasons, **asked.reasons}
        must_pass(findings, reasons)
        draft.screened = self._visiting.screened(
            draft.patient.patient_id, built.plan, draft.answers, reasons, by
        )
        draft.built, draft.preset = built, asked.preset
        draft.reasons |= _used(findings, reasons)
        draft.found(TreatmentStep.SCREENING, judged.findings)
        draft.found(TreatmentStep.PLAN, findings[len(judged.findings) :])
        draft.step = TreatmentStep.CONSENT

    def consent(self, draft: Draft, by: Person, asked: GiveConsent) -> None:
        """Step 4: to this very text; opens the visit."""
        built, screened = draft.built, draft.screened
        assert built is not None, "steps are done in order"
        assert screened is not None, "steps are done in order"
        text = self._visiting.consent_text()
        if asked.text_sha256 != text.digest:
            raise wrong_field("text_sha256", "The text has changed since it was shown; read it again.")
        if not asked.agreed:
            raise wrong_field("agreed", "Without the patient's consent there is no treatment.")
        if built.plan.off_label and not asked.off_label_said:
            raise wrong_field("off_label_said", "The patient must be told that this use is not cleared.")
        draft.consent = self._visiting.consent(draft.patient, asked, by)
        draft.visit = self._visiting.open(built, screened, draft.consent, draft.reasons, by)
        draft.consent_title, draft.consent_sha256 = text.title, text.digest
        draft.off_label_said = asked.off_label_said
        draft.step = TreatmentStep.CARTRIDGE

    def cartridge(self, draft: Draft, by: Person, asked: CheckCartridge, docked: Docked) -> None:
        """Step 5: what is in the pen, refused with the reason; from then on it is this patient's."""
        visit = visit_of(draft)
        read = docked.pen.cartridge_read()
        known = seen(read)
        if known is None or not read.usable:
            raise _refused_cartridge(for_cause(read.condition or Condition.CARTRIDGE_UNREADABLE).sentence)
        stock = self._clinic.cartridges
        findings = check_cartridge(
            visit.plan,
            known,
            self._visiting.today(),
            used_before=tried_before(self._journal, known.serial) or stock.chip_is_used(known.serial),
            recalled_lots=self._clinic.recalls.lots(),
        )
        blocking = [one.sentence for one in findings if one.level is Level.BLOCK]
        if blocking:
            raise _refused_cartridge(" ".join(blocking))
        self._visiting.take(known, asked.scanned, visit, by)
        draft.cartridge = known
        draft.found(TreatmentStep.CARTRIDGE, findings)
        draft.step = TreatmentStep.PEN_READY

    def caps(self) -> tuple[int, int]:
        """Of the pen when there is one, else of the program; the pen's are checked again before it begins."""
        docked = self._docked()
        if docked is None:
            return limits.DEPTH_CAP_UM, limits.RATE_MAX_MHZ
        kept = docked.pen.settings_read()
        return kept.depth_cap_um, kept.rate_max_mhz


def visit_of(draft: Draft) -> Visit:
    """The visit that is open for it, from the consent on."""
    assert draft.visit is not None, "steps are done in order"
    return draft.visit


def must_be_meant(visit: Visit, asked: Prepare) -> None:
    """The person at the screen saw this patient and this plan, whole.

    Raises:
        ProblemError: They saw another.
    """
    if asked.reference != visit.patient_id:
        raise wrong_field(
            "reference", f"The open treatment is another patient's ({visit.patient_id}). Look again."
        )
    if asked.plan_digest != visit.plan.plan_digest:
        raise wrong_field("plan_digest", "The plan is not the one that was shown. Look at it again.")


def must_be_ready(pen: Pen) -> None:
    """Nothing stands in the way that the next steps do not cure.

    Raises:
        RefusedError: Something does.
    """
    status = pen.status()
    if status.stopped:
        told = for_cause(status.first_cause)
        raise RefusedError(
            f"The pen is stopped for {status.cause_text}, so nothing can begin. {told.happened} {told.now} "
            "Then acknowledge the stop by name."
        )
    blocking = status.conditions & BLOCKS_ARM & ~CURED_BY_STEPS
    if blocking:
        lowest = (blocking & -blocking).bit_length() - 1
        raise RefusedError(f"The pen is not ready, so nothing has begun. {for_cause(lowest).sentence}")


def _refused_cartridge(why: str) -> RefusedError:
    return RefusedError(f"This cartridge is refused. {why}")


def _used(findings: Iterable[Finding], reasons: Mapping[str, str]) -> dict[str, str]:
    """The reasons that let something pass; one that was not needed is not kept."""
    return {
        one.rule_id: reasons[one.rule_id]
        for one in findings
        if one.level is Level.OVERRIDE and one.rule_id in reasons
    }
