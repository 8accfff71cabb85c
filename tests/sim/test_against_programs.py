"""The simulated machines against the pen's real PIO programs, stepped cycle by cycle on an emulated RP2040.

The same calls at the same microseconds go to both boards; the pads must show the same edges. Three microseconds are
allowed: a machine notices a word or a level somewhere in its loop, and the simulated one states the latest.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from pen_firmware import pio_programs as pio
from pen_firmware.pio_programs import LEASE_TICK_US
from pen_sim.board import SimBoard
from pen_sim.clock import SimClock
from tests.pio.bench import Bench

TOLERANCE_US = 3
Call = tuple[int, str, tuple[Any, ...]]


class Both:
    """The emulated chip with the real programs, and the simulated board, started at the same time."""

    def __init__(self) -> None:
        self.chip = Bench()
        self.chip.set(position=400)
        self.sim = SimBoard(SimClock())
        self.sim.plant.axis.motor_nm = self.sim.plant.axis.carriage_nm = 1_000_000
        self.sim.start_machines()
        self.started_us = self.chip.now_us
        self.answers: list[tuple[str, Any, Any]] = []

    def play(self, calls: list[Call], end_us: int) -> None:
        """Make each call at its microsecond on both boards."""
        for at_us, name, arguments in calls:
            self._run_to(at_us)
            if name == "estop":
                self.chip.set(estop_closed=arguments[0])
                self.sim.set_estop(arguments[0])
                continue
            chip = getattr(self.chip.board, name)(*arguments)
            sim = getattr(self.sim, name)(*arguments)
            self.answers.append((name, chip, sim))
        self._run_to(end_us)

    def edges(self, pad: str, signal: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """(time, level) of one pad on both boards, counted from the start."""
        found = self.chip.edges[pad]
        if pad == "LEASE":
            # the simulation shows a living line, a square wave on the chip, as one high time
            turns = [edge for rose, alive in self.chip.alive() for edge in ((rose, 1), (rose + alive, 0))]
            found = [edge for edge in turns if edge[0] < self.chip.now_us - LEASE_TICK_US]
        chip = [(when - self.started_us, level) for when, level in found]
        sim = [(edge.t_us, edge.level) for edge in self.sim.trace.of(signal)]
        return chip, sim

    def assert_same(self, pad: str, signal: str) -> None:
        chip, sim = self.edges(pad, signal)
        assert [level for _, level in chip] == [level for _, level in sim], f"{pad}: {chip} against {sim}"
        for (chip_us, _), (sim_us, _) in zip(chip, sim, strict=True):
            assert abs(chip_us - sim_us) <= TOLERANCE_US, f"{pad}: {chip} against {sim}"

    def _run_to(self, at_us: int) -> None:
        self.chip.run(self.started_us + at_us - self.chip.now_us)
        self.sim.run_to(at_us)


def random_word(source: random.Random) -> int:
    return source.randrange(512) | source.randrange(800) << 9 | source.randrange(128) << pio.NEEDLE_TRIM_SHIFT


def feeds(end_us: int) -> list[Call]:
    return [(at_us, "lease_feed", (10_000,)) for at_us in range(10, end_us, 5_000)]


def run(calls: list[Call], end_us: int) -> Both:
    both = Both()
    both.play(sorted(calls, key=lambda call: call[0]), end_us)
    both.assert_same("NEEDLE", "coil")
    both.assert_same("LEASE", "lease")
    both.assert_same("STEP", "step")
    assert both.chip.board.needle_tripped() == both.sim.needle_tripped()
    assert both.chip.board.needle_edges() == both.sim.needle_edges()
    assert both.chip.board.step_edges() == both.sim.step_edges()
    for name, chip, sim in both.answers:
        if name in ("needle_ack", "needle_room", "step_room", "step_idle", "step_tripped", "needle_tripped"):
            assert chip == sim, f"{name} answers {chip} on the chip and {sim} in the simulation"
    return both


@pytest.mark.parametrize("seed", range(3))
def test_strokes_of_any_words_have_the_same_edges_and_acknowledgements(seed: int) -> None:
    source = random.Random(seed)
    calls = feeds(60_000)
    for number in range(4):
        calls.append((1_000 + number * 9_000, "needle_put", (random_word(source),)))
        calls.append((8_003 + number * 9_000, "needle_ack", ()))
    run([*calls, (59_000, "needle_ack", ()), (59_001, "needle_room", ())], 60_000)


@pytest.mark.parametrize("seed", range(8))
def test_a_stop_contact_at_any_phase_cuts_and_latches_both_alike(seed: int) -> None:
    source = random.Random(100 + seed)
    opens_us = source.randrange(1_000, 9_000)
    calls: list[Call] = [
        *feeds(30_000),
        *[(900, "needle_put", (pio.needle_word(2_047, 6_678, number),)) for number in range(3)],
        (opens_us, "estop", (False,)),
        (opens_us + 2_000, "estop", (True,)),
        (opens_us + 2_500, "needle_tripped", ()),
        (opens_us + 3_000, "needle_restart", ()),
        (opens_us + 3_100, "needle_put", (pio.needle_word(2_000, 6_678, 5),)),
    ]
    run(calls, 30_000)


@pytest.mark.parametrize("taken_us", [900, 1_500, 3_500, 7_580, 7_584, 12_001])
def test_a_lease_taken_away_ends_the_run_and_a_restart_begins_a_new_one(taken_us: int) -> None:
    word = pio.needle_word(1_503, 6_678, 1)
    calls: list[Call] = [
        (10, "lease_feed", (10_000,)),
        *[(890, "needle_put", (word,)) for _ in range(3)],
        (taken_us, "lease_feed", (0,)),
        (taken_us + 4_000, "lease_feed", (10_000,)),
        (taken_us + 4_100, "needle_restart", ()),
        (taken_us + 4_200, "needle_put", (word,)),
        (taken_us + 13_000, "needle_ack", ()),
        (taken_us + 13_001, "needle_ack", ()),
    ]
    run(calls, 27_000)


def test_an_expired_lease_and_a_starved_or_unread_needle_stop_alike() -> None:
    word = pio.needle_word(1_503, 6_678, 1)
    calls: list[Call] = [(10, "lease_feed", (16_383,))]
    calls += [(500 + 6_700 * number, "needle_put", (word,)) for number in range(8)]
    calls += [(54_500, "needle_ack", ()), (54_501, "needle_room", ())]
    run(calls, 80_000)


@pytest.mark.parametrize("seed", range(3))
def test_steps_have_the_same_edges_and_stop_alike(seed: int) -> None:
    source = random.Random(200 + seed)
    opens_us = source.randrange(2_000, 6_000)
    calls: list[Call] = [(10, "step_direction", (True,))]
    calls += [(20, "step_put", (source.randrange(59, 2_500),)) for _ in range(4)]
    calls += [
        (1_500, "step_idle", ()),
        (opens_us, "estop", (False,)),
        (opens_us + 300, "step_put", (200,)),
        (opens_us + 900, "step_tripped", ()),
        (opens_us + 901, "step_idle", ()),
        (opens_us + 1_000, "estop", (True,)),
        (opens_us + 1_100, "step_restart", ()),
        (opens_us + 1_200, "step_put", (200,)),
        (opens_us + 1_900, "step_idle", ()),
    ]
    run(calls, 15_000)
