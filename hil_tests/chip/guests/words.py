# ruff: noqa: E402 - the interrupt character goes first
"""Runs on the chip in place of main.py: prints the words its own assembler makes of each PIO program."""

import json

import micropython

micropython.kbd_intr(-1)

from pen_firmware import pio_programs
from pen_firmware.board_rp2040 import assemble

for name in pio_programs.OPTIONS:
    program = assemble(name)
    print(name, json.dumps({"words": list(program[0]), "execctrl": program[-5], "shiftctrl": program[-4]}))
print("end")
