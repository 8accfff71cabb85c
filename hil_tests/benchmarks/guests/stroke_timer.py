"""Peer: strokes by machine.Timer. A periodic timer lifts the coil, a one-shot lets it go; the main program feeds the watchdog."""

import settings
import shared
from machine import Pin, Timer

_coil = Pin(settings.COIL_GPIO, Pin.OUT, value=0)
_ON_MS = settings.ON_MS
_strokes = Timer()
_ends = Timer()


def _fall(_timer):
    _coil.off()


def _rise_soft(_timer):
    _coil.on()
    _ends.init(mode=Timer.ONE_SHOT, period=_ON_MS, callback=_fall)


def _rise_hard(_timer):
    _coil.on()
    _ends.init(mode=Timer.ONE_SHOT, period=_ON_MS, callback=_fall, hard=True)


def _start():
    """Start the strokes; False when the image has no hard timer callbacks."""
    if not settings.HARD:
        _strokes.init(freq=settings.RATE_HZ, callback=_rise_soft)
        return True
    try:
        _strokes.init(freq=settings.RATE_HZ, callback=_rise_hard, hard=True)
    except TypeError:
        return False
    return True


_kept = shared.hoard()
if _start():
    shared.load(shared.watchdog())
else:
    shared.lack()
