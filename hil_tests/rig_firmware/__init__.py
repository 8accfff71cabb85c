"""The rig's own firmware, for the MicroPython of a second RP2040. `device/` has what the chip starts."""
