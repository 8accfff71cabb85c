"""First file the chip runs: every output low. Nothing else belongs here.

The numbers are those of `pen_firmware.pins` written out, so that the outputs are low even when nothing can be imported.
After a soft reset this also takes the pads from PIO machines that may have left them high.
"""

from machine import Pin

for _gpio in (10, 12, 14, 15, 18):
    Pin(_gpio, Pin.OUT, value=0)
