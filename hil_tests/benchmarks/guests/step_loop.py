"""Peer: a stepper timed by the program itself, on a busy loop over ticks_us."""

import time

import micropython
import settings
import shared
from machine import Pin

_step = Pin(settings.STEP_GPIO, Pin.OUT, value=0)


def timed(count, period_us, collect_every):
    """Steps on a grid of periods. Late by more than one, it goes on from there: a burst of steps would stall the axis."""
    on = _step.on
    off = _step.off
    now = time.ticks_us
    later = time.ticks_diff
    add = time.ticks_add
    due = now()
    for number in range(count):
        on()
        off()
        due = add(due, period_us)
        if collect_every and number % collect_every == 0:
            shared.collect()
        while later(due, now()) > 0:
            pass
        if later(now(), due) > period_us:
            due = now()


@micropython.native
def untimed(count):
    """Steps as fast as the program can make them."""
    on = _step.on
    off = _step.off
    for _ in range(count):
        on()
        off()


def part(program, *arguments):
    """One measured part."""
    time.sleep_ms(5)
    shared.measure(True)
    program(*arguments)
    shared.measure(False)


_kept = shared.hoard()
timed(4, settings.STEP_US, 1)
untimed(4)
part(timed, settings.STEPS, settings.STEP_US, 0)
part(timed, settings.STEPS, settings.STEP_US, settings.COLLECT_EVERY_STEPS)
part(timed, settings.STEPS, settings.STEP_LEAST_US, 0)
part(untimed, settings.STEPS)
