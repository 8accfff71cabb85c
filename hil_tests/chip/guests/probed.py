# ruff: noqa: E402 - the interrupt character goes first
"""Runs on the chip in place of main.py: puts a probe behind every pass of the pen, then runs main.py as it is shipped.

A bench asks and is answered through two registers of a PWM that the pen does not use; the answer is the address of an array
in memory, so reading it costs the pen nothing. `hil_tests.chip.probe` knows both ends.
"""

import gc
import time
from array import array

import micropython

micropython.kbd_intr(-1)

import machine
import uctypes
from machine import mem32

from pen_firmware.pen import Pen
from pen_protocol.states import State

_ASKED = 0x40050098
_FIGURES = 0x40050084
_HANG = 1
_RAISE = 2
_HOARD = 3
_SOFT_RESET = 4
_HEAP = 5
_FREE = 6
_KEPT = 800
_HOARDED = 300

# idle count, stroking count, free bytes, steady passes watched, bytes they took, passes with a frame, bytes those took,
# longest collection under strokes in us
_heads = array("I", [0] * 8)
_idle = array("H", bytearray(2 * _KEPT))
_stroking = array("H", bytearray(2 * _KEPT))
_hoard = []
_watching = False
_grown = 0
_framed = 0
_places = array("I", [uctypes.addressof(_heads), uctypes.addressof(_idle), uctypes.addressof(_stroking)])
mem32[_FIGURES] = uctypes.addressof(_places)

_shipped_tick = Pen.tick


def _keep(kept, index, tick_us):
    count = _heads[index]
    if count < _KEPT:
        kept[count] = min(tick_us, 65_535)
        _heads[index] = count + 1


def _frames(pen):
    return pen.decoder.frames + pen.replies.frames


def _watched_tick(pen):
    """A pass, and how much the heap has grown since the last one ended: looking costs milliseconds, so it is not timed.

    From end to end, not from begin to end: what a pass takes and gives back is nothing, wherever it gives it back.
    """
    global _grown, _framed
    _shipped_tick(pen)
    grown = gc.mem_alloc()
    framed = _frames(pen)
    if _grown:
        at = 3 if framed == _framed else 5
        _heads[at] += 1
        _heads[at + 1] += max(grown - _grown, 0)
    _grown = grown
    _framed = framed


def _tick(pen):
    global _watching
    stroking = pen.supervisor.state == State.STROKING
    if stroking and _watching and pen.needle.running:
        _watched_tick(pen)
    else:
        _shipped_tick(pen)
        _keep(_stroking, 1, pen.tick_us) if stroking else _keep(_idle, 0, pen.tick_us)
    if stroking and _hoard:
        began_us = time.ticks_us()
        gc.collect()
        _heads[7] = max(_heads[7], time.ticks_diff(time.ticks_us(), began_us))
    asked = mem32[_ASKED]
    if asked:
        mem32[_ASKED] = 0
        if asked == _HANG:
            while True:
                pass
        if asked == _RAISE:
            raise RuntimeError("asked for by the bench")
        if asked == _SOFT_RESET:
            machine.soft_reset()
        if asked == _HOARD:
            _hoard.extend([(number,) for number in range(_HOARDED)])
        if asked == _HEAP:
            _watching = True
        if asked == _FREE:
            gc.collect()
            _heads[2] = gc.mem_free()


Pen.tick = _tick

import shipped_main  # noqa: F401 - it runs when imported
