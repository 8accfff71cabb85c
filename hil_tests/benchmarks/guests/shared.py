"""On the chip, for every program of the benchmark: marks on pads for the bench, a heap with things in it, collections."""

import gc
import time

import settings
from machine import Pin

_loaded = Pin(settings.LOADED_GPIO, Pin.OUT, value=0)
_collecting = Pin(settings.COLLECTING_GPIO, Pin.OUT, value=0)
_hung = Pin(settings.HUNG_GPIO, Pin.OUT, value=0)
_lacks = Pin(settings.LACKS_GPIO, Pin.OUT, value=0)


def hoard():
    """As many small objects as every program holds while it is measured."""
    kept = [None] * settings.OBJECTS
    for number in range(settings.OBJECTS):
        kept[number] = (number,)
    return kept


def measure(on):
    """What is measured begins, or is over."""
    _loaded.value(on)


def lack():
    """This image lacks what the program needs."""
    _lacks.on()


def collect():
    """Collect the heap once."""
    _collecting.on()
    gc.collect()
    _collecting.off()


def collect_for(duration_ms, feed):
    """Collect again and again, with a pause as long as a pass of the pen's firmware between two collections."""
    began = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), began) < duration_ms:
        collect()
        feed()
        paused = time.ticks_us()
        while time.ticks_diff(time.ticks_us(), paused) < settings.PAUSE_US:
            pass


def load(feed):
    """The measured part of a program whose strokes run already; `feed` is what its main loop has to do. It ends in a hang."""
    began = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), began) < settings.WARM_MS:
        feed()
    measure(True)
    collect_for(settings.LOAD_MS, feed)
    measure(False)
    hang()


def watchdog():
    """The watchdog's feed; one that does nothing when there is to be none."""
    if not settings.WATCHDOG_MS:
        return lambda: None
    from machine import WDT

    return WDT(timeout=settings.WATCHDOG_MS).feed


def hang():
    """What every program fears."""
    _hung.on()
    while True:
        pass
