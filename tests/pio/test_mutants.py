"""Programs with one thing wrong: each is caught by the check that is there for it, and the true ones pass them all.

A mutant is the firmware's own source with one line changed, put through the same assembler. Samples are small here; the
proofs run the same checks on everything.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np
import pytest

from pen_firmware import pio_programs as programs
from tests.pio import properties
from tests.pio.assembler import asm_pio
from tests.pio.properties import Program

SHORT = np.array(
    [0, 1, 5, 511, 3 << 23, 2 << 9 | 1 << 23 | 77, 7 << 9 | 31 << 25 | 300, 0xFE0001FF], np.uint32
)
SHORT_CYCLES = 9_000
STROKE = 2 | 1 << 9 | 2 << 23
LEASES = np.array([0, 1, 2, 60, 200, 0x4001, 1 << 14, 1 << 15 | 3], np.uint32)
STEPS = np.array([0, 1, 100, 1 << 14, 1 << 31 | 7], np.uint32)


def formula(program: Program) -> None:
    played = properties.alone(program, SHORT, SHORT_CYCLES)
    properties.makes_one_pulse(played, SHORT)
    properties.keeps_its_period(played, SHORT)


def caps(program: Program) -> None:
    properties.keeps_the_caps(properties.alone(program, SHORT, SHORT_CYCLES))


def answers(program: Program) -> None:
    properties.acknowledges_once(properties.alone(program, SHORT, SHORT_CYCLES), SHORT)


def stops(program: Program) -> None:
    properties.stops(program, STROKE, properties.some_phases(STROKE), properties.BLIND)


def lease_lasts(program: Program) -> None:
    properties.lease_lasts(program, LEASES, SHORT_CYCLES)


def step_lasts(program: Program) -> None:
    properties.step_lasts(program, STEPS, SHORT_CYCLES)


def step_stops(program: Program) -> None:
    properties.step_stops(program, 99, 64)


Check = Callable[[Program], None]
CHECKS: dict[str, list[Check]] = {
    "needle": [formula, caps, answers, stops, properties.latches_on_a_glitch, properties.stops_unread],
    "lease": [lease_lasts, properties.lease_latches],
    "stepper": [step_lasts, step_stops],
}
MUTANTS = [
    ("needle", "the cap is one bit wider", "out(x, on_bits)", "out(x, 10)", caps),
    ("needle", "the floor is one lower", "set(y, 13)", "set(y, 12)", caps),
    ("needle", "the floor is one shift lower", "in_(null, 7)", "in_(null, 6)", caps),
    ("needle", "no look at SAFE before the pad rises", 'jmp(pin, "on").side(0)', 'jmp("on").side(0)', stops),
    ("needle", "no look at SAFE while on", 'jmp(pin, "on").side(1)', 'jmp("on").side(1)', stops),
    ("needle", "no look at SAFE while off", 'jmp(pin, "still")', 'jmp("still")', stops),
    ("needle", "a trip with the coil on", 'jmp("trip").side(0)\n    label("st', 'jmp("on").side(1)\n    label("st', stops),
    ("needle", "the latch lets go", 'jmp("dead")', 'jmp("trip_over")', stops),
    ("needle", "the latch does not drain", "pull(noblock).side(0)  # drain", "nop().side(0)  # drain", stops),
    ("needle", "the trip raises no flag", "irq(rel(0))", "nop()", stops),
    ("needle", "one cycle more on", ".side(1)[1]", ".side(1)[2]", formula),
    ("needle", "one cycle more off", ".side(0)[2]", ".side(0)[3]", formula),
    ("needle", "the coil stays on for the answer", "mov(isr, osr).side(0)", "mov(isr, osr).side(1)", formula),
    ("needle", "the trim is not waited for", 'jmp(y_dec, "trim")', "nop()", formula),
    ("needle", "answers that do not fit are dropped", "push(block)", "push(noblock)", properties.stops_unread),
    ("needle", "the answer comes from the wrong register", "mov(isr, osr)", "mov(isr, x)", answers),
    ("needle", "no answer", "push(block)", "nop()", answers),
    ("lease", "the cap is one bit wider", "out(x, lease_bits).side(0)", "out(x, 15).side(0)", lease_lasts),
    ("lease", "a renewed lease may be longer", "out(x, lease_bits).side(1)", "out(x, 7).side(1)", lease_lasts),
    ("lease", "the contact is not asked", 'jmp(pin, "closed")', 'jmp("closed")', properties.lease_latches),
    ("lease", "the latch lets go", 'jmp("trip")', 'jmp("idle")', properties.lease_latches),
    ("lease", "zero lifts the line", 'jmp(not_x, "idle")', "nop()", lease_lasts),
    ("lease", "the line stands still", 'jmp(x_dec, "run").side(0)', 'jmp(x_dec, "run").side(1)', lease_lasts),
    ("stepper", "a shorter step", "set(y, 2)", "set(y, 1)", step_lasts),
    ("stepper", "the gate is not asked", 'jmp(pin, "may")', 'jmp("may")', step_stops),
    ("stepper", "the latch does not drain", 'pull(noblock)', 'nop()', step_stops),
    ("stepper", "a longer pulse", "nop().side(1)[3]", "nop().side(1)[4]", step_lasts),
]  # fmt: skip


def assembled_from(name: str, old: str = "", new: str = "") -> Program:
    """The program with one place of its source changed; unchanged without one."""
    source = inspect.getsource(getattr(programs, name))
    assert old in source, f"{name} has no {old}"
    source = source.replace(old, new, 1)
    if "trip_over" in new:
        source = source.replace("wrap_target()", 'wrap_target()\n    label("trip_over")', 1)
    space = dict(vars(programs))
    exec(source, space)
    options = programs.OPTIONS[name]
    directions = {"in_shiftdir": int(options["in_right"]), "out_shiftdir": int(options["out_right"])}
    return asm_pio(sideset_init=2, pull_thresh=options["pull_thresh"], **directions)(space[name])


@pytest.mark.parametrize(
    ("name", "old", "new", "check"),
    [pytest.param(name, old, new, check, id=f"{name}: {what}") for name, what, old, new, check in MUTANTS],
)
def test_a_program_with_one_thing_wrong_is_caught(name: str, old: str, new: str, check: Check) -> None:
    with pytest.raises(AssertionError):
        check(assembled_from(name, old, new))


@pytest.mark.parametrize(
    ("name", "check"),
    [pytest.param(name, check, id=f"{name}: {check.__name__}") for name in CHECKS for check in CHECKS[name]],
)
def test_the_true_program_passes_the_checks_that_catch_the_others(name: str, check: Check) -> None:
    check(assembled_from(name))


def test_a_wrong_pull_threshold_is_caught() -> None:
    """The threshold is what tells the first half of a period from the second."""
    for threshold in (programs.NEEDLE_EXTENDED_BITS - 1, programs.NEEDLE_EXTENDED_BITS + 1, 32):
        program = assembled_from("needle")
        program[5] = program[5] & ~(0x1F << 25) | (threshold & 0x1F) << 25
        if threshold == programs.NEEDLE_EXTENDED_BITS - 1:
            formula(program)  # 9 and 23 bits lie on the same sides of 22
            continue
        with pytest.raises(AssertionError):
            formula(program)


def test_every_line_of_the_needle_is_needed() -> None:
    """Each instruction in turn made a `nop` with the same side-set and delay: some check fails."""
    true = assembled_from("needle")
    for place, word in enumerate(true[0]):
        program = assembled_from("needle")
        program[0][place] = word & 0x1F00 | 0xA042
        assert any(fails(check, program) for check in CHECKS["needle"]), (
            f"instruction {place} can be left out"
        )


def fails(check: Check, program: Program) -> bool:
    try:
        check(program)
    except AssertionError:
        return True
    return False
