"""A pen on an emulated RP2040: MicroPython, firmware, wiring, and ways to reach it."""
