"""The firmware's own board module on an emulated chip: order of start and stop, polarity of inputs, what make_safe does."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from pen_firmware import hal, pins
from pen_firmware import pio_programs as programs
from tests.pio.bench import Bench

BOOT = Path(__file__).resolve().parents[2] / "firmware" / "boot.py"
OUTPUTS = ("NEEDLE", "LEASE", "STEP")


@pytest.mark.covers("REQ-0306")
def test_building_and_starting_lifts_no_output():
    """HAZ-03: no edge on any output from power-up to running machines."""
    bench = Bench(started=False)
    bench.run(100)
    assert bench.board.start_machines()
    bench.run(5000)

    assert all(level == 0 for name in OUTPUTS for _, level in bench.edges[name])
    assert [bench.level(name) for name in OUTPUTS] == [0, 0, 0]


@pytest.mark.parametrize("delay_us", [0, 5, 9, 12, 400, 1009, 1013, 3000])
def test_make_safe_takes_every_output_down_at_once(armed, delay_us):
    """HAZ-03: without a single clock of any machine, in any phase; and nothing comes back."""
    for seq in range(4):
        armed.board.needle_put(programs.needle_word(1003, programs.NEEDLE_PERIOD_BASE_US, seq))
        armed.board.step_put(59)
    armed.run(delay_us)
    armed.board.make_safe()

    assert [armed.level(name) for name in OUTPUTS] == [0, 0, 0]
    strokes, steps = len(armed.highs("NEEDLE")), len(armed.highs("STEP"))
    armed.board.lease_feed(10_000)
    armed.run(30_000)
    assert [armed.level(name) for name in OUTPUTS] == [0, 0, 0]
    assert (len(armed.highs("NEEDLE")), len(armed.highs("STEP"))) == (strokes, steps)


def test_make_safe_holds_against_a_running_machine(armed):
    """The override is the pad's: a machine that drives high cannot lift it."""
    armed.board.make_safe()
    armed.board._needle.active(1)
    armed.board._needle.exec(0xB042)  # nop().side(1)

    assert armed.level("NEEDLE") == 0


def test_make_safe_before_anything_was_started():
    bench = Bench(started=False)
    bench.board.make_safe()
    bench.run(100)

    assert [bench.level(name) for name in OUTPUTS] == [0, 0, 0]


def test_starting_again_replays_nothing(armed):
    for seq in range(4):
        armed.board.needle_put(programs.needle_word(1003, programs.NEEDLE_PERIOD_BASE_US, seq))
        armed.board.step_put(5000)
    armed.run(300)
    armed.board.make_safe()
    strokes, steps = armed.board.needle_edges(), armed.board.step_edges()
    assert armed.board.start_machines()
    for _ in range(40):
        armed.board.lease_feed(10_000)
        armed.run(1000)

    assert (armed.board.needle_edges(), armed.board.step_edges()) == (strokes, steps)
    assert armed.board.needle_ack() == -1


@pytest.mark.parametrize("name", OUTPUTS)
def test_a_pad_that_reads_high_keeps_everything_forced(name):
    """HAZ-03: a shorted driver is found before any output is let go."""
    bench = Bench(started=False)
    pad = bench.chip.gpio[pins.gpio(name)]
    pad.set_input_value(True)

    assert not bench.board.start_machines()
    bench.board.lease_feed(10_000)
    bench.run(1000)
    assert [bench.level(output) for output in OUTPUTS] == [0, 0, 0]


def test_the_board_keeps_the_whole_contract(bench):
    promised = {name for name, value in vars(hal.Board).items() if callable(value)}
    kept = {name for name, value in vars(type(bench.board)).items() if callable(value)}

    assert promised <= kept


@pytest.mark.parametrize(
    ("contact", "value", "bit"),
    [
        ("estop_closed", True, hal.Input.ESTOP_CLOSED),
        ("estop_present", True, hal.Input.ESTOP_PRESENT),
        ("trigger", True, hal.Input.TRIGGER),
        ("latch", True, hal.Input.LATCH),
        ("position", 0, hal.Input.HOME),
        ("contact", True, hal.Input.CONTACT),
        ("charger", True, hal.Input.CHARGER),
        ("over_current", True, hal.Input.OVER_CURRENT),
    ],
)
def test_each_contact_has_its_bit(bench, contact, value, bit):
    bench.set(**{contact: 100 if contact == "position" else not value})
    assert not bench.board.inputs() & bit
    bench.set(**{contact: value})
    assert bench.board.inputs() & bit


def test_read_back_bits_follow_the_pads(armed):
    assert armed.board.inputs() & hal.Input.SAFE
    seen = 0
    for _ in range(programs.LEASE_TICK_US):
        seen |= 1 << (armed.board.inputs() & hal.Input.LEASE != 0)
        armed.run(1)
    assert seen == 0b11, "a living lease line is seen high and low within one turn"
    armed.board.needle_put(programs.needle_word(1003, programs.NEEDLE_PERIOD_BASE_US, 0))
    armed.run(100)
    assert armed.board.inputs() & hal.Input.NEEDLE
    armed.board.lease_feed(0)
    armed.run(programs.SAFE_DECAY_US + 20)
    assert not armed.board.inputs() & (hal.Input.SAFE | hal.Input.LEASE | hal.Input.NEEDLE)


def test_broken_wires_read_as_the_safe_side(bench):
    """Every contact let go: only the board's pulls remain."""
    for name, number, direction, _pull, _role in pins.PINS:
        if direction == pins.IN:
            bench.chip.gpio[number].release_input()
            assert name
    safe_side = hal.Input.HOME | hal.Input.CHARGER | hal.Input.OVER_CURRENT

    assert bench.board.inputs() == safe_side


def test_analog_channels_are_twelve_bits_of_their_pin(bench):
    bench.chip.adc.channel_values[:4] = [0, 4095, 1234, 2048]

    assert [bench.board.analog(channel) for channel in range(4)] == [0, 4095, 1234, 2048]


def test_words_survive_in_the_watchdogs_scratch(bench):
    for index in range(4):
        bench.board.word_write(index, 1000 + index)

    assert bench.chip.watchdog.scratch_data[:4] == [1000, 1001, 1002, 1003]
    assert [bench.board.word_read(index) for index in range(4)] == [1000, 1001, 1002, 1003]


@pytest.mark.covers("REQ-0306")
def test_boot_file_takes_every_output_of_the_table():
    """boot.py can import nothing, so it repeats the numbers; here they meet the table."""
    loops = [
        node for node in ast.walk(ast.parse(BOOT.read_text(encoding="utf-8"))) if isinstance(node, ast.For)
    ]
    numbers = set(ast.literal_eval(loops[0].iter))

    assert numbers == {number for _, number, direction, _, _ in pins.PINS if direction == pins.OUT}


def test_no_gpio_is_used_twice_and_inputs_lie_in_order():
    numbers = [entry[1] for entry in pins.PINS]
    assert len(set(numbers)) == len(numbers)
    names = ("ESTOP", "ESTOP_PRESENT", "TRIGGER", "LATCH", "HOME", "CONTACT", "CHARGER", "SAFE", "NEEDLE")
    names += ("OVER_CURRENT", "LEASE")
    assert [pins.gpio(name) for name in names] == list(
        range(pins.INPUT_SHIFT, pins.INPUT_SHIFT + pins.INPUT_COUNT)
    )
