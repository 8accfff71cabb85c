"""The one object behind the console: pen, record, people, treatment, leases, STOP. Pages and API both speak to it.

Every method may be called from any thread. STOP and whatever ends in `view` wait for nobody; the others may wait for pen and
record and belong in a worker thread, never in an event loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from ..errors import PenError
from ..journal import Journal
from ..models import Plan
from ..names import STOPPABLE
from ..records import Clinic
from ..records.models import TopicalUse
from ..session import Operator, Recovered, clear_stop
from ..worker import StopTicket
from .bench import BenchDesk
from .broadcast import Broadcast, Shared, Turn
from .consenting import ConsentDesk
from .control import ControlDesk
from .docking import Dock, Docked, Source
from .draft import finding_view
from .feed import Subscriber
from .flow_models import FindingView, TreatmentView
from .house import HouseRules
from .live_messages import StateMessage
from .models import (
    ClearStop,
    LiveFrame,
    Role,
    SessionView,
    StopView,
    Training,
)
from .office import Office
from .people import People, Permission, Person
from .reception import Caller, Reception
from .record_gate import RecordGate
from .replication import ClinicServer, Replication
from .scribe import Scribe
from .sessions import Sessions
from .treatment import TreatmentDesk, no_pen, not_waiting
from .views import live_frame, pen_view, stop_view
from .visiting import Visiting

COUNTS_EVERY_S = 1.0
"""How often the state takes over the counts of a run that is under way. (J)"""
STOP_REMEMBERED_S = 10.0
"""A STOP that was given without a pen goes to the pen that connects within this time. (J)"""
SHUT_S = 5.0
"""How long an ending console waits for its treatment to be closed."""


class ConsoleService(Reception):
    """See the module.

    Args:
        source: Which pen.
        journal: The record; owned by the caller.
        people: The accounts.
        own: Plans offered beside the clinic's presets, by name.
        training: Accounts whose PINs are shown, of a simulated console.
        clock: Seconds that never go back.
        sessions: Browser sessions that began before it.
        rules: File of what the clinic decides; None keeps it in memory.
    """

    def __init__(
        self,
        source: Source,
        journal: Journal,
        people: People,
        own: Mapping[str, Plan] | None = None,
        training: Training | None = None,
        clock: Callable[[], float] = time.monotonic,
        sessions: Sessions | None = None,
        rules: Path | None = None,
    ) -> None:
        self.journal = journal
        control = ControlDesk(self._on_lease_lost, clock)
        super().__init__(people, sessions or Sessions(clock), control, Scribe(journal), training)
        self.dock = Dock(
            source,
            journal,
            {"console": self.control.fresh, "journal": lambda: journal.healthy},
            lambda: self.treatment.running,
            self._on_settled,
            self._stop_waits,
        )
        self.record = RecordGate(
            journal,
            self._scribe,
            self._needle_may_run,
            lambda told: self._tell("danger", told),
            self.dock.settle_again,
        )
        self.visiting = Visiting(Clinic.on(journal), own or {})
        self.treatment = TreatmentDesk(
            journal,
            self.visiting,
            lambda: self.dock.ready,
            self._change,
            lambda told: self._tell("warning", told),
        )
        self.consenting = ConsentDesk(self.visiting.clinic, self.treatment)
        self.bench = BenchDesk(lambda: self.dock.docked, self._change) if source.simulated else None
        self._clock = clock
        self._started_s = clock()
        self.office = Office(journal, self.visiting.clinic, rules, self.note, self._pen_works)
        self.replication = Replication(
            ClinicServer(journal, self._pen_works),
            self._pen_works,
            self._change,
            lambda told: self._tell("warning", told),
        )
        self._stopped_s = float("-inf")
        self._stop_without_pen = False
        self._newest_stop: StopTicket | None = None
        self._treatment_shown = self.treatment.view()
        self._shown_s = clock()
        self._broadcast = Broadcast(self._before_frame, self._frame, self._look, self._treatment_moved, clock)

    # --- life -----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take up what a crash left open, look for the pen, make live frames."""
        self.treatment.restore()
        self.dock.start()
        self._broadcast.start()
        self.replication.start()

    def close(self) -> None:
        """Break off what runs, let go of the pen, write what is still to be written."""
        self.treatment.shut("The console was closed", SHUT_S)
        self.replication.close()
        self._broadcast.close()
        self.dock.close()
        self.office.close()
        self._scribe.close()
        self.visiting.clinic.close()

    # --- STOP -----------------------------------------------------------------------------------------------------------

    def stop(self, by: str) -> StopTicket | None:
        """STOP, ahead of everything. Returns at once; None when there is no pen to send it to.

        Args:
            by: Who or what asked for it, for the record.
        """
        # in this order: a pen that is being connected now is either found here or finds that it was asked for
        self._stopped_s = self._clock()
        worker = self.dock.worker
        ticket = worker.stop() if worker else None
        docked = self.dock.docked
        self._stop_without_pen, self._newest_stop = docked is None, ticket
        self._scribe.note("STOP", by=by, pen_serial=self._serial(docked))
        self._change()
        return ticket

    def stop_now(self) -> StopView:
        """How the newest STOP stands."""
        return stop_view(self.dock.snapshot(), self._stop_without_pen or self._stop_came_too_late())

    # --- looking --------------------------------------------------------------------------------------------------------

    def state(self, caller: Caller | None) -> StateMessage:
        """Everything that does not change twenty times a second, as one console sees it."""
        shared = self._broadcast.shared
        return StateMessage(
            version=shared.version,
            pen=shared.pen,
            stop=self.stop_now(),
            control=shared.control,
            you_control=caller is not None and self.control.controls(caller.console),
            session=self.session_view(caller.session) if caller else SessionView(),
            treatment=self.treatment_for(caller),
            record_failure=self.record.failure,
            notices=shared.notices,
        )

    def treatment_for(self, caller: Caller | None) -> TreatmentView:
        """The open treatment as far as this caller may see it: who is treated is for those who are signed in and unlocked.

        What the pen does is for everybody: a locked console goes on showing it.
        """
        view = self.treatment.view()
        session = caller.session if caller is not None else None
        if session is not None and not session.locked and self.people.get(session.person) is not None:
            return view
        return view.model_copy(
            update={
                "patient": None,
                "answers": {},
                "reasons": {},
                "findings": (),
                "consent": None,
                "visit_id": None,
            }
        )

    def subscribe(self, wake: Callable[[], None]) -> Subscriber[Turn]:
        """Live frames from now on; `wake` is called in the feed's thread and must return at once."""
        return self._broadcast.subscribe(wake)

    def unsubscribe(self, subscriber: Subscriber[Turn]) -> None:
        """No more of them."""
        self._broadcast.unsubscribe(subscriber)

    def frame(self) -> LiveFrame:
        """The newest values, without a number to acknowledge."""
        return self._frame(self._broadcast.seq)

    # --- the way out of a stop ------------------------------------------------------------------------------------------

    def clear(self, caller: Caller, asked: ClearStop) -> StopView:
        """Acknowledge a stop by its cause, in the name of who is signed in.

        Raises:
            PenError: The cause is still there, another is meant, or the pen or the record failed.
        """
        person = self.need(caller, Permission.CLEAR_STOP, control=True)
        role = Role.CLINICIAN if Role.CLINICIAN in person.roles else person.roles[0]
        if self.treatment.answer_clear(asked.cause, True):
            self._scribe.note("stop acknowledged", actor=person.name, role=role, cause=asked.cause)
            return self.stop_now()
        if self.treatment.at_work:
            # it asks by itself as soon as the cause is gone; cleared behind its back, its own clearing would be refused
            raise not_waiting(f"the stop for {asked.cause}")
        docked = self.docked()
        clear_stop(docked.pen, self.journal, Operator(person.name, role), asked.cause)
        self._change()
        return self.stop_now()

    def recover_record(self, caller: Caller) -> None:
        """See `RecordGate.recover`; in the name of who is signed in."""
        self.record.recover(self.need(caller, Permission.CLEAR_STOP))
        self._change()

    def docked(self) -> Docked:
        """The pen.

        Raises:
            ProblemError: There is none.
        """
        docked = self.dock.docked
        if docked is None:
            raise no_pen()
        return docked

    def ready(self) -> Docked:
        """The pen, to begin something with.

        Raises:
            ProblemError: There is none, or what an earlier run left open on it is still being settled.
        """
        docked = self.dock.ready
        if docked is None:
            raise no_pen()
        return docked

    def note(self, text: str, by: Person, told: str) -> None:
        """Have it written into the record, in this person's name; returns at once."""
        self._scribe.note(text, actor=by.name, role=by.roles[0], told=told)

    def told_of(self, patient_id: str, uses: tuple[TopicalUse, ...]) -> tuple[FindingView, ...]:
        """What is to be told about things that were applied to a patient's skin."""
        return tuple(finding_view(one) for one in self.office.skin.warnings(patient_id, uses))

    def decide(self, by: Person, told: HouseRules) -> None:
        """Other rules of the clinic from now on, those that were told; both stand in the record."""
        before, rules = self.office.house.decide(told.model_dump(exclude_unset=True))
        self.note(
            "the clinic's rules changed", by, f"{before.model_dump_json()} -> {rules.model_dump_json()}"
        )

    # --- inside ---------------------------------------------------------------------------------------------------------

    def _before_frame(self, seq: int) -> None:
        self.control.made(seq)
        self.control.look()

    def _frame(self, seq: int) -> LiveFrame:
        run = self.treatment.run
        progress = run.progress if run is not None and run.running else None
        frame = live_frame(
            seq, round((self._clock() - self._started_s) * 1000), self.dock.snapshot(), progress
        )
        return frame.model_copy(update={"console_lease_ms": self.control.left_ms()})

    def _look(self) -> Shared:
        for session in self.sessions.lock_idle(self._holding_session()):
            self._scribe.note("locked after no touch", actor=session.person or "nobody")
            self._change()
        return Shared(0, pen_view(self.dock), self.stop_now(), self.control.view(), self.record.look())

    def _treatment_moved(self) -> bool:
        """Counts of a run that is under way are in the frames; here they follow now and then."""
        now_s = self._clock()
        if not self.treatment.running or now_s - self._shown_s < COUNTS_EVERY_S:
            return False
        self._shown_s = now_s
        view = self.treatment.view()
        moved, self._treatment_shown = view != self._treatment_shown, view
        return moved

    def _change(self) -> None:
        self._broadcast.change()

    def _on_lease_lost(self, why: str) -> None:
        """The controlling console does not look any more: STOP when the needle runs, or may be about to."""
        if not self._needle_may_run():
            return
        self.stop(f"console lost: {why}")
        self._tell("danger", f"The needle was stopped: {why}.")

    def _needle_may_run(self) -> bool:
        snapshot = self.dock.snapshot()
        status = snapshot.status if snapshot else None
        return self.treatment.needle_phase or (status is not None and status.state in STOPPABLE)

    def _pen_works(self) -> bool:
        """Whether anything that is not for the treatment has to wait."""
        return self.treatment.running or self._needle_may_run()

    def _holding_session(self) -> str | None:
        holder = self.control.holder()
        return holder.session if holder is not None and self._needle_may_run() else None

    def _stop_came_too_late(self) -> bool:
        """The connection that the newest STOP was given to had ended, which nobody had seen yet, or ended before its answer."""
        report = self._newest_stop.report if self._newest_stop is not None else None
        return report is not None and not report.confirmed and not report.pending

    def _stop_waits(self) -> bool:
        return self._clock() - self._stopped_s < STOP_REMEMBERED_S

    def _on_settled(self, one: Recovered | None, complaint: str) -> None:
        if one is not None:
            try:
                self.treatment.settled(one.session_id, self._serial(self.dock.docked) or "unknown")
            except PenError as error:
                self._tell("danger", error.sentence)
            unsure = "" if one.sure else " The pen lost power meanwhile, so its own count may be short."
            self._tell(
                "warning",
                f"Session {one.session_id} was interrupted; it is settled from the pen's own counters with "
                f"{one.strokes} strokes.{unsure}",
            )
        if complaint:
            self._tell("danger", complaint)
        self._change()

    def _tell(self, level: Literal["info", "warning", "danger"], text: str) -> None:
        self._broadcast.tell(level, text)

    def _serial(self, docked: Docked | None) -> str | None:
        identity = docked.pen.snapshot().identity if docked else None
        return identity.serial if identity else None
