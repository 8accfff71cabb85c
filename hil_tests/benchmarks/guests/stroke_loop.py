"""Peer: strokes timed by the program itself, with the watchdog as the only guard. It hangs with the coil on."""

import time

import settings
import shared
from machine import Pin

_PERIOD_US = 1_000_000 // settings.RATE_HZ
_ON_US = settings.ON_MS * 1_000


def strokes(count):
    """Strokes on a grid of periods; the watchdog is fed once in each."""
    coil = Pin(settings.COIL_GPIO, Pin.OUT, value=0)
    feed = shared.watchdog()
    due = time.ticks_us()
    for _ in range(count):
        coil.on()
        time.sleep_us(_ON_US)
        coil.off()
        feed()
        due = time.ticks_add(due, _PERIOD_US)
        time.sleep_us(time.ticks_diff(due, time.ticks_us()))
    coil.on()
    shared.hang()


strokes(settings.STROKES)
