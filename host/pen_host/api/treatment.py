"""The open treatment of this console: its steps in their order, and the run in the middle of them.

The server keeps the order, not the page: whatever is asked out of turn is refused and changes nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import date
from http import HTTPStatus
from pathlib import Path

from pen_protocol import limits
from pen_protocol.states import BLOCKS_ARM

from ..advice import for_cause
from ..checks import (
    SCREENING_RULES,
    Finding,
    Level,
    check_cartridge,
    check_interval,
    check_plan,
    check_screening,
)
from ..errors import RefusedError
from ..journal import Journal, Kind
from ..models import Plan
from ..names import Condition
from ..pen import Pen
from ..session import Operator, last_treated, used_cartridges
from ..session.events import seen
from .clinic import Clinic, Closed, ConsentText, Opened
from .docking import Docked
from .draft import Draft, plan_view, wrong_step
from .flow_models import (
    CheckCartridge,
    ChoosePatient,
    ChoosePlan,
    CloseTreatment,
    GiveConsent,
    PlanView,
    QuestionView,
    RunView,
    Screen,
    TreatmentStep,
    TreatmentView,
    ZoneDecision,
)
from .planning import ALL_RULES, edited, must_pass
from .problems import Code, ProblemError, wrong_field
from .running import Order, TreatmentRun
from .views import CURED_BY_STEPS


class TreatmentDesk:
    """See the module. Any thread may call; each call is done before the next begins, and may wait for pen and record.

    Args:
        journal: The record.
        clinic: The clinic's own record.
        docked: The pen now, None without one.
        pictures: Directory for pictures.
        changed: Told when there is something new to show; must return at once.
        today: The patient's calendar day.
    """

    def __init__(
        self,
        journal: Journal,
        clinic: Clinic,
        docked: Callable[[], Docked | None],
        pictures: Path,
        changed: Callable[[], None],
        today: Callable[[], date] = date.today,
    ) -> None:
        self._journal = journal
        self._clinic = clinic
        self._docked = docked
        self._pictures = pictures
        self._changed = changed
        self._today = today
        self._lock = threading.RLock()
        self._draft: Draft | None = None
        self.run: TreatmentRun | None = None

    # --- looking --------------------------------------------------------------------------------------------------------

    def view(self) -> TreatmentView:
        """How it stands; waits for nobody."""
        draft, run = self._draft, self.run
        return TreatmentView() if draft is None else draft.view(self._run_view(run))

    def questions(self) -> tuple[QuestionView, ...]:
        """The whole screening."""
        return tuple(
            QuestionView(
                rule_id=rule.rule_id, question=rule.question, level=rule.level.name, source=rule.source
            )
            for rule in SCREENING_RULES
        )

    def presets(self) -> tuple[PlanView, ...]:
        """Plans to begin from."""
        return tuple(plan_view(name, plan) for name, plan in self._clinic.presets().items())

    def consent_text(self) -> ConsentText:
        """What the patient is asked to agree to, for the plan that was chosen.

        Raises:
            ProblemError: There is no plan yet.
        """
        return self._clinic.consent(self._plan(self._open(TreatmentStep.CONSENT)))

    @property
    def running(self) -> bool:
        """The pen works for a treatment."""
        return self.run is not None and self.run.running

    @property
    def needle_phase(self) -> bool:
        """The needle runs or may be about to."""
        return self.run is not None and self.run.needle_phase

    # --- steps ----------------------------------------------------------------------------------------------------------

    def choose_patient(self, operator: str, asked: ChoosePatient) -> TreatmentView:
        """Step 1: begins a treatment. See the module for errors."""
        patient = self._clinic.patient(asked.reference)
        last = last_treated(self._journal, asked.reference)
        with self._lock:
            if self._draft is not None:
                raise wrong_step(TreatmentStep.PATIENT, self._draft.step)
            shown = patient.model_copy(update={"last_treated": last.isoformat() if last else None})
            self._draft = Draft(operator, shown)
        return self._told()

    def screen(self, asked: Screen) -> TreatmentView:
        """Step 2: every question answered, nothing that blocks."""
        with self._lock:
            draft = self._open(TreatmentStep.SCREENING)
            strange = sorted(set(asked.answers) - set(ALL_RULES))
            if strange:
                raise wrong_field(f"answers.{strange[0]}", "There is no such question.")
            findings = check_screening(ALL_RULES, asked.answers)
            must_pass(findings, asked.reasons)
            draft.answers = dict(asked.answers)
            draft.reasons |= _used(findings, asked.reasons)
            draft.findings[TreatmentStep.SCREENING] = tuple(findings)
            draft.step = TreatmentStep.PLAN
        return self._told()

    def choose_plan(self, asked: ChoosePlan) -> TreatmentView:
        """Step 3: a preset or its numbers changed, within every cap."""
        preset = self._clinic.presets().get(asked.preset)
        if preset is None:
            raise wrong_field("preset", f"There is no preset called {asked.preset}.")
        depth_cap_um, rate_max_mhz = self._caps()
        with self._lock:
            draft = self._open(TreatmentStep.PLAN)
            plan = edited(preset, asked, draft.answers)
            findings = [
                *check_plan(plan, depth_cap_um=depth_cap_um, rate_max_mhz=rate_max_mhz),
                *check_interval(plan, last_treated(self._journal, draft.patient.reference), self._today()),
            ]
            reasons = {**draft.reasons, **asked.reasons}
            must_pass(findings, reasons)
            draft.plan, draft.preset = plan, asked.preset
            draft.changed = plan.plan_digest != preset.plan_digest
            draft.reasons |= _used(findings, reasons)
            draft.findings[TreatmentStep.PLAN] = tuple(findings)
            draft.step = TreatmentStep.CONSENT
        return self._told()

    def give_consent(self, witness: str, asked: GiveConsent) -> TreatmentView:
        """Step 4: to this very text."""
        with self._lock:
            draft = self._open(TreatmentStep.CONSENT)
            plan = self._plan(draft)
            text = self._clinic.consent(plan)
            if asked.text_sha256 != text.sha256:
                raise wrong_field("text_sha256", "The text has changed since it was shown; read it again.")
            if not asked.agreed:
                raise wrong_field("agreed", "Without the patient's consent there is no treatment.")
            if plan.off_label and not asked.off_label_said:
                raise wrong_field("off_label_said", "The patient must be told that this use is not cleared.")
            draft.consent, draft.witness, draft.off_label_said = text, witness, asked.off_label_said
            draft.step = TreatmentStep.CARTRIDGE
        return self._told()

    def check_cartridge(self, asked: CheckCartridge) -> TreatmentView:
        """Step 5: what is in the pen, refused with the reason."""
        pen = self._pen().pen
        with self._lock:
            draft = self._open(TreatmentStep.CARTRIDGE)
            plan = self._plan(draft)
            read = pen.cartridge_read()
            known = seen(read)
            if known is None or not read.usable:
                told = for_cause(read.condition or Condition.CARTRIDGE_UNREADABLE)
                raise RefusedError(f"This cartridge is refused. {told.sentence}")
            findings = [
                *check_cartridge(plan, known, self._today(), used_serials=used_cartridges(self._journal)),
                *self._clinic.cartridge_findings(known, asked.scanned, draft.patient.reference),
            ]
            blocking = [one.sentence for one in findings if one.level is Level.BLOCK]
            if blocking:
                raise RefusedError(f"This cartridge is refused. {' '.join(blocking)}")
            draft.cartridge = known
            draft.findings[TreatmentStep.CARTRIDGE] = tuple(findings)
            draft.step = TreatmentStep.PEN_READY
        return self._told()

    def prepare(self, operator: Operator) -> TreatmentView:
        """Step 6: with nothing in the way, opens the session, burns the cartridge, homes; the first zone is asked for then."""
        docked = self._pen()
        with self._lock:
            draft = self._open(TreatmentStep.PEN_READY)
            if self.running:
                raise wrong_step(TreatmentStep.PEN_READY, draft.step)
            plan = self._plan(draft)
            _must_be_ready(docked.pen)
            order = Order(
                docked,
                self._journal,
                plan,
                operator,
                draft.patient.reference,
                draft.answers,
                draft.reasons,
                self._pictures,
            )
            self.run = TreatmentRun(order, self._on_run, self._on_end)
            self.run.start()
        return self._told()

    def decide(self, asked: ZoneDecision) -> TreatmentView:
        """Step 7, zone by zone."""
        run = self.run
        self._open(TreatmentStep.TREAT)
        if run is None or not run.hands.decide(asked.zone, asked.decision):
            raise not_waiting(f"zone {asked.zone}")
        return self._told()

    def close(self, signed_by: str, asked: CloseTreatment) -> TreatmentView:
        """Step 8: endpoint, what was applied, after-care, signature. The signature was checked by the caller."""
        with self._lock:
            draft, run = self._open(TreatmentStep.CLOSE), self.run
            assert run is not None, "a treatment is closed after its run"
            assert run.session_id is not None, "a run without a session is not closed"
            if (asked.topical is None) != (asked.topical_minutes_after is None):
                raise wrong_field(
                    "topical_minutes_after", "Say what was applied and how long after, or neither."
                )
            closed = Closed(
                run.session_id,
                self._opened(draft, run),
                asked.endpoint,
                asked.topical,
                asked.topical_minutes_after,
                asked.aftercare_given,
                asked.notes,
                signed_by,
            )
            self._note_close(closed)
            self._clinic.closed(closed)
            self._draft = self.run = None
        return self._told()

    def cancel(self, why: str) -> TreatmentView:
        """Give it up. While the pen works: STOP, and the run is broken off; it is then closed as step 8."""
        with self._lock:
            draft, run = self._draft, self.run
            if draft is None or draft.step is TreatmentStep.CLOSE:
                raise wrong_step(TreatmentStep.PATIENT, draft.step if draft else None)
            if run is not None and run.running:
                run.break_off(f"The operator broke the treatment off ({why})")
            else:
                self._draft = self.run = None
        return self._told()

    def back(self, step: TreatmentStep) -> TreatmentView:
        """To an earlier step of the preparation; what follows it is done anew."""
        with self._lock:
            draft = self._draft
            if draft is None or self.running:
                raise wrong_step(step, draft.step if draft else None)
            draft.back_to(step)
            self.run = None
        return self._told()

    def answer_clear(self, cause: str, agreed: bool) -> bool:
        """Acknowledge the stop that the run asks about; False when it asks about none, or another."""
        run = self.run
        return run is not None and run.running and run.hands.answer_clear(cause, agreed)

    def shut(self, why: str, patience_s: float) -> None:
        """The console ends: break a run off and wait for it."""
        run = self.run
        if run is not None and run.running:
            run.break_off(why)
            run.join(patience_s)

    # --- inside ---------------------------------------------------------------------------------------------------------

    def _open(self, step: TreatmentStep) -> Draft:
        draft = self._draft
        if draft is None:
            raise wrong_step(step, None)
        draft.must_be_at(step)
        return draft

    def _plan(self, draft: Draft) -> Plan:
        if draft.plan is None:
            raise wrong_step(TreatmentStep.CONSENT, draft.step)
        return draft.plan

    def _told(self) -> TreatmentView:
        self._changed()
        return self.view()

    def _run_view(self, run: TreatmentRun | None) -> RunView | None:
        return run.view() if run is not None else None

    def _pen(self) -> Docked:
        docked = self._docked()
        if docked is None:
            raise ProblemError(
                Code.NO_PEN,
                HTTPStatus.SERVICE_UNAVAILABLE,
                "No pen is connected, so nothing was done. Plug the pen in; the console finds it by itself.",
            )
        return docked

    def _caps(self) -> tuple[int, int]:
        """Of the pen when there is one, else of the program; the pen's are checked again before it begins."""
        docked = self._docked()
        if docked is None:
            return limits.DEPTH_CAP_UM, limits.RATE_MAX_MHZ
        kept = docked.pen.settings_read()
        return kept.depth_cap_um, kept.rate_max_mhz

    def _on_run(self) -> None:
        """In the run's threads: the first question about a zone is the end of the preparation."""
        draft, run = self._draft, self.run
        if draft is not None and run is not None and run.hands.zone and draft.step is TreatmentStep.PEN_READY:
            draft.step = TreatmentStep.TREAT
        self._changed()

    def _on_end(self, run: TreatmentRun) -> None:
        """In the run's thread. A run that never opened a session left nothing to close."""
        draft = self._draft
        if draft is not None:
            draft.step = TreatmentStep.CLOSE if run.session_id else TreatmentStep.PEN_READY
        self._changed()

    def _opened(self, draft: Draft, run: TreatmentRun) -> Opened:
        plan = self._plan(draft)
        assert draft.consent is not None, "steps are done in order"
        assert draft.cartridge is not None, "steps are done in order"
        return Opened(
            draft.patient.reference,
            run.order.operator.name,
            plan,
            draft.consent,
            draft.answers,
            draft.reasons,
            draft.cartridge,
        )

    def _note_close(self, closed: Closed) -> None:
        self._journal.append(
            Kind.NOTE,
            {
                "text": f"The treatment was closed and signed by {closed.signed_by}.",
                "endpoint": closed.endpoint,
                "topical": closed.topical,
                "topical_minutes_after": closed.topical_minutes_after,
                "aftercare_given": closed.aftercare_given,
                "consent_sha256": closed.opened.consent.sha256,
                "notes": closed.notes,
            },
            actor=closed.signed_by,
            role="clinician",
            session_id=closed.session_id,
            subject=closed.opened.patient,
        )


def not_waiting(what: str) -> ProblemError:
    """An answer to a question that nobody asks (any more)."""
    return ProblemError(
        Code.NOT_WAITING,
        HTTPStatus.CONFLICT,
        f"Nobody asks about {what} now, so nothing was done. Look at what the screen asks.",
    )


def _used(findings: list[Finding], reasons: Mapping[str, str]) -> dict[str, str]:
    """The reasons that let something pass; one that was not needed is not kept."""
    return {
        one.rule_id: reasons[one.rule_id]
        for one in findings
        if one.level is Level.OVERRIDE and one.rule_id in reasons
    }


def _must_be_ready(pen: Pen) -> None:
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
