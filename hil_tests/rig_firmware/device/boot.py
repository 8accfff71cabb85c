"""First file the rig runs: every line to the pen an input with the chip's pull-down, as after power-on.

A soft reset leaves pads to machines that stopped amid a level; this takes them back. The numbers are those of
`hil_tests.rig.pins` written out, so that it works when nothing can be imported.
"""

from machine import Pin

for _gpio in (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 18, 19, 20, 21, 22, 26):
    Pin(_gpio, Pin.IN, Pin.PULL_DOWN)
