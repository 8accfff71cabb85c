"""The simulated board against the pen's real PIO programs, stepped cycle by cycle on an emulated RP2040.

The same calls at the same microseconds go to both boards. Every edge of the needle, lease and step pads must lie in the
same cycle, and every answer must be the same: nothing is allowed for. What is not compared to the cycle is the period
meter's measurement, whose sensor is another model on each side (see `test_meter_against_program`).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from pen_firmware import pio_programs as pio
from pen_firmware.hal import Input
from pen_firmware.pio_programs import LEASE_HIGH_US, LEASE_TICK_US
from pen_sim.board import SimBoard
from pen_sim.clock import SimClock
from pen_sim.machines import lease, machine, needle, stepper
from tests.pio.bench import Bench

PADS = {"NEEDLE": "coil", "LEASE": "lease", "STEP": "step"}
READ_BACK = Input.SAFE | Input.LEASE | Input.NEEDLE | Input.ESTOP_CLOSED
SETTLED_US = 10
"""The machines that count have begun."""
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""Without shrinking: an example takes up to a second, and a history of a few calls is read as it is."""
Edges = list[tuple[int, int]]


@dataclass(frozen=True)
class Call:
    """What is called after how many microseconds."""

    after_us: int
    name: str
    arguments: tuple[Any, ...] = ()


class Both:
    """The emulated chip with the real programs, and the simulated board, started at the same time."""

    def __init__(self) -> None:
        self.chip = Bench()
        self.chip.set(position=400)
        self.sim = SimBoard(SimClock())
        self.sim.plant.axis.motor_nm = self.sim.plant.axis.carriage_nm = 1_000_000
        self.sim.start_machines()
        self.started_us = self.chip.now_us
        self.pass_us(SETTLED_US)

    @property
    def now_us(self) -> int:
        return self.sim.clock.now_us

    def pass_us(self, duration_us: int) -> None:
        self.chip.run(duration_us)
        self.sim.run_to(self.now_us + duration_us)

    def play(self, calls: list[Call], rest_us: int = 1_000) -> None:
        """Make each call in its microsecond on both boards and compare the answers; then the edges."""
        for number, call in enumerate(calls):
            self.pass_us(call.after_us)
            chip, sim = self._call(call)
            assert chip == sim, (
                f"call {number} at {self.now_us}: {call.name} is {chip} on the chip, {sim} here"
            )
        self.pass_us(rest_us)
        for pad, signal in PADS.items():
            chip_edges, sim_edges = self._edges(pad, signal)
            assert chip_edges == sim_edges, pad
        assert self.chip.board.needle_edges() == self.sim.needle_edges()
        assert self.chip.board.step_edges() == self.sim.step_edges()

    def _call(self, call: Call) -> tuple[Any, Any]:
        if call.name == "estop":
            self.chip.set(estop_closed=call.arguments[0])
            self.sim.set_estop(call.arguments[0])
            return None, None
        chip = getattr(self.chip.board, call.name)(*call.arguments)
        sim = getattr(self.sim, call.name)(*call.arguments)
        if call.name == "inputs":
            return chip & READ_BACK, sim & READ_BACK
        return chip, sim

    def _edges(self, pad: str, signal: str) -> tuple[Edges, Edges]:
        """(time, level) of one pad on both boards, counted from the start, without what led to the start itself."""
        chip = [(when - self.started_us, level) for when, level in self.chip.edges[pad]]
        sim = [(edge.t_us, edge.level) for edge in self.sim.trace.of(signal)]
        return chip, wave(sim, self.now_us) if pad == "LEASE" else sim


def wave(alive: Edges, now_us: int) -> Edges:
    """Edges of the square wave behind the high times that the simulation shows for a living lease line."""
    found: Edges = []
    bounds = [when for when, _ in alive]
    if len(bounds) % 2:
        bounds.append(now_us)
    for begun_us, ended_us in zip(bounds[::2], bounds[1::2], strict=True):
        for turn_us in range(begun_us, ended_us, LEASE_TICK_US):
            found.append((turn_us, 1))
            found.append((min(turn_us + LEASE_HIGH_US, ended_us), 0))
    return [edge for edge in found if edge[0] < now_us]


# --- any history ------------------------------------------------------------------------------------------------------

SHORT_EXT = st.integers(0, 40)
ANY_WORD = st.integers(0, (1 << 30) - 1)
WORDS = st.one_of(
    st.builds(
        lambda on, ext, trim, seq: (
            on | ext << pio.NEEDLE_ON_BITS | trim << pio.NEEDLE_TRIM_SHIFT | seq << pio.NEEDLE_SEQ_SHIFT
        ),
        st.one_of(st.integers(0, 3), st.integers(0, 511)),
        SHORT_EXT,
        st.integers(0, 3),
        st.integers(0, 31),
    ),
    ANY_WORD,
)
TICKS = st.one_of(
    st.just(pio.LEASE_TICKS_MAX), st.just(10_000), st.integers(0, 4), st.integers(0, 400), st.just(1 << 20)
)
STEP_PERIODS = st.one_of(st.integers(0, 90), st.integers(59, 3_000))
GAPS = st.one_of(
    st.integers(0, 9), st.integers(0, 60), st.integers(0, 400), st.sampled_from([2_047, 6_678, 6_681])
)


def calls(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Call]:
    return st.builds(Call, GAPS, st.just(name), st.tuples(*arguments))


NEEDLE_CALLS = [
    calls("needle_put", WORDS),
    calls("needle_put", WORDS),
    calls("needle_ack"),
    calls("needle_room"),
    calls("needle_tripped"),
    calls("needle_edges"),
    calls("needle_restart"),
    calls("inputs"),
]
LEASE_CALLS = [calls("lease_feed", TICKS), calls("lease_feed", st.just(pio.LEASE_TICKS_MAX))]
STEP_CALLS = [
    calls("step_put", STEP_PERIODS),
    calls("step_put", STEP_PERIODS),
    calls("step_room"),
    calls("step_idle"),
    calls("step_tripped"),
    calls("step_edges"),
    calls("step_restart"),
]
STOPS = [calls("estop", st.booleans()), calls("make_safe"), calls("start_machines")]
ARMED = [Call(0, "lease_feed", (pio.LEASE_TICKS_MAX,)), Call(20, "needle_restart")]


@settings(max_examples=40, phases=PHASES)
@given(st.lists(st.one_of(*NEEDLE_CALLS, *LEASE_CALLS, *STEP_CALLS, *STOPS), max_size=40))
def test_any_history_has_the_same_edges_and_answers(history: list[Call]) -> None:
    Both().play(history)


@settings(max_examples=40, phases=PHASES)
@given(st.lists(st.one_of(*NEEDLE_CALLS, *LEASE_CALLS[1:], STOPS[0]), max_size=30))
def test_any_run_of_an_armed_needle_has_the_same_edges_and_answers(history: list[Call]) -> None:
    Both().play([*ARMED, *history], rest_us=14_000)


@settings(max_examples=30, phases=PHASES)
@given(st.lists(st.one_of(*LEASE_CALLS, STOPS[0], STOPS[2], calls("inputs")), max_size=40))
def test_any_history_of_the_lease_has_the_same_wave_and_safe_node(history: list[Call]) -> None:
    Both().play(history, rest_us=3_000)


@settings(max_examples=30, phases=PHASES)
@given(st.lists(st.one_of(*STEP_CALLS, STOPS[0]), max_size=40))
def test_any_history_of_the_axis_has_the_same_steps_and_answers(history: list[Call]) -> None:
    Both().play([Call(0, "step_direction", (True,)), *history], rest_us=4_000)


# --- runs that must be among them -----------------------------------------------------------------------------------------


def cut(word: int, phase: int) -> list[Call]:
    """Four of this word on an armed needle, the stop contact open for a while from this cycle on, and what is then said."""
    asked = ("inputs", "needle_edges", *("needle_tripped", "needle_room") * 6)
    return [
        Call(0, "start_machines"),
        *ARMED,
        *[Call(0, "needle_put", (word,)) for _ in range(4)],
        Call(phase, "estop", (False,)),
        *[Call(1, name) for name in asked],
        Call(20, "estop", (True,)),
        Call(30, "needle_tripped"),
        Call(0, "needle_ack"),
    ]


def cut_steps(phase: int) -> list[Call]:
    """Four steps, the contact open from this cycle on."""
    return [
        Call(0, "step_restart"),
        *[Call(0, "step_put", (63,)) for _ in range(4)],
        Call(phase, "estop", (False,)),
        *[Call(1, name) for name in ("step_tripped", "step_room", "step_idle", "step_tripped", "step_room")],
        Call(20, "estop", (True,)),
        Call(0, "step_idle"),
    ]


def tour() -> list[Call]:
    """A short way through every phase of the three machines that something can happen in."""
    short, longer = pio.needle_word(7, 6_681, 1), pio.needle_word(3, 6_684, 2)
    history = [call for phase in range(28) for call in cut(short, phase)]
    history += [call for phase in range(6_660, 6_696, 3) for call in cut(longer, phase)]
    history += [call for phase in range(45, 75) for call in cut_steps(phase)]
    history += [Call(0, "start_machines"), Call(5, "lease_feed", (3,))]
    history += [Call(1, "inputs") for _ in range(80)]
    history += [Call(0, "lease_feed", (9,)) for _ in range(7)]
    return [*history, *[Call(1, "inputs") for _ in range(110)]]


def test_every_phase_of_the_three_machines_is_the_same() -> None:
    Both().play(tour())


def test_a_stop_contact_in_each_cycle_of_a_short_stroke_cuts_and_latches_both_alike() -> None:
    """Set-up, pulse, answer, the loop behind it: the same cycle on both sides, and the same restart out of it."""
    word = pio.needle_word(23, 6_681, 1)
    Both().play([call for phase in range(70) for call in cut(word, phase)])


def test_an_unread_and_a_starved_needle_and_an_expired_lease_are_the_same() -> None:
    word = pio.needle_word(1_503, 6_678, 1)
    history = [*ARMED]
    for _ in range(9):
        history += [
            Call(6_700, "lease_feed", (pio.LEASE_TICKS_MAX,)),
            Call(0, "needle_put", (word,)),
            Call(0, "needle_room"),
        ]
    history += [Call(1_000, "needle_ack"), Call(0, "needle_ack"), Call(9_000, "needle_room")]
    Both().play([*history, Call(70_000, "inputs"), Call(0, "needle_tripped"), Call(0, "needle_room")])


# --- a simulation that is wrong by one ---------------------------------------------------------------------------------------

SAME_BY_ONE_MORE = [(needle, "TRIM_US", 1)]
"""The last look lies a whole turn before the trim: one cycle less to look in changes nothing."""
WRONG = [
    *[
        (needle, name)
        for name in ("SETUP_US", "EXTEND_US", "TRIM_US", "TRIP_US", "FLAG_US", "ACK_US", "FLOOR_TURNS")
    ],
    *[(lease, name) for name in ("LOAD_US", "LEASE_HIGH_US", "SAFE_DECAY_US")],
    *[(stepper, name) for name in ("FIRST_LOOK_US", "FLAG_US", "PULSE_US")],
    *[(machine, name) for name in ("DRAIN_US", "QUEUE_WORDS")],
]


CASES = [(*one, by) for one in WRONG for by in (-1, 1) if (*one, by) not in SAME_BY_ONE_MORE]


@pytest.mark.parametrize(
    ("module", "name", "by"),
    [
        pytest.param(*case, id=f"{case[0].__name__.rpartition('.')[2]} {case[1]} {case[2]:+}")
        for case in CASES
    ],
)
def test_a_simulation_wrong_by_one_is_caught(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, by: int
) -> None:
    monkeypatch.setattr(module, name, getattr(module, name) + by)
    with pytest.raises((AssertionError, IndexError)):
        Both().play(tour())
