"""The open treatment of this console: its steps in their order, and the run in the middle of them.

The server keeps the order, not the page: whatever is asked out of turn is refused and changes nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus

from ..errors import PenError
from ..journal import Journal
from ..records.models import Person, TopicalUse
from ..session import Operator
from .aftermath import Aftermath
from .catalogue import choices, question_view
from .docking import Docked
from .draft import Draft, wrong_step
from .flow_models import (
    STEPS,
    Applied,
    CheckCartridge,
    ChoosePatient,
    ChoosePlan,
    Cleaned,
    CloseTreatment,
    GiveConsent,
    PlanView,
    Prepare,
    QuestionView,
    Screen,
    TreatmentStep,
    TreatmentView,
    ZoneDecision,
)
from .preparing import Preparation, must_be_meant, must_be_ready, visit_of
from .problems import Code, ProblemError, must_pass
from .running import Order, TreatmentRun
from .visiting import Visiting, topicals_of

RECORD_S = 30.0
"""How long a run that is over may take to be recorded; it takes as long as the disk. (J)"""


class TreatmentDesk:
    """See the module. Any thread may call; each call is done before the next begins, and may wait for pen and record.

    Args:
        journal: The record.
        visiting: The clinic's record, as the steps use it.
        docked: The pen to begin something with, None without one.
        changed: Told when there is something new to show; must return at once.
        told: Told a sentence that everybody at a console should know.
    """

    def __init__(
        self,
        journal: Journal,
        visiting: Visiting,
        docked: Callable[[], Docked | None],
        changed: Callable[[], None],
        told: Callable[[str], None],
    ) -> None:
        self._journal = journal
        self._visiting = visiting
        self._clinic = visiting.clinic
        self._preparation = Preparation(journal, visiting, docked)
        self._aftermath = Aftermath(journal, visiting)
        self._docked = docked
        self._changed = changed
        self._say = told
        self._lock = threading.RLock()
        self._draft: Draft | None = None
        self.run: TreatmentRun | None = None

    # --- looking --------------------------------------------------------------------------------------------------------

    def view(self) -> TreatmentView:
        """How it stands; waits for nobody."""
        draft, run = self._draft, self.run
        if draft is None:
            return TreatmentView()
        # its step is read before the run: whoever sees the close sees how the run ended
        seen = replace(draft)
        while seen.step is not draft.step:  # gone on, or back, amid the look: of one step, or looked at again
            seen = replace(draft)
        return seen.view(run.view() if run is not None else None)

    def questions(self) -> tuple[QuestionView, ...]:
        """The whole screening."""
        rules = self._clinic.screening.rules
        return tuple(question_view(rules, rule) for rule in rules.rules)

    def presets(self) -> tuple[PlanView, ...]:
        """Plans to begin from."""
        return choices(self._visiting)

    @property
    def running(self) -> bool:
        """The pen works for a treatment."""
        run = self.run  # read once: another thread may close it at any time
        return run is not None and run.running

    @property
    def needle_phase(self) -> bool:
        """The needle runs or may be about to."""
        run = self.run
        return run is not None and run.needle_phase

    # --- steps ----------------------------------------------------------------------------------------------------------

    def choose_patient(self, operator: str, asked: ChoosePatient) -> TreatmentView:
        """Step 1: begins a treatment. See the module for errors."""
        draft = self._preparation.begin(operator, asked)
        with self._lock:
            if self._draft is not None:
                raise wrong_step(TreatmentStep.PATIENT, self._draft.step)
            self._draft = draft
        return self._told()

    def screen(self, asked: Screen) -> TreatmentView:
        """Step 2: every question answered, nothing that every plan forbids."""
        with self._lock:
            self._preparation.screen(self._open(TreatmentStep.SCREENING), asked)
        return self._told()

    def choose_plan(self, by: Person, asked: ChoosePlan) -> TreatmentView:
        """Step 3: a preset or its numbers changed, within every cap; the screening is judged for it and put on record."""
        caps = self._preparation.caps()
        with self._lock:
            self._preparation.plan(self._open(TreatmentStep.PLAN), by, asked, caps)
        return self._told()

    def give_consent(self, by: Person, asked: GiveConsent) -> TreatmentView:
        """Step 4: to this very text; opens the visit."""
        with self._lock:
            self._preparation.consent(self._open(TreatmentStep.CONSENT), by, asked)
        return self._told()

    def check_cartridge(self, by: Person, asked: CheckCartridge) -> TreatmentView:
        """Step 5: what is in the pen, refused with the reason; from then on it is this patient's."""
        docked = self._pen()
        with self._lock:
            self._preparation.cartridge(self._open(TreatmentStep.CARTRIDGE), by, asked, docked)
        return self._told()

    def cleaned(self, by: Person, asked: Cleaned) -> TreatmentView:
        """Between patients: record that the pen was cleaned."""
        serial = self._pen().pen.identity().serial
        self._clinic.cleaning.cleaned(serial, asked.method, by, sheath_changed=asked.sheath_changed)
        return self._told()

    def prepare(self, operator: Operator, asked: Prepare) -> TreatmentView:
        """Step 6: with nothing in the way, opens the session, burns the cartridge, homes; the first zone is asked for then.

        Whoever asks says whom and by which plan, as the screen told it: a page that shows something else is refused.
        """
        docked = self._pen()
        with self._lock:
            run = self._run_recorded()
            draft = self._open(TreatmentStep.PEN_READY)
            if run is not None and run.running:
                raise wrong_step(TreatmentStep.PEN_READY, draft.step)
            visit, screened = visit_of(draft), draft.screened
            must_be_meant(visit, asked)
            assert screened is not None, "steps are done in order"
            must_be_ready(docked.pen)
            must_pass(self._clinic.visits.check_pen(visit.visit_id, docked.pen.identity().serial), {})
            order = Order(
                docked,
                self._journal,
                visit.plan,
                operator,
                draft.patient.patient_id,
                screened.session_answers,
                {**screened.reasons, **visit.reasons},
            )
            self.run = TreatmentRun(order, self._on_run, self._on_opened, self._on_end)
            self.run.start()
        return self._told()

    def decide(self, asked: ZoneDecision) -> TreatmentView:
        """Step 7, zone by zone."""
        run = self.run
        self._open(TreatmentStep.TREAT)
        if run is None or not run.hands.decide(asked.zone, asked.decision):
            raise not_waiting(f"zone {asked.zone}")
        return self._told()

    def close(self, by: Person, asked: CloseTreatment) -> TreatmentView:
        """Step 8: endpoint, what was applied, after-care, signature. The signature was checked by the caller."""
        with self._lock:
            draft = self._open(TreatmentStep.CLOSE)
            assert draft.ended_at is not None, "a treatment is closed after its run"
            self._visiting.close(visit_of(draft), asked, draft.ended_at, by)
            self._draft = self.run = None
        return self._told()

    def applied(self, asked: Applied) -> tuple[str, tuple[TopicalUse, ...]]:
        """What was applied after the run, and to whom, before it is signed for; nothing is recorded by that."""
        draft = self._open(TreatmentStep.CLOSE)
        assert draft.ended_at is not None, "a treatment is closed after its run"
        return draft.patient.patient_id, topicals_of(asked, draft.ended_at)

    def cancel(self, by: Person, why: str) -> TreatmentView:
        """Give it up. While the pen works: STOP, and the run is broken off; it is then closed as step 8."""
        self._break_off(why)  # STOP waits for no lock
        with self._lock:
            if not self._give_up(by, why):
                raise wrong_step(TreatmentStep.PATIENT, self._draft.step if self._draft else None)
        return self._told()

    def withdrawn(self, patient_id: str, by: Person, why: str) -> None:
        """The patient took back the consent: give up an open treatment that rests on it, as `cancel` does.

        A step that is being done is waited for: the visit that it opens is one of them.
        """
        draft = self._draft
        if draft is None or draft.patient.patient_id != patient_id:
            return
        if draft.visit is not None:
            self._break_off(why)  # STOP waits for no lock
        with self._lock:
            if self._draft is draft and draft.visit is not None:
                self._give_up(by, why)
        self._changed()

    def _break_off(self, why: str) -> None:
        run = self.run
        if run is not None and run.running:
            run.break_off(f"The operator broke the treatment off ({why})")

    def _give_up(self, by: Person, why: str) -> bool:
        """What was broken off ends by itself, anything else here; False when nothing is left but to close it."""
        run, draft = self._run_recorded(), self._draft
        if draft is None or draft.step is TreatmentStep.CLOSE:
            return False
        if run is not None and run.running:
            self._break_off(why)  # one that began just now as well
            return True
        if draft.visit is not None:
            self._clinic.visits.abandon(draft.visit.visit_id, why, by)
        self._draft = self.run = None
        return True

    def back(self, by: Person, step: TreatmentStep) -> TreatmentView:
        """To an earlier step of the preparation; what follows it is done anew."""
        with self._lock:
            run, draft = self._run_recorded(), self._draft
            if draft is None or (run is not None and run.running):
                raise wrong_step(step, draft.step if draft else None)
            draft.back_to(step)
            if draft.visit is not None and STEPS.index(step) <= STEPS.index(TreatmentStep.CONSENT):
                self._clinic.visits.abandon(
                    draft.visit.visit_id, f"gone back to {step} before the pen began", by
                )
                draft.visit = None
            self.run = None
        return self._told()

    def answer_clear(self, cause: str, agreed: bool) -> bool:
        """Acknowledge the stop that the run asks about; False when it asks about none, or another."""
        run = self.run
        return run is not None and run.running and run.hands.answer_clear(cause, agreed)

    @property
    def at_work(self) -> bool:
        """A run is under way and waits for no answer: what it finds at the pen is its own to deal with."""
        run = self.run
        return run is not None and run.running and not run.hands.waiting_now

    # --- a crash before, an end now -------------------------------------------------------------------------------------

    def restore(self) -> None:
        """Take up the visit that a crash left open."""
        draft = self._draft = self._aftermath.restored()
        if draft is not None:
            self._say(f"The treatment of {draft.patient.patient_id} was still open and is taken up again.")

    def settled(self, session_id: str, serial: str) -> None:
        """A session that a crash left open was settled.

        Raises:
            PenError: It cannot be recorded.
        """
        with self._lock:
            run = self._run_recorded()
            if self._draft is not None and not (run is not None and run.running):
                self._aftermath.settled(self._draft, session_id, serial)
        self._changed()

    def shut(self, why: str, patience_s: float) -> None:
        """The console ends: break a run off and wait for it."""
        run = self.run
        if run is not None and run.running:
            run.break_off(why)
            run.join(patience_s)

    # --- the run's own threads ------------------------------------------------------------------------------------------

    def _on_run(self) -> None:
        """The first question about a zone is the end of the preparation."""
        draft, run = self._draft, self.run
        if (
            draft is not None
            and run is not None
            and run.hands.asked.zone
            and draft.step is TreatmentStep.PEN_READY
        ):
            draft.step = TreatmentStep.TREAT
        self._changed()

    def _on_opened(self, run: TreatmentRun) -> None:
        """The session is open on the pen, and nothing has happened in it yet."""
        draft = self._draft
        if draft is None or draft.visit is None or run.session_id is None:
            return
        draft.session_id = run.session_id
        self._aftermath.attach(draft, run.session_id, run.serial, run.by)

    def _on_end(self, run: TreatmentRun) -> None:
        """A run that never opened a session left nothing to close."""
        draft = self._draft
        if draft is not None and draft.visit is not None and run.session_id is not None:
            try:
                # one that was stopped before its first question is not the visit's yet
                visit = self._aftermath.attach(draft, run.session_id, run.serial, run.by)
                self._aftermath.use_up(visit, run.session_id, run.by)
            except PenError as error:
                self._say(error.sentence)
            self._aftermath.over(draft, run.session_id)
        elif draft is not None:
            draft.step = TreatmentStep.PEN_READY
        self._changed()

    # --- inside ---------------------------------------------------------------------------------------------------------

    def _run_recorded(self) -> TreatmentRun | None:
        """The run. For one that is over it is waited until what it leaves behind is recorded: only then its step is known."""
        run = self.run
        if run is not None and not run.running:
            run.join(RECORD_S)
        return run

    def _open(self, step: TreatmentStep) -> Draft:
        draft = self._draft
        if draft is None:
            raise wrong_step(step, None)
        draft.must_be_at(step)
        return draft

    def _told(self) -> TreatmentView:
        self._changed()
        return self.view()

    def _pen(self) -> Docked:
        docked = self._docked()
        if docked is None:
            raise no_pen()
        return docked


def no_pen() -> ProblemError:
    """There is no pen to do it with."""
    return ProblemError(
        Code.NO_PEN,
        HTTPStatus.SERVICE_UNAVAILABLE,
        "No pen is connected, or what was open on it is still being settled, so nothing was done. "
        "Plug the pen in; the console finds it by itself.",
    )


def not_waiting(what: str) -> ProblemError:
    """An answer to a question that nobody asks (any more)."""
    return ProblemError(
        Code.NOT_WAITING,
        HTTPStatus.CONFLICT,
        f"Nobody asks about {what} now, so nothing was done. Look at what the screen asks.",
    )
