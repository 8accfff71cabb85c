"""The firmware on the chip's own MicroPython, in an emulated RP2040. Slow: some minutes of wall time for each image."""
