"""Firmware of the pen: runs on MicroPython on the chip and, on a fake board, on CPython."""
