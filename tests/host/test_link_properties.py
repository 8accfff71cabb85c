"""The link over wires that lose, double, damage, reorder, delay and dribble: each request ends once, and truthfully."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pen_host.link import FrameReader, encode, events
from pen_host.names import Refusal, State
from pen_host.outcomes import Done, Outcome, Refused, Unknown
from pen_protocol import messages

from .model_pen import Bench, Manners

OPEN = {"nonce": 55, "operator": 1, "depth_cap_um": 1500, "unlock_reason": 0}
SETTLE_S = 4.0
SENT = Refusal.ABORTED  # a long command that was ended is refused after it had begun

COMMANDS = {
    "HOME": {},
    "SET_DEPTH": {"depth_um": 750},
    "SET_RATE": {"rate_mhz": 100_000},
    "DISARM": {},
    "GET_STATUS": {},
}

manners = st.builds(
    Manners,
    lose=st.sampled_from([0.0, 0.1, 0.4]),
    double=st.sampled_from([0.0, 0.3]),
    corrupt=st.sampled_from([0.0, 0.1, 0.3]),
    delay_s=st.sampled_from([0.0, 0.02, 0.2]),
    one_by_one=st.booleans(),
    reorder=st.sampled_from([0.0, 0.3]),
)


class LinkOnABadWire(RuleBasedStateMachine):
    """Requests, stops, restarts and bad wires in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = Bench()
        self.nonce = 54
        self.asked: dict[int, str] = {}
        self.settled: dict[int, Outcome] = {}
        self.pens = [self.bench.pen.executed]
        self.bench.greet()
        self._open()

    def _open(self) -> None:
        self.nonce += 1
        values = {**OPEN, "nonce": self.nonce}
        self.asked[self.bench.link.request("OPEN_SESSION", values, self.bench.now_s)] = "OPEN_SESSION"
        self.bench.step(0.05)

    @rule()
    def open_another_session(self) -> None:
        if not self.bench.link.session:
            self._open()

    @rule(
        lose=st.sampled_from([0.0, 0.2, 0.6]),
        double=st.sampled_from([0.0, 0.3]),
        corrupt=st.sampled_from([0.0, 0.2]),
        delay_s=st.sampled_from([0.0, 0.05]),
        one_by_one=st.booleans(),
        reorder=st.sampled_from([0.0, 0.3]),
    )
    def change_the_wire(
        self, lose: float, double: float, corrupt: float, delay_s: float, one_by_one: bool, reorder: float
    ) -> None:
        wire = self.bench.manners
        wire.lose, wire.double, wire.corrupt = lose, double, corrupt
        wire.delay_s, wire.one_by_one, wire.reorder = delay_s, one_by_one, reorder

    @rule(name=st.sampled_from(sorted(COMMANDS)))
    def ask(self, name: str) -> None:
        self.asked[self.bench.link.request(name, COMMANDS[name], self.bench.now_s)] = name

    @rule(seconds=st.sampled_from([0.005, 0.05, 0.3, 1.5]))
    def wait(self, seconds: float) -> None:
        self.bench.step(seconds)

    @rule()
    def stop(self) -> None:
        self.bench.link.stop(self.bench.now_s)

    @rule()
    def clear(self) -> None:
        if not self.bench.link.stopping:
            self.bench.pen.state = int(State.IDLE)

    @rule()
    def restart(self) -> None:
        self.bench.pen.restart()
        self.pens.append(self.bench.pen.executed)

    @invariant()
    def nothing_is_settled_twice_or_unasked(self) -> None:
        self.bench.collect()
        mine, self.bench.events = self.bench.events, []
        for event in mine:
            if isinstance(event, events.Settled):
                assert event.token not in self.settled
                assert event.token in self.asked
                self.settled[event.token] = event.outcome

    @invariant()
    def nothing_is_executed_twice(self) -> None:
        for executed in self.pens:
            assert len(executed) == len(set(executed))

    def teardown(self) -> None:
        self.bench.manners.lose = 1.0
        self.bench.step(SETTLE_S * (1 + len(self.asked)))
        self.nothing_is_settled_twice_or_unasked()
        assert set(self.settled) == set(self.asked)
        done = {entry[2]: entry[0] for executed in self.pens for entry in executed}
        for token, outcome in self.settled.items():
            assert isinstance(outcome, Done | Refused | Unknown)
            assert outcome.request == self.asked[token]
            if isinstance(outcome, Refused) and outcome.reason != SENT:
                assert done.get(outcome.sequence) != outcome.request, outcome
            if isinstance(outcome, Done) and outcome.request not in ("GET_STATUS", "OPEN_SESSION"):
                assert done[outcome.sequence] == outcome.request, outcome


TestLinkOnABadWire = LinkOnABadWire.TestCase
TestLinkOnABadWire.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@given(manners=manners, seed=st.integers(0, 2**16))
@settings(max_examples=60, deadline=None)
def test_a_wire_that_heals_lets_every_stop_be_confirmed(manners: Manners, seed: int) -> None:
    bench = Bench(manners, seed)
    bench.link.hello(bench.now_s, 1)
    bench.step(0.3)
    bench.link.stop(bench.now_s)
    bench.step(0.5)
    manners.lose = manners.corrupt = 0.0
    bench.step(0.5)
    assert len(bench.of(events.StopConfirmed)) == 1
    assert not bench.link.stopping


@given(data=st.lists(st.binary(max_size=300), max_size=8))
def test_no_bytes_make_the_link_raise(data: list[bytes]) -> None:
    bench = Bench()
    bench.greet()
    for piece in data:
        bench.link.receive(piece, bench.now_s)
    bench.link.tick(bench.now_s, False)


@given(
    values=st.fixed_dictionaries({"depth_um": st.integers(0, 2500)}),
    sequence=st.integers(0, 0xFFFF),
    cuts=st.lists(st.integers(1, 30), max_size=10),
)
def test_a_frame_survives_any_cutting(values: dict[str, int], sequence: int, cuts: list[int]) -> None:
    wire = encode(messages.SET_DEPTH, sequence, 9, values)
    reader, read, at = FrameReader(), [], 0
    for cut in [*cuts, len(wire)]:
        read += [frame for frame, _ in reader.feed(wire[at : at + cut])]
        at += cut
    assert [(frame.sequence, frame.session, dict(frame.values)) for frame in read] == [(sequence, 9, values)]
    assert reader.damaged == 0
