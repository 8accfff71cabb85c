"""Ours: the axis' machine on the pen's own board, fed by the firmware's own `steps`, without the rest of the firmware."""

import time
from array import array

import settings
import shared

from pen_firmware.board_rp2040 import Board
from pen_firmware.steps import Steps


def leg(collect_every_us):
    """A fast leg as `depth` makes it, pass by pass; with collections when asked, never two in one pass."""
    steps.begin(True, settings.STEPS, False)
    collected = time.ticks_us()
    while not (steps.queued_all() and board.step_idle()):
        steps.count()
        steps.feed()
        if collect_every_us and time.ticks_diff(time.ticks_us(), collected) > collect_every_us:
            collected = time.ticks_us()
            shared.collect()
    steps.count()


def fastest():
    """The shortest steps, word by word, as the board takes them."""
    for _ in range(settings.STEPS):
        while not board.step_room():
            pass
        board.step_put(settings.STEP_LEAST_US)
    while not board.step_idle():
        pass


def machine():
    """The shortest steps, the whole array at once: what the machine itself can do."""
    board._step.put(array("I", [0] * settings.STEPS))
    while not board.step_idle():
        pass


def part(program, *arguments):
    """One measured part."""
    time.sleep_ms(5)
    shared.measure(True)
    program(*arguments)
    shared.measure(False)


_kept = shared.hoard()
board = Board()
board.start_machines()
steps = Steps(board)
part(leg, 0)
part(leg, settings.COLLECT_EVERY_STEPS * settings.STEP_US)
part(fastest)
part(machine)
