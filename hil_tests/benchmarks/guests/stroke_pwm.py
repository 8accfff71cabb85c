"""Peer: strokes by machine.PWM, which needs no program once it runs; the main program feeds the watchdog, if there is one."""

import settings
import shared
from machine import PWM, Pin

_kept = shared.hoard()
_strokes = PWM(Pin(settings.COIL_GPIO, Pin.OUT, value=0))
_strokes.freq(settings.RATE_HZ)
_strokes.duty_ns(settings.ON_MS * 1_000_000)

shared.load(shared.watchdog())
