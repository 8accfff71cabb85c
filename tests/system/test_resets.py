"""The pen reset, or its power cut, at every phase of a stroke and of a pass; the host killed at instants of a treatment."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from pen_host.journal.strokes import StrokeReport, tally
from pen_host.link.readings import EventPage
from pen_host.names import State
from pen_host.session.events import to_record
from pen_protocol.faults import Fault
from pen_sim.resets import ChipReset, PowerLost
from pen_sim.rig import PASS_US, SimPen
from tests.campaigns.crash import Point, judge, measure, points
from tests.sim.raw_host import RawHost

covers = pytest.mark.covers
RATE_MHZ = 100_000
PERIOD_US = 10_000
STRIDE_US = 211
"""Prime, so that the sweep meets no phase of the machines twice alike."""
POINTS = 20
"""Of the crash campaign, with every run of the suite."""
QUEUE = 3
"""Strokes a hung or reset firmware may not have counted: two queued, one being made."""


class Bench:
    """A pen that is brought to strokes again and again, and the events a host would hold of it."""

    def __init__(self, seed: int) -> None:
        self.sim = SimPen(seed=seed)
        self.host = RawHost(self.sim)
        self.nonce = 0
        self.next_event = 0
        self.events: dict[int, object] = {}
        self.made = 0

    def stroking(self, held_ms: int = 60) -> None:
        """A new session up to strokes, wherever the pen stands."""
        host = self.host
        host.beating = False
        self.sim.bench.release_trigger()
        self.sim.bench.insert_new_cartridge()
        host.hello()
        host.run_ms(700)
        if host.status["state"] == State.STOPPED:
            cause, event = host.status["first_cause"], host.status["cause_event"]
            host.done("CLEAR_FAULT", cause=cause, event_id=event, operator=1)
        self.nonce += 1
        host.session = 0
        host.beats = 0
        host.done("OPEN_SESSION", nonce=self.nonce, operator=1, depth_cap_um=1_500, unlock_reason=0)
        host.session = self.nonce
        host.done("HOME")
        host.done("CARTRIDGE_USE", serial=host.done("CARTRIDGE_READ")["serial"])
        host.done("SET_DEPTH", depth_um=200)
        host.done("SET_RATE", rate_mhz=RATE_MHZ)
        self.pull()
        host.done("ARM", depth_um=200, rate_mhz=RATE_MHZ, plan_hash=0)
        host.beating = True
        host.run_ms(60)
        self.sim.bench.press_trigger()
        host.run_ms(held_ms)

    def pull(self) -> list[int]:
        """Take every event, as the host does; numbers new to it are returned."""
        new = []
        while True:
            page = EventPage.of(self.host.done("PULL_EVENTS", next_id=self.next_event))
            for event in page.events:
                known = self.events.setdefault(event.event_id, to_record(event))
                assert known == to_record(event), f"event {event.event_id} again with other content"
                new.append(event.event_id)
            if not page.events:
                return new
            self.next_event = page.events[-1].event_id + 1

    def after(self) -> None:
        """The pen is up again; the host connects and takes what it has."""
        self.host.beating = False
        self.sim.advance_ms(800)
        self.host.listen()
        self.host.seen.clear()
        self.host.hello()
        self.pull()

    def report(self) -> StrokeReport:
        """What the host's record makes of it."""
        return tally(self.events.values())

    def take_edges(self) -> int:
        """Edges on the coil so far."""
        self.made += len(self.sim.trace.rises("coil"))
        self.sim.trace.clear()
        return self.made


PHASES_US = range(0, PERIOD_US + PASS_US, STRIDE_US)


@covers("REQ-1003")
@pytest.mark.parametrize("request_name", ["CLOSE_SESSION", "DISARM"])
def test_strokes_of_a_run_that_its_host_ends_are_all_the_sessions_whatever_the_phase(
    request_name: str,
) -> None:
    bench = Bench(seed=1)
    for phase_us in PHASES_US:
        before = bench.take_edges()
        bench.stroking(held_ms=30)
        bench.sim.advance_us(phase_us)
        bench.host.done(request_name)
        bench.host.run_ms(50)
        bench.pull()
        made = bench.take_edges() - before
        assert bench.report().of_session(bench.nonce).total.strokes == made > 0, f"{phase_us} us"
        bench.host.beating = False
        if request_name == "DISARM":
            bench.host.done("CLOSE_SESSION")


@covers("REQ-1003", "REQ-1301", "RESET_WHILE_ARMED")
@pytest.mark.parametrize("hand", ["holds on", "lets go"])
def test_a_watchdog_reset_at_any_phase_loses_at_most_what_is_told_and_leaves_the_coil_off(hand: str) -> None:
    """Let go, the run is over for the pen before its last stroke is counted: those microseconds count as well."""
    _sweep("watchdog", hand == "lets go", QUEUE)


@covers("REQ-1003", "REQ-1301", "POWER_LOSS_WHILE_ARMED")
@pytest.mark.parametrize("hand", ["holds on", "lets go"])
def test_a_power_cut_at_any_phase_is_told_and_leaves_the_coil_off(hand: str) -> None:
    _sweep("power", hand == "lets go", 1 << 30)


def _sweep(how: str, let_go: bool, missing_max: int) -> None:
    bench = Bench(seed=2)
    for phase_us in PHASES_US:
        bench.take_edges()
        bench.events.clear()
        bench.stroking()
        bench.pull()
        first_id = min(bench.events)
        if let_go:
            bench.sim.at_ms(2, bench.sim.bench.release_trigger)
        cut_us = bench.sim.now_us + 2_000 + phase_us
        bench.sim.at_ms(2 + phase_us / 1_000, lambda: _cut(how))
        bench.sim.advance_ms(400)
        coil = bench.sim.trace
        assert not coil.rises("coil", cut_us + 1), f"strokes after the cut, {phase_us} us"
        assert not coil.level("coil", cut_us + 1), f"coil on after the cut, {phase_us} us"
        made = len(coil.rises("coil"))
        bench.after()
        assert min(bench.events) == first_id
        report = bench.report()
        where = f"{how} {phase_us} us: {made} made, {report.total.strokes} counted"
        missing = made - report.total.strokes
        assert 0 <= missing <= missing_max, where
        assert report.of_session(bench.nonce).total == report.total, where
        if missing:
            assert not report.of_session(bench.nonce).sure, f"{where}, and the record is sure"
        expected = (Fault.RESET_WHILE_ARMED, Fault.POWER_LOSS_WHILE_ARMED)[how == "power"]
        assert bench.host.status["state"] == State.STOPPED, where
        assert bench.host.status["first_cause"] == expected, where


def _cut(how: str) -> None:
    raise PowerLost if how == "power" else ChipReset


def _short_campaign() -> list[Point]:
    """As the crash campaign chooses them, a few."""
    with tempfile.TemporaryDirectory() as directory:
        return points(measure(Path(directory)), POINTS, seed=3)


@covers("REQ-1003", "REQ-1401", "REQ-1402", "REQ-0304")
def test_a_host_killed_or_a_pen_cut_amid_a_treatment_loses_nothing_and_moves_nothing() -> None:
    for point in _short_campaign():
        verdict = judge(point)
        assert not verdict.unsafe, verdict
        assert not verdict.lost, verdict
