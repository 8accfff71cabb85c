"""Two threads at once: what one is shown while the other changes it is of one moment, and neither undoes the other."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import pytest

from pen_host.api import docking
from pen_host.api.draft import Draft
from pen_host.api.exporting import FOLDER, ExportAsked, ExportDesk, ExportState, Packed
from pen_host.api.flow_models import RunView, TreatmentStep, TreatmentView, Waiting
from pen_host.api.hands import Asked
from pen_host.api.models import Role
from pen_host.api.people import People
from pen_host.api.problems import Problem, ProblemError
from pen_host.api.running import TreatmentRun
from pen_host.api.treatment import TreatmentDesk
from pen_host.api.visiting import Built
from pen_host.api.workshop import Workshop
from pen_host.exports.export import Form
from pen_host.history import session_lines
from pen_host.journal import Journal
from pen_host.models import Plan
from pen_host.outcomes import Done
from pen_host.plans import load_plan
from pen_host.records.models import Patient, Person, Visit
from pen_host.session import Session
from tests.console.api.bench import (
    PATIENCE_S,
    ConsoleBench,
    meant,
    to_cartridge,
    to_first_zone,
    wait_until,
)

pytestmark = pytest.mark.xdist_group("console-order")
BY = Person(name="Trainee", role="clinician")
HELD_UP_S = 0.3
"""For this long a thread is let run that may, or may not, have to wait for who is held up."""


class Closing(TreatmentDesk):
    """Its run is there at the first look and gone at the second."""

    @property
    def run(self) -> Any:
        found, self.runs[:] = self.runs[0], self.runs[1:]
        return found

    runs: list[Any]


@pytest.mark.parametrize("asked", ["running", "needle_phase"])
def test_a_treatment_that_is_closed_amid_a_look_ends_no_thread_that_looks(asked: str) -> None:
    """The thread that makes the live frames looks so, and so does the one that keeps the pen connected."""
    desk = Closing.__new__(Closing)
    desk.runs = [SimpleNamespace(running=True, needle_phase=True), None]
    assert getattr(desk, asked) is True


class GoingBack(Draft):
    """Somebody goes back to the plan when it is looked at half."""

    __slots__ = ()
    gone: ClassVar[list[str]] = []

    def __getattribute__(self, name: str) -> Any:
        if name == "built" and not GoingBack.gone:
            GoingBack.gone.append(name)
            self.back_to(TreatmentStep.PLAN)
        return super().__getattribute__(name)


def test_a_treatment_that_goes_back_amid_a_look_is_seen_before_or_after_it() -> None:
    patient = cast(Patient, SimpleNamespace(patient_id="P-1", label="Ada", demographics=None))
    built = cast(Built, SimpleNamespace(plan=load_plan("demo_scalp"), changed=False))
    desk = TreatmentDesk.__new__(TreatmentDesk)
    desk._draft, desk.run = GoingBack("Anna", patient, None, TreatmentStep.CONSENT, built=built), None
    view = desk.view()
    assert GoingBack.gone
    assert (view.step, view.plan) == (TreatmentStep.PLAN, None)


def test_giving_up_breaks_off_a_run_that_began_at_the_same_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    broken: list[str] = []
    run = SimpleNamespace(running=True, break_off=broken.append)
    desk = Closing.__new__(Closing)
    desk.runs = [None, *[run] * 9]  # begun between the first look and the next
    desk._lock, desk._draft = threading.RLock(), SimpleNamespace(step=TreatmentStep.PEN_READY, visit=None)
    monkeypatch.setattr(desk, "_told", TreatmentView)
    desk.cancel(BY, "no more")
    assert broken == ["The operator broke the treatment off (no more)"]


def test_whoever_sees_the_question_about_a_zone_may_answer_it(
    bench: ConsoleBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, seen = bench.service.treatment, list[TreatmentView]()
    whole = desk._on_run

    def looked_at() -> None:
        seen.append(desk.view())
        whole()

    monkeypatch.setattr(desk, "_on_run", looked_at)
    to_first_zone(bench.clinician())
    asked = [one.step for one in seen if one.run is not None and one.run.waiting is Waiting.ZONE]
    assert asked
    assert set(asked) == {TreatmentStep.TREAT}


def test_whoever_sees_the_close_sees_how_the_run_ended(
    bench: ConsoleBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look that began before the end and is held up amid itself tells of before the end, in all it tells."""
    tab = bench.clinician()
    to_first_zone(tab)
    desk, seen = bench.service.treatment, list[TreatmentView]()
    looked, whole = threading.Event(), TreatmentRun.view

    def held_up(run: TreatmentRun) -> RunView:
        view = whole(run)
        if threading.current_thread() is looker:
            looked.set()
            wait_until(lambda: desk._draft is not None and desk._draft.step is TreatmentStep.CLOSE, "the end")
        return view

    monkeypatch.setattr(TreatmentRun, "view", held_up)
    looker = threading.Thread(target=lambda: seen.append(desk.view()))
    looker.start()
    assert looked.wait(PATIENCE_S)
    tab.must("/api/treatment/zone", zone=tab.run["zones"][0]["name"], decision="finish")
    looker.join(PATIENCE_S)
    (view,) = seen
    assert view.run is not None
    assert (view.step, view.run.ending) == (TreatmentStep.TREAT, None)


def test_a_treatment_that_is_stopped_while_its_session_opens_can_be_signed_for(
    bench: ConsoleBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session is open on the pen, and its first question not asked: nobody had told the visit of it."""
    tab = bench.clinician()
    to_cartridge(tab)
    tab.must("/api/treatment/cartridge")
    whole = Session.tighten

    def stopped(session: Session, plan: Plan) -> Done:
        tab.must("/api/treatment/cancel", why="wait")
        return whole(session, plan)

    monkeypatch.setattr(Session, "tighten", stopped)
    tab.must("/api/treatment/prepare", **meant(tab))
    tab.until(lambda: tab.state["treatment"]["step"] == "close", "the end of the run")
    visit_id = tab.state["treatment"]["visit_id"]
    tab.must("/api/treatment/close", endpoint="none", aftercare_given=True, pin="2580")
    visit = bench.service.visiting.clinic.visits.get(visit_id)
    assert [one.session_id for one in visit.sessions] == [one["session_id"] for one in _sessions(bench)]


def _sessions(bench: ConsoleBench) -> list[dict[str, Any]]:
    with bench.service.journal.reader() as reader:
        return session_lines(reader)


def test_giving_up_amid_the_end_of_a_run_leaves_what_was_done_to_be_signed(
    bench: ConsoleBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = bench.clinician()
    to_first_zone(tab)
    desk, refused = bench.service.treatment, list[ProblemError]()
    whole = desk._aftermath.use_up

    def give_up() -> None:
        try:
            desk.cancel(BY, "too late")
        except ProblemError as error:
            refused.append(error)

    late = threading.Thread(target=give_up)

    def held_up(visit: Visit, session_id: str, by: Person) -> None:
        """The run is over, and what it leaves behind is being recorded."""
        late.start()
        late.join(HELD_UP_S)
        whole(visit, session_id, by)

    monkeypatch.setattr(desk._aftermath, "use_up", held_up)
    tab.must("/api/treatment/zone", zone=tab.run["zones"][0]["name"], decision="finish")
    wait_until(lambda: desk.view().step in (None, TreatmentStep.CLOSE), "the end")
    late.join(PATIENCE_S)
    assert [one.code for one in refused] == ["wrong_step"]
    assert desk.view().step is TreatmentStep.CLOSE


def test_a_stop_is_not_cleared_behind_the_back_of_a_run_that_is_about_to_ask(bench: ConsoleBench) -> None:
    tab = bench.clinician()
    to_first_zone(tab)
    run = bench.service.treatment.run
    assert run is not None
    asked = run.hands.asked
    bench.service.stop("test")
    tab.until(lambda: tab.state["pen"]["stopped"], "the stop")
    run.hands.asked = Asked(zone=asked.zone)  # as it is between two questions
    assert tab.post("/api/stop/clear", cause="STOP_COMMAND").code == "not_waiting"
    run.hands.asked = asked
    tab.must("/api/stop/clear", cause="STOP_COMMAND")


def test_an_error_of_the_program_that_ends_the_keeping_of_the_pen_is_said_and_nothing_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen, told = list[str](), queue.SimpleQueue[str]()
    monkeypatch.setattr(threading, "excepthook", lambda one: seen.append(str(one.exc_value)))
    monkeypatch.setattr(docking, "recover", lambda *_: 1 // 0)
    journal = cast(Journal, None)
    settled = lambda _, complaint: told.put(complaint)  # noqa: E731
    dock = docking.Dock(docking.Source("sim:?seed=5"), journal, {}, lambda: False, settled, lambda: False)
    dock.start()
    try:
        assert "Open the console again" in told.get(timeout=PATIENCE_S)
        assert dock.docked is not None
        assert dock.ready is None
    finally:
        dock.close()
    assert "zero" in seen[0]


class Aside:
    """A workshop that makes what the test says, when it says so."""

    def __init__(self) -> None:
        self.coming: list[Future[Packed | Problem]] = []

    def begin(self, *_: object) -> Future[Packed | Problem]:
        self.coming.append(Future())
        return self.coming[-1]


def test_an_export_that_is_thrown_away_takes_nobody_elses_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody fetches one that holds too much by now; while that is found out, somebody else begins another."""
    people = People(None, cheap=True)
    anna, bert = (people.add(name, "7391", (Role.CLINICIAN,)) for name in ("Anna", "Bert"))
    asked, workshop = ExportAsked(form=Form.FHIR), Aside()
    desk = ExportDesk(tmp_path / "record.sqlite3", cast(Workshop, workshop), lambda *_: None)
    desk.begin(asked, anna)
    workshop.coming[0].set_result(Packed(1, 1, "0" * 64, frozenset()))

    def found_out(_: object) -> bool:
        desk.begin(asked, bert)
        return True

    monkeypatch.setattr(desk, "_holds_too_much", found_out)
    with pytest.raises(ProblemError, match="thrown away"):
        desk.file(anna)
    assert (desk.view().state, desk.view().by) == (ExportState.MAKING, "Bert")
    assert len(list((tmp_path / FOLDER).iterdir())) == 1, "where it is being made"
