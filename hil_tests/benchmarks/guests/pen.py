# ruff: noqa: E402 - the interrupt character goes first
"""Ours: the pen's firmware with its shipped main.py. After the measured strokes it hangs at the end of a pass.

It collects its heap while disarmed only, so strokes are measured as they are. One collection is made when a pad asks for
it, before arming, to show how long it takes.
"""

import time

import micropython

micropython.kbd_intr(-1)

import settings
import shared
from machine import Pin

from pen_firmware.pen import Pen
from pen_protocol.states import State

_ordered = Pin(settings.COLLECT_GPIO, Pin.IN, Pin.PULL_DOWN)
_shipped_tick = Pen.tick
_began = []
_collected = []


def _tick(pen):
    _shipped_tick(pen)
    if not _collected and _ordered.value():
        _collected.append(True)
        shared.collect()
    if pen.supervisor.state == State.STROKING and pen.needle.running:
        _stroking()


def _stroking():
    if not _began:
        _began.append(time.ticks_ms())
    since_ms = time.ticks_diff(time.ticks_ms(), _began[0])
    if since_ms > settings.WARM_MS:
        shared.measure(True)
    if since_ms > settings.WARM_MS + settings.LOAD_MS:
        shared.measure(False)
        shared.hang()


Pen.tick = _tick

import shipped_main  # noqa: F401 - it runs when imported
