"""The link against the real firmware over a bad cable, in simulated time: what it says happened is what happened."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pen_host.link import Link, events
from pen_host.link.readings import EventPage
from pen_host.names import EventCode, State
from pen_host.outcomes import Done, Outcome, Refused, Unknown
from pen_protocol import limits
from pen_sim.rig import SimPen
from pen_sim.stream import LaneFaults

OPEN = {"nonce": 55, "operator": 1, "depth_cap_um": 1500, "unlock_reason": 0}
STEP_US = 1_000

cables = st.builds(
    LaneFaults,
    lose=st.sampled_from([0.0, 0.1, 0.3]),
    corrupt=st.sampled_from([0.0, 0.1]),
    duplicate=st.sampled_from([0.0, 0.3]),
    split=st.sampled_from([0.0, 0.5]),
    delay_us=st.sampled_from([0, 20_000, 100_000]),
)


class Bench:
    """A link and a simulated pen, stepped together."""

    def __init__(self, seed: int, first_sequence: int = 0) -> None:
        self.sim = SimPen(seed=seed)
        self.link = Link(first_sequence)
        self.outcomes: dict[int, Outcome] = {}
        self.news: list[events.Event] = []
        self.link.hello(self.now_s, 4711)
        self.step(1_500)

    @property
    def now_s(self) -> float:
        return self.sim.now_us / 1e6

    def step(self, duration_ms: int) -> None:
        end_us = self.sim.now_us + duration_ms * 1_000
        while self.sim.now_us < end_us:
            self.link.receive(self.sim.stream.read(), self.now_s)
            self.link.tick(self.now_s, False)
            while (event := self.link.next_event()) is not None:
                self._take(event)
            while (wire := self.link.next_output()) is not None:
                self.sim.stream.write(wire)
            self.sim.advance_us(STEP_US)

    def _take(self, event: events.Event) -> None:
        if not isinstance(event, events.Settled):
            self.news.append(event)
            return
        assert event.token not in self.outcomes, "settled twice"
        self.outcomes[event.token] = event.outcome

    def ask(self, name: str, wait_ms: int, **values: int) -> Outcome | None:
        token = self.link.request(name, values, self.now_s)
        self.step(wait_ms)
        return self.outcomes.get(token)

    def rates_set(self) -> list[int]:
        """What the pen's own record says it set, each time it did."""
        rates, next_id = [], 1
        while True:
            outcome = self.ask("PULL_EVENTS", 50, next_id=next_id)
            assert isinstance(outcome, Done)
            page = EventPage.of(outcome.answer)
            rates += [event.value for event in page.events if event.code == EventCode.RATE_SET]
            if not page.events or page.events[-1].event_id + 1 >= page.next_event:
                return rates
            next_id = page.events[-1].event_id + 1


@given(
    cable=cables,
    seed=st.integers(0, 1000),
    pauses=st.lists(st.sampled_from([0, 5, 60, 200, 600]), min_size=3, max_size=6),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_each_command_ends_once_and_the_pens_record_agrees(
    cable: LaneFaults, seed: int, pauses: list[int]
) -> None:
    bench = Bench(seed, first_sequence=65_533)
    assert isinstance(bench.ask("OPEN_SESSION", 50, **OPEN), Done)
    bench.sim.stream.set_faults(cable)
    asked: dict[int, int] = {}
    for index, pause_ms in enumerate(pauses):
        rate_mhz = limits.RATE_MIN_MHZ + 1_000 * index
        asked[bench.link.request("SET_RATE", {"rate_mhz": rate_mhz}, bench.now_s)] = rate_mhz
        bench.step(pause_ms)
    bench.step(600 * len(pauses))
    bench.sim.stream.set_faults(LaneFaults())
    bench.step(1_000)
    applied = bench.rates_set()
    assert len(applied) == len(set(applied)), "executed twice"
    for token, rate_mhz in asked.items():
        outcome = bench.outcomes[token]
        assert isinstance(outcome, Done | Refused | Unknown)
        if isinstance(outcome, Done):
            assert rate_mhz in applied
        if isinstance(outcome, Refused):
            assert rate_mhz not in applied


@given(cable=cables, seed=st.integers(0, 1000))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_stop_gets_through_any_cable_that_lets_something_through(cable: LaneFaults, seed: int) -> None:
    bench = Bench(seed)
    bench.ask("OPEN_SESSION", 50, **OPEN)
    bench.sim.stream.set_faults(cable)
    bench.link.stop(bench.now_s)
    bench.step(2_000)
    assert bench.sim.pen.supervisor.state == State.STOPPED
    assert [event for event in bench.news if isinstance(event, events.StopConfirmed)]


def test_on_a_good_cable_stop_is_confirmed_well_within_its_budget() -> None:
    bench = Bench(3)
    bench.ask("OPEN_SESSION", 50, **OPEN)
    bench.link.request("HOME", {}, bench.now_s)
    bench.step(100)
    bench.link.stop(bench.now_s)
    bench.step(100)
    (confirmed,) = [event for event in bench.news if isinstance(event, events.StopConfirmed)]
    assert confirmed.after_s * 1000 <= limits.STOP_CONFIRM_MS / 4


@pytest.mark.parametrize("name", ["HOME", "SET_DEPTH"])
def test_a_long_request_is_done_although_its_answers_are_lost_at_first(name: str) -> None:
    bench = Bench(4)
    bench.ask("OPEN_SESSION", 50, **OPEN)
    if name == "SET_DEPTH":
        assert isinstance(bench.ask("HOME", 5_000), Done)
    values = {"depth_um": 500} if name == "SET_DEPTH" else {}
    bench.sim.stream.to_host.faults = LaneFaults(lose=1.0)
    token = bench.link.request(name, values, bench.now_s)
    bench.step(200)
    bench.sim.stream.to_host.faults = LaneFaults()
    bench.step(6_000)
    assert isinstance(bench.outcomes[token], Done)
    bench.step(1_000)
