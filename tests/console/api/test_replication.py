"""The console replicates by itself: never while the pen works, again later where the server is gone, and says how it stands."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from pen_host.api import replication
from pen_host.api.problems import ProblemError
from pen_host.api.replication import BUSY_S, EVERY_S, RETRY_MAX_S, RETRY_S, Replication
from pen_host.errors import PenError
from pen_host.records.models import Person
from pen_host.stations import Conflict, Keep, NotJoinedError, Replicated, ServerGoneError, Status
from tests.console.api.bench import ConsoleBench, stroke, to_first_zone, wait_until

pytestmark = pytest.mark.xdist_group("console-record")
PATIENCE_S = 60


@dataclass
class Server:
    """The clinic's server, as the test wants it."""

    joined: bool = True
    answers: list[Replicated | PenError] = field(default_factory=list)
    asked: int = 0
    settled: list[tuple[object, ...]] = field(default_factory=list)

    def settle(self, *given: object) -> None:
        self.settled.append(given)

    def status(self) -> Status:
        if not self.joined:
            raise NotJoinedError
        return Status("s1", 3, datetime(2026, 1, 5, tzinfo=UTC), ("visits 1: excluded",))

    def replicate(self) -> Replicated:
        self.asked += 1
        answer = self.answers.pop(0) if self.answers else Replicated()
        if isinstance(answer, PenError):
            raise answer
        return answer

    def conflicts(self) -> tuple[Conflict, ...]:
        return (Conflict("visits", "1", "d1", "s1", "s2", "both", '{"name":"<script>"}'),)


class Stepped:
    """A replication whose waits are the test's steps."""

    def __init__(self, server: Server) -> None:
        self.busy = False
        self.told: list[str] = []
        self.pauses: list[float] = []
        self._go, self._at = threading.Semaphore(0), threading.Semaphore(0)
        self.it = Replication(server, lambda: self.busy, lambda: None, self.told.append, self._wait)

    def _wait(self, _wake: threading.Event, pause_s: float) -> None:
        self.pauses.append(pause_s)
        self._at.release()
        assert self._go.acquire(timeout=PATIENCE_S)

    def first(self) -> float:
        self.it.start()
        assert self._at.acquire(timeout=PATIENCE_S)
        return self.pauses[-1]

    def step(self) -> float:
        self._go.release()
        assert self._at.acquire(timeout=PATIENCE_S)
        return self.pauses[-1]

    def close(self) -> None:
        self._go.release(1000)
        self.it.close()


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def stepped(server: Server) -> Iterator[Stepped]:
    made = Stepped(server)
    yield made
    made.close()


def gone(why: str = "connection refused") -> ServerGoneError:
    return ServerGoneError(why)


def test_a_station_that_joined_no_clinic_asks_nobody_and_says_so(server: Server, stepped: Stepped) -> None:
    server.joined = False
    assert stepped.first() == EVERY_S
    assert (server.asked, stepped.told) == (0, [])
    view = stepped.it.view()
    assert not view.joined
    assert "has joined no clinic's server" in view.sentence
    with pytest.raises(NotJoinedError):
        stepped.it.now()


def test_it_replicates_again_and_again_and_says_when(server: Server, stepped: Stepped) -> None:
    assert stepped.first() == EVERY_S
    assert stepped.step() == EVERY_S
    assert server.asked == 2
    view = stepped.it.view()
    assert (view.reachable, view.waiting, view.station) == (True, 3, "s1")
    assert view.replicated_at is not None
    assert view.held == ("visits 1: excluded",)


@pytest.mark.covers("REQ-1405")
def test_a_server_that_is_gone_is_tried_again_later_each_time_and_disturbs_nobody(
    server: Server, stepped: Stepped
) -> None:
    server.answers = [gone() for _ in range(9)]
    waits = [stepped.first(), *(stepped.step() for _ in range(8))]
    assert waits == [min(RETRY_S * 2**n, RETRY_MAX_S) for n in range(9)]
    assert stepped.told == []
    view = stepped.it.view()
    assert view.reachable is False
    assert "Go on treating" in view.sentence
    assert stepped.step() == EVERY_S, "it is back"
    assert stepped.it.view().sentence == ""
    server.answers = [gone()]
    assert stepped.step() == RETRY_S, "the waits begin anew"


@pytest.mark.covers("REQ-1405")
def test_nothing_is_replicated_while_the_pen_works(server: Server, stepped: Stepped) -> None:
    stepped.busy = True
    assert stepped.first() == BUSY_S
    assert stepped.step() == BUSY_S
    assert server.asked == 0
    stepped.busy = False
    assert stepped.step() == EVERY_S
    assert server.asked == 1


def test_what_was_put_aside_is_said_once_to_everybody(server: Server, stepped: Stepped) -> None:
    put = Replicated(
        conflicts=["visits 1: station s2 changed it at the same time."], held=["patients 2: held."]
    )
    server.answers = [put, put]
    stepped.first()
    stepped.step()
    assert stepped.told == [*put.conflicts, *put.held]
    assert stepped.it.view().put_aside == (*put.conflicts, *put.held)


def test_nothing_is_settled_while_the_pen_works(server: Server, stepped: Stepped) -> None:
    decided = (("visits", "1"), Keep.BOTH, "both are true", Person(name="Anna"), "d1")
    stepped.busy = True
    with pytest.raises(ProblemError, match="works for a treatment"):
        stepped.it.settle(*decided)
    assert server.settled == []
    stepped.busy = False
    moved = stepped.it.moved
    stepped.it.settle(*decided)
    assert server.settled == [decided]
    assert stepped.it.moved > moved, "pages look again"


def test_nothing_is_settled_when_a_treatment_began_while_a_replication_was_waited_for(
    server: Server, stepped: Stepped, monkeypatch: pytest.MonkeyPatch
) -> None:
    works = iter([False, True])  # when it is asked for, and when it would begin
    monkeypatch.setattr(stepped.it, "_busy", lambda: next(works))
    with pytest.raises(ProblemError, match="works for a treatment"):
        stepped.it.settle(("visits", "1"), Keep.BOTH, "both are true", Person(name="Anna"), "d1")
    assert server.settled == []


def test_whoever_sees_that_it_is_done_sees_what_it_came_to(
    server: Server, stepped: Stepped, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looked at whenever something changes in it, from the start of one to its end."""
    seen: list[tuple[bool, bool | None]] = []

    def looked(it: object, name: str, value: object) -> None:
        object.__setattr__(it, name, value)
        view = stepped.it.view()
        seen.append((view.working, view.reachable))

    monkeypatch.setattr(Replication, "__setattr__", looked, raising=False)
    stepped.first()
    assert (True, None) in seen
    assert (False, None) not in seen[seen.index((True, None)) :]
    assert seen[-1] == (False, True)


def test_an_error_of_the_program_ends_it_and_is_said(
    server: Server, stepped: Stepped, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda told: seen.append(str(told.exc_value)))
    monkeypatch.setattr(server, "replicate", lambda: 1 // 0)
    stepped.it.start()
    wait_until(lambda: seen and stepped.told, "the end of the thread")
    assert "zero" in seen[0]
    assert "Go on treating" in stepped.told[0]


@pytest.mark.covers("REQ-1405")
def test_a_server_that_never_answers_holds_up_neither_strokes_nor_the_console(
    bench: ConsoleBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked, says nothing, and a treatment begins meanwhile."""
    hangs, asked = threading.Event(), threading.Event()
    server = Server()

    def hang() -> Replicated:
        asked.set()
        hangs.wait(PATIENCE_S)
        raise gone()

    monkeypatch.setattr(server, "replicate", hang)
    monkeypatch.setattr(replication, "END_S", 0.01)
    monkeypatch.setattr(bench.service.replication, "_server", server)
    tab = bench.clinician()
    browser = tab._browser
    assert browser.post("/api/stations/replicate").json["waiting"] == 3
    assert asked.wait(PATIENCE_S)
    assert browser.get("/api/stations").json["working"] is True
    to_first_zone(tab)
    stroke(bench, tab)
    assert len(bench.coil_rises()) > 10
    assert browser.get("/api/stations").json["working"] is True
    hangs.set()
    wait_until(lambda: browser.get("/api/stations").json["reachable"] is False, "the answer")
    (conflict,) = browser.get("/api/stations/conflicts").json
    assert conflict["content"] == '{"name":"<script>"}'
    assert bench.browser("Engineer").get("/api/stations/conflicts").code == "role_may_not"
    decided = {"table": "visits", "row": "1", "digest": "d1", "keep": "standing", "reason": "seen by both"}
    assert bench.browser("Engineer").post("/api/stations/settle", **decided).code == "role_may_not"
    assert browser.post("/api/stations/settle", **decided | {"keep": "mine"}).code == "invalid_fields"
    assert browser.post("/api/stations/settle", **decided).code == "refused", "the pen works"
    assert server.settled == []
