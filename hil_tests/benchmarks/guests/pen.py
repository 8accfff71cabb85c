# ruff: noqa: E402 - the interrupt character goes first
"""Ours: the pen's firmware with its shipped main.py, under the same load as its peers.

A pad tells it to hoard, which takes longer than a lease and so comes before arming. From the first stroke on every pass
is followed by a collection, and after the measured time by a hang.
"""

import time

import micropython

micropython.kbd_intr(-1)

import settings
import shared
from machine import Pin

from pen_firmware.pen import Pen
from pen_protocol.states import State

_ordered = Pin(settings.HOARD_GPIO, Pin.IN, Pin.PULL_DOWN)
_shipped_tick = Pen.tick
_hoard = []
_began = []


def _tick(pen):
    _shipped_tick(pen)
    if not _hoard and _ordered.value():
        _hoard.append(shared.hoard())
        shared.collect()
    if pen.supervisor.state == State.STROKING and pen.needle.running:
        _load()


def _load():
    if not _began:
        _began.append(time.ticks_ms())
    since_ms = time.ticks_diff(time.ticks_ms(), _began[0])
    if since_ms > settings.WARM_MS:
        shared.measure(True)
    shared.collect()
    if since_ms > settings.WARM_MS + settings.LOAD_MS:
        shared.measure(False)
        shared.hang()


Pen.tick = _tick

import shipped_main  # noqa: F401 - it runs when imported
